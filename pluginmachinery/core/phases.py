"""Phases: what a plugin says about a task at one moment.

A *phase* is one word for where the task stands; a *phase info* adds the version (raised when something worth telling
changes within one phase), the reason, the error of a failure and what a person wants to see (log links, times).
The words are those of Flyte's ``pluginmachinery/core`` so that statuses, events and dashboards keep their meaning.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

from pluginmachinery.core.values import value_class


class Phase(enum.StrEnum):
    """Where a task stands, in the order in which a task passes through."""

    UNDEFINED = "Undefined"
    """Not known this time; ask again."""
    NOT_READY = "NotReady"
    """Accepted, nothing has been tried yet."""
    WAITING_FOR_RESOURCES = "WaitingForResources"
    """Held back: a quota, a token or the API server refuses for now."""
    QUEUED = "Queued"
    """Handed over, not started."""
    INITIALIZING = "Initializing"
    """Images are pulled, a cluster starts."""
    RUNNING = "Running"
    SUCCESS = "Success"
    RETRYABLE_FAILURE = "RetryableFailure"
    """This attempt failed; another may succeed."""
    PERMANENT_FAILURE = "PermanentFailure"
    """No attempt can succeed."""
    ABORTED = "Aborted"

    @property
    def is_failure(self) -> bool:
        return self in _FAILURES

    @property
    def is_terminal(self) -> bool:
        return self in _TERMINAL


_FAILURES = frozenset({Phase.RETRYABLE_FAILURE, Phase.PERMANENT_FAILURE})
_TERMINAL = _FAILURES | {Phase.SUCCESS, Phase.ABORTED}


class ErrorKind(enum.StrEnum):
    """Whose failure it is; it decides which retry budget the failure spends."""

    UNKNOWN = "UNKNOWN"
    USER = "USER"
    SYSTEM = "SYSTEM"


@value_class
class ExecutionError:
    """Why a task failed: a stable code, a message for people, and whose failure it is."""

    code: str
    message: str
    kind: ErrorKind = ErrorKind.USER


@value_class
class TaskInfo:
    """What a plugin wants shown beside the phase.

    ``logs`` are ``flyteidl.core.TaskLog`` messages in protobuf JSON. ``occurred_at`` is when the phase was entered as
    far as the plugin knows (None: now). ``custom_info`` is free JSON for the front end. ``further_reasons`` are what
    happened since the last look.
    """

    logs: tuple[Mapping[str, Any], ...] = ()
    occurred_at: datetime | None = None
    reported_at: datetime | None = None
    custom_info: Mapping[str, Any] | None = None
    further_reasons: tuple[FurtherReason, ...] = ()


@value_class
class FurtherReason:
    """Something worth telling beside the reason, and when it happened."""

    reason: str
    occurred_at: datetime


_NO_INFO = TaskInfo()


@value_class
class Waiting:
    """What a task waits for, beside the reason that tells it to people.

    ``position`` is its place in line, counted from 1 (0: there is no line), ``queue`` the name of the line if it has
    one. ``resources`` are what does not fit – quota, resource, requested, hard – ; none: it waits for its turn.
    """

    position: int = 0
    queue: str = ""
    resources: tuple[Mapping[str, str], ...] = ()


@value_class
class PhaseInfo:
    """A phase with its version, reason, error and what is to be shown.

    ``cleanup_on_failure`` asks the manager to delete the object although the task failed, because the object itself
    goes on trying (an image that can not be pulled).
    """

    phase: Phase
    version: int = 0
    reason: str = ""
    error: ExecutionError | None = None
    info: TaskInfo = field(default=_NO_INFO)
    cleanup_on_failure: bool = False
    waiting: Waiting | None = None
    taken_back: bool = False
    """What was launched was taken back by somebody who lets it wait: no failure, and another attempt follows."""

    def with_version(self, version: int) -> PhaseInfo:
        """The same at another version. As in the reference this forgets ``cleanup_on_failure``."""
        return dataclasses.replace(self, version=version, cleanup_on_failure=False)


def undefined() -> PhaseInfo:
    return PhaseInfo(Phase.UNDEFINED)


def waiting_for_resources(
    reason: str, *, version: int = 0, info: TaskInfo = _NO_INFO, waiting: Waiting | None = None
) -> PhaseInfo:
    return PhaseInfo(Phase.WAITING_FOR_RESOURCES, version, reason, info=info, waiting=waiting)


def taken_back(reason: str) -> PhaseInfo:
    return PhaseInfo(Phase.QUEUED, 0, reason, taken_back=True)


def queued(reason: str, *, version: int = 0, info: TaskInfo = _NO_INFO) -> PhaseInfo:
    return PhaseInfo(Phase.QUEUED, version, reason, info=info)


def initializing(reason: str, *, version: int = 0, info: TaskInfo = _NO_INFO) -> PhaseInfo:
    return PhaseInfo(Phase.INITIALIZING, version, reason, info=info)


def running(*, version: int = 0, reason: str = "", info: TaskInfo = _NO_INFO) -> PhaseInfo:
    return PhaseInfo(Phase.RUNNING, version, reason, info=info)


def success(*, info: TaskInfo = _NO_INFO) -> PhaseInfo:
    return PhaseInfo(Phase.SUCCESS, info=info)


def failed(
    phase: Phase,
    code: str,
    message: str,
    *,
    kind: ErrorKind = ErrorKind.USER,
    info: TaskInfo = _NO_INFO,
    cleanup_on_failure: bool = False,
) -> PhaseInfo:
    """A failure of either kind; ``phase`` is RETRYABLE_FAILURE or PERMANENT_FAILURE."""
    if not phase.is_failure:
        raise ValueError(f"{phase} is not a failure")
    return PhaseInfo(phase, 0, "", ExecutionError(code, message, kind), info, cleanup_on_failure)


def retryable_failure(
    code: str, message: str, *, kind: ErrorKind = ErrorKind.USER, info: TaskInfo = _NO_INFO, cleanup: bool = False
) -> PhaseInfo:
    return failed(Phase.RETRYABLE_FAILURE, code, message, kind=kind, info=info, cleanup_on_failure=cleanup)


def permanent_failure(
    code: str, message: str, *, kind: ErrorKind = ErrorKind.USER, info: TaskInfo = _NO_INFO, cleanup: bool = False
) -> PhaseInfo:
    return failed(Phase.PERMANENT_FAILURE, code, message, kind=kind, info=info, cleanup_on_failure=cleanup)
