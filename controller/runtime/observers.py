"""Who is told how it goes: metrics and traces of everything, listeners of every move."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager

from controller.runtime.slots import Slot
from controller.services.metrics import Metrics
from controller.services.moves import Listener, Move
from controller.services.traces import Traces

_UNTRACED: AbstractContextManager[object] = contextlib.nullcontext()


class Observers:
    """The engine's watcher, and who is told of requests."""

    def __init__(self, metrics: Metrics, traces: Traces | None = None) -> None:
        self.decided = metrics.decided
        self.handled = metrics.handled
        self.failed = metrics.failed
        self._metrics = metrics
        self._traces = traces
        self._listeners: list[Listener] = [metrics] if traces is None else [metrics, traces]

    def add(self, listener: Listener) -> None:
        """Tell this one of moves too."""
        self._listeners.append(listener)

    def moved(self, move: Move) -> None:
        for listener in self._listeners:
            listener.moved(move)

    def request(self, verb: str, kind: str, code: int, seconds: float) -> None:
        """A request to the API server was answered."""
        self._metrics.request(verb, kind, code, seconds)
        if self._traces is not None:
            self._traces.request(verb, kind, code, seconds)

    def handling(self, slot: Slot) -> AbstractContextManager[object]:
        """What a worker does within is about this slot."""
        if self._traces is None:
            return _UNTRACED
        return self._traces.handling(slot.namespace, slot.name, slot.uid, slot.attempt, slot.phase)
