"""Driver and executor: what the operator wants to know of a pod, taken from the pod that the task would be.

The driver is never interruptible: without it the application is lost. A task may bring a pod of its own for either,
which is laid over the task's container by container.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.plugins.spark_application.settings import number
from pluginmachinery.pods import structs
from pluginmachinery.pods.build import build_pod_spec, container_of, with_overrides
from pluginmachinery.pods.metadata import united_metadata
from pluginmachinery.pods.pod_defaults import service_account
from pluginmachinery.pods.templates import overlay_spec

if TYPE_CHECKING:
    from flyteidl.core.tasks_pb2 import K8sPod
    from flyteidl.plugins.spark_pb2 import SparkJob

DEFAULT_SERVICE_ACCOUNT = "spark"

_POD_FIELDS = {
    "affinity": "affinity",
    "securityContext": "podSecurityContext",
    "dnsConfig": "dnsConfig",
    "tolerations": "tolerations",
    "schedulerName": "schedulerName",
    "nodeSelector": "nodeSelector",
    "priorityClassName": "priorityClassName",
}
"""Fields of a PodSpec and what they are called for a driver or executor."""


@dataclass(frozen=True, slots=True)
class Role:
    """Driver or executor as the operator wants it, and the container that it came from."""

    spec: dict[str, Any]
    container: Mapping[str, Any]


def driver(job: SparkJob, settings: Mapping[str, str], task: TaskContext) -> Role:
    """Raises PluginError ``BadTaskSpecification``."""
    own = job.driverPod if job.HasField("driverPod") else None
    role = _role(own, "custom.driverPod", with_overrides(task, interruptible=False))
    return Role(role.spec | _sized(settings, "driver"), role.container)


def executor(job: SparkJob, settings: Mapping[str, str], task: TaskContext) -> Role:
    """Raises PluginError ``BadTaskSpecification``."""
    own = job.executorPod if job.HasField("executorPod") else None
    role = _role(own, "custom.executorPod", task)
    instances = number(settings, "spark.executor.instances")
    sized = _sized(settings, "executor") | ({"instances": instances} if instances else {})
    return Role(role.spec | sized, role.container)


def _role(own: K8sPod | None, field: str, task: TaskContext) -> Role:
    pod = build_pod_spec(task)
    spec, primary = pod.spec, pod.primary_container_name
    if own is not None:
        if own.HasField("pod_spec"):
            spec = overlay_spec(spec, structs.decode_pod_spec(own.pod_spec, f"{field}.podSpec"))
        primary = own.primary_container_name or primary
    container = container_of(spec, primary)
    role: dict[str, Any] = {name: spec[key] for key, name in _POD_FIELDS.items() if spec.get(key)}
    env = [*(container.get("env") or ()), {"name": "FLYTE_MAX_ATTEMPTS", "value": str(task.metadata.max_attempts)}]
    role |= united_metadata(pod.metadata, task, own) | {
        "env": env,
        "image": container.get("image", ""),
        "hostNetwork": bool(spec.get("hostNetwork")),
        "serviceAccount": service_account(task.metadata) or DEFAULT_SERVICE_ACCOUNT,
    }
    if container.get("securityContext") is not None:
        role["securityContext"] = container["securityContext"]
    return Role(role, container)


def _sized(settings: Mapping[str, str], role: str) -> dict[str, Any]:
    """Cores and memory as Spark's settings have them; the operator makes the pod's resources of these."""
    cores, memory = number(settings, f"spark.{role}.cores"), settings.get(f"spark.{role}.memory")
    return ({"cores": cores} if cores else {}) | ({"memory": memory} if memory else {})
