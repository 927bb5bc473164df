"""Events of the objects that tasks are made of (``plugins.k8s.send-object-events``): what Kubernetes says about a pod.

They are watched apart from the objects, by the kind that they are about, and only where the switch is on. An event is
kept as it was when it was first heard of: a repetition (``BackOff``, again and again) is no news. As many are kept as
the API server keeps (an hour by default), but no more than :data:`MOST_OBJECTS` and :data:`MOST_EVENTS`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence

from controller.runtime.slots import JSON
from pluginmachinery.api import times
from pluginmachinery.core.actions import ObjectEvent, ObjectRef, ResourceKind

EVENTS = ResourceKind("events.k8s.io/v1", "Event", "events")
MOST_OBJECTS = 20_000
MOST_EVENTS = 20
"""Of one object; the oldest go first."""
_LONGEST_NOTE = 500


class ObjectEvents(Mapping[ObjectRef, Sequence[ObjectEvent]]):
    """The events by the object that they are about. ``changed`` is told of each object with a new one."""

    def __init__(self, changed: Callable[[ObjectRef], None]) -> None:
        self._changed = changed
        self._events: OrderedDict[ObjectRef, dict[str, ObjectEvent]] = OrderedDict()

    def sink(self, kind: ResourceKind) -> EventSink:
        """Where an informer of events about this kind tells what it hears."""
        return EventSink(self, kind)

    def add(self, ref: ObjectRef, name: str, event: ObjectEvent) -> None:
        events = self._events.setdefault(ref, {})
        if name in events:
            return
        events[name] = event
        if len(events) > MOST_EVENTS:
            del events[min(events, key=lambda each: events[each].order)]
        self._events.move_to_end(ref)
        if len(self._events) > MOST_OBJECTS:
            self._events.popitem(last=False)
        self._changed(ref)

    def remove(self, name: str, ref: ObjectRef) -> None:
        events = self._events.get(ref)
        if events is not None:
            events.pop(name, None)
            if not events:
                del self._events[ref]

    def __getitem__(self, ref: ObjectRef) -> Sequence[ObjectEvent]:
        """In the order in which they happened."""
        return sorted(self._events[ref].values(), key=lambda event: event.order)

    def __iter__(self) -> Iterator[ObjectRef]:
        return iter(self._events)

    def __len__(self) -> int:
        return len(self._events)


class EventSink:
    """Tells :class:`ObjectEvents` about the events of objects of one kind."""

    def __init__(self, events: ObjectEvents, kind: ResourceKind) -> None:
        self._events = events
        self._kind = kind
        self._refs: dict[tuple[str, str], ObjectRef] = {}

    def changed(self, object: JSON) -> None:  # noqa: A002
        metadata, about = object["metadata"], object["regarding"]
        ref = ObjectRef(self._kind, about.get("namespace") or metadata["namespace"], about["name"])
        at = times.from_text(metadata["creationTimestamp"])
        note = object.get("note") or object.get("reason") or ""
        event = ObjectEvent(at, int(metadata["resourceVersion"]), note[:_LONGEST_NOTE])
        self._refs[metadata["namespace"], metadata["name"]] = ref
        self._events.add(ref, metadata["name"], event)

    def deleted(self, object: JSON) -> None:  # noqa: A002
        self._forget(object["metadata"]["namespace"], object["metadata"]["name"])

    def vanished(self, lost: Mapping[tuple[str, str], str]) -> None:
        for namespace, name in lost:
            self._forget(namespace, name)

    def _forget(self, namespace: str, name: str) -> None:
        ref = self._refs.pop((namespace, name), None)
        if ref is not None:
            self._events.remove(name, ref)
