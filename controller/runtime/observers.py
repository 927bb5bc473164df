"""Who is told how it goes: metrics of everything, listeners of every move."""

from __future__ import annotations

from collections.abc import Iterable

from controller.services.metrics import Metrics
from controller.services.moves import Listener, Move


class Observers:
    """The engine's watcher."""

    def __init__(self, metrics: Metrics, listeners: Iterable[Listener]) -> None:
        self.decided = metrics.decided
        self.handled = metrics.handled
        self.failed = metrics.failed
        self._listeners = (metrics, *listeners)

    def moved(self, move: Move) -> None:
        for listener in self._listeners:
            listener.moved(move)
