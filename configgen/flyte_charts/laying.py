"""What the charts' values have in common: nulls against Helm's merge, braces against its templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pluginmachinery.config.merging import entries

Tree = dict[str, Any]

_BRACES: Final = "{{"
_ESCAPED: Final = "{{`{{`}}"
"""A template that says two braces. Backquotes, because YAML never escapes them."""


def laid_over(defaults: Mapping[str, Any], wanted: Mapping[str, Any]) -> Tree:
    """Values that come to ``wanted`` when Helm merges them over a chart's ``defaults``. What equals a default is said
    all the same: another version of the chart may have another one."""
    values: Tree = {key: None for key in defaults if key not in wanted}
    for key, value in wanted.items():
        below = defaults.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        values[key] = laid_over(below, value) if both and isinstance(below, Mapping) else value
    return values


def escaped(value: Any) -> Any:
    """A value, with the templates in it kept from Helm; Flyte's own (``{{ .podName }}`` in log links) stay."""
    match value:
        case str():
            return value.replace(_BRACES, _ESCAPED)
        case Mapping():
            return {escaped(key): escaped(member) for key, member in value.items()}
        case list():
            return [escaped(item) for item in value]
    return value


def routes(task_plugins: Mapping[str, Any]) -> tuple[Tree | None, list[Tree]]:
    """``default-for-task-types`` in the two forms that it can have: a mapping, as the charts have it, where Flyte keeps
    all its keys, else a list, which Helm would not put in the place of the chart's mapping. One of them is empty."""
    said = {str(entry.key): entry.value for entry in entries(task_plugins.get("default-for-task-types"), ())}
    if all(key == key.lower() and "." not in key for key in said):
        return said or None, []
    return None, [{key: value} for key, value in said.items()]
