"""Stage *env*: the environment variables of every container.

They come in a fixed order, later ones shadow earlier ones of the same name: the container's own; workflow, execution
and task (``FLYTE_INTERNAL_…``); sizes for offloading; the execution's; the platform's defaults, and those that it takes
over from the process. Variables that come from a map are put in the order of their names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pluginmachinery.config.k8s import K8sPluginConfig
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.core.values import value_class

_LINK_TYPE = "link_type"
"""Key of the task's config: such tasks show links of their own and need to know where the console is."""


@value_class
class PlatformEnv:
    """What the platform adds to every container of a pod."""

    variables: tuple[tuple[str, str], ...]
    sources: tuple[tuple[str, str], ...]
    """What is added to ``envFrom``: ``secretRef`` or ``configMapRef``, and the name."""

    def added_to(self, container: Mapping[str, Any]) -> dict[str, Any]:
        """``env`` and ``envFrom`` of a container, with its own entries first."""
        own, own_sources = container.get("env") or (), container.get("envFrom") or ()
        env = [*own, *[{"name": name, "value": value} if value else {"name": name} for name, value in self.variables]]
        env_from = [*own_sources, *[{kind: {"name": name, "optional": True}} for kind, name in self.sources]]
        return {**({"env": env} if env else {}), **({"envFrom": env_from} if env_from else {})}


def platform_env(task: TaskContext, *, console_url: bool | None = None) -> PlatformEnv:
    """The variables for this task; ``console_url`` says whether the execution's address is one (None: as needed)."""
    config = task.config.plugins.k8s
    if console_url is None:
        console_url = _LINK_TYPE in task.template.config
    variables = (
        *_identity(task, console_url=console_url),
        *_offloading(task),
        *sorted(task.metadata.environment_variables.items()),
        *sorted(config.default_env_vars.items()),
        *(
            (name, task.environment.get(source, ""))
            for name, source in sorted(config.default_env_vars_from_env.items())
        ),
    )
    return PlatformEnv(variables, tuple(_sources(config)))


def _identity(task: TaskContext, *, console_url: bool) -> Iterator[tuple[str, str]]:
    metadata, identifier = task.metadata, task.metadata.id
    if metadata.workflow_id:
        yield "FLYTE_INTERNAL_EXECUTION_WORKFLOW", metadata.workflow_id
    if identifier is None or not identifier.node_execution_id.HasField("execution_id"):
        return
    execution = identifier.node_execution_id.execution_id
    yield "FLYTE_INTERNAL_EXECUTION_ID", execution.name
    yield "FLYTE_INTERNAL_EXECUTION_PROJECT", execution.project
    yield "FLYTE_INTERNAL_EXECUTION_DOMAIN", execution.domain
    yield "FLYTE_ATTEMPT_NUMBER", str(identifier.retry_attempt)
    if console_url and metadata.console_url:
        yield (
            "FLYTE_EXECUTION_URL",
            f"{metadata.console_url.rstrip('/')}/projects/{execution.project}/domains/{execution.domain}"
            f"/executions/{execution.name}/nodeId/{metadata.unique_node_id}/nodes",
        )
    if identifier.HasField("task_id"):
        task_id = identifier.task_id
        yield "FLYTE_INTERNAL_TASK_PROJECT", task_id.project
        yield "FLYTE_INTERNAL_TASK_DOMAIN", task_id.domain
        yield "FLYTE_INTERNAL_TASK_NAME", task_id.name
        yield "FLYTE_INTERNAL_TASK_VERSION", task_id.version


def _offloading(task: TaskContext) -> Iterator[tuple[str, str]]:
    offloading = task.config.propeller.literal_offloading_config
    if not offloading.enabled:
        return
    if offloading.min_size_in_mb_for_offloading > 0:
        yield "_F_L_MIN_SIZE_MB", str(offloading.min_size_in_mb_for_offloading)
    if offloading.max_size_in_mb_for_offloading > 0:
        yield "_F_L_MAX_SIZE_MB", str(offloading.max_size_in_mb_for_offloading)


def _sources(config: K8sPluginConfig) -> Iterator[tuple[str, str]]:
    for name in config.default_env_from_secrets:
        yield "secretRef", name
    for name in config.default_env_from_configmaps:
        yield "configMapRef", name
