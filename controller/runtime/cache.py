"""The cache: from watches to slots.

An object belongs to the TaskExecution that owns it (by UID); where a plugin gives its objects no owner, to the one that
their label names. Objects whose TaskExecution has not been heard of yet (two watches know nothing of each other) wait
as *strays*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from controller.runtime.slots import JSON, KnownObject, Slot
from pluginmachinery.api import names
from pluginmachinery.core.actions import ObjectRef, ResourceKind

Owner = tuple[str, str]
"""("uid", UID of the owner) or (namespace, value of the label)."""


class Cache:
    """All slots. ``changed`` is told of each about which something new was learnt, ``gone`` of each that is no more."""

    def __init__(self, changed: Callable[[Slot], None], gone: Callable[[Slot], None] = lambda _: None) -> None:
        self.slots: dict[str, Slot] = {}
        self._changed = changed
        self._tell_gone = gone
        self._by_label: dict[Owner, str] = {}
        self._strays: dict[Owner, dict[ObjectRef, KnownObject]] = {}
        self._owners: dict[ObjectRef, str] | None = None

    def remember_owners(self) -> None:
        """From now on keep whose each object is, for :meth:`touched`."""
        self._owners = {}

    def touched(self, ref: ObjectRef) -> None:
        """Something was said about this object."""
        slot = self.slots.get((self._owners or {}).get(ref, ""))
        if slot is not None and not slot.shed:
            self._changed(slot)

    def forget(self, slot: Slot) -> None:
        """The TaskExecution is gone."""
        slot.gone = True
        if self._owners is not None:
            for ref in slot.objects:
                self._owners.pop(ref, None)
        slot.drop_all()
        self._tell_gone(slot)
        if self.slots.get(slot.uid) is slot:
            del self.slots[slot.uid]
        label = (slot.namespace, names.task_execution_label(slot.name))
        if self._by_label.get(label) == slot.uid:
            del self._by_label[label]

    def slot_of(self, owner: Owner) -> Slot | None:
        uid = owner[1] if owner[0] == "uid" else self._by_label.get(owner, "")
        return self.slots.get(uid)

    def sink(self, kind: ResourceKind) -> ObjectSink:
        """Where an informer of this kind tells what it hears."""
        return ObjectSink(self, kind)

    # TaskExecutions

    def changed(self, object: JSON) -> None:  # noqa: A002
        metadata = object["metadata"]
        slot = self.slots.get(metadata["uid"])
        if slot is None:
            slot = self._add(metadata["namespace"], metadata["name"], metadata["uid"])
        if slot.absorb(object):
            self._changed(slot)

    def deleted(self, object: JSON) -> None:  # noqa: A002
        self._gone(object["metadata"]["uid"])

    def vanished(self, lost: Mapping[tuple[str, str], str]) -> None:
        for uid in lost.values():
            self._gone(uid)

    def _gone(self, uid: str) -> None:
        slot = self.slots.get(uid)
        if slot is not None:
            self.forget(slot)

    def _add(self, namespace: str, name: str, uid: str) -> Slot:
        slot = self.slots[uid] = Slot(namespace, name, uid)
        label = (namespace, names.task_execution_label(name))
        self._by_label[label] = uid
        for owner in (("uid", uid), label):
            slot.objects |= self._strays.pop(owner, {})
        return slot

    # Their objects

    def observe(self, ref: ObjectRef, body: JSON) -> None:
        owner = owner_of(body)
        if owner is None:
            return
        slot = self.slot_of(owner)
        touched = False
        if self._owners is not None and slot is not None:
            touched = ref not in self._owners  # until now nobody knew whom something that was said is about
            self._owners[ref] = slot.uid
        if slot is None:
            self._strays.setdefault(owner, {})[ref] = KnownObject.of(body)
        elif not slot.shed and (slot.observe(ref, body) or touched):
            self._changed(slot)

    def observe_deleted(self, ref: ObjectRef, body: JSON) -> None:
        owner = owner_of(body)
        if owner is None:
            return
        self._drop_stray(owner, ref)
        if self._owners is not None:
            self._owners.pop(ref, None)
        slot = self.slot_of(owner)
        metadata = body["metadata"]
        if slot and not slot.shed and slot.observe_deleted(ref, metadata["uid"], int(metadata["resourceVersion"])):
            self._changed(slot)

    def lose(self, kind: ResourceKind, lost: Mapping[tuple[str, str], str]) -> None:
        """A relist does not have these. Whose they were is not told, so every slot is looked at, once for all."""
        refs = {ObjectRef(kind, *key): uid for key, uid in lost.items()}
        for owner in list(self._strays):
            for ref in refs.keys() & self._strays[owner].keys():
                self._drop_stray(owner, ref)
        for slot in list(self.slots.values()):
            for ref in refs.keys() & slot.objects.keys():
                if slot.lose(ref, refs[ref]):
                    self._changed(slot)

    def strays(self) -> Iterator[tuple[str, ObjectRef, KnownObject]]:
        """Objects whose owner, by its UID, has not been heard of."""
        for owner, objects in self._strays.items():
            if owner[0] == "uid":
                yield from ((owner[1], ref, known) for ref, known in objects.items())

    def _drop_stray(self, owner: Owner, ref: ObjectRef) -> None:
        strays = self._strays.get(owner)
        if strays and strays.pop(ref, None) and not strays:
            del self._strays[owner]


class ObjectSink:
    """Tells the cache about the objects of one kind."""

    def __init__(self, cache: Cache, kind: ResourceKind) -> None:
        self._cache = cache
        self._kind = kind

    def changed(self, object: JSON) -> None:  # noqa: A002
        self._cache.observe(self._ref(object["metadata"]), object)

    def deleted(self, object: JSON) -> None:  # noqa: A002
        self._cache.observe_deleted(self._ref(object["metadata"]), object)

    def vanished(self, lost: Mapping[tuple[str, str], str]) -> None:
        self._cache.lose(self._kind, lost)

    def _ref(self, metadata: Mapping[str, Any]) -> ObjectRef:
        return ObjectRef(self._kind, metadata.get("namespace", ""), metadata["name"])


def owner_of(body: Mapping[str, Any]) -> Owner | None:
    """Which TaskExecution an object was made for; None: for none of ours."""
    metadata = body["metadata"]
    for reference in metadata.get("ownerReferences") or ():
        if reference.get("controller"):
            return ("uid", reference["uid"]) if reference.get("kind") == names.KIND else None
    label = (metadata.get("labels") or {}).get(names.TASK_EXECUTION)
    return (metadata.get("namespace", ""), label) if label else None
