"""Aborting and finalizing map tasks: no pod and no finalizer is left, however often it takes."""

from __future__ import annotations

import pytest

from pluginmachinery.core.actions import ObjectRef, Observation, Refused
from pluginmachinery.core.phases import Phase
from tests.pluginmachinery.plugins.map_worlds import NOW, Followed, MapWorld, every_name, map_task

FINALIZERS = {"k8s": {"inject-finalizer": True}}
DELETES = {"k8s": {"delete-resource-on-finalize": True}}


def calls(world: MapWorld, verb: str) -> list[str]:
    return [call.ref.name for call in world.cluster.calls if call.verb == verb]


@pytest.mark.parametrize("watched", [True, False], ids=["watched", "asked for"])
def test_an_abort_deletes_what_may_be_alive_and_nothing_else(watched: bool) -> None:
    world = MapWorld(map_task(4), watched=watched)
    world.handle()
    world.runs("m-0-0")
    world.succeeds("m-0-1")
    world.handle()
    assert world.call("abort").error is None
    assert world.pods == ["m-0-1"]
    world.cluster.calls.clear()
    assert world.call("abort").error is None
    assert world.cluster.calls == []


def test_an_abort_finds_pods_that_nobody_wrote_down() -> None:
    world = MapWorld(map_task(3))
    world.handle()
    known = dict(world.state or {})
    del known["phases"]
    world.state = known
    world.call("abort")
    assert world.pods == []


def test_an_abort_before_anything_happened_has_nothing_to_do() -> None:
    assert MapWorld(map_task(3)).call("abort").actions == ()


def test_what_can_not_be_deleted_does_not_keep_the_rest_and_is_tried_again() -> None:
    world = MapWorld(map_task(3))
    world.handle()
    world.cluster.refuse = lambda verb, ref: (
        Refused("InternalError", "no") if verb == "delete" and ref.name == "m-0-0" else None
    )
    error = world.call("abort").error
    assert error is not None
    assert error.code == "InternalError"
    assert world.pods == ["m-0-0"]
    world.cluster.refuse = lambda _verb, _ref: None
    assert world.call("abort").error is None
    assert world.pods == []


def test_finalizers_come_off_when_a_sub_task_ends_and_after_an_abort() -> None:
    world = MapWorld(map_task(3, config=FINALIZERS))
    world.handle()
    world.succeeds("m-0-0")
    world.handle()
    assert not world.pod("m-0-0")["metadata"].get("finalizers")
    world.call("abort")
    assert world.pods == ["m-0-0", "m-0-1", "m-0-2"]
    world.call("finalize")
    assert world.pods == ["m-0-0"]


def test_finalizing_a_task_that_runs_lets_go_of_all_its_pods() -> None:
    world = MapWorld(map_task(2, config=FINALIZERS))
    world.handle()
    world.pod("m-0-1")["metadata"]["finalizers"].append("others/keep")
    world.call("finalize")
    assert not world.pod("m-0-0")["metadata"].get("finalizers")
    assert world.pod("m-0-1")["metadata"]["finalizers"] == ["others/keep"]


def test_pods_are_deleted_where_the_platform_wants_that() -> None:
    world = MapWorld(map_task(3, config=DELETES))
    world.handle()
    world.succeeds("m-0-0")
    world.handle()
    assert world.pods == ["m-0-1", "m-0-2"]
    world.call("finalize")
    assert world.pods == []


def test_a_finalizer_that_can_not_be_removed_is_tried_again() -> None:
    world = MapWorld(map_task(1, config=FINALIZERS))
    world.handle()
    world.succeeds("m-0-0")
    world.cluster.refuse = lambda verb, _ref: Refused("Conflict", "changed", 409) if verb == "patch" else None
    error = world.call("handle").error
    assert error is not None
    assert error.code == "Conflict"
    world.cluster.refuse = lambda _verb, _ref: None
    assert world.handle().phase is Phase.SUCCESS


@pytest.mark.parametrize("answer", ["gone", "another's", "refused"])
def test_what_is_to_be_finalized_may_not_be_there(answer: str) -> None:
    world = MapWorld(map_task(1, config=FINALIZERS), watched=False)
    world.handle()
    if answer == "gone":
        world.cluster.objects.clear()
    elif answer == "another's":
        world.pod("m-0-0")["metadata"]["ownerReferences"] = [{"uid": "somebody"}]
    else:
        world.cluster.refuse = lambda _verb, _ref: Refused("InternalError", "no")
    finalized = world.call("finalize")
    assert (finalized.error is not None) == (answer == "refused")
    assert calls(world, "patch") == []


def test_thousands_are_aborted_and_finalized_within_one_chain() -> None:
    world = MapWorld(map_task(3000, config={"k8s": {"inject-finalizer": True, "delete-resource-on-finalize": True}}))
    world.handle()
    asked = 0

    def refuse(verb: str, ref: ObjectRef) -> Refused | None:
        nonlocal asked
        asked += 1
        return None

    world.cluster.refuse = refuse
    world.call("abort")
    world.call("finalize")
    assert world.pods == []
    assert asked == len(list(every_name(3000))) * 3


@pytest.mark.parametrize("verb", ["abort", "finalize"])
def test_a_clean_up_that_was_interrupted_begins_again(verb: str) -> None:
    world = MapWorld(map_task(3, config=FINALIZERS))
    world.handle()
    plugin, task = world.plugin, world.task
    first = getattr(plugin, verb)(task, world.state, Observation(NOW, Followed(world.cluster.objects)))
    again = getattr(plugin, verb)(task, first.state, Observation(NOW, Followed(world.cluster.objects)))
    assert len(first.actions) == 3
    assert again == first
