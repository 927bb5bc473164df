"""A plugin for the tests of the plugin manager: a task is a Widget, and the Widget's status says how it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pluginmachinery.api.contexts import task_context
from pluginmachinery.config import Configuration
from pluginmachinery.config.k8s import K8sPluginConfig
from pluginmachinery.config.root import PluginsConfig
from pluginmachinery.config.tasks import BackOffConfig, TasksConfig
from pluginmachinery.conformance.cluster import Call, Cluster, Refuse
from pluginmachinery.conformance.executor import Executor
from pluginmachinery.core.actions import ObjectRef, Refused, ResourceKind
from pluginmachinery.core.errors import PluginError
from pluginmachinery.core.phases import Phase, PhaseInfo
from pluginmachinery.core.plugins import AbortBehavior, PluginProperties
from pluginmachinery.core.tasks import PluginContext, TaskContext, TaskMetadata

NOW = datetime(2030, 1, 1, tzinfo=UTC)
WIDGET = ResourceKind("example.org/v1", "Widget", "widgets")
POD = ResourceKind("v1", "Pod", "pods")
REF = ObjectRef(WIDGET, "ns", "task-0")
OWNER = {"apiVersion": "plugins.flyte.org/v1alpha1", "kind": "TaskExecution", "name": "task", "uid": "owner-1"}
BOOM = Refused("InternalError", "boom", 500)


@dataclass(frozen=True)
class WidgetPlugin:
    """``build`` and ``read`` can be replaced by ones that fail."""

    resource: ResourceKind = WIDGET
    properties: PluginProperties = PluginProperties()  # noqa: RUF009  frozen
    build: Callable[[TaskContext], Any] = lambda _: {"apiVersion": WIDGET.api_version, "kind": "Widget", "spec": {}}
    read: Callable[[Mapping[str, Any]], Any] = lambda widget: PhaseInfo(
        Phase((widget.get("status") or {}).get("phase", "Queued"))
    )
    id: str = "widget"

    def build_resource(self, task: TaskContext) -> dict[str, Any]:
        built: dict[str, Any] = self.build(task)
        return built

    def build_identity_resource(self, metadata: TaskMetadata) -> dict[str, Any]:
        return {"apiVersion": self.resource.api_version, "kind": self.resource.kind}

    def get_task_phase(self, context: PluginContext, resource: Mapping[str, Any]) -> PhaseInfo:
        info: PhaseInfo = self.read(resource)
        return info


@dataclass(frozen=True)
class StoppableWidgetPlugin(WidgetPlugin):
    """Its widgets are not simply deleted on abort."""

    behavior: AbortBehavior = AbortBehavior()  # noqa: RUF009  frozen

    def on_abort(self, task: TaskContext, resource: Mapping[str, Any]) -> AbortBehavior:
        return self.behavior


def raising(error: Exception) -> Callable[[Any], Any]:
    def raise_it(_: Any) -> Any:
        raise error

    return raise_it


BAD_TASK = PluginError("BadTaskSpecification", "no", field="custom")


def widget_task(
    name: str = "task", *, backoff: BackOffConfig | None = None, owner: Any = OWNER, **k8s: Any
) -> TaskContext:
    """A task whose widget is called ``<name>-0``; ``k8s`` are fields of ``plugins.k8s``."""
    if name != "task" and owner is OWNER:
        owner = OWNER | {"name": name, "uid": f"uid-{name}"}
    return task_context(
        {"type": "widget"},
        {"generatedName": f"{name}-0", "namespace": "ns", "ownerReference": owner},
        config=Configuration(
            plugins=PluginsConfig(k8s=K8sPluginConfig(**k8s)),
            tasks=TasksConfig(backoff=backoff or BackOffConfig()),
        ),
        now=NOW,
    )


def widget(phase: str = "Running", *, owner: Any = OWNER, **metadata: Any) -> dict[str, Any]:
    """A widget as the API server has it."""
    owners = [] if owner is None else [owner]
    return {
        "apiVersion": WIDGET.api_version,
        "kind": "Widget",
        "metadata": {"namespace": "ns", "name": "task-0", "uid": "w-1", "ownerReferences": owners, **metadata},
        "status": {"phase": phase},
    }


def cluster(existing: Mapping[str, Any] | None = None, **refused: Any) -> Cluster:
    """A cluster with this widget, or none; ``refused`` are the answers to some verbs."""
    refuse: Refuse = lambda verb, _: refused.get(verb)  # noqa: E731
    return Cluster({} if existing is None else {REF: existing}, refuse=refuse)


def executor(on: Cluster) -> Executor:
    return Executor(on, now=NOW)


def verbs(on: Cluster) -> list[str]:
    return [call.verb for call in on.calls]


def only(calls: list[Call], verb: str) -> list[Call]:
    return [call for call in calls if call.verb == verb]


STARTED = {"started": True, "phase": "Queued", "phaseVersion": 0, "reason": "task submitted to K8s"}
