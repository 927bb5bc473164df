"""Values of flyte-core: each section in the member of ``configmap`` (or of a component) that the chart renders it from.

The chart renders the members that it knows and no others. Plugins without a member of their own (Ray, Dask, the
Kubeflow operator, …) therefore stand beside ``k8s`` in ``configmap.k8s``, which becomes one document.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from configgen.flyte_charts.laying import Tree, escaped, laid_over, routes
from configgen.flyte_charts.sections import flyte_sections
from configgen.importers.chart_defaults import chart_defaults
from configgen.importers.forms import Form

_MEMBER_OF_SECTION: Final = {
    "tasks": "enabled_plugins",
    "task_resources": "task_resource_defaults",
    "logger": "logger",
    "otel": "otel",
    "admin": "admin",
    "event": "admin",
    "catalog-cache": "catalog",
}
"""Top-level section → member of ``configmap``; all others go to the engine's ``core``."""
_ENGINE: Final = "core"
_PLUGINS: Final = "k8s"
_LOGS: Final = "task_logs"
_CO_PILOT: Final = "copilot"
_TOKENS: Final = "resource_manager"
_MEMBERS: Final = ("enabled_plugins", _CO_PILOT, _PLUGINS, _LOGS, "task_resource_defaults")
"""Members that are ours alone: what the chart has in them and we do not is taken out."""
_COMPONENT: Final = {"spark": "sparkoperator", "databricks": "databricks"}
"""``plugins.<section>`` → component whose ``plugin_config`` holds it; the flag ``enabled`` opens nothing else."""
_CONNECTORS: Final = "flyteconnector"
"""Enabling this one installs connectors, so its settings go to ``configmap.k8s``, and the chart's own are taken out."""


def values(tree: Mapping[str, Any]) -> Tree:
    """The chart's values for the effective configuration of an environment."""
    members, components = _cut(flyte_sections(tree))
    defaults = chart_defaults(Form.FLYTE_CORE).tree
    known = defaults["configmap"]
    configmap: Tree = {}
    for member in _MEMBERS:
        wanted = members.pop(member, None)
        configmap[member] = laid_over(known[member], wanted) if wanted else None
    engine = members.get(_ENGINE) or {}
    if "literal-offloading-config" in (engine.get("propeller") or {}):
        offloading = {"propeller": known[_ENGINE]["propeller"]}
        members[_ENGINE] = laid_over(offloading, engine)
    if _TOKENS in members:
        members[_TOKENS] = laid_over(known[_TOKENS], members[_TOKENS])
    result: Tree = {"configmap": {**configmap, **members}}
    for component in _COMPONENT.values():
        plugins = defaults[component]["plugin_config"]
        wanted = components.get(component)
        config = laid_over(plugins, wanted) if wanted else None
        result[component] = {"enabled": wanted is not None, "plugin_config": config}
    return {**escaped(result), _CONNECTORS: {"plugin_config": None}}


def _cut(sections: Tree) -> tuple[Tree, Tree]:
    """The documents by member of ``configmap`` and by component."""
    members: Tree = {}
    components: Tree = {}
    enabled = (sections.get("tasks") or {}).get("task-plugins", {}).get("enabled-plugins") or ()
    for section, content in sections.items():
        if section == "plugins":
            _cut_plugins(content or {}, members, components)
        elif section == "propeller":
            _cut_engine(content or {}, members)
        else:
            members.setdefault(_MEMBER_OF_SECTION.get(section, _ENGINE), {})[section] = content
    for plugin, component in _COMPONENT.items():
        # The flag also says that the plugin is in use; Flyte reads an empty section as none.
        if plugin in enabled:
            components.setdefault(component, {"plugins": {plugin: {}}})
    if "tasks" in sections:
        members["enabled_plugins"]["tasks"] = _with_routes(sections["tasks"] or {}, members)
    return members, components


def _cut_engine(engine: Tree, members: Tree) -> None:
    """The chart has a document of its own for resource tokens, and it counts for more than the engine's."""
    rest = {key: value for key, value in engine.items() if key != "resourcemanager"}
    if rest:
        members.setdefault(_ENGINE, {})["propeller"] = rest
    if "resourcemanager" in engine:
        members[_TOKENS] = {"propeller": {"resourcemanager": engine["resourcemanager"]}}


def _cut_plugins(plugins: Tree, members: Tree, components: Tree) -> None:
    for section, content in plugins.items():
        if section in _COMPONENT:
            components[_COMPONENT[section]] = {"plugins": {section: content}}
            continue
        rest = content
        if section == "k8s" and isinstance(content, Mapping) and "co-pilot" in content:
            members[_CO_PILOT] = {"plugins": {"k8s": {"co-pilot": content["co-pilot"]}}}
            rest = {key: value for key, value in content.items() if key != "co-pilot"}
        member = _LOGS if section == "logs" else _PLUGINS
        members.setdefault(member, {}).setdefault("plugins", {})[section] = rest


def _with_routes(tasks: Tree, members: Tree) -> Tree:
    task_plugins = tasks.get("task-plugins")
    if not isinstance(task_plugins, Mapping):
        return tasks
    in_place, listed = routes(task_plugins)
    rest = {key: value for key, value in task_plugins.items() if key != "default-for-task-types"}
    if in_place:
        rest["default-for-task-types"] = in_place
    if listed:
        members.setdefault(_PLUGINS, {})["tasks"] = {"task-plugins": {"default-for-task-types": listed}}
    return {**tasks, "task-plugins": rest}
