"""Map tasks on a platform that refuses, forgets, is full or dies in between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from pluginmachinery.core.actions import ObjectRef, Refused, WakeAt
from pluginmachinery.core.phases import ErrorKind, Phase
from tests.pluginmachinery.plugins.map_worlds import NOW, MapWorld, every_name, map_task

QUOTA = 'pods "m" is forbidden: exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3'
OTHER_OWNER = {"metadata": {"name": "m-0-1", "uid": "x", "ownerReferences": [{"uid": "somebody"}]}}


def refuse(world: MapWorld, verb: str, reason: str, message: str = "no", *, names: Any = None, status: int = 0) -> None:
    """From now on; ``names`` None: every pod."""

    def answer(asked: str, ref: ObjectRef) -> Refused | None:
        return Refused(reason, message, status) if asked == verb and (names is None or ref.name in names) else None

    world.cluster.refuse = answer


def allow(world: MapWorld) -> None:
    world.cluster.refuse = lambda _verb, _ref: None


# --- Launch ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        pytest.param("Forbidden", "RuntimeFailure", id="forbidden"),
        pytest.param("Invalid", "BadTaskFormat", id="invalid"),
        pytest.param("BadRequest", "BadTaskFormat", id="bad request"),
        pytest.param("RequestEntityTooLarge", "EntityTooLarge", id="too large"),
    ],
)
def test_a_pod_that_is_refused_is_a_failed_sub_task(reason: str, code: str) -> None:
    world = MapWorld(map_task(3, maxAttempts=1, template={"custom": {"minSuccessRatio": 0.5}}))
    refuse(world, "create", reason, names=["m-0-1"])
    world.handle()
    assert world.phases() == ["Queued", "PermanentFailure", "Queued"]
    assert world.error("1/").code == code


def test_an_api_server_that_fails_is_tried_again_and_nothing_is_made_twice() -> None:
    world = MapWorld(map_task(3))
    refuse(world, "create", "InternalError", names=["m-0-1"])
    error = world.call("handle").error
    assert error is not None
    assert (error.code, error.kind) == ("InternalError", ErrorKind.SYSTEM)
    allow(world)
    world.handle()
    assert world.pods == ["m-0-0", "m-0-1", "m-0-2"]
    created = [call.ref.name for call in world.cluster.calls if call.verb == "create"]
    assert sorted(created) == ["m-0-0", "m-0-1", "m-0-1", "m-0-2"]


def test_a_full_quota_is_waited_for_and_not_asked_for_every_sub_task() -> None:
    world = MapWorld(map_task(300))
    refuse(world, "create", "Forbidden", QUOTA)
    waiting = world.handle()
    assert waiting.phase is Phase.WAITING_FOR_RESOURCES
    asked = len(world.cluster.calls)
    assert asked == 100
    assert world.last is not None
    assert [wake.at for wake in world.last.actions if isinstance(wake, WakeAt)] > [NOW]
    world.wait(10)
    world.handle()
    assert len(world.cluster.calls) == asked + 10
    allow(world)
    world.wait(10)
    world.handle()
    assert len(world.pods) == 300


def test_what_never_fits_does_not_wait() -> None:
    world = MapWorld(map_task(1, maxAttempts=1))
    never = "exceeded quota: q, requested: pods=9, used: pods=0, limited: pods=3"
    refuse(world, "create", "Forbidden", f'pods "m" is forbidden: {never}')
    assert world.handle().phase is Phase.PERMANENT_FAILURE
    assert world.error("0/").code == "ResourceRequestsExceedLimits"


def test_a_pod_of_the_name_that_belongs_to_somebody_else_is_left_alone() -> None:
    world = MapWorld(map_task(2))
    world.cluster.objects[world.ref("m-0-1")] = dict(OTHER_OWNER)
    world.handle()
    assert world.pods == ["m-0-0", "m-0-1", "m-0-1-1"]
    assert world.pod("m-0-1")["metadata"] == OTHER_OWNER["metadata"]


@pytest.mark.parametrize(
    ("template", "config", "code"),
    [
        pytest.param({"container": None}, {}, "FailedToBuildResource", id="no target"),
        pytest.param(
            {"container": {"image": "x", "resources": {"limits": [{"name": "CPU", "value": "nope"}]}}},
            {},
            "FailedToBuildResource",
            id="a bad quantity",
        ),
        pytest.param(
            {
                "container": None,
                "k8sPod": {"podSpec": {"hostNetwork": True, "containers": [{"name": "a", "image": "x"}]}},
                "config": {"primary_container_name": "a"},
            },
            {},
            "PolicyDenied",
            id="what the policy denies",
        ),
    ],
)
def test_what_can_not_be_built_or_must_not_be_fails_for_good(
    template: Mapping[str, Any], config: Mapping[str, Any], code: str
) -> None:
    world = MapWorld(map_task(2, template=template, config=config))
    failed = world.handle()
    assert failed.phase is Phase.PERMANENT_FAILURE
    assert failed.error is not None
    assert failed.error.code == code
    assert world.pods == []


def test_the_primary_container_of_a_pod_is_told_its_index() -> None:
    containers = [{"name": "side", "image": "y"}, {"name": "main", "image": "x"}]
    template = {
        "container": None,
        "k8sPod": {"podSpec": {"containers": containers}},
        "config": {"primary_container_name": "main"},
    }
    world = MapWorld(map_task(2, template=template))
    world.handle()
    side, main = world.pod("m-0-1")["spec"]["containers"]
    assert {"name": "FLYTE_K8S_ARRAY_INDEX", "value": "1"} in main["env"]
    assert not [one for one in side.get("env", ()) if one["name"] == "FLYTE_K8S_ARRAY_INDEX"]


def test_the_section_lays_its_scheduling_over_every_pod() -> None:
    section = {"scheduler": "s", "node-selector": {"n": "v"}, "tolerations": [{"key": "t", "operator": "Exists"}]}
    k8s = {"default-labels": {"l": "1"}, "default-annotations": {"a": "1"}, "inject-finalizer": True}
    config = {"k8s-array": section, "k8s": k8s}
    template = {"securityContext": {"secrets": [{"group": "g", "key": "k"}]}}
    world = MapWorld(map_task(1, config=config, template=template, labels={"own": "2"}))
    world.handle()
    pod = world.pod("m-0-0")
    assert pod["spec"]["schedulerName"] == "s"
    assert pod["spec"]["nodeSelector"] == {"n": "v"}
    assert pod["spec"]["tolerations"] == [{"key": "t", "operator": "Exists"}]
    assert pod["metadata"]["labels"] == {"l": "1", "own": "2", "inject-flyte-secrets": "true"}
    assert set(pod["metadata"]["annotations"]) >= {"a", "flyte.secrets/s0"}
    assert pod["metadata"]["finalizers"] == ["flyte.org/finalizer-array"]
    assert pod["metadata"]["ownerReferences"][0]["uid"] == "owner"


# --- Follow ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["gone", "dying", "another's"])
def test_a_pod_that_somebody_took_away_is_a_system_failure_and_tried_again(how: str) -> None:
    world = MapWorld(map_task(1), watched=False)
    world.handle()
    world.runs("m-0-0")
    if how == "gone":
        del world.cluster.objects[world.ref("m-0-0")]
    elif how == "dying":
        world.pod("m-0-0")["metadata"]["deletionTimestamp"] = "2030-01-01T00:00:00Z"
    else:
        world.pod("m-0-0")["metadata"]["ownerReferences"] = [{"uid": "somebody"}]
    world.handle()
    assert "m-0-0-1" in world.pods
    assert world.known.system_failures == [1]
    expected = "UnexpectedObjectDeletion" if how == "dying" else "ResourceDeletedExternally"
    assert world.error("0/").code == expected


def test_a_sub_task_that_was_interrupted_often_is_not_interruptible_any_more() -> None:
    k8s = {"interruptible-tolerations": [{"key": "spot", "operator": "Exists"}]}
    task = map_task(1, config={"k8s": k8s}, maxAttempts=3, interruptible=True, interruptibleFailureThreshold=1)
    world = MapWorld(task, watched=False)
    world.handle()
    del world.cluster.objects[world.ref("m-0-0")]
    first = task
    world.handle()
    assert first.metadata.interruptible
    assert "tolerations" not in world.pod("m-0-0-1")["spec"]


def test_a_pod_that_can_not_be_looked_up_stops_the_call() -> None:
    world = MapWorld(map_task(2), watched=False)
    world.handle()
    refuse(world, "get", "InternalError", names=["m-0-0"])
    error = world.call("handle").error
    assert error is not None
    assert error.code == "InternalError"
    allow(world)
    world.succeeds("m-0-0", "m-0-1")
    assert world.handle().phase is Phase.SUCCESS


def test_a_pod_that_is_no_pod_is_an_error_of_the_platform() -> None:
    world = MapWorld(map_task(1))
    world.handle()
    world.pod("m-0-0")["status"] = {"phase": 7}
    error = world.call("handle").error
    assert error is not None
    assert error.kind is ErrorKind.SYSTEM


def test_a_pod_that_failed_and_goes_on_trying_is_deleted() -> None:
    world = MapWorld(map_task(1, maxAttempts=1))
    world.handle()
    waiting = {"waiting": {"reason": "InvalidImageName", "message": "bad"}}
    status = {"name": "m-0-0", "ready": False, "state": waiting}
    pending = {"type": "Ready", "status": "False", "reason": "ContainersNotReady"}
    world.pod("m-0-0")["status"] = {
        "phase": "Pending",
        "conditions": [{**pending, "lastTransitionTime": "2029-12-31T00:00:00Z"}],
        "containerStatuses": [status],
    }
    assert world.handle().phase is Phase.PERMANENT_FAILURE
    assert world.pods == []


# --- The store -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refused", ["ReadFiles", "WriteInputs"])
def test_a_store_that_does_not_answer_is_tried_again(refused: str) -> None:
    world = MapWorld(map_task(2, maxAttempts=1))
    world.handle()
    world.fails("m-0-0")
    carry_out = world.executor.carry_out
    world.executor.carry_out = lambda action: (  # type: ignore[method-assign]
        Refused("StoreUnavailable", "away") if type(action).__name__ == refused else carry_out(action)
    )
    error = world.call("handle").error
    assert error is not None
    assert error.message == "away"
    world.executor.carry_out = carry_out  # type: ignore[method-assign]
    assert world.handle().phase is Phase.PERMANENT_FAILURE


# --- Tokens ----------------------------------------------------------------------------------------------------------

TOKENS = {"k8s-array": {"resourceConfig": {"primaryLabel": "pods", "limit": 2}}}


def test_every_sub_task_takes_a_token_and_gives_it_back() -> None:
    world = MapWorld(map_task(3, config=TOKENS), quotas={"pods": 2})
    world.handle()
    assert world.pods == ["m-0-0", "m-0-1"]
    assert world.phases() == ["Queued", "Queued", "WaitingForResources"]
    world.succeeds("m-0-0")
    world.wait(10)
    world.handle()
    world.wait(10)
    world.handle()
    assert world.executor.holders["pods"] == {"m-0-1", "m-0-2"}
    world.succeeds("m-0-1", "m-0-2")
    assert world.handle().phase is Phase.SUCCESS
    assert world.executor.holders["pods"] == set()


def test_a_token_is_given_back_when_the_pod_could_not_be_made() -> None:
    world = MapWorld(map_task(1, config=TOKENS), quotas={"pods": 2})
    refuse(world, "create", "InternalError")
    assert world.call("handle").error is not None
    assert world.executor.holders["pods"] == set()


def test_without_the_quota_nothing_starts() -> None:
    world = MapWorld(map_task(1, config=TOKENS))
    error = world.call("handle").error
    assert error is not None
    assert error.code == "NotFound"
    assert world.pods == []


# --- Death in between ------------------------------------------------------------------------------------------------


def test_pods_that_nobody_wrote_down_are_found_again() -> None:
    world = MapWorld(map_task(5))
    world.handle()
    world.state = None
    world.handle()
    created = [call.ref.name for call in world.cluster.calls if call.verb == "create"]
    assert created == list(every_name(5))
    assert world.phases() == ["Queued"] * 5


def test_pods_that_ended_while_nobody_looked_need_no_event_to_be_seen() -> None:
    world = MapWorld(map_task(5))
    world.handle()
    world.state = None
    world.succeeds(*every_name(5))
    assert world.handle().phase is Phase.SUCCESS


def test_a_state_of_somebody_else_is_told_as_such() -> None:
    world = MapWorld(map_task(1))
    for junk in (
        {"stage": "Odd"},
        {"size": 1},
        {"stage": "Check", "version": 1, "size": 2, "minSuccesses": 1, "phases": "x"},
    ):
        world.state = junk
        failed = world.plugin.handle(world.task, junk, _nothing()).phase
        assert failed.error is not None
        assert failed.error.code == "CorruptedPluginState"
        assert world.plugin.abort(world.task, junk, _nothing()).settled
        assert world.plugin.finalize(world.task, junk, _nothing()).settled


def test_a_pass_that_nobody_can_read_begins_again() -> None:
    world = MapWorld(map_task(2))
    world.handle()
    world.state = {**(world.state or {}), "pass": {"kind": "check", "cursor": "x"}}
    world.runs("m-0-0", "m-0-1")
    assert world.handle().reason == "2 sub-tasks: 2 running"


def test_who_waits_for_a_token_says_which() -> None:
    world = MapWorld(map_task(3, config=TOKENS), quotas={"pods": 1})
    assert world.handle().reason.endswith("; 1 of 1 tokens of pods are taken")
    world.runs("m-0-0")
    assert world.handle().reason == "3 sub-tasks: 1 running, 2 waiting; 1 of 1 tokens of pods are taken"


def test_a_release_that_is_refused_is_tried_again() -> None:
    world = MapWorld(map_task(1, config=TOKENS), quotas={"pods": 2})
    world.handle()
    world.succeeds("m-0-0")
    carry_out = world.executor.carry_out
    world.executor.carry_out = lambda action: (  # type: ignore[method-assign]
        Refused("Unavailable", "away") if type(action).__name__ == "ReleaseToken" else carry_out(action)
    )
    error = world.call("handle").error
    assert error is not None
    assert error.message.endswith("away")
    world.executor.carry_out = carry_out  # type: ignore[method-assign]
    assert world.handle().phase is Phase.SUCCESS


def test_long_and_odd_names_are_made_fit() -> None:
    world = MapWorld(map_task(2, generatedName="My_Task" + "x" * 260))
    world.handle()
    assert len(set(world.pods)) == 2
    assert all(len(name) <= 253 and name.startswith("mytask") for name in world.pods)


def test_a_container_that_the_annotation_does_not_find_fails_the_task() -> None:
    annotations = {"primary_container_name": "nobody"}
    template = {
        "container": None,
        "k8sPod": {
            "metadata": {"annotations": annotations},
            "podSpec": {"containers": [{"name": "a", "image": "x"}]},
        },
    }
    failed = MapWorld(map_task(1, template=template)).handle()
    assert failed.error is not None
    assert failed.error.code == "FailedToBuildResource"


def _nothing() -> Any:
    from pluginmachinery.core.actions import Observation

    return Observation(NOW)
