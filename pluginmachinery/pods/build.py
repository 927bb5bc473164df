"""From a task to its pod: the whole pipeline, and its parts for plugins that put pods into objects of their own.

The stages, in order: *raw* (the pod of the task template) → *containers* (commands, environment, resources) →
*co-pilot* → *pod defaults* and *scheduling* → *templates* → *accelerators* → *shared memory* → the image override. Each
is a pure function from values to values in a module of its own; nothing given is ever changed.

For authors of plugins::

    pod = build_pod_spec(task)                       # a whole pod: spec, labels and annotations, primary container
    pod = build_pod_spec(with_overrides(task, interruptible=False))          # a driver, a head
    pod = build_pod_spec(with_overrides(task, resources=…, extended_resources=…))   # a replica with amounts of its own
    spec = templates.overlay_spec(pod.spec, custom)  # a user's custom pod laid over it
    container = container_of(pod.spec, pod.primary_container_name)

Further: :func:`pod_defaults.service_account`, :func:`scheduling.with_extended_resource_tolerations` (already done by
:func:`build_pod_spec`; again where resources have changed since), :func:`resources.of_task`,
:func:`resources.adjusted_for`, :func:`structs.decode` for pieces of Kubernetes in custom payloads.

Errors are PluginError with the code ``BadTaskSpecification`` and the path of the offending field.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pluginmachinery.core.errors import bad_task
from pluginmachinery.core.tasks import JSON, TaskContext
from pluginmachinery.pods.accelerators import with_accelerator
from pluginmachinery.pods.containers import ResourceMode, container_context, customized
from pluginmachinery.pods.copilot import data_config, with_copilot, with_mounts
from pluginmachinery.pods.pod_defaults import with_pod_defaults, with_security_default
from pluginmachinery.pods.raw import PRIMARY_CONTAINER_KEY, PodBuild, raw_pod
from pluginmachinery.pods.scheduling import with_extended_resource_tolerations
from pluginmachinery.pods.shared_memory import with_shared_memory
from pluginmachinery.pods.templates import (
    CONTAINERS,
    INIT_CONTAINERS,
    BaseTemplate,
    SpecialNames,
    base_template,
    laid_over_template,
)

if TYPE_CHECKING:
    from flyteidl.core.tasks_pb2 import ExtendedResources

__all__ = [
    "PRIMARY_CONTAINER_KEY",
    "PodBuild",
    "build_pod_spec",
    "configured",
    "container_of",
    "raw_pod",
    "with_overrides",
]


def build_pod_spec(task: TaskContext) -> PodBuild:
    """The complete pod of a task for use inside an operator's object. The reference's ``ToK8sPodSpec``."""
    pod = configured(raw_pod(task), task)
    spec = with_extended_resource_tolerations(pod.spec, task.config.plugins.k8s)
    return dataclasses.replace(pod, spec=spec)


def configured(pod: PodBuild, task: TaskContext) -> PodBuild:
    """A raw pod with everything that platform and execution add. The reference's ``ApplyFlytePodConfiguration``.

    Raises PluginError ``BadTaskSpecification``, for instance if the pod does not have its primary container.
    """
    config = task.config.plugins.k8s
    template = base_template(task)
    spec = _with_customized_containers(pod, task, template)
    primary = _index_of(spec["containers"], pod.primary_container_name)
    if primary is None:
        raise bad_task(
            f"the pod has no container {pod.primary_container_name!r}, which is to be the primary one",
            field=PRIMARY_CONTAINER_KEY,
        )
    resources = [container["resources"] for container in spec["containers"]]
    downloader_name = ""
    data = data_config(task)
    if data is not None:
        spec["containers"][primary] = with_mounts(spec["containers"][primary], data, task)
        spec, downloader_name = with_copilot(spec, data, task)
    spec = with_pod_defaults(spec, task, resources)
    spec["containers"][primary] = with_security_default(spec["containers"][primary], config)
    pod = PodBuild(spec, pod.metadata, pod.primary_container_name)
    if template is not None:
        pod = laid_over_template(pod, template, downloader_name)
    return PodBuild(_with_extended_resources(pod, task), pod.metadata, pod.primary_container_name)


def with_overrides(
    task: TaskContext,
    *,
    interruptible: bool | None = None,
    resources: JSON | None = None,
    extended_resources: ExtendedResources | None = None,
) -> TaskContext:
    """The same task, of which one part – a driver, a replica – is run differently; None leaves a thing as it is.

    ``resources`` and ``extended_resources`` take the place of the execution's overrides as a whole. The reference's
    ``NewPluginTaskExecutionContext``.
    """
    overrides = task.metadata.overrides
    if resources is not None:
        overrides = dataclasses.replace(overrides, resources=resources)
    if extended_resources is not None:
        overrides = dataclasses.replace(overrides, extended_resources=extended_resources)
    metadata = dataclasses.replace(task.metadata, overrides=overrides)
    if interruptible is not None:
        metadata = dataclasses.replace(metadata, interruptible=interruptible)
    return dataclasses.replace(task, metadata=metadata)


def container_of(spec: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The container of this name. Raises PluginError ``BadTaskSpecification`` if there is none."""
    for container in spec.get("containers") or ():
        if container.get("name") == name:
            found: dict[str, Any] = container
            return found
    raise bad_task(f"the pod has no container {name!r}", field="containers")


def _with_customized_containers(pod: PodBuild, task: TaskContext, template: BaseTemplate | None) -> dict[str, Any]:
    context = container_context(task)

    def customized_in(key: str, special: SpecialNames, mode_of: Callable[[str], ResourceMode]) -> list[dict[str, Any]]:
        result = []
        for index, container in enumerate(pod.spec.get(key) or ()):
            name = container.get("name", "")
            base = {} if template is None else template.resources_of(name, special)
            result.append(customized(container, context, mode_of(name), base, field=f"{key}[{index}]"))
        return result

    def mode_of(name: str) -> ResourceMode:
        return ResourceMode.MERGE if name == pod.primary_container_name else ResourceMode.CLAMP

    spec = {**pod.spec, "containers": customized_in("containers", CONTAINERS, mode_of)}
    if spec.get("initContainers"):
        spec["initContainers"] = customized_in("initContainers", INIT_CONTAINERS, lambda _: ResourceMode.MERGE)
    return spec


def _with_extended_resources(pod: PodBuild, task: TaskContext) -> dict[str, Any]:
    """Accelerator and shared memory of the task or, each as a whole, of the execution; then the image override."""
    spec = pod.spec
    own, override = task.template.extended_resources, task.metadata.overrides.extended_resources
    for source in (override, own):
        if source is not None and source.HasField("gpu_accelerator"):
            spec = with_accelerator(spec, source.gpu_accelerator, task.config.plugins.k8s)
            break
    for source in (override, own):
        if source is not None and source.HasField("shared_memory"):
            spec = with_shared_memory(spec, source.shared_memory, pod.primary_container_name)
            break
    image = task.metadata.overrides.container_image
    return _with_image(spec, pod.primary_container_name, image) if image else spec


def _with_image(spec: Mapping[str, Any], name: str, image: str) -> dict[str, Any]:
    containers = list(spec.get("containers") or ())
    for index, container in enumerate(containers):
        if container.get("name") == name:
            containers[index] = {**container, "image": image}
            break
    return {**spec, "containers": containers}


def _index_of(containers: Sequence[JSON], name: str) -> int | None:
    """Where the container of this name is; the last one, should the pod have several."""
    return max((index for index, each in enumerate(containers) if each.get("name") == name), default=None)
