"""What Flyte's charts make of their values: which value becomes which document of Flyte's configuration.

Facts of the charts flyte-core and flyte-binary at v1.16.8 and of what they were called before (``agentService``,
``flyteagent``). A *draft* is one document, put together from values, that remembers where each piece was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from configgen.trees import mapping
from pluginmachinery.config.problems import Location, Path

Locations = Mapping[Path, Location]

CORE_DOCUMENTS: Final = frozenset(
    {"copilot", "core", "enabled_plugins", "k8s", "resource_manager", "task_logs", "task_resource_defaults"}
)
"""Members of flyte-core's ``configmap`` that hold plugins, tasks, propeller and platform resources. Of other members
the chart renders only those of Flyte's other parts."""
CORE_COMPONENTS: Final = {
    "sparkoperator": "spark.yaml",
    "databricks": "databricks.yaml",
    "flyteagent": "agent_service.yaml",
    "flyteconnector": "connector_service.yaml",
}
"""flyte-core's components with a ``plugin_config``, which holds only where the component is ``enabled``, and the
document that it becomes."""
_LITERAL: Final = re.compile(r"""\{\{\s*(?:`([^`]*)`|"([^"\\]*)")\s*\}\}""")
"""A template that is nothing but a text, which is how people keep braces of Flyte's own from Helm."""
_PLUGIN_SECTIONS: Final = frozenset({"plugins", "tasks", "task_resources"})
_LOGS: Final = {"kubernetes": "kubernetes", "cloudwatch": "cloudwatch", "stackdriver": "stackdriver"}


@dataclass
class Draft:
    """One document of Flyte's configuration. ``prefix``: where in the values it hangs. ``gate``: the value that keeps
    the chart from rendering it, ``prefix`` where it never would; None where nothing does."""

    name: str
    prefix: Path
    tree: dict[str, Any] = field(default_factory=dict)
    locations: dict[Path, Location] = field(default_factory=dict)
    gate: Path | None = None

    def put(self, path: Path, value: Any, source: Path, locations: Locations) -> None:
        """Lay a value of the chart at ``path`` of the document; ``source`` is where the values have it."""
        at = self.tree
        for step in path[:-1]:
            at = at.setdefault(str(step), {})
        if path:
            at[str(path[-1])] = value
        elif isinstance(value, Mapping):
            self.tree.update(value)
        for length in range(len(path)):
            if source in locations:
                self.locations.setdefault(path[:length], locations[source])
        depth = len(source)
        for place, location in locations.items():
            if place[:depth] == source:
                self.locations[(*path, *place[depth:])] = location


def core_documents(values: Mapping[str, Any], locations: Locations, prefix: Path) -> Iterator[Draft]:
    """The documents that flyte-core renders of its values, in the order in which Flyte merges them."""
    yield from sorted(_core_documents(values, locations, prefix), key=lambda draft: draft.name)


def _core_documents(values: Mapping[str, Any], locations: Locations, prefix: Path) -> Iterator[Draft]:
    for name, content in mapping(values.get("configmap")).items():
        if isinstance(content, Mapping):
            draft = _whole(f"{name}.yaml", content, (*prefix, "configmap", name), locations)
            if name not in CORE_DOCUMENTS and draft.tree.keys() & _PLUGIN_SECTIONS:
                draft.gate = draft.prefix
            yield draft
    for component, document in CORE_COMPONENTS.items():
        said = mapping(values.get(component))
        content = said.get("plugin_config")
        if isinstance(content, Mapping):
            draft = _whole(document, content, (*prefix, component, "plugin_config"), locations)
            draft.gate = None if said.get("enabled") is True else (*prefix, component, "enabled")
            yield draft


def binary_documents(
    values: Mapping[str, Any], locations: Locations, prefix: Path, *, flyte_2: bool = False
) -> Iterator[Draft]:
    """The documents that flyte-binary renders of its values: 001-plugins.yaml, then 100-inline-config.yaml. Flyte 2's
    chart has values for connectors, and renders them nowhere."""
    configuration = mapping(values.get("configuration"))
    at = (*prefix, "configuration")
    plugins = Draft("001-plugins.yaml", prefix)
    enabled = mapping(values.get("enabled_plugins")).get("tasks")
    if isinstance(enabled, Mapping):
        plugins.put(("tasks",), enabled, (*prefix, "enabled_plugins", "tasks"), locations)
    _put_logs(plugins, mapping(mapping(configuration.get("logging")).get("plugins")), at, locations)
    _put_image(plugins, mapping(configuration.get("co-pilot")).get("image"), at, locations)
    if plugins.tree:
        yield plugins
    for draft in _connectors(values, configuration, at, locations, prefix):
        draft.gate = draft.prefix if flyte_2 else draft.gate
        yield draft
    if isinstance(configuration.get("inline"), Mapping):
        yield _whole("100-inline-config.yaml", configuration["inline"], (*at, "inline"), locations)


def _connectors(
    values: Mapping[str, Any], configuration: Mapping[str, Any], at: Path, locations: Locations, prefix: Path
) -> Iterator[Draft]:
    for key, component, section in (
        ("agentService", "flyteagent", "agent-service"),
        ("connectorService", "flyteconnector", "connector-service"),
    ):
        content = configuration.get(key)
        if isinstance(content, Mapping):
            draft = Draft("001-plugins.yaml", (*at, key))
            draft.put(("plugins", section), _without_literals(content), (*at, key), locations)
            enabled = mapping(values.get(component)).get("enabled") is True
            draft.gate = None if enabled else (*prefix, component, "enabled")
            yield draft


def _put_logs(draft: Draft, logging: Mapping[str, Any], at: Path, locations: Locations) -> None:
    source = (*at, "logging", "plugins")
    for name, service in _LOGS.items():
        said = mapping(logging.get(name))
        pairs = [("enabled", f"{service}-enabled")]
        if said.get("enabled"):
            pairs.append(("templateUri", f"{service}-template-uri"))
        for key, flyte_key in pairs:
            if said.get(key) is not None:
                for section in (("plugins", "logs"), ("plugins", "k8s-array", "logs", "config")):
                    draft.put((*section, flyte_key), said[key], (*source, name, key), locations)
    if logging.get("custom"):
        for section in (("plugins", "logs"), ("plugins", "k8s-array", "logs", "config")):
            draft.put((*section, "templates"), logging["custom"], (*source, "custom"), locations)


def _put_image(draft: Draft, image: Any, at: Path, locations: Locations) -> None:
    """The data sidecar's image: one text, or a repository with a tag."""
    source = (*at, "co-pilot", "image")
    if isinstance(image, Mapping) and image.get("repository"):
        image = f"{image['repository']}:{image.get('tag', 'latest')}"
    if isinstance(image, str) and image:
        place = {path: location for path, location in locations.items() if path == source}
        draft.put(("plugins", "k8s", "co-pilot", "image"), image, source, place)


def _whole(name: str, content: Mapping[str, Any], source: Path, locations: Locations) -> Draft:
    draft = Draft(name, source)
    draft.put((), _without_literals(content), source, locations)
    return draft


def _without_literals(value: Any) -> Any:
    """What the chart's templates make of a value: texts in templates stand for themselves, all else stays."""
    match value:
        case str() if "{{" in value:
            return _LITERAL.sub(lambda match: match.group(1) or match.group(2) or "", value)
        case Mapping():
            return {_without_literals(key): _without_literals(member) for key, member in value.items()}
        case list():
            return [_without_literals(item) for item in value]
    return value
