"""What a task that ended well has left: its outputs, or the error that it wrote instead.

A container that exits with 0 has not succeeded yet. ``error.pb`` says that the task's code failed; a missing
``outputs.pb`` that it did not deliver. Codes are Flyte's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from pluginmachinery.core.actions import OutputError, Outputs
from pluginmachinery.core.phases import ErrorKind, PhaseInfo, permanent_failure, retryable_failure

if TYPE_CHECKING:
    from flyteidl.core.tasks_pb2 import TaskTemplate

OUTPUTS_NOT_FOUND = "OutputsNotFound"
OUTPUT_SIZE_EXCEEDED = "OutputSizeExceeded"
"""Also the ``reason`` with which a store refuses to read a file that is too large."""
OUTPUTS_NOT_READABLE = "OutputsNotReadable"
"""The store can not be read, or what it has is no message."""
MAX_LITERALS_IN_STATUS = 8 * 1024
"""Bytes of JSON up to which outputs stand in the status."""


def outputs_declared(template: TaskTemplate) -> bool:
    return bool(template.interface.outputs.variables)


def may_leave_deck(template: TaskTemplate) -> bool:
    """Whether the task may make a deck, a page about its work: unless its template says that it does not."""
    metadata = template.metadata
    return not metadata.HasField("generates_deck") or metadata.generates_deck.value


def deck_at(prefix: str) -> str:
    return f"{prefix.rstrip('/')}/deck.html"


def failure_in(outputs: Outputs, template: TaskTemplate) -> PhaseInfo | None:
    """The failure that these outputs are; None: a success."""
    if outputs.error is not None:
        return _written(outputs.error)
    if outputs.outputs is None and outputs_declared(template):
        return retryable_failure(
            OUTPUTS_NOT_FOUND, "the task declares outputs and wrote no outputs.pb", kind=ErrorKind.UNKNOWN
        )
    return None


def size_exceeded(message: str) -> PhaseInfo:
    return permanent_failure(OUTPUT_SIZE_EXCEEDED, message, kind=ErrorKind.UNKNOWN)


def as_status(outputs: Outputs, prefix: str) -> dict[str, Any]:
    """What the status says about them: where they are, and what they are unless that is too much."""
    if outputs.outputs is None:
        return {}
    literals = outputs.outputs.get("literals") or {}
    if len(orjson.dumps(literals)) > MAX_LITERALS_IN_STATUS:
        return {"prefix": prefix, "omitted": True}
    return {"prefix": prefix, "literals": literals}


def _written(error: OutputError) -> PhaseInfo:
    kind = ErrorKind(error.kind) if error.kind in ErrorKind.__members__ else ErrorKind.UNKNOWN
    fail = retryable_failure if error.recoverable else permanent_failure
    return fail(error.code or "Unknown", error.message, kind=kind)
