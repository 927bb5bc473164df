"""The engine: slots in line, workers that take them, one decision after the other until nothing is left to do.

A slot is in line at most once and with one worker at a time; what changes meanwhile puts it in line again. Nothing is
taken out of the line before :meth:`Engine.open`: acting on half a picture creates what is there already.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol

from controller.kube import memory
from controller.kube.delays import Delays
from controller.runtime.cache import Cache
from controller.runtime.effects import Effects, NotLeading
from controller.runtime.slots import KnownObjects, Slot
from controller.runtime.statuses import Statuses, Written, identity
from controller.runtime.timers import Timers
from controller.services.logging import in_hand
from controller.services.moves import Move
from pluginmachinery.api.execution_phases import TERMINAL_PHASES
from pluginmachinery.core.actions import (
    Action,
    Create,
    Delete,
    Done,
    Found,
    ObjectEvent,
    ObjectRef,
    Observation,
    Observe,
    Patch,
    Result,
)
from pluginmachinery.lifecycle.advance import Decision, World, advance

_log = logging.getLogger(__name__)

MOST_STEPS = 250
"""Decisions in a row for one task, more than the life cycle allows itself; beyond, the task is left alone a while."""

STRETCH = 0.005
"""Seconds of decisions after which the event loop has a turn: the probes, the Lease and the watches wait for it."""

_UNTRACED: AbstractContextManager[object] = nullcontext()

Results = tuple[tuple[Action, Result], ...]
Decide = Callable[[World, Mapping[str, Any], Observation], Decision]
Spawn = Callable[[str, Coroutine[Any, Any, None]], "asyncio.Task[None]"]
"""Starts a named task of the event loop; the application's ends the process when one breaks off."""
TIMERS = "timers"
FAILURES = frozenset({"error", "systemErrors"})
"""Members of a status that tell of a failure."""


class Watcher(Protocol):
    """Who is told how it goes (metrics, events)."""

    def decided(self, seconds: float) -> None: ...
    def handled(self, seconds: float) -> None: ...
    def failed(self) -> None: ...
    def moved(self, move: Move) -> None: ...


