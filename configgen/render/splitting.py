"""Which document holds what: the effective configuration cut into files, named as in Flyte's own ConfigMap.

No key is in two documents, so the order in which a reader merges them does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

FILE_OF_PLUGIN_SECTION: Final = {
    "k8s": "k8s.yaml",
    "logs": "task_logs.yaml",
    "connector-service": "connector_service.yaml",
}
"""``plugins.<section>`` → document, where Flyte's chart has a name of its own."""
FILE_OF_SECTION: Final = {
    "propeller": "core.yaml",
    "task_resources": "task_resource_defaults.yaml",
    "plugin-manager": "plugin_manager.yaml",
}
"""Top-level section → document, where the name is not simply the section's."""
ENABLED_PLUGINS: Final = "enabled_plugins.yaml"
COPILOT: Final = "copilot.yaml"
TASKS: Final = "tasks.yaml"


def split(tree: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """File name → its part of the tree, in name order."""
    documents: dict[str, dict[str, Any]] = {}
    for section, content in tree.items():
        if section == "plugins" and isinstance(content, Mapping):
            _split_plugins(content, documents)
        elif section == "tasks" and isinstance(content, Mapping):
            _split_tasks(content, documents)
        else:
            documents.setdefault(_file(section), {})[section] = content
    return {name: documents[name] for name in sorted(documents)}


def _split_plugins(plugins: Mapping[str, Any], documents: dict[str, dict[str, Any]]) -> None:
    for section, content in plugins.items():
        rest = content
        if section == "k8s" and isinstance(content, Mapping) and "co-pilot" in content:
            documents.setdefault(COPILOT, {})["plugins"] = {"k8s": {"co-pilot": content["co-pilot"]}}
            rest = {key: value for key, value in content.items() if key != "co-pilot"}
            if not rest:
                continue
        name = FILE_OF_PLUGIN_SECTION.get(section) or _file(section)
        documents.setdefault(name, {}).setdefault("plugins", {})[section] = rest


def _split_tasks(tasks: Mapping[str, Any], documents: dict[str, dict[str, Any]]) -> None:
    if "task-plugins" in tasks:
        documents.setdefault(ENABLED_PLUGINS, {})["tasks"] = {"task-plugins": tasks["task-plugins"]}
    rest = {key: value for key, value in tasks.items() if key != "task-plugins"}
    if rest:
        documents.setdefault(TASKS, {})["tasks"] = rest


def _file(section: str) -> str:
    return FILE_OF_SECTION.get(section) or f"{section.replace('-', '_')}.yaml"
