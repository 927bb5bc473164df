"""Head, worker and submitter: three pods made of the task's.

The submitter is the task's pod as it is. Head and workers run Ray instead of the task's arguments, and may each have a
pod of their own laid over, container by container.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.pods import structs
from pluginmachinery.pods.build import PodBuild, container_of
from pluginmachinery.pods.merging import copied
from pluginmachinery.pods.metadata import united_metadata
from pluginmachinery.pods.scheduling import with_extended_resource_tolerations
from pluginmachinery.pods.templates import overlay_spec

if TYPE_CHECKING:
    from flyteidl.core.tasks_pb2 import K8sPod

HEAD, WORKER = "ray-head", "ray-worker"
STATE_FOLDER = "/tmp/ray"  # noqa: S108 - where Ray keeps its logs, in its own container
STATE_VOLUME = "system-ray-state"

_PORTS = (("redis", 6379), ("head", 10001), ("dashboard", 8265))


def _field(path: str) -> dict[str, Any]:
    return {"fieldRef": {"fieldPath": path}}


def _amount(resource: str) -> dict[str, Any]:
    return {"resourceFieldRef": {"containerName": WORKER, "resource": resource, "divisor": "0"}}


_POD_IP: Mapping[str, Any] = {"name": "MY_POD_IP", "valueFrom": _field("status.podIP")}
_WORKER_ENV: Sequence[Mapping[str, Any]] = (
    {"name": "RAY_DISABLE_DOCKER_CPU_WARNING", "value": "1"},
    {"name": "TYPE", "value": "worker"},
    {"name": "CPU_REQUEST", "valueFrom": _amount("requests.cpu")},
    {"name": "CPU_LIMITS", "valueFrom": _amount("limits.cpu")},
    # The CPU once more: so has Flyte always done, and images may have come to count on it.
    {"name": "MEMORY_REQUESTS", "valueFrom": _amount("requests.cpu")},
    {"name": "MEMORY_LIMITS", "valueFrom": _amount("limits.cpu")},
    {"name": "MY_POD_NAME", "valueFrom": _field("metadata.name")},
    _POD_IP,
)


def head(pod: PodBuild, own: K8sPod | None, task: TaskContext) -> dict[str, Any]:
    """The head's pod template. Raises PluginError ``BadTaskSpecification``."""
    spec, container = _ray_node(pod, HEAD, [_POD_IP])
    sidecar = task.config.plugins.ray.logs_sidecar
    if sidecar is not None:
        _add_logs_sidecar(spec, container, sidecar)
    return _template(spec, pod, own, "custom.rayCluster.headGroupSpec.k8sPod", task)


def worker(pod: PodBuild, own: K8sPod | None, field: str, task: TaskContext) -> dict[str, Any]:
    """The pod template of a group of workers; ``field`` is the group's path.

    Raises PluginError ``BadTaskSpecification``.
    """
    spec, container = _ray_node(pod, WORKER, _WORKER_ENV)
    container["lifecycle"] = {"preStop": {"exec": {"command": ["/bin/sh", "-c", "ray stop"]}}}
    return _template(spec, pod, own, f"{field}.k8sPod", task)


def submitter(pod: PodBuild, task: TaskContext) -> dict[str, Any]:
    """The template of the pod that submits the job: the task's own."""
    return {"metadata": _metadata(pod, None, task), "spec": copied(pod.spec)}


def _ray_node(pod: PodBuild, name: str, env: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A copy of the pod whose primary container is a Ray node, and that container."""
    spec: dict[str, Any] = copied(pod.spec)
    container = container_of(spec, pod.primary_container_name)
    container["name"] = name
    container["args"] = []
    container["env"] = [*(container.get("env") or ()), *copied(env)]
    ports = [{"name": port, "containerPort": number} for port, number in _PORTS]
    container["ports"] = [*(container.get("ports") or ()), *ports]
    return spec, container


def _template(spec: dict[str, Any], pod: PodBuild, own: K8sPod | None, field: str, task: TaskContext) -> dict[str, Any]:
    if own is not None and own.HasField("pod_spec"):
        spec = overlay_spec(spec, structs.decode_pod_spec(own.pod_spec, f"{field}.podSpec"))
    spec = with_extended_resource_tolerations(spec, task.config.plugins.k8s)
    return {"metadata": _metadata(pod, own, task), "spec": spec}


def _metadata(pod: PodBuild, own: K8sPod | None, task: TaskContext) -> dict[str, Any]:
    """The pod's metadata, with labels and annotations of all who have a say."""
    return {**pod.metadata, **united_metadata(pod.metadata, task, own)}


def _add_logs_sidecar(spec: dict[str, Any], container: dict[str, Any], configured: Mapping[str, Any]) -> None:
    """Add the configured container, which reads Ray's logs in the folder that the head writes them to."""
    mount = next((each for each in container.get("volumeMounts") or () if each["mountPath"] == STATE_FOLDER), None)
    if mount is None:
        mount = {"name": STATE_VOLUME, "mountPath": STATE_FOLDER}
        spec["volumes"] = [*(spec.get("volumes") or ()), {"name": STATE_VOLUME, "emptyDir": {}}]
        container["volumeMounts"] = [*(container.get("volumeMounts") or ()), mount]
    read_only = {**mount, "readOnly": True}
    sidecar: dict[str, Any] = copied(configured)
    mounts = [read_only if each["mountPath"] == STATE_FOLDER else each for each in sidecar.get("volumeMounts") or ()]
    sidecar["volumeMounts"] = mounts if read_only in mounts else [*mounts, read_only]
    spec["containers"] = [*spec["containers"], sidecar]
