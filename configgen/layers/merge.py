"""Laying one layer over another.

``overlay(lower, upper)`` is associative: patches can be composed in any grouping and give the same result, provenance
included. That is what makes a stack of layers something one can reason about – two layers can be fused into one, and a
layer's effect does not depend on how many layers lie beneath it. The property tests hold it to that.

The rules, by what is written at the same key:

==================  ==========================================================================================
mapping             key by key; ``!replace`` drops what lies beneath
list, keyed         element by element: tolerations, env, plugin IDs (which lists: :mod:`configgen.layers.kinds`)
other lists         the upper one replaces; ``!append`` adds to the end
``!remove [a, b]``  takes elements out of a list
``!remove``         (without a value) takes a key out of a mapping: the built-in default holds again
anything else       the upper one replaces
==================  ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce

from configgen.layers.nodes import EMPTY, Item, Listing, Mapping, Node, Removal, Removed, Scalar, with_origins


def stack(layers: Iterable[Mapping]) -> Mapping:
    """All layers, the first at the bottom, as one tree."""
    return reduce(_overlay_mapping, layers, EMPTY)


def overlay(lower: Node, upper: Node) -> Node:
    """``upper`` on top of ``lower``. Total: layers whose shapes disagree do not fail here, the upper one wins, and the
    origins tell (:func:`configgen.layers.conflicts.conflicts`)."""
    match lower, upper:
        case Mapping(), Mapping(replaces=False):
            return _overlay_mapping(lower, upper)
        case Listing(), Listing(replaces=False) if lower.keyed == upper.keyed:
            return _overlay_list(lower, upper)
    return _instead_of(lower, upper)


def _instead_of(lower: Node, upper: Node) -> Node:
    """``upper`` alone; what was beneath is remembered in its origins and never shows through again."""
    origins = upper.origins + lower.origins
    if isinstance(upper, Scalar | Removed):
        return with_origins(upper, origins)
    return replace(upper, origins=origins, replaces=True)


def _overlay_mapping(lower: Mapping, upper: Mapping) -> Mapping:
    entries = dict(lower.entries)
    for key, node in upper.entries.items():
        entries[key] = overlay(entries[key], node) if key in entries else node
    return Mapping(entries, upper.origins + lower.origins, lower.replaces, lower.free)


def _overlay_list(lower: Listing, upper: Listing) -> Listing:
    kept = [item for item in lower.items if item.key not in upper.removed]
    items = _upsert(kept, upper.items) if upper.keyed else (*kept, *upper.items)
    there = {item.key for item in lower.items}
    removed = dict(lower.removed)
    for key, removal in upper.removed.items():
        earlier = removed.get(key, Removal(()))
        found = removal.found or earlier.found or key in there
        removed[key] = Removal(removal.origins + earlier.origins, found)
    return Listing(tuple(items), upper.origins + lower.origins, upper.keyed, lower.replaces, removed)


def _upsert(items: list[Item], additions: tuple[Item, ...]) -> list[Item]:
    """Each addition laid over the item of its key, or added at the end."""
    positions = {item.key: index for index, item in enumerate(items)}
    for addition in additions:
        if (index := positions.get(addition.key)) is not None:
            items[index] = Item(addition.key, overlay(items[index].node, addition.node))
        else:
            positions[addition.key] = len(items)
            items.append(addition)
    return items
