"""Status writes: as few as possible, one in flight for each task, the newest wanted state wins.

A phase that is not final may wait up to the *coalescing window* for a better one to take its place; what is urgent is
written at once. A write is a PUT of nothing but the status, guarded by the resource version that our last write, or a
newer event, brought. A conflict means that somebody else changed the object: it is read, and decided about again.
"""

from __future__ import annotations

import enum
import logging
from datetime import datetime, timedelta

from controller.kube.client import ApiServer
from controller.runtime.effects import Effects
from controller.runtime.slots import Slot
from pluginmachinery.core.actions import Done, Found, Missing, ObjectRef, Refused

_log = logging.getLogger(__name__)


class Written(enum.Enum):
    """What came of a write."""

    SAVED = "saved"
    """The API server has it."""
    CONFLICT = "conflict"
    """The object was changed meanwhile; the slot has the newer one: decide again."""
    GONE = "gone"
    """There is no such TaskExecution any more."""
    REFUSED = "refused"
    """Not now: try again later."""


class Statuses:
    """Writes what is wanted of a TaskExecution: its status, its finalizers."""

    def __init__(self, api: ApiServer, effects: Effects, window: timedelta) -> None:
        self._api = api
        self._effects = effects
        self._window = window

    def due(self, slot: Slot, now: datetime, *, urgent: bool) -> bool:
        """Whether the wanted status is to be written now; else ``slot.write_due`` says when (None: never)."""
        if not slot.unsaved:
            slot.write_due = None
            return False
        if slot.write_due is None:
            slot.write_due = now + self._window
        return urgent or slot.write_due <= now

    async def write(self, slot: Slot) -> Written:
        body = slot.status_body()
        answer = await self._effects.write(lambda: self._api.put_status(slot.ref, body))
        if isinstance(answer, Done):
            slot.saved(answer.value)
            slot.write_due = None
            return Written.SAVED
        return await self._after(slot, answer, "status")

    async def set_finalizers(self, slot: Slot, finalizers: tuple[str, ...]) -> Written:
        metadata = {"uid": slot.uid, "resourceVersion": str(slot.version), "finalizers": list(finalizers)}
        answer = await self._effects.write(lambda: self._api.patch(slot.ref, {"metadata": metadata}))
        if isinstance(answer, Done):
            leaving = answer.value["metadata"].get("deletionTimestamp") and not finalizers
            slot.absorb(answer.value)
            return Written.GONE if leaving else Written.SAVED
        return await self._after(slot, answer, "finalizers")

    async def refresh(self, slot: Slot) -> Written:
        """Read the TaskExecution as it is now."""
        ref: ObjectRef = slot.ref
        result = await self._effects.through(lambda: self._api.get(ref))
        if isinstance(result, Refused):
            _log.warning("can not read the TaskExecution: %s: %s", result.reason, result.message, extra=identity(slot))
            return Written.REFUSED
        if isinstance(result, Found) and result.object["metadata"]["uid"] == slot.uid:
            slot.absorb(dict(result.object), live=True)
            return Written.CONFLICT
        return Written.GONE

    async def _after(self, slot: Slot, answer: Missing | Refused, what: str) -> Written:
        if isinstance(answer, Missing):
            return Written.GONE
        if answer.reason == "Conflict":
            return await self.refresh(slot)
        level = logging.WARNING if answer.status == 429 else logging.ERROR
        message = "can not write the %s: %s: %s"
        _log.log(level, message, what, answer.reason, answer.message, extra=identity(slot))
        return Written.REFUSED


def identity(slot: Slot) -> dict[str, object]:
    """The task as every line of the log names it."""
    return {"task": {"namespace": slot.namespace, "name": slot.name, "uid": slot.uid, "attempt": slot.attempt}}
