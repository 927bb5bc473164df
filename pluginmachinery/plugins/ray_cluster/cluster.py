"""The cluster: its head, its groups of workers, and how it grows."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flyteidl.plugins import ray_pb2
from google.protobuf.struct_pb2 import Struct

from pluginmachinery.config.ray import RayConfig, RayNodeConfig
from pluginmachinery.core.errors import PluginError
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.plugins.ray_cluster import pods
from pluginmachinery.pods import resources
from pluginmachinery.pods.build import PodBuild

if TYPE_CHECKING:
    from google.protobuf.struct_pb2 import Value

_UPSCALING = {
    ray_pb2.AutoscalerOptions.UPSCALING_MODE_DEFAULT: "Default",
    ray_pb2.AutoscalerOptions.UPSCALING_MODE_CONSERVATIVE: "Conservative",
    ray_pb2.AutoscalerOptions.UPSCALING_MODE_AGGRESSIVE: "Aggressive",
}


def cluster_spec(cluster: ray_pb2.RayCluster, pod: PodBuild, task: TaskContext) -> dict[str, Any]:
    """The RayClusterSpec. Raises PluginError ``BadTaskSpecification``."""
    spec: dict[str, Any] = {
        "headGroupSpec": _head(cluster, pod, task),
        "workerGroupSpecs": [
            _worker_group(index, cluster, pod, task) for index in range(len(cluster.worker_group_spec))
        ],
        "enableInTreeAutoscaling": cluster.enable_autoscaling,
    }
    if cluster.HasField("autoscaler_options"):
        spec["autoscalerOptions"] = _autoscaler(cluster.autoscaler_options)
    return spec


def _head(cluster: ray_pb2.RayCluster, pod: PodBuild, task: TaskContext) -> dict[str, Any]:
    config, group = task.config.plugins.ray, cluster.head_group_spec
    given = _member(_member(_member(task.template.custom, "rayCluster"), "headGroupSpec"), "rayStartParams")
    parameters = _start_parameters(group.ray_start_params, given, config.defaults.head_node)
    parameters.setdefault("include-dashboard", "true" if config.include_dashboard else "false")
    parameters.setdefault("node-ip-address", config.defaults.head_node.ip_address)
    parameters.setdefault("dashboard-host", config.dashboard_host)
    _opt_out_of_statistics(parameters, config)
    head = {
        "template": pods.head(pod, group.k8s_pod if group.HasField("k8s_pod") else None, task),
        "enableIngress": config.enable_ingress,
        "rayStartParams": parameters,
    }
    return head | ({"serviceType": config.service_type} if config.service_type else {})


def _worker_group(index: int, cluster: ray_pb2.RayCluster, pod: PodBuild, task: TaskContext) -> dict[str, Any]:
    config, group = task.config.plugins.ray, cluster.worker_group_spec[index]
    given = _member(
        _item(_member(_member(task.template.custom, "rayCluster"), "workerGroupSpec"), index), "rayStartParams"
    )
    parameters = _start_parameters(group.ray_start_params, given, config.defaults.worker_node)
    parameters.setdefault("node-ip-address", config.defaults.worker_node.ip_address)
    _opt_out_of_statistics(parameters, config)
    own = group.k8s_pod if group.HasField("k8s_pod") else None
    return {
        "groupName": group.group_name,
        "replicas": group.replicas,
        # Bounds that exclude the number wanted give way to it.
        "minReplicas": min(group.min_replicas, group.replicas),
        "maxReplicas": max(group.max_replicas, group.replicas),
        "rayStartParams": parameters,
        "template": pods.worker(pod, own, f"custom.rayCluster.workerGroupSpec[{index}]", task),
    }


def _start_parameters(own: Mapping[str, str], given: Value | None, node: RayNodeConfig) -> dict[str, str]:
    """The task's parameters – also where it explicitly has none – or the platform's."""
    return dict(own) if given is not None else dict(node.start_parameters)


def _opt_out_of_statistics(parameters: dict[str, str], config: RayConfig) -> None:
    if not config.enable_usage_stats:
        parameters.setdefault("disable-usage-stats", "true")


def _autoscaler(options: ray_pb2.AutoscalerOptions) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if options.idle_timeout_seconds > 0:
        result["idleTimeoutSeconds"] = options.idle_timeout_seconds
    if options.upscaling_mode != ray_pb2.AutoscalerOptions.UPSCALING_MODE_UNSPECIFIED:
        result["upscalingMode"] = _UPSCALING.get(options.upscaling_mode, "")
    if options.image:
        result["image"] = options.image
    # As in the reference: an autoscaler whose resources can not be read gets KubeRay's own.
    with contextlib.suppress(PluginError):
        result["resources"] = resources.of_task(options.resources, "custom.rayCluster.autoscalerOptions.resources")
    result["env"] = [{"name": pair.key, "value": pair.value} for pair in options.env]
    return {key: value for key, value in result.items() if value}


def _member(parent: Struct | Value | None, name: str) -> Value | None:
    """A member of the custom as written, by either spelling; None: absent or null. Maps can not tell by themselves."""
    if parent is None:
        return None
    fields = parent.fields if isinstance(parent, Struct) else parent.struct_value.fields
    for spelling in (name, _snake(name)):
        if spelling in fields and fields[spelling].WhichOneof("kind") != "null_value":
            value: Value = fields[spelling]
            return value
    return None


def _item(values: Value | None, index: int) -> Value | None:
    return values.list_value.values[index] if values is not None else None


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
