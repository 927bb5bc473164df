"""Collecting: deletes what has had its time, one after the other, so that many at once are no storm.

- *Expired* tasks, whose time to live is over: the life cycle decides that, task by task, and they are put in line here.
- *Surplus* tasks: of those that have ended, every namespace keeps the newest ``gc.max-ended-per-namespace``. What ended
  last has the highest resource version, because the end is the last that is written of a task; so nothing has to be
  read to know their order.
- *Orphans*: objects whose TaskExecution is gone. Kubernetes' own garbage collector removes them by their owner
  references, and is left the time between two looks; what is still there then is removed when a live read proves that
  no TaskExecution has the owner's UID. Objects that name no owner prove nothing (``kubectl delete --cascade=orphan``
  takes owners away on purpose) and stay.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator

import orjson

from controller.kube.client import ApiServer
from controller.runtime.cache import Cache
from controller.runtime.effects import Effects, NotLeading, is_gone
from controller.runtime.slots import JSON, Slot
from pluginmachinery.api import names
from pluginmachinery.api.execution_phases import TERMINAL_PHASES
from pluginmachinery.config.plugin_manager import GarbageCollectionConfig
from pluginmachinery.core.actions import Done, Found, Missing, ObjectRef, Refused
from pluginmachinery.manager.objects import FINALIZER

_log = logging.getLogger(__name__)


FIRST_LOOK = 15.0
"""Seconds from the start on, at most: what is there has been looked at by then."""


class Collector:
    """``expire`` puts a task in line; :meth:`run` deletes, and looks for more from time to time."""

    def __init__(
        self,
        api: ApiServer,
        effects: Effects,
        cache: Cache,
        settings: GarbageCollectionConfig,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._api = api
        self._effects = effects
        self._cache = cache
        self._keep = settings.max_ended_per_namespace
        self._interval = settings.interval.timedelta.total_seconds()
        self._pause = 1.0 / settings.deletions_per_second
        self._sleep = sleep
        self._line: dict[str, int] = {}
        """UID → the version of which it was decided that it is to go."""
        self._news = asyncio.Event()
        self._strays: set[str] = set()
        """UIDs of the objects without a TaskExecution at the last look."""

    def __len__(self) -> int:
        return len(self._line)

    def expire(self, slot: Slot) -> None:
        """Delete this task when its turn comes, unless it is changed before."""
        self._line[slot.uid] = slot.version
        self._news.set()

    async def run(self) -> None:
        """For ever, or until another replica acts."""
        loop = asyncio.get_running_loop()
        look_at = loop.time() + min(self._interval, FIRST_LOOK)
        try:
            while True:
                if loop.time() >= look_at:
                    await self.look()
                    look_at = loop.time() + self._interval
                await self.work_off()
                try:
                    async with asyncio.timeout(max(look_at - loop.time(), 0)):
                        await self._news.wait()
                except TimeoutError:
                    continue
        except NotLeading:
            return

    async def look(self) -> None:
        """Put surplus tasks in line, and remove orphans that were there at the last look too."""
        for slot in self._surplus():
            self.expire(slot)
        await self._remove_orphans()

    async def work_off(self) -> None:
        """Delete what stands in line, with a pause after each."""
        self._news.clear()
        for uid, version in list(self._line.items()):
            slot = self._cache.slots.get(uid)
            if slot is not None and slot.version == version and not await self._delete(slot):
                continue
            del self._line[uid]

    async def _delete(self, slot: Slot) -> bool:
        """False: it could not be deleted, and stays in line until the next look."""
        answer = await self._effects.write(lambda: self._api.delete(slot.ref, uid=slot.uid))
        await self._sleep(self._pause)
        if isinstance(answer, Refused) and answer.reason != "Conflict":
            _log.warning("can not delete the task %s/%s: %s", slot.namespace, slot.name, answer.message)
            return False
        if isinstance(answer, Missing) or is_gone(answer):
            self._cache.forget(slot)  # not to be counted again before the watch tells
        return True

    def _surplus(self) -> Iterator[Slot]:
        if self._keep is None:
            return
        ended: dict[str, list[Slot]] = defaultdict(list)
        for slot in self._cache.slots.values():
            if slot.phase in TERMINAL_PHASES and slot.shed and slot.uid not in self._line:
                ended[slot.namespace].append(slot)
        for slots in ended.values():
            slots.sort(key=lambda slot: slot.version)
            yield from slots[: max(len(slots) - self._keep, 0)]

    async def _remove_orphans(self) -> None:
        strays = {known.uid: (uid, ref, known.packed) for uid, ref, known in self._cache.strays()}
        for uid in self._strays & strays.keys():
            owner, ref, packed = strays[uid]
            body: JSON = orjson.loads(packed or b"{}")
            if packed is not None and await self._is_gone(owner, body):
                await self._remove(ref, uid, body)
        self._strays = set(strays)

    async def _is_gone(self, owner: str, body: JSON) -> bool:
        """Is there proof that no TaskExecution has this UID?"""
        metadata = body["metadata"]
        name = next(each["name"] for each in metadata["ownerReferences"] if each["uid"] == owner)
        found = await self._api.get(ObjectRef(names.TASK_EXECUTIONS, metadata["namespace"], name))
        return isinstance(found, Missing) or (isinstance(found, Found) and found.object["metadata"]["uid"] != owner)

    async def _remove(self, ref: ObjectRef, uid: str, body: JSON) -> None:
        metadata = body["metadata"]
        _log.info("removing the orphan %s %s/%s", ref.kind.kind, ref.namespace, ref.name)
        if "deletionTimestamp" not in metadata:
            await self._effects.write(lambda: self._api.delete(ref, uid=uid))
            await self._sleep(self._pause)
        if FINALIZER in (metadata.get("finalizers") or ()):
            await self._release(ref, uid)

    async def _release(self, ref: ObjectRef, uid: str) -> None:
        """Our finalizer would keep it for ever: whoever was to take it away is gone."""
        found = await self._api.get(ref)
        if not isinstance(found, Found) or found.object["metadata"]["uid"] != uid:
            return
        metadata = found.object["metadata"]
        others = [finalizer for finalizer in metadata.get("finalizers") or () if finalizer != FINALIZER]
        change = {"metadata": {"resourceVersion": metadata["resourceVersion"], "finalizers": others}}
        answer = await self._effects.write(lambda: self._api.patch(ref, change))
        if not isinstance(answer, Done | Missing):
            _log.warning("can not release the orphan %s/%s: %s", ref.namespace, ref.name, answer.message)
        await self._sleep(self._pause)
