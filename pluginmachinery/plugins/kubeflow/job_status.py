"""How a job stands: its conditions → a phase.

The operator keeps one condition per state it has seen and sets those that no longer hold to False, so the newest true
condition is the current one. What cannot be told is raised: "ask again", which is counted, so that a job that stays
without a word does not wait for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from pluginmachinery.core import phases
from pluginmachinery.core.errors import DOWNSTREAM_SYSTEM_ERROR, PluginError
from pluginmachinery.core.phases import PhaseInfo, TaskInfo
from pluginmachinery.pods.fields import Fields, moment, record, records, text

OPERATOR_SILENT = "OperatorSilent"
"""The operator has not taken up the job within ``plugins.kf-operator.timeout``: it does not run, or does not watch."""
NO_CURRENT_CONDITION = "NoCurrentCondition"
"""The job has a list of conditions in which none is true."""

_KNOWN_CONDITIONS = frozenset({"", "Created", "Running", "Restarting", "Suspended", "Succeeded", "Failed"})
_NEVER = datetime.min.replace(tzinfo=UTC)


def job_phase(job: Fields, *, now: datetime, timeout: timedelta, info: Callable[[Fields], TaskInfo]) -> PhaseInfo:
    """The phase of a PyTorchJob, TFJob or MPIJob.

    ``timeout`` is how long the operator may take to set ``status.startTime``; a suspended job waits without limit.
    ``info`` makes what is shown with the phase, if anything is, given the status with its newest condition first.
    Raises PluginError ``OperatorSilent``, ``NoCurrentCondition``, or ``MalformedResource``.
    """
    status = record(job, "status")
    if moment(status, "startTime") is None and not is_suspended(job):
        _check_taken_up(created_at(job), now, timeout)
    if status.get("conditions") is None:
        return phases.queued("JobCreated", info=info(status))
    conditions = _newest_first(records(status, "conditions"))
    condition = _current(conditions)
    type_ = text(condition, "type")
    if type_ not in _KNOWN_CONDITIONS:
        return phases.undefined()
    shown = info({**status, "conditions": conditions})
    match type_:
        case "Running" | "Restarting":
            return phases.running(info=shown)
        case "Succeeded":
            return phases.success(info=shown)
        case "Failed":
            why = f"the job failed: {text(condition, 'reason')} - {text(condition, 'message')}"
            return phases.retryable_failure(DOWNSTREAM_SYSTEM_ERROR, why, info=shown)
        case "Suspended":
            return phases.queued("Suspended", info=shown)
    return phases.queued("JobCreated", info=shown)


def created_at(job: Fields) -> datetime | None:
    return moment(record(job, "metadata"), "creationTimestamp")


def is_suspended(job: Fields) -> bool:
    return record(record(job, "spec"), "runPolicy").get("suspend") is True


def _check_taken_up(created: datetime | None, now: datetime, timeout: timedelta) -> None:
    if created is None or now - created > timeout:
        raise PluginError(
            OPERATOR_SILENT,
            f"the training operator has not taken up the job created at {created} within {timeout}",
            field="status.startTime",
        )


def _newest_first(conditions: Sequence[Fields]) -> list[Fields]:
    """In order of their last transition; of the same time as they stand."""
    return sorted(conditions, key=lambda condition: moment(condition, "lastTransitionTime") or _NEVER, reverse=True)


def _current(conditions: Sequence[Fields]) -> Fields:
    for condition in conditions:
        if condition.get("status") == "True":
            return condition
    raise PluginError(NO_CURRENT_CONDITION, "none of the job's conditions is true", field="status.conditions")
