"""Launch verdicts: what the API server's answer to a creation means for the task.

:data:`CHECKS` is the specification: each check looks at a refusal and either knows what it means or does not; the first
that knows decides. What none of them knows is a system error. Source: ``PluginManager.launchResource``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pluginmachinery.core.actions import Done, Refused, Result
from pluginmachinery.core.phases import (
    ErrorKind,
    ExecutionError,
    PhaseInfo,
    permanent_failure,
    queued,
    retryable_failure,
    waiting_for_resources,
)
from pluginmachinery.manager import quotas, refusals
from pluginmachinery.manager.conduct import Conduct

RESOURCE_REQUESTS_EXCEED_LIMITS = "ResourceRequestsExceedLimits"
NAME_TAKEN = "NameTaken"
RUNTIME_FAILURE = "RuntimeFailure"
BAD_TASK_FORMAT = "BadTaskFormat"
ENTITY_TOO_LARGE = "EntityTooLarge"

SUBMITTED = queued("task submitted to K8s")
"""The object is on the cluster. The reason is the reference's, because saved phases are compared with it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A creation that was refused. ``may_wait``: back-off guards this kind, so its tasks can wait for room."""

    refused: Refused
    may_wait: bool
    conduct: Conduct

    @property
    def meaning(self) -> str:
        return refusals.meaning(self.refused)

    @property
    def message(self) -> str:
        return self.refused.message


def verdict(result: Result, *, may_wait: bool, conduct: Conduct) -> PhaseInfo | ExecutionError:
    """What became of the task; an error says that nothing is known and it is to be tried again."""
    if isinstance(result, Done):
        return SUBMITTED
    if isinstance(result, Refused):
        refusal = Refusal(result, may_wait, conduct)
        for check in CHECKS:
            info = check(refusal)
            if info is not None:
                return info
    return refusals.as_error(result, "the object could not be created")


def _is_there_already(refusal: Refusal) -> PhaseInfo | None:
    """An earlier try did create it, and whoever did died before saying so."""
    if refusal.meaning != refusals.ALREADY_EXISTS:
        return None
    if refusal.refused.owned is False and refusal.conduct.check_owner:
        return retryable_failure(
            NAME_TAKEN, f"an object of this name belongs to something else: {refusal.message}", kind=ErrorKind.SYSTEM
        )
    return SUBMITTED


def _can_never_fit(refusal: Refusal) -> PhaseInfo | None:
    if not refusals.is_quota_exceeded(refusal.refused):
        return None
    if refusal.conduct.exact_quotas:
        quota = quotas.parse_refusal(refusal.message)
        too_much = bool(quota and quota.never_fitting)
    else:
        too_much = quotas.never_fits_as_flyte_reads(refusal.message)
    if not too_much:
        return None
    return permanent_failure(
        RESOURCE_REQUESTS_EXCEED_LIMITS, f"the task requests more than its quota has in all: {refusal.message}"
    )


def _has_to_wait(refusal: Refusal) -> PhaseInfo | None:
    if not refusal.may_wait or not refusals.is_congestion(refusal.refused):
        return None
    quota = quotas.parse_refusal(refusal.message) if refusals.is_quota_exceeded(refusal.refused) else None
    return waiting_for_resources(f"waiting for {quota}" if quota else f"waiting: {refusal.message}")


def _is_forbidden(refusal: Refusal) -> PhaseInfo | None:
    if refusal.meaning != refusals.FORBIDDEN:
        return None
    return retryable_failure(RUNTIME_FAILURE, refusal.message)


def _is_badly_formed(refusal: Refusal) -> PhaseInfo | None:
    """The same object would be refused again, often by a validating webhook."""
    if refusal.meaning not in (refusals.BAD_REQUEST, refusals.INVALID):
        return None
    return permanent_failure(BAD_TASK_FORMAT, refusal.message)


def _is_too_large(refusal: Refusal) -> PhaseInfo | None:
    return permanent_failure(ENTITY_TOO_LARGE, refusal.message) if refusal.meaning == refusals.TOO_LARGE else None


CHECKS: tuple[Callable[[Refusal], PhaseInfo | None], ...] = (
    _is_there_already,
    _can_never_fit,
    _has_to_wait,
    _is_forbidden,
    _is_badly_formed,
    _is_too_large,
)
