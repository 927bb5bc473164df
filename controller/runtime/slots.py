"""Slots: all that is remembered of one TaskExecution, in as little memory as it takes.

Objects are kept as JSON bytes (a quarter of what dicts take; reading them again costs 10 µs) and what is of no use any
more is dropped: a task that has ended keeps its identity only.

*Wanted* is the status as last decided, *saved* the one that the API server has; they differ while a write is due. A
*resource version* is compared as a number: what is not newer than what we know says nothing, above all not what our
own writes have made out of date.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import orjson

from controller.kube.delays import Delays
from pluginmachinery.api import names
from pluginmachinery.core.actions import Found, Missing, ObjectRef

JSON = dict[str, Any]
NO_STATUS = b"{}"


def pack(value: Mapping[str, Any]) -> bytes:
    """Compact JSON with sorted keys: equal values have equal bytes."""
    return _fitting(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))


def _fitting(packed: bytes) -> bytes:
    """What orjson returns holds on to a buffer of several times its length; the copy has just the length."""
    return memoryview(packed).tobytes()


class KnownObject:
    """An object that was made for a task, as last heard of; ``packed`` None: it is known to be deleted."""

    __slots__ = ("packed", "uid", "version")

    def __init__(self, uid: str, version: int, packed: bytes | None) -> None:
        self.uid = uid
        self.version = version
        self.packed = packed

    @classmethod
    def of(cls, body: JSON) -> KnownObject:
        metadata = body["metadata"]
        metadata.pop("managedFields", None)
        return cls(metadata["uid"], int(metadata["resourceVersion"]), _fitting(orjson.dumps(body)))

    def as_result(self) -> Found | Missing:
        return Missing("it was deleted") if self.packed is None else Found(orjson.loads(self.packed))


class KnownObjects(Mapping[ObjectRef, "Found | Missing"]):
    """The objects of one slot as an observation wants them; each is unpacked when it is first asked for."""

    __slots__ = ("_known", "_unpacked")

    def __init__(self, known: Mapping[ObjectRef, KnownObject]) -> None:
        self._known = known
        self._unpacked: dict[ObjectRef, Found | Missing] = {}

    def __getitem__(self, ref: ObjectRef) -> Found | Missing:
        unpacked = self._unpacked.get(ref)
        if unpacked is None:
            unpacked = self._unpacked[ref] = self._known[ref].as_result()
        return unpacked

    def version(self, ref: ObjectRef) -> int | None:
        known = self._known.get(ref)
        return None if known is None or known.packed is None else known.version

    def __iter__(self) -> Iterator[ObjectRef]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, ref: object) -> bool:
        return ref in self._known


class Slot:
    """One TaskExecution.

    ``queued``: it is in line. ``busy``: a worker has it. ``dirty``: there are news that nothing was decided about yet.
    ``urgent``: the wanted status has to be saved before anything else is decided. ``decide_at`` and ``write_due`` are
    when to decide without news and when to write the status; the timers' ``wake_at`` is the earlier one.
    """

    __slots__ = (
        "_execution",
        "_saved",
        "_wanted",
        "attempt",
        "busy",
        "decide_at",
        "delays",
        "dirty",
        "gone",
        "name",
        "namespace",
        "objects",
        "phase",
        "queued",
        "uid",
        "urgent",
        "version",
        "wake_at",
        "write_due",
        "write_due_phase",
    )

    def __init__(self, namespace: str, name: str, uid: str) -> None:
        self.namespace = namespace
        self.name = name
        self.uid = uid
        self.version = 0
        self.phase = ""
        self.attempt = 0
        self.objects: dict[ObjectRef, KnownObject] = {}
        self.busy = False
        self.dirty = False
        self.queued = False
        self.gone = False
        self.urgent = False
        self.wake_at: datetime | None = None
        self.decide_at: datetime | None = None
        self.write_due: datetime | None = None
        self.write_due_phase = ""
        self.delays: Delays | None = None
        self._execution: bytes | None = None
        self._wanted = NO_STATUS
        self._saved = NO_STATUS

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef(names.TASK_EXECUTIONS, self.namespace, self.name)

    @property
    def unsaved(self) -> bool:
        """Whether a status write is due."""
        return self._wanted != self._saved

    def saved_status(self) -> JSON:
        """The status that the API server has."""
        status: JSON = orjson.loads(self._saved)
        return status

    @property
    def shed(self) -> bool:
        """Whether the object itself was dropped: the task has ended and nobody has touched it since."""
        return self._execution is None

    @property
    def is_at_rest(self) -> bool:
        """The status is saved, and nothing is left to do for it."""
        return not self.unsaved and "pending" not in self.status()

    def status(self) -> JSON:
        """The wanted status."""
        status: JSON = orjson.loads(self._wanted)
        return status

    def execution(self) -> JSON:
        """The TaskExecution with the newest known metadata and spec and the wanted status."""
        body: JSON = orjson.loads(self._execution or b"{}")
        body["metadata"]["resourceVersion"] = str(self.version)
        body["status"] = self.status()
        return body

    def status_body(self) -> JSON:
        """What a write of the wanted status sends: nothing but the status and what names and guards the object."""
        return {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "uid": self.uid,
                "resourceVersion": str(self.version),
            },
            "status": orjson.Fragment(self._wanted),
        }

    def want(self, status: Mapping[str, Any]) -> None:
        self._wanted = pack(status)
        self.phase = status.get("phase") or ""
        self.attempt = status.get("attempt") or 0

    def absorb(self, body: JSON, *, live: bool = False) -> bool:
        """Take over a newer state of the TaskExecution (``body`` is used up). Says whether it brings anything new.

        A status that somebody else wrote replaces the wanted one: what is decided next starts from it. Our own status
        coming back, or a change of metadata or spec, leaves the wanted one as it is. ``live``: it was read just now,
        and brings back what was dropped even if it is not newer.
        """
        metadata = body["metadata"]
        metadata.pop("managedFields", None)
        version = int(metadata.pop("resourceVersion"))
        if version < self.version or (version == self.version and not (live and self.shed)):
            return False
        self.version = version
        status = body.pop("status", None) or {}
        execution, saved = pack(body), pack(status)
        news = execution != self._execution
        if saved not in (self._saved, self._wanted):
            self.want(status)
            self.urgent = False
            news = True
        self._execution = execution
        self._saved = self._wanted if saved == self._wanted else saved
        return news

    def saved(self, body: JSON) -> None:
        """The answer to our own status write. What the server has made of the status is what holds."""
        self.version = int(body["metadata"]["resourceVersion"])
        status = body.get("status") or {}
        self.want(status)
        self._saved = self._wanted
        self.urgent = False
        self.write_due = None

    def observe(self, ref: ObjectRef, body: JSON) -> bool:
        """An object of this task as the server has it (event or answer). Says whether that is newer than known."""
        known = self.objects.get(ref)
        if known is not None and int(body["metadata"]["resourceVersion"]) <= known.version:
            return False
        self.objects[ref] = KnownObject.of(body)
        return True

    def versions(self) -> dict[ObjectRef, int]:
        """Of every object, the newest version that we have heard of."""
        return {ref: known.version for ref, known in self.objects.items()}

    def observe_deleted(self, ref: ObjectRef, uid: str, version: int) -> bool:
        """An object was deleted – this very one, not another one that had its name before or after."""
        known = self.objects.get(ref)
        if known is not None and (known.uid != uid or known.packed is None):
            return False
        self.objects[ref] = KnownObject(uid, version, None)
        return True

    def lose(self, ref: ObjectRef, uid: str) -> bool:
        """An object is not to be seen any more: from now on it is unknown, which is not deleted."""
        known = self.objects.get(ref)
        if known is None or known.uid != uid:
            return False
        del self.objects[ref]
        return True

    def drop_all(self) -> None:
        """The task has ended and its status is saved: keep the identity only."""
        self._execution = None
        self._wanted = self._saved = NO_STATUS
        self.objects = {}
        self.delays = None
