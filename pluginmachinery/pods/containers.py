"""Stage *containers*: what is done to every container of a pod – command and arguments, environment, resources."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from pluginmachinery.core.tasks import JSON, TaskContext
from pluginmachinery.core.values import value_class
from pluginmachinery.pods import resources
from pluginmachinery.pods.env import PlatformEnv, platform_env
from pluginmachinery.pods.pod_defaults import with_security_default
from pluginmachinery.pods.raw import raw_container
from pluginmachinery.pods.templating import rendered

_NONE: JSON = {}


class ResourceMode(enum.Enum):
    """Whose resources a container gets."""

    ASSIGN = enum.auto()
    """The execution's overrides alone, else the platform's defaults."""
    MERGE = enum.auto()
    """Overrides, its own, the pod template's, the platform's defaults: for primary and init containers."""
    CLAMP = enum.auto()
    """Its own and the pod template's, cut to the platform's limits: for side containers."""


@value_class
class ContainerContext:
    """What the containers of one pod have in common, worked out once."""

    task: TaskContext
    env: PlatformEnv
    overrides: JSON
    platform: JSON


def container_context(task: TaskContext, *, console_url: bool | None = None) -> ContainerContext:
    """Raises PluginError ``BadTaskSpecification`` if the execution's amounts can not be read."""
    return ContainerContext(
        task,
        platform_env(task, console_url=console_url),
        resources.read(task.metadata.overrides.resources, "overrides.resources"),
        resources.read(task.metadata.platform_resources, "platformResources"),
    )


def customized(
    container: Mapping[str, Any],
    context: ContainerContext,
    mode: ResourceMode,
    template_resources: JSON = _NONE,
    *,
    field: str = "container",
) -> dict[str, Any]:
    """A container with templates filled in, the platform's environment added and its resources settled.

    ``template_resources`` are those of the pod template's container that stands for this one. Raises PluginError
    ``BadTaskSpecification``, with ``field`` as the start of the path.
    """
    result = dict(container)
    for part in ("command", "args"):
        texts = result.pop(part, None)
        if texts:
            result[part] = rendered(texts, context.task, f"{field}.{part}")
    result |= context.env.added_to(container)
    result["resources"] = _resources(container.get("resources") or {}, context, mode, template_resources)
    return result


def _resources(own: JSON, context: ContainerContext, mode: ResourceMode, template: JSON) -> dict[str, Any]:
    config = context.task.config.plugins.k8s
    if mode is ResourceMode.ASSIGN:
        return resources.adjusted(context.overrides, context.platform, config)
    own = resources.with_platform_gpu(own, config)
    if mode is ResourceMode.MERGE:
        wanted = resources.filled_up(resources.overlaid(own, context.overrides), template)
        return resources.adjusted(wanted, context.platform, config)
    return resources.adjusted(resources.filled_up(own, template), context.platform, config, assign_missing=False)


def task_container(task: TaskContext) -> dict[str, Any]:
    """The task's own container ready to be put into a pod that the plugin makes itself.

    The reference's ``ToK8sContainer``. Raises PluginError ``BadTaskSpecification``.
    """
    container = customized(raw_container(task), container_context(task, console_url=False), ResourceMode.MERGE)
    return with_security_default(container, task.config.plugins.k8s)
