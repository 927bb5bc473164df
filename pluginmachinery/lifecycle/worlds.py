"""What holds for all tasks at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from pluginmachinery.config import Configuration
from pluginmachinery.core.plugins import CorePlugin, KubernetesPlugin
from pluginmachinery.core.tasks import PodTemplates
from pluginmachinery.lifecycle.context_cache import ContextCache
from pluginmachinery.manager.plugin_manager import PluginManager
from pluginmachinery.manager.waiting_room import WaitingRoom
from pluginmachinery.plugins.registry import PluginRegistry
from pluginmachinery.plugins.scopes import Scopes


@dataclass(frozen=True)
class World:
    """Configuration, plugins, pod templates and the process environment.

    A new World is made when one of these changes (a PodTemplate event); ``dataclasses.replace`` keeps the rest, the
    plugins' own memory and the parsed tasks included. ``data_prefix`` is a folder or URL under which executions that
    name no paths get their own.
    """

    config: Configuration
    registry: PluginRegistry
    pod_templates: Sequence[Mapping[str, Any]] = ()
    pod_template_default_namespace: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    data_prefix: str = ""
    scopes: Scopes = field(default_factory=Scopes)
    contexts: ContextCache = field(default_factory=ContextCache, compare=False, repr=False)
    plugins: dict[str, CorePlugin] = field(default_factory=dict, compare=False, repr=False)
    waiting_room: WaitingRoom = field(default_factory=WaitingRoom, compare=False, repr=False)

    def of(self, execution: Mapping[str, Any]) -> World:
        """The world as it is for the project and domain of this execution."""
        if not self.scopes.table:
            return self
        project, domain = _project_and_domain(execution["spec"])
        found = self.scopes.find(project, domain)
        if found is None:
            return self
        config, registry = found
        if id(config) not in self._scoped:
            self._scoped[id(config)] = replace(self, config=config, registry=registry, scopes=Scopes(), plugins={})
        return self._scoped[id(config)]

    @cached_property
    def _scoped(self) -> dict[int, World]:
        return {}

    def plugin(self, plugin_id: str) -> CorePlugin:
        """The plugin as the life cycle drives it. Raises PluginMachineryError where it is not enabled."""
        known = self.plugins.get(plugin_id)
        if known is None:
            known = self.plugins[plugin_id] = self._load(plugin_id)
        return known

    def needs_finalizer(self, plugin_id: str) -> bool:
        """Must a TaskExecution of this plugin wait for us when it is deleted?

        So it is when something is left that owner references do not remove: state outside Kubernetes, an object that
        must not simply be deleted, objects that carry a finalizer of ours or no owner. Plain pods need nothing.
        Raises PluginMachineryError where the plugin is not enabled.
        """
        config, driven = self.config.plugins.k8s, self.plugin(plugin_id)
        if config.inject_finalizer or config.disable_inject_owner_references:
            return True
        if isinstance(driven, PluginManager):
            return driven.plugin.properties.disable_inject_owner_references or driven.overrides_abort
        makes_objects = (one.resources for one in self.registry.declarations if one.id == plugin_id)
        return not any(makes_objects)

    @cached_property
    def pod_template_store(self) -> PodTemplates:
        return PodTemplates(self.pod_templates, self.pod_template_default_namespace)

    @cached_property
    def platform_resources(self) -> dict[str, dict[str, str]]:
        """The platform's defaults and limits (``task_resources``) as a Kubernetes ResourceRequirements."""
        resources = self.config.task_resources
        return {"requests": _amounts(resources.defaults), "limits": _amounts(resources.limits)}

    def _load(self, plugin_id: str) -> CorePlugin:
        plugin = self.registry.load(plugin_id)
        return PluginManager(plugin, self.waiting_room) if isinstance(plugin, KubernetesPlugin) else plugin


def _project_and_domain(spec: Mapping[str, Any]) -> tuple[str, str]:
    """Of the workflow's execution where there is one, else of the task."""
    given = spec.get("id") or {}
    execution = (given.get("nodeExecutionId") or {}).get("executionId") or {}
    for source in (execution, given.get("taskId") or {}, spec["template"].get("id") or {}):
        if source.get("project") or source.get("domain"):
            return source.get("project") or "", source.get("domain") or ""
    return "", ""


def _amounts(resources: Any) -> dict[str, str]:
    """Flyte's resource names → Kubernetes' own. Amounts of zero are given too: they mean "no limit" further on."""
    return {
        "cpu": str(resources.cpu),
        "memory": str(resources.memory),
        "ephemeral-storage": str(resources.ephemeral_storage),
        "nvidia.com/gpu": str(resources.gpu),
    }
