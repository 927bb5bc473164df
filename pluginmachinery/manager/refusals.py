"""Refusals: what an API server means by not doing something.

Kubernetes answers with a machine-readable *reason*; a proxy or a webhook may leave it out or make up its own, and then
the HTTP status counts. Source: ``k8s.io/apimachinery/pkg/api/errors``.
"""

from __future__ import annotations

from pluginmachinery.core.actions import Missing, Refused, Result
from pluginmachinery.core.phases import ErrorKind, ExecutionError

FORBIDDEN = "Forbidden"
CONFLICT = "Conflict"
ALREADY_EXISTS = "AlreadyExists"
INVALID = "Invalid"
BAD_REQUEST = "BadRequest"
TOO_LARGE = "RequestEntityTooLarge"
TOO_MANY_REQUESTS = "TooManyRequests"
SERVER_TIMEOUT = "ServerTimeout"

_STATUS_OF_REASON = {
    BAD_REQUEST: 400,
    "Unauthorized": 401,
    FORBIDDEN: 403,
    "NotFound": 404,
    "MethodNotAllowed": 405,
    "NotAcceptable": 406,
    ALREADY_EXISTS: 409,
    CONFLICT: 409,
    "Gone": 410,
    "Expired": 410,
    TOO_LARGE: 413,
    "UnsupportedMediaType": 415,
    INVALID: 422,
    TOO_MANY_REQUESTS: 429,
    "InternalError": 500,
    SERVER_TIMEOUT: 500,
    "ServiceUnavailable": 503,
    "Timeout": 504,
}
_REASON_OF_STATUS = {
    400: BAD_REQUEST,
    403: FORBIDDEN,
    404: "NotFound",
    409: CONFLICT,
    410: "Gone",
    413: TOO_LARGE,
    422: INVALID,
    429: TOO_MANY_REQUESTS,
}
_NOT_THERE = frozenset({"NotFound", "Gone", "Expired"})


def status_of(reason: str) -> int:
    """The HTTP status that goes with a reason; 0 where it is none of Kubernetes'."""
    return _STATUS_OF_REASON.get(reason, 0)


def meaning(refused: Refused) -> str:
    """Kubernetes' reason of a refusal: its own if it is a known one, else what its HTTP status stands for."""
    # These two count whatever reason comes with them: proxies and admission webhooks give their own.
    if refused.status in (429, 413):
        return _REASON_OF_STATUS[refused.status]
    if refused.reason in _STATUS_OF_REASON:
        return refused.reason
    return _REASON_OF_STATUS.get(refused.status, refused.reason)


def is_not_there(result: Result) -> bool:
    """Does this say that the object does not exist (any more)?"""
    return isinstance(result, Missing) or (isinstance(result, Refused) and meaning(result) in _NOT_THERE)


def is_quota_exceeded(refused: Refused) -> bool:
    return meaning(refused) == FORBIDDEN and "exceeded quota" in refused.message


def is_congestion(refused: Refused) -> bool:
    """Refused for now: a full quota, or an API server (or its etcd) that can not keep up."""
    means = meaning(refused)
    return (
        means in (TOO_MANY_REQUESTS, SERVER_TIMEOUT)
        or is_quota_exceeded(refused)
        or (means == FORBIDDEN and "etcdserver:" in refused.message)
    )


def as_error(result: Result, doing: str) -> ExecutionError:
    """The system error that a refusal is: nothing could be decided, it will be tried again."""
    if isinstance(result, Refused):
        return ExecutionError(meaning(result) or "Refused", f"{doing}: {result.message}", ErrorKind.SYSTEM)
    if isinstance(result, Missing):
        return ExecutionError("NotFound", f"{doing}: {result.message or 'not found'}", ErrorKind.SYSTEM)
    return ExecutionError("UnexpectedResult", f"{doing}: answered {type(result).__name__}", ErrorKind.SYSTEM)
