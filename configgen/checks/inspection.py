"""What topics look at: the environment with the places of its values, and the cluster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from configgen.checks.results import Asked
from configgen.cluster.connection import Connection, Object, Unread, labels_of, metadata
from configgen.layers.environments import Environment
from configgen.layers.nodes import Path, dotted, lookup, place_of
from configgen.layers.plugin_checks import discovered
from configgen.lint.subjects import Subject
from configgen.release.manifests import service_account_name
from configgen.release.values import NAME, ReleaseValues
from configgen.render.release import Release
from configgen.render.releases import release_of
from configgen.targets import OWN_TARGETS
from pluginmachinery.api import names
from pluginmachinery.plugins.enabling import cleaned
from pluginmachinery.plugins.registry import PluginDeclaration

_PLUGINS: Path = ("tasks", "task-plugins", "enabled-plugins")


@dataclass(frozen=True, slots=True)
class Sample:
    """What the configuration makes of a built-in task: the first object that its plugin creates."""

    name: str
    plugin: str
    manifest: Mapping[str, Any]


@dataclass(frozen=True)
class Inspection:
    """One environment and one cluster. ``named`` are the namespaces of tasks that the person gave."""

    environment: Environment
    subject: Subject
    cluster: Connection
    named: tuple[str, ...] = ()

    @property
    def home(self) -> str:
        """The controller's namespace."""
        return self.environment.definition.namespace

    @property
    def installs(self) -> bool:
        """Whether our controller is installed, not only values for Flyte's own charts."""
        return any(target in OWN_TARGETS for target in self.environment.definition.targets)

    @property
    def values(self) -> ReleaseValues:
        return self.environment.values

    @cached_property
    def task_namespaces(self) -> tuple[str, ...] | Unread:
        """Where tasks run: as given, else the watched namespaces, else those that have TaskExecutions now."""
        if self.named or self.values.watch_namespaces:
            return self.named or self.values.watch_namespaces
        path = f"/apis/{names.GROUP}/{names.VERSION}/{names.PLURAL}"
        found = self.cluster.items(path, metadata_only=True)
        if isinstance(found, Unread):
            return Unread(f"where tasks run is not known, TaskExecutions can not be listed: {found.reason}")
        namespaces = sorted({str(metadata(one).get("namespace")) for one in found})
        if not namespaces:
            return Unread("where tasks run is not known: all namespaces are watched, and there is no TaskExecution yet")
        return tuple(namespaces)

    @cached_property
    def deployments(self) -> list[Object] | Unread:
        """All Deployments of the cluster."""
        return self.cluster.items("/apis/apps/v1/deployments")

    @cached_property
    def release(self) -> Release:
        """What the environment installs."""
        return release_of(self.environment)

    @property
    def controller(self) -> Object | Unread | None:
        """The Deployment of our controller."""
        return self.installed(NAME)

    def installed(self, component: str) -> Object | Unread | None:
        """The Deployment of a component of ours, by whatever name it was installed: the label tells it."""
        found = self.cluster.items(f"/apis/apps/v1/namespaces/{self.home}/deployments")
        if isinstance(found, Unread):
            return found
        ours = [one for one in found if labels_of(one).get("app.kubernetes.io/name") == component]
        return ours[0] if ours else None

    @cached_property
    def samples(self) -> list[Sample]:
        """Of every built-in task that an enabled plugin runs."""
        from configgen.effects.building import build, world_of
        from configgen.effects.representatives import built_in

        world = world_of(self.environment.configuration, discovered())
        types = {task_type for plugin in self.environment.plugins for task_type in plugin.task_types}
        built = [(task.name, build(world, task)) for task in built_in() if task.type in types]
        return [Sample(name, one.plugin, one.objects[0]) for name, one in built if one.objects]

    @property
    def account(self) -> str:
        """The controller's service account."""
        return self.account_of(NAME, service_account_name(self.values))

    def account_of(self, component: str, rendered: str) -> str:
        """A component's service account: of the running Deployment, else as it will be installed."""
        installed = self.installed(component)
        spec: Mapping[str, Any] = {}
        if isinstance(installed, dict):
            spec = ((installed.get("spec") or {}).get("template") or {}).get("spec") or {}
        return str(spec.get("serviceAccountName") or rendered)

    def asked(self, *path: str | int) -> Asked:
        """Who asks for what the configuration has at a path."""
        return _asked(self.environment.config, path, "")

    def asked_of_release(self, *path: str | int) -> Asked:
        """The same for the values of the release."""
        return _asked(self.environment.release, path, "release.yaml: ")

    def asked_by(self, plugin: PluginDeclaration) -> Asked:
        """Who enables a plugin: in general, else in a scope."""
        lists: Iterable[Path] = (
            _PLUGINS,
            *(
                ("plugin-manager", "scopes", index, "enabled-plugins")
                for index in range(len(self.environment.configuration.plugin_manager.scopes))
            ),
        )
        for path in lists:
            for index, name in enumerate(self.subject.at(*path) or ()):
                if cleaned(str(name)) == cleaned(plugin.id):
                    return self.asked(*path, index)
        return self.asked(*_PLUGINS)


def _asked(tree: Any, path: Path, prefix: str) -> Asked:
    node = lookup(tree, path)
    text = prefix + dotted(path)
    place = place_of(node) if node is not None else None
    if place is None or not place.line:
        return Asked(text)
    return Asked(text, place.file, place.line, place.column)
