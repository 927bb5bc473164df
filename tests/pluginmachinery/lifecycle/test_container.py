"""The life cycle with the real container plugin: writes, finalizers, and when a TaskExecution needs one of its own."""

from __future__ import annotations

from typing import Any

import pytest

from pluginmachinery.api import names
from pluginmachinery.config import Configuration
from pluginmachinery.core.actions import Patch, Refused, ResourceKind
from pluginmachinery.core.plugins import AbortBehavior, PluginProperties
from pluginmachinery.lifecycle.advance import World
from pluginmachinery.plugins.registry import PluginDeclaration, PluginRegistry
from tests.pluginmachinery.lifecycle.simulation import NAMESPACE, START, Cluster, Controller, PodLike, execution, world

ENABLED = {"tasks": {"task_plugins": {"enabled_plugins": ("container", "echo")}}}


def real_world(**k8s: Any) -> World:
    config = Configuration.model_validate(ENABLED | {"plugins": {"k8s": k8s}})
    return World(config, PluginRegistry.from_config(config))


def pod_status(cluster: Cluster, name: str, phase: str, exit_code: int | None = None) -> None:
    times = {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:01Z"}
    container = cluster.pods[name]["spec"]["containers"][0]["name"]
    state = {"running": {}} if exit_code is None else {"terminated": {"exitCode": exit_code, "reason": "Error"} | times}
    cluster.pods[name]["status"] = {"phase": phase, "containerStatuses": [{"name": container, "state": state}]}


def test_a_plain_pod_costs_three_writes_and_no_read() -> None:
    cluster = Cluster(execution())
    controller = Controller(real_world(), cluster)
    controller.run()
    cluster.writes.remove("status Queued")  # the runtime coalesces it
    pod_status(cluster, "task-0", "Running")
    controller.run()
    pod_status(cluster, "task-0", "Succeeded", 0)
    controller.run()
    assert cluster.status["phase"] == "Succeeded"
    assert cluster.writes == ["create task-0", "status Running", "status Succeeded"]


def test_defaults_reach_the_pod() -> None:
    cluster = Cluster(execution(environmentVariables={"A": "1"}, serviceAccount="sa"))
    Controller(real_world(default_labels={"team": "x"}), cluster).run()
    pod = cluster.pods["task-0"]
    assert pod["metadata"]["labels"] == {"team": "x"} | names.object_labels("task", 0)
    container = pod["spec"]["containers"][0]
    assert {"name": "A", "value": "1"} in container["env"]
    assert container["resources"]["limits"] == {"cpu": "2", "memory": "200Mi"}
    assert pod["spec"]["serviceAccountName"] == "sa"
    assert pod["metadata"]["namespace"] == NAMESPACE


def test_the_attempt_is_in_the_environment() -> None:
    given = {"taskId": {"name": "t"}, "nodeExecutionId": {"nodeId": "n0", "executionId": {"name": "f"}}}
    for spec in ({}, {"id": given}):
        cluster = Cluster(execution(template={"metadata": {"retries": {"retries": 1}}}, **spec))
        controller = Controller(real_world(), cluster)
        controller.run()
        pod_status(cluster, "task-0", "Failed", 3)
        cluster.pods["task-0"]["status"]["reason"] = "Evil"
        controller.run()
        env = {e["name"]: e.get("value") for e in cluster.pods["task-1"]["spec"]["containers"][0]["env"]}
        assert env["FLYTE_ATTEMPT_NUMBER"] == "1"


def test_pods_with_a_finalizer_are_let_go_after_the_outcome_is_on_record() -> None:
    cluster = Cluster(execution())
    controller = Controller(real_world(inject_finalizer=True), cluster)
    controller.run()
    assert cluster.pods["task-0"]["metadata"]["finalizers"] == ["flyte.org/finalizer-k8s"]
    pod_status(cluster, "task-0", "Succeeded", 0)
    cluster.writes.clear()
    controller.run()
    assert cluster.writes == ["status Succeeded", "patch task-0", "status Succeeded"]
    assert cluster.pods["task-0"]["metadata"]["finalizers"] is None


def test_deletion_takes_the_finalizer_off_a_pod_that_runs() -> None:
    cluster = Cluster(execution())
    controller = Controller(real_world(inject_finalizer=True), cluster)
    controller.run()
    pod_status(cluster, "task-0", "Running")
    controller.run()
    cluster.delete_execution()
    controller.run()
    assert cluster.execution is None
    assert cluster.pods == {}


def test_a_task_that_can_not_be_built_fails_once_and_for_all() -> None:
    cluster = Cluster(execution(template={"container": {"image": "i", "resources": {"limits": [{"name": 9}]}}}))
    Controller(real_world(), cluster).run()
    assert cluster.status["error"]["code"] == "FailedToBuildResource"
    assert cluster.status["failures"] == {"user": 1}


def test_echo_returns_its_input_through_the_whole_life_cycle() -> None:
    variables = {"variables": {"x": {"type": {"simple": "INTEGER"}}}}
    interface = {"inputs": variables, "outputs": variables}
    inputs = {"literals": {"x": {"scalar": {"primitive": {"integer": "5"}}}}}
    cluster = Cluster(execution(template={"type": "echo", "interface": interface}, inputs=inputs, outputPrefix="out"))
    controller = Controller(real_world(), cluster)
    controller.run()
    assert list(cluster.files) == ["out/outputs.pb"]


class Unusual(PodLike):
    """A plugin with an object that must not simply be deleted."""

    resource = ResourceKind("v1", "Pod", "pods")
    properties = PluginProperties()

    def build_resource(self, task: object) -> dict[str, Any]:
        return {}

    def build_identity_resource(self, metadata: object) -> dict[str, Any]:
        return {}

    def get_task_phase(self, context: object, resource: object) -> Any:
        return None


class Unwilling(Unusual):
    def on_abort(self, task: object, resource: object) -> AbortBehavior:
        return AbortBehavior()


@pytest.mark.parametrize(
    ("plugin", "k8s", "needed"),
    [
        pytest.param(Unusual(), {}, False, id="objects that go with their owner"),
        pytest.param(Unusual(), {"inject_finalizer": True}, True, id="objects with a finalizer"),
        pytest.param(Unusual(), {"disable_inject_owner_references": True}, True, id="objects without an owner"),
        pytest.param(Unwilling(), {}, True, id="objects that must not simply be deleted"),
        pytest.param(PodLike(), {}, True, id="state outside of Kubernetes"),
    ],
)
def test_when_a_task_needs_a_finalizer(plugin: object, k8s: dict[str, Any], needed: bool) -> None:
    config = Configuration.model_validate({"plugins": {"k8s": k8s}})
    assert world(plugin, config).needs_finalizer("scripted") is needed


def test_core_plugins_that_only_make_objects_need_none() -> None:
    made = world(PodLike())
    kind = ResourceKind("v1", "Pod", "pods")
    made.registry.declarations = (PluginDeclaration("scripted", ("x",), resources=(kind,)),)  # type: ignore[misc]
    assert made.needs_finalizer("scripted") is False


def test_a_finalizer_that_meets_a_conflict_is_tried_again_after_the_configured_pause() -> None:
    cluster = Cluster(execution())
    controller = Controller(real_world(inject_finalizer=True, update_base_backoff_duration=1000), cluster)
    controller.run()
    pod_status(cluster, "task-0", "Succeeded", 0)
    tries: list[float] = []

    def conflict(action: Any) -> Refused | None:
        if not isinstance(action, Patch):
            return None
        tries.append((cluster.now - START).total_seconds())
        return Refused("Conflict", "x", 409) if len(tries) < 3 else None

    cluster.refuse = conflict
    for _ in range(3):
        controller.run()
        assert controller.wake_at is None or controller.wake_at > cluster.now
        cluster.now = controller.wake_at or cluster.now
    assert [round(first) for first in tries] == [0, 1, 3]
    assert cluster.status["phase"] == "Succeeded"
    assert cluster.pods["task-0"]["metadata"]["finalizers"] is None


@pytest.mark.parametrize(
    ("given", "own", "handed_on"),
    [
        pytest.param({names.QUEUE: "a", "other": "x"}, {}, {names.QUEUE: "a"}, id="Kueue's labels and no others"),
        pytest.param({names.QUEUE: "a"}, {names.QUEUE: "b"}, {names.QUEUE: "b"}, id="spec.labels win"),
        pytest.param({}, {}, {}, id="none"),
    ],
)
def test_the_queue_is_handed_on_to_the_pod(
    given: dict[str, str], own: dict[str, str], handed_on: dict[str, str]
) -> None:
    cluster = Cluster(execution(metadata={"labels": given}, labels=own))
    Controller(real_world(), cluster).run()
    assert cluster.pods["task-0"]["metadata"]["labels"] == handed_on | names.object_labels("task", 0)


STOPPED = {"type": "TerminationTarget", "status": "True", "reason": "StoppedByKueue", "message": "Preempted"}


@pytest.mark.parametrize(
    ("phase", "exit_code", "attempts"),
    [
        pytest.param("Running", None, ["Suspended"], id="it is about to be deleted"),
        pytest.param("Failed", 143, ["Suspended"], id="it was ended by that"),
        pytest.param("Succeeded", 0, ["Succeeded"], id="it was through before"),
    ],
)
def test_a_pod_that_kueue_takes_back_spends_no_budget(phase: str, exit_code: int | None, attempts: list[str]) -> None:
    cluster = Cluster(execution(maxAttempts=1, metadata={"labels": {names.QUEUE: "a"}}))
    controller = Controller(real_world(), cluster)
    controller.run()
    cluster.pods["task-0"]["metadata"]["labels"]["kueue.x-k8s.io/managed"] = "true"
    pod_status(cluster, "task-0", phase, exit_code)
    cluster.pods["task-0"]["status"]["conditions"] = [STOPPED]
    cluster.writes.clear()
    controller.run()
    assert [attempt["phase"] for attempt in cluster.status["attempts"]] == attempts
    assert "failures" not in cluster.status
    if attempts == ["Suspended"]:
        assert cluster.writes == ["status Suspended", "delete task-0", "create task-1", "status Queued"]
        assert "waiting" not in cluster.status


def test_a_pod_that_others_delete_is_a_failure_although_kueue_manages_it() -> None:
    cluster = Cluster(execution())
    controller = Controller(real_world(), cluster)
    controller.run()
    cluster.pods["task-0"]["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    cluster.pods["task-0"]["metadata"]["labels"]["kueue.x-k8s.io/managed"] = "true"
    pod_status(cluster, "task-0", "Running")
    controller.run()
    assert [attempt["phase"] for attempt in cluster.status["attempts"]] == ["Failed"]
    assert cluster.status["failures"] == {"system": 1}
