"""Wakes: which slot is to be handled when, on one heap and one timer of the event loop."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import datetime

from controller.runtime.slots import Slot

LONGEST_SLEEP = 3600.0
"""Seconds; the clock is looked at again at least this often, because a machine may sleep and clocks are set."""

FEW = 1000
"""Entries that are not worth cleaning up."""


class Timers:
    """A slot has at most one wake; an earlier entry that was superseded stays on the heap and is passed over."""

    def __init__(self, clock: Callable[[], datetime], wake: Callable[[Slot], None]) -> None:
        self._clock = clock
        self._wake = wake
        self._heap: list[tuple[datetime, int, Slot]] = []
        self._order = itertools.count()
        self._clean_at = FEW
        self._earlier = asyncio.Event()

    def __len__(self) -> int:
        return len(self._heap)

    def set(self, slot: Slot, at: datetime | None) -> None:
        """Wake the slot then (None: not at all) and not at the time that was set before."""
        if at == slot.wake_at:
            return
        slot.wake_at = at
        if at is None:
            return
        if len(self._heap) >= self._clean_at:
            self._clean()
        heapq.heappush(self._heap, (at, next(self._order), slot))
        if self._heap[0][2] is slot:
            self._earlier.set()

    def _clean(self) -> None:
        """Drop what was superseded: deadlines lie a day ahead, and most tasks end long before."""
        self._heap = [entry for entry in self._heap if not self._is_superseded(entry)]
        heapq.heapify(self._heap)
        self._clean_at = max(FEW, 2 * len(self._heap))

    def fire(self) -> None:
        """Wake every slot whose time has come."""
        now = self._clock()
        while self._heap and (self._heap[0][0] <= now or self._is_superseded(self._heap[0])):
            entry = heapq.heappop(self._heap)
            if not self._is_superseded(entry):
                entry[2].wake_at = None
                self._wake(entry[2])

    async def run(self) -> None:
        """Fire for ever."""
        while True:
            self.fire()
            self._earlier.clear()
            until = (self._heap[0][0] - self._clock()).total_seconds() if self._heap else LONGEST_SLEEP
            try:
                async with asyncio.timeout(min(max(until, 0.0), LONGEST_SLEEP)):
                    await self._earlier.wait()
            except TimeoutError:
                continue

    @staticmethod
    def _is_superseded(entry: tuple[datetime, int, Slot]) -> bool:
        return entry[2].wake_at != entry[0] or entry[2].gone
