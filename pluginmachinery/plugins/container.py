"""Plain pods: the plugins ``container``, ``sidecar`` and ``pod``, which are one and the same under three IDs.

A task brings its pod in one of four ways: as a container, as a whole pod (``k8sPod``), and – tasks of the type
``sidecar`` from long ago – in ``custom``: version 0 with names of its own around the pod spec, version 1 as the pod
spec itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pluginmachinery.core.actions import ResourceKind
from pluginmachinery.core.errors import bad_task
from pluginmachinery.core.phases import PhaseInfo
from pluginmachinery.core.plugins import PluginProperties
from pluginmachinery.core.tasks import PluginContext, TaskContext, TaskMetadata
from pluginmachinery.pods import structs
from pluginmachinery.pods.build import configured
from pluginmachinery.pods.pod_defaults import service_account
from pluginmachinery.pods.raw import PRIMARY_CONTAINER_KEY, PodBuild, add_metadata, new_metadata, raw_pod
from pluginmachinery.pods.status import pod_phase

POD = ResourceKind("v1", "Pod", "pods")

_SIDECAR = "sidecar"
_RAW_CONTAINER = "raw-container"


_PROPERTIES = PluginProperties()


@dataclass(frozen=True, slots=True)
class PodPlugin:
    """Runs a task as one pod; the task is done when its primary container is."""

    id: str
    resource: ResourceKind = POD
    properties: PluginProperties = _PROPERTIES

    def build_resource(self, task: TaskContext) -> dict[str, Any]:
        pod = configured(_raw(task), task)
        metadata, spec = dict(pod.metadata), dict(pod.spec)
        if _follows_primary_container(task, spec):
            annotations = metadata.get("annotations") or {}
            metadata["annotations"] = {**annotations, PRIMARY_CONTAINER_KEY: pod.primary_container_name}
        account = spec.get("serviceAccountName") or service_account(task.metadata)
        if account:
            spec["serviceAccountName"] = account
        return {"apiVersion": POD.api_version, "kind": POD.kind, "metadata": metadata, "spec": spec}

    def build_identity_resource(self, metadata: TaskMetadata) -> dict[str, Any]:  # noqa: ARG002
        return {"apiVersion": POD.api_version, "kind": POD.kind}

    def get_task_phase(self, context: PluginContext, resource: Mapping[str, Any]) -> PhaseInfo:
        return pod_phase(context, resource)


def _raw(task: TaskContext) -> PodBuild:
    if task.template.type == _SIDECAR and task.template.task_type_version == 0:
        return _sidecar_v0(task)
    if task.template.type == _SIDECAR and task.template.task_type_version == 1:
        return _sidecar_v1(task)
    return raw_pod(task)


def _sidecar_v0(task: TaskContext) -> PodBuild:
    """``custom`` holds podSpec, primaryContainerName, annotations and labels, in any case."""
    given = {key.lower(): value for key, value in _custom(task).items() if value is not None}

    def member(name: str, kind: str, zero: Any) -> Any:
        value = given.get(name.lower())
        return zero if value is None else structs.decode(kind, value, f"custom.{name}")

    spec = member("podSpec", "PodSpec", None)
    if spec is None:
        raise bad_task("the task's custom has no podSpec", field="custom.podSpec")
    metadata = {name: member(name, "{}string", {}) for name in ("labels", "annotations")}
    return PodBuild(spec, metadata, member("primaryContainerName", "string", ""))


def _sidecar_v1(task: TaskContext) -> PodBuild:
    """``custom`` is the pod spec; a pod target beside it gives labels and annotations only."""
    spec = structs.decode("PodSpec", _custom(task), "custom")
    if PRIMARY_CONTAINER_KEY not in task.template.config:
        raise bad_task(f"the task's config does not say {PRIMARY_CONTAINER_KEY}", field="config")
    metadata = new_metadata()
    add_metadata(metadata, task.template.k8s_pod.metadata)
    return PodBuild(spec, metadata, task.template.config[PRIMARY_CONTAINER_KEY])


def _custom(task: TaskContext) -> dict[str, Any]:
    if not task.template.HasField("custom"):
        raise bad_task("a sidecar task of this version needs its pod in custom", field="custom")
    return structs.plain(task.template.custom)


def _follows_primary_container(task: TaskContext, spec: Mapping[str, Any]) -> bool:
    """Is the task done when its primary container is? A raw container has co-pilot beside it, which ends later."""
    if task.template.type == _SIDECAR:
        return True
    return len(spec["containers"]) == 1 and task.template.type != _RAW_CONTAINER
