"""Deadlines of an attempt.

*execution* limits an attempt from its start to its end, waiting included, as Flyte's node execution deadline does: a
retryable failure ``TimeoutExpired``. *queued* limits how long it may take until it runs: a permanent failure, because
another attempt would queue just as long.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pluginmachinery.api import times
from pluginmachinery.config import Duration
from pluginmachinery.core.phases import PhaseInfo, permanent_failure, retryable_failure

if TYPE_CHECKING:
    from flyteidl.core.tasks_pb2 import TaskTemplate

TIMEOUT_EXPIRED = "TimeoutExpired"
QUEUED_TIMEOUT_EXPIRED = "QueuedTimeoutExpired"
_LONGEST = timedelta(days=36500)  # beyond the range of datetime nothing ever expires either


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment, and the failure that it means."""

    at: datetime
    failure: PhaseInfo


def next_deadline(spec: Mapping[str, Any], status: Mapping[str, Any], template: TaskTemplate) -> Deadline | None:
    """The earliest deadline of the current attempt; None where there is none. ``status`` has ``startedAt``."""
    timeouts = spec.get("timeouts")
    if not timeouts and not template.metadata.HasField("timeout"):
        return None
    return min(_deadlines(timeouts or {}, status, template), key=lambda deadline: deadline.at, default=None)


def _deadlines(timeouts: Mapping[str, Any], status: Mapping[str, Any], template: TaskTemplate) -> Iterator[Deadline]:
    start = times.from_text(status["startedAt"])
    execution = _span(timeouts.get("execution")) or template.metadata.timeout.ToTimedelta()
    if execution:
        message = f"the attempt took longer than its execution timeout of {_text(execution)}"
        yield Deadline(start + min(execution, _LONGEST), retryable_failure(TIMEOUT_EXPIRED, message))
    queued = _span(timeouts.get("queued"))
    if queued and "runningAt" not in status:
        message = f"the attempt did not run within its queued timeout of {_text(queued)}"
        yield Deadline(start + min(queued, _LONGEST), permanent_failure(QUEUED_TIMEOUT_EXPIRED, message))


def _span(text: str | None) -> timedelta | None:
    return None if text is None else Duration.parse(text).timedelta


def _text(span: timedelta) -> str:
    return str(Duration.of(milliseconds=span // timedelta(milliseconds=1)))
