"""Writing documents that Flyte's reader keeps intact.

Flyte's reader lower-cases the keys of mappings, takes dots in them for paths, and overlooks empty mappings. It leaves
lists alone. So every map whose keys carry meaning (labels, environment variables, Spark settings, …) is written as a
list of one-key mappings, an empty one as an empty list; sections stay mappings, their keys are known. Our own section,
which Flyte does not read, is written as it is.

The result is deterministic: the order of the tree is kept, texts that another YAML reader could take for something else
are quoted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from pluginmachinery.config import kinds
from pluginmachinery.config.kinds import Kind, Struct
from pluginmachinery.config.merging import entries, has_map_form
from pluginmachinery.config.root import Configuration
from pluginmachinery.config.yaml_text import plain

_OWN_SECTION = "plugin-manager"


def dump(tree: Mapping[str, Any]) -> str:
    """The tree of a configuration (or of some of its sections) as one YAML document, safe for Flyte's reader."""
    text: str = yaml.dump(
        safe(tree),
        Dumper=_Dumper,
        default_flow_style=False,
        sort_keys=False,
        allow_unicode=True,
        width=1_000_000,
    )
    return text


def safe(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The tree with its maps as lists of one-key mappings, as plain values."""
    root = kinds.of_model(Configuration)
    return {key: _safe(item, _kind(root, key) if key != _OWN_SECTION else None) for key, item in tree.items()}


def _safe(value: Any, kind: Kind | None) -> Any:
    if isinstance(kind, kinds.MapOf) and has_map_form(value):
        return [{entry.key: _safe(entry.value, kind.item)} for entry in entries(value, ())]
    if isinstance(value, Mapping):
        return {key: _safe(item, _kind(kind, str(key))) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        element = kind.item if isinstance(kind, kinds.ListOf) else None
        return [_in_list(item, element) for item in value]
    return value


def _in_list(value: Any, kind: Kind | None) -> Any:
    """Inside lists Flyte's reader leaves keys alone: only sections go on, so that their maps look alike everywhere."""
    return _safe(value, kind if isinstance(kind, Struct) else None)


def _kind(kind: Kind | None, key: str) -> Kind | None:
    if isinstance(kind, kinds.Pointer):
        kind = kind.item
    if isinstance(kind, kinds.KubernetesObject):
        kind = kinds.of_kubernetes(kind.type_name)
    if isinstance(kind, (kinds.Plain, kinds.Part)):
        kind = kind.section
    if not isinstance(kind, Struct):
        return None
    member = kind.by_key.get(key)
    if member is None:
        return None
    return member.kind.item if isinstance(member.kind, kinds.Pointer) else member.kind


class _Dumper(yaml.SafeDumper):
    """Block style, lists indented below their key, texts quoted where a reader of YAML 1.1 or 1.2 could err."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    if "\n" in value:
        style = "|"
    elif not isinstance(plain(value), str) or _means_something_else(value):
        style = '"'
    else:
        style = ""
    return dumper.represent_scalar(_STRING, value, style=style or None)


def _means_something_else(value: str) -> bool:
    """Would a reader of YAML 1.1 take the text, unquoted, for a truth value, a number or a date?"""
    resolvers = yaml.SafeDumper.yaml_implicit_resolvers
    return any(pattern.match(value) for _, pattern in resolvers.get(value[:1], ()))


_STRING = "tag:yaml.org,2002:str"
_Dumper.add_representer(str, _text)
