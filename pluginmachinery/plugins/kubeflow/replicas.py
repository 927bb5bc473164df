"""Replica specs: how many pods of one group, from which template, restarted when.

In version 0 of the task types all replicas are the task's own pod. In version 1 each group may have an image, resources
and a command of its own; all but the command stand twice in the custom, and where the newer ``common`` is given, the
older fields beside it do not count at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.plugins.kubeflow.run_policy import NEVER, restart_policy
from pluginmachinery.pods import resources as amounts
from pluginmachinery.pods.build import build_pod_spec, container_of, with_overrides
from pluginmachinery.pods.merging import copied
from pluginmachinery.pods.metadata import united_metadata

if TYPE_CHECKING:
    from flyteidl.core.tasks_pb2 import Resources

ReplicaSpec = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReplicaGroup:
    """What a custom of version 1 says about one group of replicas; zero values where it says nothing.

    ``command`` replaces the *arguments* of the container, its command stays. ``field`` is the group's path.
    """

    field: str
    replicas: int
    image: str
    resources: Resources
    restart_policy: int
    command: tuple[str, ...] = ()


def replica_group(custom: Any, name: str) -> ReplicaGroup:
    """The group in this field of the custom, empty where it is not there."""
    group = getattr(custom, name)
    has_common = group.HasField("common")
    source = group.common if has_common else group
    return ReplicaGroup(
        field=f"custom.{_camel_case(name)}" + (".common" if has_common else ""),
        replicas=source.replicas,
        image=source.image,
        resources=source.resources,
        restart_policy=source.restart_policy,
        command=tuple(getattr(group, "command", ())),
    )


class ReplicaSpecs:
    """Makes the replica specs of one job.

    Building the pod is most of the work, so it is done once for all groups with the same resources. What is handed out
    is the caller's to change.
    """

    def __init__(self, task: TaskContext, container_name: str) -> None:
        """``container_name`` is what the operator wants the training container to be called."""
        self._task = task
        self._container_name = container_name
        self._templates: dict[bytes, dict[str, Any]] = {}

    def plain(self, replicas: int) -> ReplicaSpec:
        """So many of the task's own pod, never restarted. Raises PluginError ``BadTaskSpecification``."""
        template = self._template(b"", lambda: self._task)
        return {"replicas": replicas, "restartPolicy": NEVER, "template": template}

    def of_group(self, group: ReplicaGroup, *, replicas: int | None = None) -> ReplicaSpec:
        """The pod as this group wants it; ``replicas`` where their number is not the group's to say.

        Raises PluginError ``BadTaskSpecification``.
        """
        has_resources = group.resources.limits or group.resources.requests
        template = self._template(
            group.resources.SerializeToString() if has_resources else b"",
            lambda: _with_resources(self._task, group) if has_resources else self._task,
        )
        for container in named_containers(template, self._container_name):
            if group.image:
                container["image"] = group.image
            if group.command:
                container["args"] = list(group.command)
        spec = {"replicas": group.replicas if replicas is None else replicas, "template": template}
        policy = restart_policy(group.restart_policy)
        return spec | {"restartPolicy": policy} if policy else spec

    def _template(self, key: bytes, task: Callable[[], TaskContext]) -> dict[str, Any]:
        if key not in self._templates:
            self._templates[key] = _pod_template(task(), self._container_name)
        template: dict[str, Any] = copied(self._templates[key])
        return template


def named_containers(template: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The containers of this name – several, where a side container is called what the operator wants."""
    return [container for container in template["spec"]["containers"] if container.get("name") == name]


@cache
def _camel_case(name: str) -> str:
    """A field's name as it is usually written in a custom."""
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _with_resources(task: TaskContext, group: ReplicaGroup) -> TaskContext:
    """The task with the group's resources in place of those that the execution overrides."""
    own = amounts.of_task(group.resources, f"{group.field}.resources")
    return with_overrides(task, resources=amounts.adjusted_for(task, own))


def _pod_template(task: TaskContext, container_name: str) -> dict[str, Any]:
    """The task's pod as a template: the container renamed, labels and annotations of all who have a say."""
    pod = build_pod_spec(task)
    container_of(pod.spec, pod.primary_container_name)["name"] = container_name
    metadata = {**pod.metadata, **united_metadata(pod.metadata, task)}
    return {"metadata": metadata, "spec": pod.spec}
