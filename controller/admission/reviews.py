"""AdmissionReviews (``admission.k8s.io/v1``): the API server's question about one pod, and our answer.

The answer is a JSON patch of ``spec`` by members, so that what other webhooks changed elsewhere stays. Values of
secrets are in no message and no log line.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from pluginmachinery.core.errors import PluginError

JSON = dict[str, Any]
Outcome = Literal["changed", "unchanged", "refused"]

OUTCOMES: tuple[Outcome, ...] = ("changed", "unchanged", "refused")
API_VERSION = "admission.k8s.io/v1"
BAD_REQUEST = 400
"""Status of a refusal. Flyte's engine and ours take it for a task that can never start: it fails with the message."""


class NoReview(Exception):
    """What came is no AdmissionReview that we know."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send back, and for the log: what became of which pod. ``why``: the reason of a refusal."""

    body: JSON
    outcome: Outcome
    pod: str
    why: str = ""


def answer(body: bytes, change: Callable[[JSON], JSON]) -> Answer:
    """Review the pod in it: ``change`` makes the pod that is wanted, or raises PluginError to refuse it.

    Raises NoReview.
    """
    request = _request(body)
    pod, named = request.get("object"), _name(request)
    if not isinstance(pod, dict):  # a deletion has none
        return Answer(_review(request, {"allowed": True}), "unchanged", named)
    try:
        wanted = change(pod)
    except PluginError as error:
        why = f"{error.field}: {error.message}" if error.field else error.message
        status = {"code": BAD_REQUEST, "reason": "BadRequest", "message": why}
        return Answer(_review(request, {"allowed": False, "status": status}), "refused", named, why)
    operations = patch(pod, wanted)
    if not operations:
        return Answer(_review(request, {"allowed": True}), "unchanged", named)
    patched = {"allowed": True, "patchType": "JSONPatch", "patch": base64.b64encode(orjson.dumps(operations)).decode()}
    return Answer(_review(request, patched), "changed", named)


def patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[JSON]:
    """RFC 6902 operations for the members of ``spec`` that differ; none is ever taken away."""
    old, new = before.get("spec") or {}, after.get("spec") or {}
    return [
        {"op": "replace" if name in old else "add", "path": f"/spec/{name}", "value": value}
        for name, value in new.items()
        if name not in old or old[name] != value
    ]


def _request(body: bytes) -> JSON:
    try:
        review = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NoReview("the body is not JSON") from error
    request = review.get("request") if isinstance(review, dict) else None
    if not isinstance(request, dict) or review.get("apiVersion") != API_VERSION or "uid" not in request:
        raise NoReview(f"the body is no AdmissionReview of {API_VERSION} with a request")
    return request


def _review(request: JSON, response: JSON) -> JSON:
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": {"uid": request["uid"], **response}}


def _name(request: JSON) -> str:
    metadata = (request.get("object") or {}).get("metadata") or {}
    name = request.get("name") or metadata.get("name") or f"{metadata.get('generateName', '')}…"
    return f"{request.get('namespace', '')}/{name}"
