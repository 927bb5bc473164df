"""A configuration as leaves: path → value, in a form in which order and spelling do not matter.

Elements of keyed lists are found by what identifies them (``default-tolerations[nvidia.com/gpu Exists]``), so that a
toleration that moved is no difference. A plain list is one leaf: there the order is the meaning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from configgen.layers.kinds import Kind, configuration_kind
from configgen.layers.nodes import Listing, Node, Origin
from configgen.layers.nodes import Mapping as Tree


@dataclass(frozen=True, order=True, slots=True)
class Element:
    """A step of a path into a keyed list: the identity of the element."""

    key: str


LeafPath = tuple[str | Element, ...]


def shown(path: LeafPath) -> str:
    """``plugins.k8s.default-tolerations[nvidia.com/gpu Exists]``."""
    text = ""
    for step in path:
        if isinstance(step, Element):
            text += f"[{step.key}]"
        else:
            key = f'"{step}"' if "." in step else step
            text += f".{key}" if text else key
    return text


def leaves(value: Any, kind: Kind | None = None, path: LeafPath = ()) -> Iterator[tuple[LeafPath, Any]]:
    """Every leaf below ``value``. Nulls, empty mappings and empty keyed lists hold nothing and are left out."""
    kind = configuration_kind() if kind is None else kind
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield from leaves(member, kind.at(str(key)), (*path, str(key)))
    elif kind.identity and isinstance(value, Sequence) and not isinstance(value, str):
        for said in value:
            step = Element(kind.identity(said))
            element = step.key if kind.plugin_ids else said
            if isinstance(element, Mapping) and not kind.whole:
                yield from leaves(element, kind.element, (*path, step))
            else:
                yield (*path, step), element
    elif value is not None:
        yield path, list(value) if isinstance(value, tuple) else value


def origins(tree: Node, path: LeafPath) -> tuple[Origin, ...]:
    """Who set the leaf at ``path``, newest first; empty where no layer did and the built-in default holds."""
    node: Node = tree
    for step in path:
        child = _child(node, step)
        if child is None:
            return ()
        node = child
    return node.origins


def _child(node: Node, step: str | Element) -> Node | None:
    match node, step:
        case Tree(entries=entries), str():
            return entries.get(step)
        case Listing(items=items), Element(key=key):
            return next((item.node for item in items if item.key == key), None)
    return None
