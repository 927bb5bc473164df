"""A shard at work: one part of all TaskExecutions, followed and acted on by this replica.

A shard stands by itself: it has its own watches, slots and workers, and shares with others nothing but the connections
to the API server. So it can be begun and ended while others go on, and what is true of one is true of all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from controller.kube.informers import Informer
from controller.runtime.collecting import Collector
from controller.runtime.engine import Engine, Spawn

_log = logging.getLogger(__name__)


class Shard:
    """``number`` is its place among all; None: it is all there is."""

    def __init__(
        self,
        number: int | None,
        engine: Engine,
        executions: Sequence[Informer],
        objects: Sequence[Informer],
        collector: Collector,
        spawn: Spawn,
    ) -> None:
        self.number = number
        self.engine = engine
        self.executions = executions
        self.objects = objects
        self.collector = collector
        self._spawn = spawn
        self._tasks: list[asyncio.Task[None]] = []
        self._acting: list[asyncio.Task[None]] = []

    @property
    def informers(self) -> tuple[Informer, ...]:
        return (*self.executions, *self.objects)

    def __str__(self) -> str:
        return "" if self.number is None else f"shard {self.number}: "

    def start(self, may_open: Callable[[], Awaitable[Any]]) -> None:
        """Follow, and act once every list is in and ``may_open`` has returned."""
        self._acting = [self._spawn(f"{self}bring-up", self._bring_up(may_open))]

    async def stop(self, grace: float) -> None:
        """Stop acting: nothing new is begun, writes in flight have ``grace`` seconds to end. It goes on following."""
        for task in self._acting:
            task.cancel()
        await asyncio.gather(*self._acting, return_exceptions=True)
        await self.engine.close(grace)

    async def drop(self) -> None:
        """Stop following too."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _bring_up(self, may_open: Callable[[], Awaitable[Any]]) -> None:
        # TaskExecutions first, so that the objects made for them find their slots.
        await self._follow(self.executions)
        await self._follow(self.objects)
        _log.info("%sfollowing %d TaskExecutions", self, len(self.engine.cache.slots))
        await may_open()
        self.engine.open()
        self._acting.append(self._spawn(f"{self}collector", self.collector.run()))

    async def _follow(self, informers: Sequence[Informer]) -> None:
        for informer in informers:
            self._tasks.append(self._spawn(f"{self}watch {informer}", informer.run()))
        for informer in informers:
            await informer.synced.wait()
