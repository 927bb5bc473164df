"""Whose an object is, and what becomes of one whose TaskExecution is not known (yet)."""

from __future__ import annotations

from typing import Any

import pytest

from controller.runtime.cache import Cache, owner_of
from pluginmachinery.api import names
from pluginmachinery.core.actions import ObjectRef, ResourceKind

PODS = ResourceKind("v1", "Pod", "pods")
OURS = [{"kind": "TaskExecution", "uid": "u1", "controller": True}]


class Changes(list[str]):
    pass


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
def cache(changes: Changes) -> Cache:
    return Cache(lambda slot: changes.append(slot.name))


def execution(uid: str = "u1", name: str = "t1", version: int = 1) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "ns", "uid": uid, "resourceVersion": str(version)}, "spec": {}}


def pod(name: str = "p", version: int = 5, uid: str = "p1", **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "ns", "uid": uid, "resourceVersion": str(version), **metadata}}


def ref(name: str = "p") -> ObjectRef:
    return ObjectRef(PODS, "ns", name)


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        ({"ownerReferences": OURS}, ("uid", "u1")),
        ({"ownerReferences": [{"kind": "Foo", "uid": "x"}, *OURS]}, ("uid", "u1")),
        ({"ownerReferences": [{"kind": "RayCluster", "uid": "x", "controller": True}]}, None),
        ({"labels": {names.TASK_EXECUTION: "t1"}}, ("ns", "t1")),
        ({"labels": {names.MANAGED: "true"}}, None),
        ({}, None),
    ],
    ids=["owner", "one of several", "an operator's own", "no owner but the label", "label of nobody", "nothing"],
)
def test_owner(metadata: dict[str, Any], owner: tuple[str, str] | None) -> None:
    assert owner_of(pod(**metadata)) == owner


def test_an_object_changes_its_slot(cache: Cache, changes: Changes) -> None:
    cache.changed(execution())
    pods = cache.sink(PODS)
    pods.changed(pod(ownerReferences=OURS))
    pods.changed(pod(ownerReferences=OURS))
    assert changes == ["t1", "t1"], "the repetition is no news"
    assert ref() in cache.slots["u1"].objects


def test_the_label_finds_what_has_no_owner(cache: Cache, changes: Changes) -> None:
    cache.changed(execution())
    cache.sink(PODS).changed(pod(labels={names.TASK_EXECUTION: "t1"}))
    assert ref() in cache.slots["u1"].objects


@pytest.mark.parametrize("metadata", [{"ownerReferences": OURS}, {"labels": {names.TASK_EXECUTION: "t1"}}])
def test_a_stray_waits_for_its_execution(cache: Cache, changes: Changes, metadata: dict[str, Any]) -> None:
    cache.sink(PODS).changed(pod(**metadata))
    assert changes == []
    cache.changed(execution())
    assert changes == ["t1"]
    assert ref() in cache.slots["u1"].objects


@pytest.mark.parametrize("how", ["deleted", "vanished"])
def test_a_stray_that_goes_is_forgotten(cache: Cache, how: str) -> None:
    pods = cache.sink(PODS)
    pods.changed(pod(ownerReferences=OURS))
    if how == "deleted":
        pods.deleted(pod(ownerReferences=OURS, version=6))
    else:
        pods.vanished({("ns", "p"): "p1"})
    cache.changed(execution())
    assert cache.slots["u1"].objects == {}


def test_a_relist_makes_objects_unknown_and_tells_their_slots(cache: Cache, changes: Changes) -> None:
    cache.changed(execution())
    cache.changed(execution("u2", "t2"))
    pods = cache.sink(PODS)
    pods.changed(pod(ownerReferences=OURS))
    changes.clear()
    pods.vanished({("ns", "p"): "p1", ("ns", "of-nobody"): "x"})
    assert changes == ["t1"]
    assert cache.slots["u1"].objects == {}


def test_what_was_made_again_survives_the_relist(cache: Cache, changes: Changes) -> None:
    cache.changed(execution())
    cache.slots["u1"].observe(ref(), pod(version=9, uid="p2", ownerReferences=OURS))
    cache.sink(PODS).vanished({("ns", "p"): "p1"})
    assert ref() in cache.slots["u1"].objects


def test_an_execution_that_goes_takes_its_slot_with_it(cache: Cache) -> None:
    cache.changed(execution())
    slot = cache.slots["u1"]
    cache.deleted(execution(version=2))
    assert slot.gone
    assert cache.slots == {}
    assert cache.slot_of(("ns", "t1")) is None


def test_another_execution_of_the_same_name_is_another_slot(cache: Cache) -> None:
    cache.changed(execution("old", version=1))
    cache.changed(execution("new", version=3))
    cache.deleted(execution("old", version=2))
    assert list(cache.slots) == ["new"]
    assert cache.slot_of(("ns", "t1")) is cache.slots["new"]


def test_a_slot_that_was_emptied_takes_no_more_objects(cache: Cache, changes: Changes) -> None:
    cache.changed(execution())
    cache.slots["u1"].drop_all()
    changes.clear()
    cache.sink(PODS).changed(pod(ownerReferences=OURS))
    cache.sink(PODS).deleted(pod(ownerReferences=OURS, version=6))
    assert changes == []
    assert cache.slots["u1"].objects == {}


def test_what_was_said_about_an_object_before_its_owner_was_known_is_told_with_it(
    cache: Cache, changes: Changes
) -> None:
    """We know the object from our own creation; an event about it comes before the watch tells of it."""
    cache.remember_owners()
    cache.changed(execution())
    cache.slots["u1"].observe(ref(), pod(ownerReferences=OURS))
    changes.clear()
    cache.touched(ref())
    assert changes == []
    cache.observe(ref(), pod(ownerReferences=OURS))
    assert changes == ["t1"]
    cache.observe(ref(), pod(ownerReferences=OURS))
    assert changes == ["t1"], "what is known says nothing"
    cache.touched(ref())
    assert changes == ["t1", "t1"]
