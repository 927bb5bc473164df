"""Stage *accelerators*: a task that asks for a kind of GPU runs on nodes that have it.

The kind is a node label and a taint of the same key. A GPU can be *partitioned*: a task may ask for a partition of some
size or for a whole, unpartitioned device, or leave that open.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pluginmachinery.config.k8s import K8sPluginConfig
from pluginmachinery.core.tasks import JSON
from pluginmachinery.pods.merging import copied
from pluginmachinery.pods.scheduling import with_required

if TYPE_CHECKING:
    from flyteidl.core.tasks_pb2 import GPUAccelerator


_Wish = tuple[JSON | None, JSON | None]
"""A node selector requirement and a toleration."""


def with_accelerator(spec: Mapping[str, Any], accelerator: GPUAccelerator, config: K8sPluginConfig) -> dict[str, Any]:
    """A pod spec that runs where the accelerator is; unchanged if no container is limited to some GPUs.

    The reference's ``ApplyGPUNodeSelectors``.
    """
    result = dict(spec)
    if not any(_has_gpu(container, config) for container in spec.get("containers") or ()):
        return result
    wishes = (_device(accelerator, config), _partition(accelerator, config))
    requirements = [requirement for requirement, _ in wishes if requirement is not None]
    tolerations = [toleration for _, toleration in wishes if toleration is not None]
    affinity = result.get("affinity") or {}
    result["affinity"] = with_required(affinity, *requirements) if requirements else affinity
    if tolerations:
        result["tolerations"] = [*(result.get("tolerations") or ()), *tolerations]
    return result


def _has_gpu(container: JSON, config: K8sPluginConfig) -> bool:
    return config.gpu_resource_name in ((container.get("resources") or {}).get("limits") or {})


def _device(accelerator: GPUAccelerator, config: K8sPluginConfig) -> _Wish:
    if not accelerator.device:
        return None, None
    # Flyte 2 knows its devices by names in capitals.
    known = config.accelerator_devices
    device = known.get(accelerator.device) or known.get(accelerator.device.upper()) or accelerator.device
    key = config.gpu_device_node_label
    return _is_one_of(key, device), _tolerated(key, device)


def _partition(accelerator: GPUAccelerator, config: K8sPluginConfig) -> _Wish:
    key = config.gpu_partition_size_node_label
    wish = accelerator.WhichOneof("partition_size_value")
    if wish == "partition_size":
        return _is_one_of(key, accelerator.partition_size), _tolerated(key, accelerator.partition_size)
    if wish == "unpartitioned" and accelerator.unpartitioned:
        requirement = config.gpu_unpartitioned_node_selector_requirement
        return (
            {"key": key, "operator": "DoesNotExist"} if requirement is None else requirement,
            copied(config.gpu_unpartitioned_toleration),
        )
    return None, None


def _is_one_of(key: str, value: str) -> JSON:
    return {"key": key, "operator": "In", "values": [value]}


def _tolerated(key: str, value: str) -> JSON:
    return {"key": key, "operator": "Equal", "value": value, "effect": "NoSchedule"}
