"""Wakes: which slot is to be handled when, on one heap and one timer of the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import Callable
from datetime import datetime, timedelta

from controller.runtime.slots import Slot

LONGEST_SLEEP = 3600.0
"""Seconds; the clock is looked at again at least this often, because a machine may sleep and clocks are set."""

TICK = 0.05
"""Seconds from one look at the heap to the next: nothing here is more exact, and a look for each task costs more than
all else about it."""

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
        self._sleeps_until: datetime | None = None
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
        if self._sleeps_until is not None and at < self._sleeps_until:
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
            await self._sleep()

    async def _sleep(self) -> None:
        """Until the next wake, or one that is set meanwhile and is earlier; for a tick at least."""
        now = self._clock()
        self._earlier.clear()
        longest = now + timedelta(seconds=LONGEST_SLEEP)
        self._sleeps_until = min(self._heap[0][0], longest) if self._heap else longest
        await asyncio.sleep(TICK)
        seconds = (self._sleeps_until - now).total_seconds() - TICK
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._earlier.wait()

    @staticmethod
    def _is_superseded(entry: tuple[datetime, int, Slot]) -> bool:
        return entry[2].wake_at != entry[0] or entry[2].gone
