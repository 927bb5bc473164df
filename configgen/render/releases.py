"""Releases: from environments, and the shipped one that the chart and kustomize's base install."""

from __future__ import annotations

from importlib import resources
from typing import Any

from configgen.layers.environments import Environment
from configgen.layers.kinds import plugin_id
from configgen.layers.nodes import plain
from configgen.release.values import NAME, ChartValues, ReleaseValues
from configgen.render.output import HEADER
from configgen.render.release import Release
from configgen.render.splitting import split

SHIPPED = "the shipped configuration"


def release_of(environment: Environment) -> Release:
    """What an environment installs."""
    origin = f"the environment {environment.name}"
    tree = with_plain_ids(plain(environment.config))
    return Release(
        name=environment.name,
        namespace=environment.definition.namespace,
        values=_with_rights_to_events(environment.values, tree),
        tree=tree,
        documents=documents_of(tree, origin),
        plugins=environment.plugins,
        origin=origin,
    )


def _with_rights_to_events(values: ReleaseValues, tree: dict[str, Any]) -> ReleaseValues:
    """``plugins.k8s.send-object-events`` needs a right that is of no plugin: to follow events."""
    from configgen.release.values import PolicyRule
    from pluginmachinery.api.rbac import object_event_rules

    if ((tree.get("plugins") or {}).get("k8s") or {}).get("send-object-events") is not True:
        return values
    further = tuple(PolicyRule.model_validate(rule) for rule in object_event_rules())
    rbac = values.rbac.model_copy(update={"extra_rules": (*values.rbac.extra_rules, *further)})
    return values.model_copy(update={"rbac": rbac})


def documents_of(tree: dict[str, Any], origin: str) -> dict[str, str]:
    """The files that a reader of the configuration gets, each with the header of rendered files."""
    from pluginmachinery.config.documents import dump

    return {name: header(origin) + dump(part) for name, part in split(with_plain_ids(tree)).items()}


def with_plain_ids(tree: dict[str, Any]) -> dict[str, Any]:
    """The tree with plugin IDs as they are compared, trimmed and in lower case: in any other spelling Flyte enables a
    plugin and forgets which task types it is the default for."""
    tasks = tree.get("tasks") or {}
    plugins = tasks.get("task-plugins") or {}
    cleaned = dict(plugins)
    if enabled := plugins.get("enabled-plugins"):
        cleaned["enabled-plugins"] = [plugin_id(name) for name in enabled]
    if defaults := plugins.get("default-for-task-types"):
        cleaned["default-for-task-types"] = {task_type: plugin_id(name) for task_type, name in defaults.items()}
    return tree if cleaned == plugins else {**tree, "tasks": {**tasks, "task-plugins": cleaned}}


def header(origin: str) -> str:
    return f"{HEADER} from {origin}: change the source, not this file.\n"


def shipped_release(documents: dict[str, str] | None = None) -> Release:
    """What the chart installs by default, and kustomize's base. ``documents``: in place of the package's own."""
    from pluginmachinery.plugins.registry import declaration_of

    return Release(
        name=NAME,
        namespace="",
        values=ReleaseValues(),
        tree={},
        documents=shipped_documents() if documents is None else documents,
        plugins=tuple(declaration_of(name) for name in ChartValues().rbac.plugins),
        origin=SHIPPED,
    )


def shipped_documents() -> dict[str, str]:
    """The documents that the chart installs when it is given none; package data."""
    folder = resources.files("configgen") / "shipped"
    files = [entry for entry in folder.iterdir() if entry.name.endswith(".yaml")]
    return {file.name: file.read_text("utf-8") for file in sorted(files, key=lambda file: file.name)}
