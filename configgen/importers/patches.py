"""The opposite of merging: what several environments have in common, and what a layer has to say to get from one tree
to another.

``patch(lower, upper)`` is the smallest layer that gives ``upper`` when it is laid over ``lower`` by the rules of
:mod:`configgen.layers.merge`. The property tests hold it to that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from configgen.layers.kinds import Kind, configuration_kind
from pluginmachinery.config import kinds as described
from pluginmachinery.config.durations import Duration
from pluginmachinery.config.quantities import Quantity

Tree = dict[str, Any]
_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Tagged:
    """A value under one of the source's tags."""

    tag: str
    value: Any = None


REMOVE: Final = Tagged("!remove")


def common(trees: Sequence[Tree], below: Tree) -> Tree:
    """What all trees agree in; where they do not, ``below`` holds."""
    found = _common(list(trees), below, configuration_kind())
    return found if isinstance(found, dict) else {}


def _common(values: list[Any], below: Any, kind: Kind) -> Any:
    if all(value == values[0] for value in values):
        return values[0]
    if all(isinstance(value, dict) for value in values):
        lower = below if isinstance(below, dict) else {}
        keys = dict.fromkeys(key for value in (lower, *values) for key in value)
        members = {
            key: _common([value.get(key, _ABSENT) for value in values], lower.get(key, _ABSENT), kind.at(key))
            for key in keys
        }
        shared = {key: member for key, member in members.items() if member is not _ABSENT}
        return shared or below
    if kind.plugin_ids and all(isinstance(value, list) for value in values):
        return _prefix(values) or below
    return below


def _prefix(lists: list[list[Any]]) -> list[Any]:
    """What all lists begin with: what comes after it can be added by a layer, in the same order."""
    shared = []
    for together in zip(*lists, strict=False):
        if any(item != together[0] for item in together):
            break
        shared.append(together[0])
    return shared


def without_repetition(tree: Any, kind: Kind | None = None) -> Any:
    """Lists of named things hold each but once in a source; what is there twice in the same words says nothing more."""
    kind = kind or configuration_kind()
    if isinstance(tree, dict):
        return {key: without_repetition(value, kind.at(key)) for key, value in tree.items()}
    if isinstance(tree, list) and kind.identity is not None:
        return [item for index, item in enumerate(tree) if item not in tree[:index]]
    return tree


def harmonised(tree: Any, reference: Any, kind: Kind | None = None) -> Any:
    """The tree with values that mean the same as the reference's spelt as there: 1000m is 1, "2" is 2."""
    kind = kind or configuration_kind()
    if isinstance(tree, dict) and isinstance(reference, dict):
        return {
            key: harmonised(value, reference[key], kind.at(key)) if key in reference else value
            for key, value in tree.items()
        }
    return reference if _same(tree, reference, kind) else tree


def _same(first: Any, second: Any, kind: Kind) -> bool:
    try:
        match kind.value:
            case described.QuantityKind() | described.Text(quantity=True):
                return Quantity.parse(first) == Quantity.parse(second)
            case described.DurationKind():
                return Duration.parse(first) == Duration.parse(second)
    except (ValueError, TypeError, AttributeError):
        return False
    return False


def patch(lower: Tree, upper: Tree) -> Tree:
    """What a layer over ``lower`` says so that ``upper`` comes out."""
    return _members(lower, upper, configuration_kind())


def _members(lower: Mapping[str, Any], upper: Mapping[str, Any], kind: Kind) -> Tree:
    said: Tree = {}
    for key, value in upper.items():
        if key not in lower:
            said[key] = _whole(value, kind.at(key))
        elif value != lower[key]:
            said[key] = _change(lower[key], value, kind.at(key))
    removed: dict[str, Any] = {key: REMOVE for key in lower if key not in upper}
    return {**said, **removed}


def _change(lower: Any, upper: Any, kind: Kind) -> Any:
    if kind.free:
        return _map_change(lower, upper, kind)
    if isinstance(lower, dict) and isinstance(upper, dict):
        return _members(lower, upper, kind)
    if isinstance(lower, list) and isinstance(upper, list):
        return _list_change(lower, upper, kind)
    same_shape = not isinstance(lower, (dict, list)) and not isinstance(upper, (dict, list))
    return upper if same_shape else Tagged("!replace", upper)


def _map_change(lower: Any, upper: Any, kind: Kind) -> Any:
    """A map with free keys: additions and changes are said, a key that is to go needs the whole map."""
    if not (isinstance(lower, dict) and isinstance(upper, dict)):
        return Tagged("!replace", upper)
    if not upper:
        return []
    if any(key not in upper for key in lower):
        return Tagged("!replace", _pairs({key: _whole(value, kind.at(key)) for key, value in upper.items()}))
    return _pairs(_members(lower, upper, kind))


def _list_change(lower: list[Any], upper: list[Any], kind: Kind) -> Any:
    """Lists of named things grow by what is added; any other change says the list anew."""
    if kind.identity is None:
        return upper
    if upper[: len(lower)] == lower and _distinct(upper, kind):
        return upper[len(lower) :]
    return Tagged("!replace", upper)


def _distinct(items: list[Any], kind: Kind) -> bool:
    assert kind.identity is not None
    names = [kind.identity(item) for item in items]
    return len(set(names)) == len(names)


def _whole(value: Any, kind: Kind) -> Any:
    """A value with nothing beneath it."""
    if kind.free and isinstance(value, dict):
        return _pairs({key: _whole(member, kind.at(key)) for key, member in value.items()})
    if isinstance(value, dict):
        return {key: _whole(member, kind.at(key)) for key, member in value.items()}
    return value


def _pairs(members: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The list form of a map, which keeps the case of its keys."""
    return [{key: member} for key, member in members.items()]
