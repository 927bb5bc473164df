"""Stage *raw*: the pod as the task template has it, before anything of the platform is added.

A task brings its pod in one of two *targets*: a ``container`` (image, command, amounts), of which a pod with one
container is made, or a ``k8sPod`` (a whole pod spec). The *primary container* is the one whose end is the task's end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pluginmachinery.core.errors import bad_task
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.core.values import value_class
from pluginmachinery.pods import names, resources, structs

if TYPE_CHECKING:
    from flyteidl.core.tasks_pb2 import K8sObjectMetadata, K8sPod

PRIMARY_CONTAINER_KEY = "primary_container_name"
"""Key of the task's config, and annotation of the pod, that names the primary container."""


@value_class
class PodBuild:
    """A pod on its way through the pipeline.

    ``spec`` is a PodSpec, ``metadata`` an ObjectMeta that holds at least ``labels`` and ``annotations``; both are the
    caller's to keep and to change.
    """

    spec: dict[str, Any]
    metadata: dict[str, Any]
    primary_container_name: str


def raw_pod(task: TaskContext) -> PodBuild:
    """The pod of the template's target; an overriding pod template with a pod spec takes its place.

    Raises PluginError ``BadTaskSpecification``: no target, unreadable pod spec or amounts, no primary container named.
    """
    target = task.template.WhichOneof("target")
    if target == "container":
        return _container_pod(task)
    if target == "k8s_pod":
        return _k8s_pod(task)
    raise bad_task("the task has neither a container nor a pod", field="target")


def new_metadata() -> dict[str, Any]:
    return {"labels": {}, "annotations": {}}


def add_metadata(metadata: dict[str, Any], more: K8sObjectMetadata) -> None:
    """More labels and annotations, in the order of their names: protobuf's own order is another in every process."""
    metadata["labels"].update(sorted(more.labels.items()))
    metadata["annotations"].update(sorted(more.annotations.items()))


def raw_container(task: TaskContext) -> dict[str, Any]:
    """The container of a container target.

    It is called like the object, if that is allowed for containers, else it gets a random name. Raises PluginError if
    amounts can not be read, or where the execution brings no resources at all.
    """
    if not task.template.HasField("container"):
        raise bad_task("the task has no container", field="container")
    if task.metadata.overrides.resources is None:
        raise bad_task("the execution gives no resources", field="overrides.resources")
    target = task.template.container
    name = task.metadata.generated_name
    container: dict[str, Any] = {
        "name": name if names.is_label(name) else names.random_name(task.random_seed),
        "image": target.image,
        "command": list(target.command),
        "args": list(target.args),
        "env": [_env_var(pair.key, pair.value) for pair in target.env],
        "resources": resources.of_task(target.resources, "container.resources"),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if task.config.plugins.k8s.image_pull_policy:
        container["imagePullPolicy"] = task.config.plugins.k8s.image_pull_policy
    return container


def _env_var(name: str, value: str) -> dict[str, str]:
    return {"name": name, "value": value} if value else {"name": name}


def _container_pod(task: TaskContext) -> PodBuild:
    container = raw_container(task)
    pod = PodBuild({"containers": [container]}, new_metadata(), container["name"])
    return _overridden(pod, task.metadata.overrides.pod_template)


def _k8s_pod(task: TaskContext) -> PodBuild:
    target = task.template.k8s_pod
    if not target.HasField("pod_spec"):
        raise bad_task("a pod task needs a pod spec in its target", field="k8sPod.podSpec")
    spec = structs.decode_pod_spec(target.pod_spec, "k8sPod.podSpec")
    if PRIMARY_CONTAINER_KEY not in task.template.config:
        raise bad_task(f"the task's config does not say {PRIMARY_CONTAINER_KEY}", field="config")
    metadata = new_metadata()
    add_metadata(metadata, target.metadata)
    pod = PodBuild(spec, metadata, task.template.config[PRIMARY_CONTAINER_KEY])
    return _overridden(pod, task.metadata.overrides.pod_template)


def _overridden(pod: PodBuild, override: K8sPod | None) -> PodBuild:
    """The execution's pod spec instead of the task's; labels and annotations of both."""
    if override is None or not override.HasField("pod_spec"):
        return pod
    add_metadata(pod.metadata, override.metadata)
    spec = structs.decode_pod_spec(override.pod_spec, "overrides.podTemplate.podSpec")
    return PodBuild(spec, pod.metadata, override.primary_container_name)
