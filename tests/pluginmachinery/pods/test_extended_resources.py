"""GPU accelerators and shared memory."""

from __future__ import annotations

from typing import Any

import pytest

from pluginmachinery.core.errors import BAD_TASK_SPECIFICATION, PluginError
from pluginmachinery.pods.build import configured, raw_pod
from tests.pluginmachinery.pods.pod_tasks import pod_task

LABELS = {"gpu_device_node_label": "device", "gpu_partition_size_node_label": "part"}
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
DEVICE = {"key": "device", "operator": "In", "values": ["a100"]}
DEVICE_TOLERATED = {"key": "device", "operator": "Equal", "value": "a100", "effect": "NoSchedule"}
SIZE = {"key": "part", "operator": "In", "values": ["1g.5gb"]}
SIZE_TOLERATED = {"key": "part", "operator": "Equal", "value": "1g.5gb", "effect": "NoSchedule"}
WHOLE = {"key": "part", "operator": "DoesNotExist"}


def spec_of(
    extended: dict[str, Any],
    *,
    override: dict[str, Any] | None = None,
    k8s: dict[str, Any] | None = None,
    own: dict[str, Any] | None = None,
    gpus: str = "nvidia.com/gpu",
) -> dict[str, Any]:
    overrides: dict[str, Any] = {"resources": {"limits": {gpus: "1"}}}
    if override is not None:
        overrides["extendedResources"] = override
    spec = {"containers": [{"name": "main"}], **(own or {})}
    task = pod_task({"extendedResources": extended}, spec=spec, overrides=overrides, k8s={**LABELS, **(k8s or {})})
    return configured(raw_pod(task), task).spec


def expressions(spec: dict[str, Any]) -> list[Any]:
    terms = spec["affinity"].get("nodeAffinity", {}).get(REQUIRED, {}).get("nodeSelectorTerms", [])
    return [term["matchExpressions"] for term in terms]


@pytest.mark.parametrize(
    ("accelerator", "requirements", "tolerations"),
    [
        pytest.param({}, [], [], id="nothing wanted"),
        pytest.param({"device": "a100"}, [[DEVICE]], [DEVICE_TOLERATED], id="a device"),
        pytest.param({"partitionSize": "1g.5gb"}, [[SIZE]], [SIZE_TOLERATED], id="a partition"),
        pytest.param({"unpartitioned": True}, [[WHOLE]], [], id="a whole device"),
        pytest.param({"unpartitioned": False}, [], [], id="whole or not"),
        pytest.param(
            {"device": "a100", "partitionSize": "1g.5gb"},
            [[DEVICE, SIZE]],
            [DEVICE_TOLERATED, SIZE_TOLERATED],
            id="a partition of a device",
        ),
        pytest.param(
            {"device": "a100", "unpartitioned": True}, [[DEVICE, WHOLE]], [DEVICE_TOLERATED], id="a whole one"
        ),
    ],
)
def test_accelerator(accelerator: dict[str, Any], requirements: list[Any], tolerations: list[Any]) -> None:
    spec = spec_of({"gpuAccelerator": accelerator})
    assert expressions(spec) == requirements
    assert spec.get("tolerations", []) == tolerations


def test_a_platform_that_marks_whole_devices() -> None:
    requirement = {"key": "whole", "operator": "In", "values": ["yes"]}
    toleration = {"key": "whole", "operator": "Exists"}
    k8s = {"gpu_unpartitioned_node_selector_requirement": requirement, "gpu_unpartitioned_toleration": toleration}
    spec = spec_of({"gpuAccelerator": {"unpartitioned": True}}, k8s=k8s)
    assert (expressions(spec), spec["tolerations"]) == ([[requirement]], [toleration])


def test_an_accelerator_is_required_in_every_alternative() -> None:
    zone = {"key": "zone", "operator": "Exists"}
    affinity = {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [zone]}, {}]}}}
    spec = spec_of({"gpuAccelerator": {"device": "a100"}}, own={"affinity": affinity})
    assert expressions(spec) == [[zone, DEVICE], [DEVICE]]


def test_an_accelerator_without_gpus_does_nothing() -> None:
    spec = spec_of({"gpuAccelerator": {"device": "a100"}}, gpus="example.com/fpga")
    assert expressions(spec) == []


def test_gpus_are_what_the_platform_calls_so() -> None:
    spec = spec_of({"gpuAccelerator": {"device": "a100"}}, gpus="amd.com/gpu", k8s={"gpu_resource_name": "amd.com/gpu"})
    assert expressions(spec) == [[DEVICE]]


@pytest.mark.parametrize("name", ["h100", "H100"])
def test_devices_by_another_name_on_the_nodes(name: str) -> None:
    spec = spec_of({"gpuAccelerator": {"device": name}}, k8s={"accelerator_devices": {"H100": "nvidia-h100"}})
    assert expressions(spec) == [[{"key": "device", "operator": "In", "values": ["nvidia-h100"]}]]


def test_an_override_replaces_the_accelerator_as_a_whole() -> None:
    spec = spec_of(
        {"gpuAccelerator": {"device": "t4", "partitionSize": "1g.5gb"}}, override={"gpuAccelerator": {"device": "a100"}}
    )
    assert expressions(spec) == [[DEVICE]]


def test_an_override_of_one_leaves_the_other() -> None:
    memory = {"mountName": "shm", "mountPath": "/dev/shm"}
    spec = spec_of({"gpuAccelerator": {"device": "a100"}}, override={"sharedMemory": memory})
    assert expressions(spec) == [[DEVICE]]
    assert spec["volumes"] == [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "0"}}]


def test_shared_memory_is_mounted_in_the_primary_container() -> None:
    memory = {"mountName": "shm", "mountPath": "/dev/shm", "sizeLimit": "1024Mi"}
    spec = spec_of({"sharedMemory": memory}, own={"containers": [{"name": "side"}, {"name": "main"}]})
    assert spec["volumes"] == [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}]
    assert [container.get("volumeMounts") for container in spec["containers"]] == [
        None,
        [{"name": "shm", "mountPath": "/dev/shm"}],
    ]


TAKEN = {
    "volumes": [{"name": "data", "emptyDir": {}}],
    "containers": [{"name": "main", "volumeMounts": [{"name": "disk", "mountPath": "/disk"}]}],
}


@pytest.mark.parametrize(
    ("memory", "field"),
    [
        pytest.param({"mountPath": "/x"}, "mountName", id="no name"),
        pytest.param({"mountName": "x"}, "mountPath", id="no path"),
        pytest.param({"mountName": "x", "mountPath": "/x", "sizeLimit": "big"}, "sizeLimit", id="no size"),
        pytest.param({"mountName": "data", "mountPath": "/x"}, "mountName", id="a volume of this name"),
        pytest.param({"mountName": "disk", "mountPath": "/x"}, "mountName", id="a mount of this name"),
        pytest.param({"mountName": "x", "mountPath": "/disk"}, "mountPath", id="a mount at this path"),
    ],
)
def test_shared_memory_that_can_not_be(memory: dict[str, str], field: str) -> None:
    with pytest.raises(PluginError) as caught:
        spec_of({"sharedMemory": memory}, own=TAKEN)
    assert caught.value.code == BAD_TASK_SPECIFICATION
    assert caught.value.field == f"extendedResources.sharedMemory.{field}"
