"""Effects: carries out what was decided, action by action, and says what came of it.

What only says something about the server's moment is waited out here and never reaches a decision: no connection (for
as long as it takes), 429, 502, 503 and 504 and answers that do not come in time (for a while). Waiting it out is safe
because every action may be done twice: names are deterministic, and an object that is there already is looked at. The
exception is a creation that is refused with 429: how a task waits for its turn is decided, not suffered.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

from controller.kube import answers
from controller.kube.answers import Answer
from controller.kube.client import ApiServer
from controller.kube.delays import Delays
from controller.runtime.cache import owner_of
from controller.runtime.paces import Pace
from controller.runtime.slots import Slot
from controller.services.figures import PoolFigures
from controller.services.tokens import Holder, Pool, Tasks, TokenLines
from pluginmachinery.api import names
from pluginmachinery.core.actions import (
    Action,
    AllocateToken,
    CallService,
    Create,
    Delete,
    Done,
    Files,
    Found,
    Missing,
    ObjectRef,
    Observe,
    Outputs,
    Patch,
    ReadFiles,
    ReadOutputs,
    Refused,
    ReleaseToken,
    Result,
    WakeAt,
    WriteInputs,
)

PATIENCE = 60.0
"""Seconds for which a server that answers badly is waited for, before the action counts as refused."""

R = TypeVar("R", Answer, "Found | Missing | Refused")


class OutputStore(Protocol):
    """Where inputs and outputs of tasks are."""

    async def read_outputs(self, prefix: str, *, deck: bool = False) -> Outputs | Refused: ...
    async def read_files(self, paths: tuple[str, ...], *, content: bool) -> Files | Refused: ...
    async def write_files(self, files: Mapping[str, bytes]) -> Done | Refused: ...


class Tokens(Protocol):
    """Resource tokens: how many of something may be used at a time."""

    lines: TokenLines

    async def allocate(self, pool: Pool, holder: Holder) -> Done: ...
    async def release(self, pool: Pool, holder: Holder) -> Done: ...
    def forget(self, uid: str) -> None: ...
    def pools(self) -> tuple[PoolFigures, ...]: ...
    async def keep(self, tasks: Tasks) -> None: ...


class NotLeading(Exception):
    """We may not act (any more): another replica does."""


class Effects:
    """Carries out actions. ``may_act`` is asked before everything that changes something."""

    def __init__(
        self,
        api: ApiServer,
        outputs: OutputStore,
        tokens: Tokens,
        *,
        may_act: Callable[[], bool] = lambda: True,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        patience: float = PATIENCE,
        pace: Pace | None = None,
    ) -> None:
        self.expire: Callable[[Slot], None] | None = None
        """Deletes a task whose time is up when its turn comes; None: it is deleted at once."""
        self._api = api
        self._outputs = outputs
        self._tokens = tokens
        self._may_act = may_act
        self._sleep = sleep
        self._patience = patience
        self._pace = pace or Pace(most=64)
        self._waiting = 0

    @property
    def waited_out(self) -> int:
        """Requests that wait at the moment for the API server to be well again."""
        return self._waiting + self._pace.waiting

    async def carry_out(self, slot: Slot, actions: tuple[Action, ...]) -> tuple[tuple[Action, Result], ...]:
        """Every action in order, with its result.

        What follows inputs that could not be written is not carried out: it may need them.
        """
        results: list[tuple[Action, Result]] = []
        for action in actions:
            result = await self._one(slot, action)
            results.append((action, result))
            if isinstance(action, WriteInputs) and isinstance(result, Refused):
                break
        return tuple(results)

    async def _one(self, slot: Slot, action: Action) -> Result:
        match action:
            case Observe(ref):
                return await self.observe(slot, ref)
            case Create():
                return await self._create(slot, action)
            case Patch():
                return await self._patch(slot, action)
            case Delete(ref):
                return await self._delete(slot, ref)
            case ReadOutputs(prefix, deck):
                return await self._outputs.read_outputs(prefix, deck=deck)
            case ReadFiles(paths, content):
                return await self._outputs.read_files(paths, content=content)
            case WriteInputs(files):
                self.check()
                return await self._outputs.write_files(files)
            case AllocateToken(quota, owner):
                return await self._tokens.allocate(_pool(slot, quota), _holder(slot, owner))
            case ReleaseToken(quota, owner):
                return await self._tokens.release(_pool(slot, quota), _holder(slot, owner))
            case CallService(service):
                return Refused("NotImplemented", f"this controller has no connection to {service}")
            case WakeAt():
                return Done()

    def ended(self, slot: Slot) -> None:
        """Nothing is left to do for this task: what it has is free."""
        self._tokens.forget(slot.uid)

    def check(self) -> None:
        """Raises NotLeading unless we may change things."""
        if not self._may_act():
            raise NotLeading

    async def observe(self, slot: Slot, ref: ObjectRef) -> Found | Missing | Refused:
        """As known from a watch or an own write; else by a live read."""
        known = slot.objects.get(ref)
        return known.as_result() if known is not None else await self._read(slot, ref)

    async def _read(self, slot: Slot, ref: ObjectRef) -> Found | Missing | Refused:
        result = await self.through(lambda: self._api.get(ref))
        if isinstance(result, Found) and belongs(slot, result.object):
            slot.observe(ref, dict(result.object))
        return result

    async def _create(self, slot: Slot, action: Create) -> Result:
        answer = await self._post(action)
        if isinstance(answer, Refused) and answer.reason == "AlreadyExists":
            existing = await self._read(slot, action.ref)
            if isinstance(existing, Found):
                owned = belongs(slot, existing.object) and _attempt(existing.object) == _attempt(action.object)
                return dataclasses.replace(answer, owned=owned)
            if isinstance(existing, Missing):
                # It went away in between: the name is free now.
                answer = await self._post(action)
        return self._remember(slot, action.ref, answer)

    async def _post(self, action: Create) -> Answer:
        return await self.write(lambda: self._api.create(action.ref, action.object), own_turn=True)

    async def _patch(self, slot: Slot, action: Patch) -> Result:
        change = self._api.update if action.method == "update" else self._api.patch
        return self._remember(slot, action.ref, await self.write(lambda: change(action.ref, action.body)))

    async def _delete(self, slot: Slot, ref: ObjectRef) -> Result:
        """Delete what is ours, by its UID; what is in our object's place and is not ours is not there for us."""
        if ref == slot.ref:
            if self.expire is not None:
                self.expire(slot)
                return Done()
            return await self.write(lambda: self._api.delete(ref, uid=slot.uid))
        known = slot.objects.get(ref)
        if known is None:
            existing = await self._read(slot, ref)
            if not isinstance(existing, Found):
                return existing
            known = slot.objects.get(ref)
            if known is None:
                return Missing("the object of that name belongs to somebody else")
        if known.packed is None:
            return known.as_result()
        uid = known.uid
        answer = await self.write(lambda: self._api.delete(ref, uid=uid), first=True)
        if isinstance(answer, Missing) or is_gone(answer):
            slot.observe_deleted(ref, uid, known.version)
            return answer
        return self._remember(slot, ref, answer)

    def _remember(self, slot: Slot, ref: ObjectRef, answer: Answer) -> Answer:
        if isinstance(answer, Done) and isinstance(answer.value, dict) and "uid" in answer.value.get("metadata", {}):
            slot.observe(ref, answer.value)
        return answer

    async def write(
        self, request: Callable[[], Awaitable[Answer]], *, own_turn: bool = False, first: bool = False
    ) -> Answer:
        """A request that changes something, if we may, at the pace of all writers and through the server's bad moments.

        ``own_turn``: the caller wants to know of a 429. ``first``: it goes before others when writers have to wait.
        """

        def checked() -> Awaitable[Answer]:
            self.check()
            return request()

        return await self.through(lambda: self._pace.write(checked, first=first), check=self.check, own_turn=own_turn)

    async def through(
        self,
        request: Callable[[], Awaitable[R]],
        *,
        check: Callable[[], None] = lambda: None,
        own_turn: bool = False,
    ) -> R:
        """Ask until there is an answer that says something about what was asked."""
        clock = asyncio.get_running_loop().time
        delays, started = Delays(longest=5.0), clock()
        while True:
            result = await request()
            if not isinstance(result, Refused) or not answers.is_passing(result):
                return result
            delay = delays.next()
            if isinstance(result, answers.Throttled):
                delay = max(delay, result.retry_after)
            if own_turn and result.status == 429:
                return result
            if result.reason != answers.UNREACHABLE and clock() - started > self._patience:
                return result
            await self._wait(delay)
            check()

    async def _wait(self, seconds: float) -> None:
        self._waiting += 1
        try:
            await self._sleep(seconds)
        finally:
            self._waiting -= 1


def _pool(slot: Slot, quota: str) -> Pool:
    return Pool(slot.status().get("plugin") or "", quota)


def _holder(slot: Slot, owner: str) -> Holder:
    return Holder(slot.namespace, slot.name, slot.uid, slot.attempt, owner)


def is_gone(answer: Answer) -> bool:
    """A deletion that was carried out at once is answered by a Status instead of the dying object."""
    return isinstance(answer, Done) and (answer.value or {}).get("kind") == "Status"


def belongs(slot: Slot, body: Mapping[str, Any]) -> bool:
    """Whether an object was made for this very TaskExecution."""
    owner = owner_of(body)
    return owner in (("uid", slot.uid), (slot.namespace, names.task_execution_label(slot.name)))


def _attempt(body: Mapping[str, Any]) -> str | None:
    labels: Mapping[str, str] = (body.get("metadata") or {}).get("labels") or {}
    return labels.get(names.ATTEMPT)
