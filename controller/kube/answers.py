"""What the API server answers, as the results that plugins know.

A refusal keeps Kubernetes' machine-readable *reason* (``Conflict``, ``AlreadyExists``, ``Forbidden``, ``Expired``, …).
A proxy or a dying server answers without one; then the reason follows from the HTTP status, and a request that got no
answer at all has the status 0 and one of :data:`NO_ANSWER`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from controller.kube import memory
from pluginmachinery.core.actions import Done, Missing, Refused
from pluginmachinery.core.values import value_class

UNREACHABLE = "Unreachable"
"""No connection, or it broke before an answer: what was asked may have been done."""
TIMEOUT = "RequestTimeout"
"""No answer in time: what was asked may have been done."""
NO_ANSWER = frozenset({UNREACHABLE, TIMEOUT})
INVALID_ANSWER = "InvalidAnswer"
"""An answer that is not what the Kubernetes API says it should be."""

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Gone",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
_LONGEST_MESSAGE = 2_000


@value_class
class Throttled(Refused):
    """Refused for now; the server wants ``retry_after`` seconds of quiet."""

    retry_after: float = 1.0


Answer = Done | Missing | Refused


def is_passing(refused: Refused) -> bool:
    """Whether the refusal says something about the server's moment, not about what was asked."""
    return refused.reason in NO_ANSWER or refused.status in (429, 502, 503, 504)


def parse(status: int, body: bytes, retry_after: str | None = None) -> Answer:
    """The answer to one request. ``Done.value`` is the object; a 404 for an object is Missing."""
    if status < 300:
        try:
            return Done(orjson.loads(body))
        except orjson.JSONDecodeError:
            memory.check()
            return Refused(INVALID_ANSWER, f"HTTP {status} with a body that is not JSON: {_excerpt(body)}", status)
    return refusal(status, _status_object(body), _excerpt(body), retry_after)


def refusal(
    code: int, status: Mapping[str, Any] | None, text: str = "", retry_after: str | None = None
) -> Missing | Refused:
    """A Kubernetes Status object (or, where a proxy answered, just text) as a result."""
    reason = (status or {}).get("reason") or _REASONS.get(code) or f"HTTP{code}"
    message = str((status or {}).get("message") or text or reason)[:_LONGEST_MESSAGE]
    details = (status or {}).get("details") or {}
    if code == 404 and _names_an_object(status):
        return Missing(message)
    wait = _seconds(retry_after) or _seconds(details.get("retryAfterSeconds"))
    if wait or code == 429:
        return Throttled(reason, message, code, None, wait or 1.0)
    return Refused(reason, message, code)


def _names_an_object(status: Mapping[str, Any] | None) -> bool:
    """A 404 for an object carries its name; one for an API that is not served (a missing CRD) is plain text."""
    return bool(status and (status.get("details") or {}).get("name"))


def _status_object(body: bytes) -> Mapping[str, Any] | None:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) and value.get("kind") == "Status" else None


def _excerpt(body: bytes) -> str:
    return body[:300].decode(errors="replace").strip()


def _seconds(text: Any) -> float:
    try:
        return max(0.0, float(text))
    except (TypeError, ValueError):
        return 0.0
