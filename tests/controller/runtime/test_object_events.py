"""What Kubernetes says about a task's pod becomes reasons in its status, where the switch is on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from controller.runtime import object_events
from controller.runtime.object_events import ObjectEvents
from pluginmachinery.core.actions import ObjectEvent, ObjectRef
from tests.controller.runtime.conftest import PODS

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
POD = ObjectRef(PODS, "ns", "t-0")


def event(name: str, note: str, *, about: str = "t-0", version: int = 1, seconds: int = 0) -> dict[str, Any]:
    created = (NOON + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "metadata": {"name": name, "namespace": "ns", "resourceVersion": str(version), "creationTimestamp": created},
        "regarding": {"kind": "Pod", "namespace": "ns", "name": about},
        "note": note,
    }


def test_events_are_kept_by_object_in_their_order_and_a_repetition_is_no_news() -> None:
    told: list[ObjectRef] = []
    events = ObjectEvents(told.append)
    sink = events.sink(PODS)
    sink.changed(event("b", "Pulling image", version=7, seconds=1))
    sink.changed(event("a", "Scheduled", version=9))
    sink.changed(event("b", "Pulling image again", version=11, seconds=1))
    assert [each.note for each in events[POD]] == ["Scheduled", "Pulling image"]
    assert told == [POD, POD]


def test_what_the_api_server_forgets_is_forgotten() -> None:
    events = ObjectEvents(lambda _: None)
    sink = events.sink(PODS)
    sink.changed(event("a", "Scheduled"))
    sink.changed(event("b", "Pulled"))
    sink.deleted(event("a", "Scheduled"))
    sink.vanished({("ns", "b"): "uid", ("ns", "unknown"): "uid"})
    assert len(events) == 0


def test_memory_is_bounded(monkeypatch: Any) -> None:
    monkeypatch.setattr(object_events, "MOST_OBJECTS", 3)
    events = ObjectEvents(lambda _: None)
    sink = events.sink(PODS)
    for number in range(50):
        sink.changed(event(f"e{number}", f"note {number}", version=number))
    assert [each.note for each in events[POD]] == [f"note {number}" for number in range(30, 50)]
    for number in range(10):
        sink.changed(event(f"p{number}", "x", about=f"pod-{number}"))
    assert sorted(ref.name for ref in events) == ["pod-7", "pod-8", "pod-9"]


def test_order_is_that_of_time_then_of_the_server() -> None:
    early, late = ObjectEvent(NOON, 99, ""), ObjectEvent(NOON + timedelta(seconds=1), 5, "")
    assert early.order < late.order
    assert ObjectEvent(NOON, 99, "").order < ObjectEvent(NOON, 100, "").order
