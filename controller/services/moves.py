"""Moves: a task has come to another phase or attempt, and the API server has it on record.

Whoever has something to tell about that – metrics, events, traces – is a *listener*. What lasted for less than the
coalescing window was decided and not written: a phase is no move then, but an attempt that ended is told with the next
one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

from pluginmachinery.api.execution_phases import TERMINAL_PHASES

Status = Mapping[str, Any]


class Move:
    """Task ``namespace``/``name`` came to ``phase`` of ``attempt``; ``before`` is the status that was on record."""

    def __init__(
        self,
        namespace: str,
        name: str,
        uid: str,
        before: Status,
        phase: str,
        attempt: int,
        read_status: Callable[[], Status],
    ) -> None:
        self.namespace = namespace
        self.name = name
        self.uid = uid
        self.before = before
        self.phase = phase
        self.attempt = attempt
        self._read_status = read_status

    @property
    def is_end(self) -> bool:
        """The task has ended."""
        return self.phase in TERMINAL_PHASES

    @cached_property
    def status(self) -> Status:
        """The whole status; read when it is asked for, because most listeners do not for most moves."""
        return self._read_status()

    @cached_property
    def ended_attempts(self) -> Sequence[Mapping[str, Any]]:
        """Records of the attempts that have ended since the last move, in their order."""
        if not (self.is_end or self.phase == "Retrying" or self.attempt > (self.before.get("attempt") or 0)):
            return ()
        known = self.before.get("attempts") or ()
        last = known[-1]["endedAt"] if known else ""
        return [record for record in self.status.get("attempts") or () if record["endedAt"] > last]


class Listener(Protocol):
    """Is told of every move, on the hot path: it must neither wait nor raise."""

    def moved(self, move: Move) -> None: ...
