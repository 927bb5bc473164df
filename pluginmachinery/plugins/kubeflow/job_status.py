"""How a job stands: its conditions → a phase.

The operator keeps one condition per state it has seen and sets those that no longer hold to False, so the newest true
condition is the current one. What cannot be told is raised: "ask again", which is counted, so that a job that stays
without a word does not wait for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from pluginmachinery.core import phases
from pluginmachinery.core.errors import PluginError
from pluginmachinery.core.phases import PhaseInfo, TaskInfo
from pluginmachinery.pods.fields import Fields, moment, record, records, text

DOWNSTREAM_SYSTEM_ERROR = "DownstreamSystemError"
"""The operator says that the job failed."""
OPERATOR_SILENT = "OperatorSilent"
"""The operator has not taken up the job within ``plugins.kf-operator.timeout``: it does not run, or does not watch."""
NO_CURRENT_CONDITION = "NoCurrentCondition"
"""The job has a list of conditions in which none is true."""

_NEVER = datetime.min.replace(tzinfo=UTC)


def job_phase(job: Fields, *, now: datetime, timeout: timedelta, info: Callable[[], TaskInfo]) -> PhaseInfo:
    """The phase of a PyTorchJob, TFJob or MPIJob; ``info`` makes what is shown with it, if anything is.

    ``timeout`` is how long the operator may take to set ``status.startTime``; a suspended job waits without limit.
    Raises PluginError ``OperatorSilent``, ``NoCurrentCondition``, or ``MalformedResource``.
    """
    status = record(job, "status")
    if moment(status, "startTime") is None and not is_suspended(job):
        _check_taken_up(created_at(job), now, timeout)
    if status.get("conditions") is None:
        return phases.queued("JobCreated", info=info())
    condition = _current_condition(records(status, "conditions"))
    match text(condition, "type"):
        case "" | "Created":
            return phases.queued("JobCreated", info=info())
        case "Suspended":
            return phases.queued("Suspended", info=info())
        case "Running" | "Restarting":
            return phases.running(info=info())
        case "Succeeded":
            return phases.success(info=info())
        case "Failed":
            why = f"the job failed: {text(condition, 'reason')} - {text(condition, 'message')}"
            return phases.retryable_failure(DOWNSTREAM_SYSTEM_ERROR, why, info=info())
    return phases.undefined()


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


def _current_condition(conditions: Sequence[Fields]) -> Fields:
    """The newest true condition; of several of the same time, the first."""
    true = [condition for condition in conditions if condition.get("status") == "True"]
    if not true:
        raise PluginError(NO_CURRENT_CONDITION, "none of the job's conditions is true", field="status.conditions")
    return max(true, key=lambda condition: moment(condition, "lastTransitionTime") or _NEVER)
