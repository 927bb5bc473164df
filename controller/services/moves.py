"""Moves: a task has come to another phase, and the API server has it on record.

Whoever has something to tell about that – metrics, events, traces, tokens – is a *listener*. What was decided and not
written (a phase that lasted for less than the coalescing window) is no move.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Protocol


class Move:
    """Task ``namespace``/``name`` went from ``before`` ("": nothing was on record) to ``phase``."""

    def __init__(
        self,
        namespace: str,
        name: str,
        uid: str,
        before: str,
        phase: str,
        read_status: Callable[[], Mapping[str, Any]],
    ) -> None:
        self.namespace = namespace
        self.name = name
        self.uid = uid
        self.before = before
        self.phase = phase
        self._read_status = read_status

    @cached_property
    def status(self) -> Mapping[str, Any]:
        """The whole status; read when it is asked for, because most listeners do not for most moves."""
        return self._read_status()


class Listener(Protocol):
    """Is told of every move, on the hot path: it must neither wait nor raise."""

    def moved(self, move: Move) -> None: ...
