"""Deadlines of an attempt, and of all attempts together.

*execution* limits an attempt from its start to its end, waiting included, as Flyte's node execution deadline does: a
retryable failure ``TimeoutExpired``. *queued* limits how long it may take until it runs: a permanent failure, because
another attempt would queue just as long. *active* limits all attempts together from the start of the first one: a
permanent failure. Being suspended stops all of these clocks; they begin anew with the next attempt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pluginmachinery.api import times
from pluginmachinery.config import Duration
from pluginmachinery.config.propeller import DefaultDeadlines
from pluginmachinery.core.phases import PhaseInfo, permanent_failure, retryable_failure
from pluginmachinery.core.values import value_class

if TYPE_CHECKING:
    from flyteidl.core.tasks_pb2 import TaskTemplate

TIMEOUT_EXPIRED = "TimeoutExpired"
QUEUED_TIMEOUT_EXPIRED = "QueuedTimeoutExpired"
ACTIVE_TIMEOUT_EXPIRED = "ActiveTimeoutExpired"
_LONGEST = timedelta(days=36500)  # beyond the range of datetime nothing ever expires either


@value_class
class Deadline:
    """A moment, and the failure that it means."""

    at: datetime
    failure: PhaseInfo


def next_deadline(
    spec: Mapping[str, Any], status: Mapping[str, Any], template: TaskTemplate, defaults: DefaultDeadlines
) -> Deadline | None:
    """The earliest deadline of the current attempt; None where there is none. ``status`` has ``startedAt``."""
    timeouts = spec.get("timeouts")
    has_default = defaults.node_execution_deadline or defaults.node_active_deadline
    if not (timeouts or has_default or template.metadata.HasField("timeout")):
        return None
    found = _deadlines(timeouts or {}, status, template, defaults)
    return min(found, key=lambda deadline: deadline.at, default=None)


def _deadlines(
    timeouts: Mapping[str, Any], status: Mapping[str, Any], template: TaskTemplate, defaults: DefaultDeadlines
) -> Iterator[Deadline]:
    start = times.from_text(status["startedAt"])
    of_template = template.metadata.timeout.ToTimedelta()
    execution = _span(timeouts.get("execution")) or of_template or defaults.node_execution_deadline.timedelta
    if execution:
        message = f"the attempt took longer than its execution timeout of {_text(execution)}"
        yield Deadline(start + min(execution, _LONGEST), retryable_failure(TIMEOUT_EXPIRED, message))
    queued = _span(timeouts.get("queued"))
    if queued and "runningAt" not in status:
        message = f"the attempt did not run within its queued timeout of {_text(queued)}"
        yield Deadline(start + min(queued, _LONGEST), permanent_failure(QUEUED_TIMEOUT_EXPIRED, message))
    active = _span(timeouts.get("active")) or defaults.node_active_deadline.timedelta
    if active:
        message = f"the task with all its attempts took longer than its active timeout of {_text(active)}"
        since = times.from_text(status.get("activeSince") or status["startedAt"])
        yield Deadline(since + min(active, _LONGEST), permanent_failure(ACTIVE_TIMEOUT_EXPIRED, message))


def _span(text: str | None) -> timedelta | None:
    return None if text is None else Duration.parse(text).timedelta


def _text(span: timedelta) -> str:
    return str(Duration.of(milliseconds=span // timedelta(milliseconds=1)))