def create_task(name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.create_task(work, name=name)


class Waiting(Protocol):
    """Who knows of tasks that wait for room."""

    def call(self) -> None:
        """Wake those whose turn has come (:meth:`Engine.ask`)."""

    def leave(self, uid: str) -> None:
        """A TaskExecution is gone."""


class NobodyWaits:
    def call(self) -> None: ...
    def leave(self, uid: str) -> None: ...


class Stuck(Exception):
    """One decision follows the other and none is the last."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class Engine:
    """Handles slots with ``workers`` tasks of the event loop."""

    def __init__(
        self,
        world: World,
        effects: Effects,
        statuses: Statuses,
        *,
        workers: int,
        watcher: Watcher,
        trace: Callable[[Slot], AbstractContextManager[object]] = lambda _: _UNTRACED,
        events: Mapping[ObjectRef, Sequence[ObjectEvent]] | None = None,
        clock: Callable[[], datetime] = utc_now,
        decide: Decide = advance,
        spawn: Spawn = create_task,
        waiting: Waiting | None = None,
    ) -> None:
        self.world = world
        self._waiting = waiting or NobodyWaits()
        self.cache = Cache(self.enqueue, self._gone)
        self.timers = Timers(clock, self._wake)
        self._effects = effects
        self._statuses = statuses
        self._watcher = watcher
        self._trace = trace
        self._events = {} if events is None else events
        self._clock = clock
        self._decide = decide
        self._spawn = spawn
        self._line: asyncio.Queue[Slot] = asyncio.Queue()
        self._open = False
        self.workers = workers
        self.lined_up = 0
        """How often a slot was put in line."""
        self.retried = 0
        """How often a slot was put off because something was refused."""
        self._progress_at = self._turn_began = time.monotonic()
        self._goes_on = asyncio.Event()
        self._goes_on.set()
        self._tasks: list[asyncio.Task[None]] = []
        self._idle: set[asyncio.Task[Any]] = set()

    @property
    def depth(self) -> int:
        """Slots in line."""
        return self._line.qsize()

    @property
    def busy(self) -> int:
        """Workers that have a slot in hand."""
        return sum(1 for task in self._tasks if not task.done() and task not in self._idle) - 1 if self._open else 0

    @property
    def stalled(self) -> float:
        """Seconds for which no worker has taken or finished a slot although some stand in line."""
        return time.monotonic() - self._progress_at if self._open and self.depth else 0.0

    @property
    def waited_out(self) -> int:
        """Requests that wait for the API server to be well again."""
        return self._effects.waited_out

    @property
    def is_open(self) -> bool:
        return self._open

    def open(self) -> None:
        """Every list is in and we lead: handle what there is and whatever changes."""
        self._open = True
        self._tasks = [self._spawn(f"worker {n}", self._work()) for n in range(self.workers)]
        self._tasks.append(self._spawn(TIMERS, self.timers.run()))
        for slot in self.cache.slots.values():
            self.enqueue(slot)

    async def close(self, grace: float) -> None:
        """Take nothing more out of the line; let what is in flight end, but for no longer than ``grace`` seconds."""
        self._open = False
        busy = [task for task in self._tasks if task not in self._idle]
        for task in self._tasks:
            if task in self._idle or task.get_name() == TIMERS:
                task.cancel()
        if busy:
            await asyncio.wait(busy, timeout=grace)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def enqueue(self, slot: Slot) -> None:
        """Something about this slot changed: decide."""
        slot.dirty = True
        self._line_up(slot)

    def ask(self, uid: str) -> bool:
        """Let this task ask again whether it is its turn; False: it is none of ours."""
        slot = self.cache.slots.get(uid)
        if slot is None:
            return False
        self.enqueue(slot)
        return True

    def _gone(self, slot: Slot) -> None:
        self._effects.ended(slot)
        self._waiting.leave(slot.uid)

    def _wake(self, slot: Slot) -> None:
        """Its time has come: to decide, or only to write what was decided."""
        if slot.busy or (slot.decide_at is not None and slot.decide_at <= self._clock()):
            slot.dirty = True
        self._line_up(slot)

    def _line_up(self, slot: Slot) -> None:
        if self._open and not (slot.queued or slot.busy or slot.gone):
            slot.queued = True
            if self._line.empty():
                self._progress_at = time.monotonic()
            self.lined_up += 1
            self._line.put_nowait(slot)

    async def _work(self) -> None:
        me = asyncio.current_task()
        assert me is not None
        while self._open:
            self._idle.add(me)
            slot = await self._line.get()
            self._idle.discard(me)
            slot.queued = False
            if slot.gone:
                continue
            slot.busy = True
            started = self._progress_at = time.monotonic()
            in_hand.set(partial(identity, slot))
            try:
                with self._trace(slot):
                    await self._handle(slot)
            except NotLeading:
                return
            except MemoryError:  # nothing that we could do about it here will go better
                raise
            except Exception:
                self._watcher.failed()
                _log.exception("handling the task failed", extra=identity(slot))
                self._retry_later(slot)
            finally:
                slot.busy = False
                self._progress_at = time.monotonic()
                in_hand.set(None)
            self._watcher.handled(self._progress_at - started)
            if slot.dirty:
                self._line_up(slot)
            if self._progress_at - self._turn_began > STRETCH:
                await self._pause()

    async def _pause(self) -> None:
        """Leave the event loop its turn. All workers pause together: a stretch for each of them would be a long one."""
        if self._goes_on.is_set():
            self._goes_on.clear()
            asyncio.get_running_loop().call_soon(self._go_on)
        await self._goes_on.wait()

    def _go_on(self) -> None:
        self._turn_began = time.monotonic()
        self._goes_on.set()

    async def _handle(self, slot: Slot) -> None:
        if slot.shed and not await self._has(slot, await self._statuses.refresh(slot)):
            return
        # What is urgent is on record before anything else is decided, however many tries it takes.
        if (slot.urgent or not slot.dirty) and await self._settle(slot) and not slot.dirty:
            return
        if slot.urgent:
            return
        results: Results = ()
        overtaken = False
        for _ in range(MOST_STEPS):
            if slot.gone or not self._open:
                return
            slot.dirty = False
            decision = self._decide_now(slot, results)
            results = ()
            if decision.finalizers is not None:
                written = await self._statuses.set_finalizers(slot, decision.finalizers)
                if not await self._has(slot, written):
                    return
                if written is Written.CONFLICT:
                    continue
            if decision.actions:
                before = slot.versions()
                results = await self._effects.carry_out(slot, decision.actions)
                overtaken = overtaken or slot.versions() != before | _versions(results)
                continue
            # Who decides about results need not look at objects: what these have come to meanwhile is still to be seen.
            slot.dirty = slot.dirty or overtaken
            slot.decide_at = decision.wake_at
            slot.urgent = decision.urgent and slot.unsaved
            if await self._settle(slot):
                return
        raise Stuck(f"no end after {MOST_STEPS} decisions")

    def _decide_now(self, slot: Slot, results: Results) -> Decision:
        started = time.perf_counter()
        observation = Observation(self._clock(), KnownObjects(slot.objects), results, self._events)
        decision = self._decide(self.world, slot.execution(), observation)
        if not FAILURES.isdisjoint(decision.status):
            memory.check()
        slot.want(decision.status)
        self._waiting.call()
        self._watcher.decided(time.perf_counter() - started)
        return decision

    async def _settle(self, slot: Slot) -> bool:
        """Nothing more is to be done now: write the status if it is time to. False: decide (again)."""
        now = self._clock()
        if self._statuses.due(slot, now):
            before = slot.saved_status()
            written = await self._statuses.write(slot)
            if not await self._has(slot, written):
                return True
            if written is Written.CONFLICT:
                return False
            if (slot.phase, slot.attempt) != (before.get("phase") or "", before.get("attempt") or 0):
                self._tell(slot, before)
        slot.delays = None
        if slot.decide_at is not None and slot.decide_at <= now:
            return False
        self.timers.set(slot, _earlier(slot.decide_at, slot.write_due))
        if slot.phase in TERMINAL_PHASES and not slot.dirty and slot.is_at_rest:
            slot.drop_all()
            self._effects.ended(slot)
        return True

    async def _has(self, slot: Slot, written: Written) -> bool:
        """Whether the slot can be gone on with."""
        if written is Written.GONE:
            self.cache.forget(slot)
        elif written is Written.REFUSED:
            self._retry_later(slot)
        return written in (Written.SAVED, Written.CONFLICT)

    def _retry_later(self, slot: Slot) -> None:
        self.retried += 1
        slot.delays = slot.delays or Delays(base=0.5, longest=300.0)
        slot.dirty = False
        slot.decide_at = self._clock() + timedelta(seconds=slot.delays.next())
        self.timers.set(slot, slot.decide_at)

    def _tell(self, slot: Slot, before: Mapping[str, Any]) -> None:
        task = (slot.namespace, slot.name, slot.uid)
        self._watcher.moved(Move(*task, before, slot.phase, slot.attempt, slot.status))
        if slot.phase not in TERMINAL_PHASES:
            _log.debug("task is %s", slot.phase, extra=identity(slot))
            return
        error = slot.status().get("error") or {}
        reason = f": {error.get('code')}: {error.get('message')}" if error else ""
        _log.info("task %s%s", slot.phase, reason, extra=identity(slot))


def _versions(results: Results) -> dict[ObjectRef, int]:
    """Of the objects that results tell of."""
    told: dict[ObjectRef, int] = {}
    for action, result in results:
        if isinstance(action, Create | Patch | Delete | Observe) and isinstance(result, Done | Found):
            body = result.value if isinstance(result, Done) else result.object
            version = (body or {}).get("metadata", {}).get("resourceVersion")
            if version is not None:
                told[action.ref] = int(version)
    return told


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one and other else one or other
