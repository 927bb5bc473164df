"""A clock for those who sleep: time stands until a test moves it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection


class Clock:
    """Time stands until somebody moves it; whoever sleeps is woken when its time has come."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, future))
        await future

    async def settle(self, tasks: Collection[asyncio.Task[None]]) -> None:
        """Until all that have not ended sleep: everybody has done what it wanted to."""
        async with asyncio.timeout(5):
            while len(self._sleepers) < sum(not task.done() for task in tasks):
                await asyncio.sleep(0.001)

    def move(self, seconds: float) -> None:
        self.now += seconds
        due = [future for at, future in self._sleepers if at <= self.now]
        self._sleepers = [(at, future) for at, future in self._sleepers if at > self.now]
        for future in due:
            future.set_result(None)
