"""What a slot believes when news come early, late, twice, or about another object of the same name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.runtime.slots import Slot
from pluginmachinery.core.actions import Found, Missing, ObjectRef, ResourceKind

POD = ObjectRef(ResourceKind("v1", "Pod", "pods"), "ns", "pod")


def execution(version: int, status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "plugins.flyte.org/v1alpha1",
        "kind": "TaskExecution",
        "metadata": {"name": "t", "namespace": "ns", "uid": "u", "resourceVersion": str(version), "managedFields": [1]},
        "spec": spec,
        **({} if status is None else {"status": status}),
    }


def pod(version: int, uid: str = "p1", phase: str = "Pending") -> dict[str, Any]:
    metadata = {"name": "pod", "namespace": "ns", "uid": uid, "resourceVersion": str(version)}
    return {"metadata": metadata, "status": {"phase": phase}}


@pytest.fixture
def slot() -> Slot:
    slot = Slot("ns", "t", "u")
    assert slot.absorb(execution(10))
    return slot


def known(slot: Slot) -> str:
    match slot.objects.get(POD):
        case None:
            return "unknown"
        case found:
            result = found.as_result()
            return result.object["status"]["phase"] if isinstance(result, Found) else "missing"


def test_the_execution_comes_back_whole(slot: Slot) -> None:
    slot.want({"phase": "Queued", "attempt": 2})
    body = slot.execution()
    assert body["metadata"] == {"name": "t", "namespace": "ns", "uid": "u", "resourceVersion": "10"}
    assert (body["spec"], body["status"]) == ({}, {"phase": "Queued", "attempt": 2})
    assert (slot.phase, slot.attempt) == ("Queued", 2)


@pytest.mark.parametrize(
    ("event", "news", "unsaved", "phase"),
    [
        (execution(9, abort=True), False, True, "Running"),
        (execution(10), False, True, "Running"),
        (execution(11), False, True, "Running"),
        (execution(11, abort=True), True, True, "Running"),
        (execution(11, {"phase": "Running"}), False, False, "Running"),
        (execution(11, {"phase": "Failed"}), True, False, "Failed"),
    ],
    ids=[
        "what is old says nothing",
        "nor does what is known",
        "a new version of the same brings nothing",
        "a changed spec keeps the wanted status",
        "our own write, heard before its answer",
        "a status that somebody else wrote is where we go on from",
    ],
)
def test_an_event_while_a_write_is_due(
    slot: Slot, event: dict[str, Any], news: bool, unsaved: bool, phase: str
) -> None:
    slot.want({"phase": "Running"})
    assert slot.absorb(event) is news
    assert (slot.unsaved, slot.phase) == (unsaved, phase)


def test_what_the_server_made_of_the_status_holds(slot: Slot) -> None:
    slot.want({"phase": "Running", "unknown": 1})
    slot.saved(execution(12, {"phase": "Running"}))
    assert not slot.unsaved
    assert slot.execution()["status"] == {"phase": "Running"}
    assert slot.status_body()["metadata"]["resourceVersion"] == "12"


def test_a_task_that_ended_keeps_its_identity_only(slot: Slot) -> None:
    slot.observe(POD, pod(11))
    slot.want({"phase": "Succeeded"})
    slot.saved(execution(12, {"phase": "Succeeded"}))
    slot.drop_all()
    assert slot.shed
    assert slot.objects == {}
    assert not slot.unsaved
    assert not slot.absorb(execution(12, {"phase": "Succeeded"})), "the echo of our own write does not bring it back"
    assert slot.absorb(execution(12, {"phase": "Succeeded"}), live=True), "reading it does"
    assert slot.execution()["status"] == {"phase": "Succeeded"}


def test_an_object_of_the_same_name_is_another_object(slot: Slot) -> None:
    assert slot.observe(POD, pod(20, "old"))
    assert slot.observe(POD, pod(30, "new"))
    assert not slot.observe_deleted(POD, "old", 29), "the old one's end says nothing about the new one"
    assert not slot.lose(POD, "old")
    assert not slot.observe(POD, pod(25, "old", "Failed"))
    assert known(slot) == "Pending"
    assert slot.observe_deleted(POD, "new", 31)
    assert known(slot) == "missing"


def test_not_to_be_seen_is_unknown_and_not_deleted(slot: Slot) -> None:
    slot.observe(POD, pod(20))
    assert slot.lose(POD, "p1")
    assert known(slot) == "unknown"
    assert slot.observe(POD, pod(21))


def test_deleted_is_deleted_until_it_is_made_again(slot: Slot) -> None:
    slot.observe(POD, pod(20))
    slot.observe_deleted(POD, "p1", 22)
    assert not slot.observe(POD, pod(21)), "an event from before its end"
    assert slot.observe(POD, pod(23, "p2"))
    assert known(slot) == "Pending"


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30))
def test_in_whatever_order_and_however_often_they_come_the_newest_event_wins(heard: list[tuple[int, bool]]) -> None:
    """History: made at 100, Pending … at 101-104, deleted at 105. Each may come by a watch or by an answer, or not."""
    slot = Slot("ns", "t", "u")
    for moment, _ in heard:
        if moment == 5:
            slot.observe_deleted(POD, "p1", 105)
        else:
            slot.observe(POD, pod(100 + moment, phase=str(moment)))
    newest = max(moment for moment, _ in heard)
    assert known(slot) == ("missing" if newest == 5 else str(newest))


def test_objects_are_read_when_asked_for(slot: Slot) -> None:
    from controller.runtime.slots import KnownObjects

    slot.observe(POD, pod(20))
    other = ObjectRef(POD.kind, "ns", "other")
    slot.observe_deleted(other, "x", 21)
    objects = KnownObjects(slot.objects)
    assert set(objects) == {POD, other}
    assert isinstance(objects[other], Missing)
    assert objects.get(ObjectRef(POD.kind, "ns", "third")) is None
