"""The phases of a TaskExecution, and how much its status keeps.

Apart from the models (:mod:`.execution`): the controller, which works on plain objects, starts without building them.
"""

from __future__ import annotations

from enum import StrEnum

MAX_INLINE_INPUTS = 256 * 1024
"""Bytes of JSON that ``spec.inputs`` may have; beyond that inputs belong into the store, named by ``inputPath``."""
MAX_ATTEMPT_HISTORY = 10
"""Ended attempts that the status remembers; ``failures`` counts all."""
MAX_REASON_LENGTH = 256
"""Characters of ``status.reason``, which stands in a column of ``kubectl get``."""
MAX_REASONS = 20
"""The newest of what was told about an attempt."""
MAX_MESSAGE_LENGTH = 4096
"""Characters of an error's message in the status."""


class ExecutionPhase(StrEnum):
    """Where a TaskExecution stands, over all its attempts."""

    ACCEPTED = "Accepted"
    """Seen and found good; nothing has been tried yet."""
    SUSPENDED = "Suspended"
    """Held by ``spec.suspend``, or just taken back by Kueue."""
    WAITING_FOR_RESOURCES = "WaitingForResources"
    """Held back by a quota, a token, or the API server; ``status.waiting`` says by what."""
    QUEUED = "Queued"
    """Its object exists and has not started."""
    INITIALIZING = "Initializing"
    """Images are pulled, a cluster starts."""
    RUNNING = "Running"
    RETRYING = "Retrying"
    """An attempt failed and is cleaned up; another one follows."""
    ABORTING = "Aborting"
    """``spec.abort`` was set; what was created is being removed."""
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    ABORTED = "Aborted"

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL_PHASES


TERMINAL_PHASES = frozenset({ExecutionPhase.SUCCEEDED, ExecutionPhase.FAILED, ExecutionPhase.ABORTED})
