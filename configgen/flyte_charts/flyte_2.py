"""Values of flyte-binary for Flyte 2: as for Flyte 1, with what Flyte 2 renamed, and without what it dropped.

The chart brings environment variables by which a task finds the control plane, as a list; a list of ours would replace
them, so they are repeated in it. The image of the data sidecar stays the chart's unless the environment names one: it
belongs to the release of Flyte, and Flyte 1's does not fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from configgen.flyte_charts.binary import taken_out
from configgen.flyte_charts.laying import Tree, escaped, laid_over
from configgen.flyte_charts.sections import flyte_sections
from configgen.importers.chart_defaults import chart_defaults
from configgen.importers.forms import Form
from configgen.migration.facts import CONFIGURATION, GONE_PLUGINS, PLATFORM_VARIABLES, Change
from pluginmachinery.config.merging import entries

_VARIABLES: Final = dict(
    zip(
        PLATFORM_VARIABLES,
        (
            '{{ include "flyte-binary.service.http.name" . }}.{{ .Release.Namespace }}'
            ':{{ include "flyte-binary.service.http.port" . }}',
            "true",
            "1",
        ),
        strict=True,
    )
)
"""The chart's own, as its template has them: the only templates that we write."""


def values(tree: Mapping[str, Any]) -> Tree:
    """The chart's values for the effective configuration of an environment."""
    inline = for_flyte_2(flyte_sections(tree))
    variables = _platform_variables(inline)
    chosen = {"default-for-task-types": None, **taken_out(inline)}
    inline = escaped(inline)
    if variables:
        inline["plugins"]["k8s"]["default-env-vars"] += variables
    known = chart_defaults(Form.FLYTE_2).tree["enabled_plugins"]["tasks"]
    return {
        "enabled_plugins": {"tasks": laid_over(known, {"task-plugins": chosen})},
        "configuration": {"logging": {"plugins": None}, "inline": inline},
    }


def for_flyte_2(sections: Tree) -> Tree:
    """Sections of Flyte 1 as Flyte 2 has them."""
    result = _copy(sections)
    for fact in CONFIGURATION:
        path = tuple(fact.path.split("."))
        if fact.change in (Change.RENAMED, Change.MOVED):
            _put(result, tuple(fact.to.split(".")), _take(result, path))
        elif fact.change is Change.DROPPED:
            _take(result, path)
    routes = (result.get("tasks") or {}).get("task-plugins") or {}
    if "default-for-task-types" in routes:
        said = entries(routes["default-for-task-types"], ())
        routes["default-for-task-types"] = [{one.key: one.value} for one in said if one.value not in GONE_PLUGINS]
    _put_kinds_of_secrets(result)
    return _without_empty(result)


def _put_kinds_of_secrets(tree: Tree) -> None:
    """Flyte 2's chart names where secrets come from in a list, which goes before the one kind of Flyte 1."""
    webhook = tree.get("webhook")
    if isinstance(webhook, dict) and "secretManagerType" in webhook:
        kind = webhook.pop("secretManagerType")
        webhook.setdefault("secretManagerTypes", [kind])


def _platform_variables(inline: Tree) -> list[Tree]:
    """The chart's variables that a list of ours would replace, but for those that it names itself."""
    k8s = (inline.get("plugins") or {}).get("k8s") or {}
    if "default-env-vars" not in k8s:
        return []
    named = {entry.key for entry in entries(k8s["default-env-vars"], ())}
    return [{name: value} for name, value in _VARIABLES.items() if name not in named]


def _copy(value: Any) -> Any:
    return {key: _copy(member) for key, member in value.items()} if isinstance(value, Mapping) else value


def _take(tree: Tree, path: tuple[str, ...]) -> Any:
    """Take out what is there; None where nothing is."""
    for step in path[:-1]:
        inner = tree.get(step)
        if not isinstance(inner, dict):
            return None
        tree = inner
    return tree.pop(path[-1], None)


def _put(tree: Tree, path: tuple[str, ...], value: Any) -> None:
    """Lay a value under what is there already."""
    if value is None:
        return
    for step in path[:-1]:
        tree = tree.setdefault(step, {})
    below = tree.get(path[-1])
    if isinstance(value, dict) and isinstance(below, dict):
        tree[path[-1]] = {**value, **below}
    elif below is None:
        tree[path[-1]] = value


def _without_empty(tree: Tree) -> Tree:
    """Sections that the dropping has emptied."""
    return {
        key: _without_empty(value) if isinstance(value, dict) else value for key, value in tree.items() if value != {}
    }
