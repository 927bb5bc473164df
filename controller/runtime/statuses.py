"""Status writes: as few as possible, one in flight for each task, the newest wanted state wins.

A phase that is not final waits for a better one to take its place: for the *coalescing window*, and two and a half
times as long where it tells what the task's own object tells as well (it is in line, it starts). What is urgent is
written at once.

A write is a PUT of nothing but the status, guarded by the resource version that our last write, or a newer event,
brought. A conflict means that somebody else changed the object: it is read, and unless its status was changed, what we
want is written once more.
"""

from __future__ import annotations

import enum
import functools
import logging
from datetime import datetime, timedelta

from controller.kube.client import ApiServer
from controller.runtime.effects import Effects
from controller.runtime.slots import Slot
from pluginmachinery.api.execution_phases import TERMINAL_PHASES, ExecutionPhase
from pluginmachinery.core.actions import Done, Found, Missing, ObjectRef, Refused

_log = logging.getLogger(__name__)


PATIENT = frozenset({ExecutionPhase.ACCEPTED, ExecutionPhase.QUEUED, ExecutionPhase.INITIALIZING})
PATIENCE = 2.5
"""How many windows these phases wait."""
MOST_CONFLICTS = 5


class Written(enum.Enum):
    """What came of a write."""

    SAVED = "saved"
    """The API server has it."""
    CONFLICT = "conflict"
    """The object was changed meanwhile; the slot has the newer one: decide from that."""
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

    def due(self, slot: Slot, now: datetime) -> bool:
        """Whether the wanted status is to be written now; else ``slot.write_due`` says when (None: never)."""
        if not slot.unsaved:
            slot.write_due = None
            return False
        if slot.write_due is None or slot.write_due_phase != slot.phase:
            slot.write_due = now + self._window * (PATIENCE if slot.phase in PATIENT else 1)
            slot.write_due_phase = slot.phase
        return slot.urgent or slot.write_due <= now

    async def write(self, slot: Slot) -> Written:
        for _ in range(MOST_CONFLICTS):
            body = slot.status_body()
            request = functools.partial(self._api.put_status, slot.ref, body)
            answer = await self._effects.write(request, first=slot.phase in TERMINAL_PHASES)
            if isinstance(answer, Done):
                slot.saved(answer.value)
                return Written.SAVED
            if isinstance(answer, Missing) or answer.reason != "Conflict":
                return self._not_written(slot, answer, "status")
            written = await self.refresh(slot)
            if written is not Written.CONFLICT or not slot.unsaved:
                return written
        return Written.REFUSED

    async def set_finalizers(self, slot: Slot, finalizers: tuple[str, ...]) -> Written:
        metadata = {"uid": slot.uid, "resourceVersion": str(slot.version), "finalizers": list(finalizers)}
        request = functools.partial(self._api.patch, slot.ref, {"metadata": metadata})
        answer = await self._effects.write(request, first=not finalizers)
        if isinstance(answer, Done):
            leaving = answer.value["metadata"].get("deletionTimestamp") and not finalizers
            slot.absorb(answer.value)
            return Written.GONE if leaving else Written.SAVED
        if isinstance(answer, Refused) and answer.reason == "Conflict":
            return await self.refresh(slot)
        return self._not_written(slot, answer, "finalizers")

    async def refresh(self, slot: Slot) -> Written:
        """Read the TaskExecution as it is now."""
        ref: ObjectRef = slot.ref
        result = await self._effects.through(lambda: self._api.get(ref))
        if isinstance(result, Refused):
            _log.warning("can not read the TaskExecution: %s: %s", result.reason, result.message, extra=identity(slot))
            return Written.REFUSED
        if isinstance(result, Found) and result.object["metadata"]["uid"] == slot.uid:
            slot.dirty |= slot.absorb(dict(result.object), live=True)
            return Written.CONFLICT
        return Written.GONE

    def _not_written(self, slot: Slot, answer: Missing | Refused, what: str) -> Written:
        if isinstance(answer, Missing):
            return Written.GONE
        message = "can not write the %s: %s: %s"
        _log.error(message, what, answer.reason, answer.message, extra=identity(slot))
        return Written.REFUSED


def identity(slot: Slot) -> dict[str, object]:
    """The task as every line of the log names it."""
    return {"task": {"namespace": slot.namespace, "name": slot.name, "uid": slot.uid, "attempt": slot.attempt}}
