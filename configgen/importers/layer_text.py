"""The documents of a layer as text: tags where a layer says more than a value, quotes where a reader could err."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from configgen.formatting import formatted
from configgen.importers.patches import Tagged
from configgen.layers.yaml_tree import OPERATIONS
from configgen.render.splitting import split
from pluginmachinery.config.yaml_text import plain


def documents(tree: Mapping[str, Any], header: str) -> dict[str, str]:
    """File name → text, cut as Flyte's own ConfigMap and in the order of ``fmt``; every text begins with the header."""
    return {name: formatted(f"{header}{to_yaml(content)}", name) for name, content in split(tree).items()}


def to_yaml(tree: Any) -> str:
    text: str = yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)
    return text


class _Dumper(yaml.SafeDumper):
    """Block style, lists indented below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)

    def choose_scalar_style(self) -> str:
        """Plain under our tags: quotes would make a text of a number, and something of an empty value."""
        event: Any = self.event
        if event.tag in OPERATIONS and not event.style:
            return ""
        return str(super().choose_scalar_style())

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the base class's signature
        return True


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    resolvers = yaml.SafeDumper.yaml_implicit_resolvers.get(value[:1], ())
    ambiguous = not isinstance(plain(value), str) or any(pattern.match(value) for _, pattern in resolvers)
    style = '"' if ambiguous else "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _tagged(dumper: _Dumper, tagged: Tagged) -> yaml.Node:
    if tagged.value is None:
        return yaml.ScalarNode(tagged.tag, "")
    node: yaml.Node = dumper.represent_data(tagged.value)
    node.tag = tagged.tag
    return node


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Tagged, _tagged)
