"""Pods on the real API server, bound by the real scheduler, played on simulated nodes."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from tools.controlplane import ControlPlane
from tools.controlplane.api import wait_until

GPU = {"resources": {"limits": {"nvidia.com/gpu": "1"}}}
GPU_TOLERATION = {"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"}
PREFIX = "simulation.plugins.flyte.org/"


class Namespace:
    """Makes pods in one namespace and waits for them."""

    def __init__(self, cluster: ControlPlane, name: str) -> None:
        self.api = cluster.api
        self.path = f"/api/v1/namespaces/{name}/pods"

    def create(
        self, script: list[Any] | None = None, *, container: Any = None, metadata: Any = None, **spec: Any
    ) -> None:
        annotations = {PREFIX + "script": json.dumps(script)} if script is not None else {}
        metadata = {"name": "p", **(metadata or {})}
        metadata["annotations"] = {**annotations, **metadata.get("annotations", {})}
        containers = [{"name": "main", "image": "img:1", **(container or {})}]
        self.api.create(
            self.path, {"metadata": metadata, "spec": {"restartPolicy": "Never", "containers": containers, **spec}}
        )

    def pod(self) -> dict[str, Any] | None:
        return self.api.find(f"{self.path}/p")

    def wait(self, holds: Callable[[dict[str, Any]], Any], what: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            pod = self.pod()
            return pod if pod is not None and holds(pod) else None

        return wait_until(look, what=f"{what}; the pod is {self.pod()}")

    def wait_for_phase(self, phase: str) -> dict[str, Any]:
        return self.wait(lambda pod: pod["status"]["phase"] == phase, phase)["status"]

    def unschedulable(self) -> dict[str, Any]:
        """The PodScheduled condition, once the scheduler has found no node."""

        def condition(pod: dict[str, Any]) -> Any:
            return next(
                (each for each in pod["status"].get("conditions", []) if each.get("reason") == "Unschedulable"), None
            )

        return condition(self.wait(condition, "the scheduler's verdict"))  # type: ignore[no-any-return]


@pytest.fixture
def pods(own_control_plane: ControlPlane, namespace: str) -> Namespace:
    return Namespace(own_control_plane, namespace)


def state(status: dict[str, Any]) -> dict[str, Any]:
    return status["containerStatuses"][0]["state"]  # type: ignore[no-any-return]


def test_a_task_runs_and_succeeds_on_the_plain_node(pods: Namespace) -> None:
    pods.create()
    status = pods.wait_for_phase("Succeeded")
    assert state(status)["terminated"]["exitCode"] == 0
    assert status["podIP"]
    assert status["qosClass"] == "BestEffort"
    pod = pods.pod()
    assert pod is not None
    assert pod["spec"]["nodeName"] == "plain-0"


def test_running_lasts_as_long_as_the_script_says(pods: Namespace) -> None:
    pods.create([{"phase": "Running"}, {"hang": True}])
    assert "running" in state(pods.wait_for_phase("Running"))


def test_a_user_failure_has_its_exit_code(pods: Namespace) -> None:
    pods.create([{"phase": "Running"}, {"phase": "Failed", "containers": {"*": {"exitCode": 3, "message": "boom"}}}])
    ended = state(pods.wait_for_phase("Failed"))["terminated"]
    assert (ended["exitCode"], ended["reason"], ended["message"]) == (3, "Error", "boom")


def test_an_image_that_cannot_be_pulled_keeps_the_pod_pending(pods: Namespace) -> None:
    pods.create([{"containers": {"*": {"waiting": "ImagePullBackOff"}}}])
    status = pods.wait(lambda pod: pod["status"].get("containerStatuses"), "container statuses")["status"]
    assert status["phase"] == "Pending"
    assert state(status)["waiting"]["reason"] == "ImagePullBackOff"


def test_an_eviction_is_a_reason_of_the_pod(pods: Namespace) -> None:
    pods.create([{"phase": "Running"}, {"phase": "Failed", "reason": "Evicted", "message": "disk"}])
    status = pods.wait_for_phase("Failed")
    assert (status["reason"], status["message"]) == ("Evicted", "disk")


@pytest.mark.parametrize(
    ("container", "spec", "reason"),
    [
        pytest.param(GPU, {}, "untolerated taint", id="GPU without the toleration"),
        pytest.param({}, {"nodeSelector": {"x/interruptible": "true"}}, "untolerated taint", id="spot node, likewise"),
        pytest.param({}, {"nodeSelector": {"no": "such"}}, "didn't match Pod's node affinity", id="no such label"),
        pytest.param({"resources": {"requests": {"cpu": "9999"}}}, {}, "Insufficient cpu", id="larger than any node"),
    ],
)
def test_what_no_node_takes_stays_pending(pods: Namespace, container: Any, spec: Any, reason: str) -> None:
    pods.create(container=container, **spec)
    assert reason in pods.unschedulable()["message"]


def test_a_tolerated_gpu_is_given(pods: Namespace) -> None:
    selector = {"k8s.amazonaws.com/accelerator": "nvidia-tesla-t4"}
    pods.create(container=GPU, tolerations=[GPU_TOLERATION], nodeSelector=selector)
    pods.wait_for_phase("Succeeded")
    pod = pods.pod()
    assert pod is not None
    assert pod["spec"]["nodeName"] == "gpu-0"


def test_a_deleted_pod_is_ended_and_goes(pods: Namespace) -> None:
    pods.create([{"phase": "Running"}])
    pods.wait_for_phase("Running")
    pods.api.delete(f"{pods.path}/p")
    wait_until(lambda: pods.pod() is None, what="the pod's end")


def test_a_finalizer_holds_a_pod_whose_containers_have_ended(pods: Namespace) -> None:
    pods.create([{"phase": "Running"}], metadata={"finalizers": ["flyte.org/finalizer-k8s"]})
    pods.wait_for_phase("Running")
    pods.api.delete(f"{pods.path}/p")
    held = pods.wait(lambda pod: pod["metadata"].get("deletionGracePeriodSeconds") == 0, "the kubelet's part")
    assert held["status"]["phase"] == "Failed"
    assert state(held["status"])["terminated"]["exitCode"] == 143
    pods.api.patch(f"{pods.path}/p", {"metadata": {"finalizers": None}})
    wait_until(lambda: pods.pod() is None, what="the pod's end")


def test_one_that_ends_well_when_asked_to_has_succeeded(pods: Namespace) -> None:
    pods.create([{"phase": "Running"}, {"onDelete": {"exitCode": 0}}], metadata={"finalizers": ["test/hold"]})
    pods.wait_for_phase("Running")
    pods.api.delete(f"{pods.path}/p")
    pods.wait_for_phase("Succeeded")
    pods.api.patch(f"{pods.path}/p", {"metadata": {"finalizers": None}})


def test_a_pod_of_the_same_name_is_another_pod(pods: Namespace) -> None:
    pods.create([{"phase": "Running"}])
    pods.wait_for_phase("Running")
    pods.api.delete(f"{pods.path}/p", gracePeriodSeconds=0)
    pods.create([{"phase": "Running"}, {"phase": "Succeeded"}])
    pods.wait_for_phase("Succeeded")


def test_outputs_are_there_when_success_is_seen(pods: Namespace, own_control_plane: ControlPlane) -> None:
    root = own_control_plane.output_root
    assert root is not None
    prefix = root / pods.path.split("/")[4]
    writes = json.dumps({"outputs.pb": base64.b64encode(b"hello").decode()})
    pods.create(
        container={"args": ["pyflyte-execute", "--output-prefix", str(prefix)]},
        metadata={"annotations": {PREFIX + "writes": writes}},
    )
    pods.wait_for_phase("Succeeded")
    assert (prefix / "outputs.pb").read_bytes() == b"hello"


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        pytest.param({PREFIX + "script": "[{phase: Runing}]"}, "Input should be 'Pending'", id="bad script"),
        pytest.param({PREFIX + "writes": '{"/etc/x": ""}'}, "not below the output root", id="file elsewhere"),
    ],
)
def test_what_cannot_be_played_fails_visibly(pods: Namespace, annotations: dict[str, str], message: str) -> None:
    pods.create(metadata={"annotations": annotations})
    status = pods.wait_for_phase("Failed")
    assert status["reason"] == "InvalidSimulation"
    assert message in status["message"]


def test_a_pod_outlives_a_crash_of_the_api_server(pods: Namespace, own_control_plane: ControlPlane) -> None:
    pods.create([{"phase": "Running"}, {"after": 0.5, "phase": "Succeeded"}])
    pods.wait_for_phase("Running")
    own_control_plane.kill("kube-apiserver")
    own_control_plane.restart("kube-apiserver")
    pods.wait_for_phase("Succeeded")
