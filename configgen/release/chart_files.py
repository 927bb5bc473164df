"""The chart's files that come from the values' model: ``values.yaml``, ``values.schema.json`` and the README's table;
and the operators that its notes tell of."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from configgen.operators import BY_NAME
from configgen.release.values import ChartValues
from configgen.render.yaml_text import to_yaml
from pluginmachinery.plugins.registry import BUILTIN

_WIDTH: Final = 116
Plain = Mapping[str, Any]


def values_yaml() -> str:
    """All values with their defaults, each under its explanation."""
    lines: list[str] = []
    _write_values(ChartValues, ChartValues().model_dump(by_alias=True, mode="json"), "", lines)
    return "\n".join(lines).lstrip("\n") + "\n"


def _write_values(model: type[BaseModel], defaults: Plain, indentation: str, lines: list[str]) -> None:
    for info in model.model_fields.values():
        key = str(info.alias)
        nested = _nested(info)
        if not indentation:
            lines.append("")
        lines += textwrap.wrap(
            _comment(info, nested), _WIDTH, initial_indent=f"{indentation}# ", subsequent_indent=f"{indentation}# "
        )
        if nested:
            lines.append(f"{indentation}{key}:")
            _write_values(nested, defaults[key], f"{indentation}  ", lines)
        else:
            lines += textwrap.indent(to_yaml({key: defaults[key]}), indentation).splitlines()


def _comment(info: FieldInfo, nested: type[BaseModel] | None) -> str:
    return " ".join((info.description or (nested.__doc__ if nested else "") or "").split())


def _nested(info: FieldInfo) -> type[BaseModel] | None:
    annotation = info.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def values_schema() -> str:
    """A JSON Schema that refuses what the chart does not know, so that a typing error does not install silently."""
    schema = _without_titles(ChartValues.model_json_schema(by_alias=True))
    schema["properties"]["global"] = {"description": "Helm's own, for umbrella charts.", "type": "object"}
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Values of flyte-plugin-manager"}
    return json.dumps({**head, **schema}, indent=2, ensure_ascii=False) + "\n"


def _without_titles(schema: Any) -> Any:
    """Without pydantic's titles (which repeat the names), and without defaults (which values.yaml has)."""
    if isinstance(schema, list):
        return [_without_titles(element) for element in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            kept[key] = {name: _without_titles(member) for name, member in value.items()}
        elif key not in ("title", "default"):
            kept[key] = _without_titles(value)
    return kept


def values_table() -> str:
    """Name, default and meaning of every value, as a Markdown table."""
    rows = ["| value | default | meaning |", "|---|---|---|"]
    for name, default, meaning in _rows(ChartValues, ChartValues().model_dump(by_alias=True, mode="json"), ""):
        rows.append(f"| `{name}` | `{default}` | {meaning} |")
    return "\n".join(rows) + "\n"


def _rows(model: type[BaseModel], defaults: Plain, prefix: str) -> Iterator[tuple[str, str, str]]:
    for info in model.model_fields.values():
        name = f"{prefix}{info.alias}"
        nested = _nested(info)
        if nested:
            yield from _rows(nested, defaults[str(info.alias)], f"{name}.")
        else:
            default = json.dumps(defaults[str(info.alias)], ensure_ascii=False)
            yield name, default, _comment(info, None).replace("|", "\\|")


def operators_for_chart() -> dict[str, Any]:
    """Operator → how to install it, and the kinds that its plugins need, as Helm names them in its capabilities."""
    found: dict[str, Any] = {}
    for plugin in BUILTIN:
        if plugin.implementation and plugin.operator_component:
            operator = BY_NAME[plugin.operator_component]
            entry = found.setdefault(operator.name, {"install": operator.install_command, "plugins": {}})
            entry["plugins"][plugin.id] = [f"{kind.api_version}/{kind.kind}" for kind in plugin.resources]
    return found
