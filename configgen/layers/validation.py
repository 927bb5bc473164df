"""Whether what the layers come to is a configuration and a release: strict reading decides, the layers' lines are
named."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from configgen.layers.kinds import Kind, model_kind
from configgen.layers.nodes import (
    Item,
    Listing,
    Mapping,
    Node,
    Origin,
    Place,
    Removed,
    Scalar,
    Shape,
    Verb,
    nearest,
    place_of,
    plain,
)
from configgen.layers.plugin_checks import discovered
from configgen.problems import Problem
from configgen.release.values import ReleaseValues
from pluginmachinery.config import Configuration, documents, kinds
from pluginmachinery.config.problems import ConfigurationError, Location
from pluginmachinery.config.problems import Path as ConfigPath
from pluginmachinery.config.problems import Problem as ConfigProblem
from pluginmachinery.config.strict import Reader
from pluginmachinery.plugins.registry import known_sections

CHART_DEFAULTS = "chart defaults"
"""The layer that every release begins with."""


def checked_config(config: Mapping, problems: list[Problem]) -> Configuration | None:
    """The configuration as a model; None and more ``problems`` where strict reading refuses it."""
    try:
        return documents.read_tree(plain(config), _locator(config), known_sections=known_sections(discovered()))
    except ConfigurationError as error:
        problems += [_ours(problem) for problem in error.problems]
        return None


@cache
def default_release() -> Mapping:
    """The chart's default values as the bottom layer of every release."""
    values = ReleaseValues().model_dump(by_alias=True, mode="json", exclude_none=True)
    node = _node(values, model_kind(ReleaseValues))
    assert isinstance(node, Mapping)
    return node


def _node(value: Any, kind: Kind) -> Node:
    def origin(verb: Verb, shape: Shape, said: Any = None) -> tuple[Origin]:
        return (Origin(Place(CHART_DEFAULTS, CHART_DEFAULTS, 0, 0), verb, shape, said),)

    if isinstance(value, dict):
        entries = {key: _node(member, kind.at(key)) for key, member in value.items()}
        return Mapping(entries, origin(Verb.SET, Shape.MAPPING), free=kind.free)
    if isinstance(value, list):
        identity = kind.identity or json.dumps
        items = tuple(Item(identity(element), _node(element, kind.element)) for element in value)
        return Listing(items, origin(Verb.SET, Shape.LIST, value), kind.identity is not None, replaces=True)
    shape = Shape.NOTHING if value is None else Shape.SCALAR
    return Scalar(value, origin(Verb.SET, shape, value))


def checked_release(release: Mapping, problems: list[Problem]) -> ReleaseValues | None:
    """The release as a model, read as strictly as the configuration; None and more ``problems`` where it is none."""
    reader = Reader(_locator(release))
    values = reader.value(kinds.of_model(ReleaseValues), _plain_release(release), ())
    problems += [_ours(problem) for problem in reader.problems]
    return values if isinstance(values, ReleaseValues) and not reader.problems else None


def _plain_release(node: Node) -> Any:
    """As :func:`plain`, but a map that was emptied is an empty map: a release is not read by Flyte."""
    if isinstance(node, Mapping):
        live = {key: entry for key, entry in node.entries.items() if not isinstance(entry, Removed)}
        return {key: _plain_release(entry) for key, entry in live.items()}
    return plain(node)


def _locator(tree: Mapping) -> Callable[[ConfigPath], Location]:
    def locate(path: ConfigPath) -> Location:
        place = place_of(nearest(tree, path))
        return Location(place.file, place.line, place.column)

    return locate


def _ours(problem: ConfigProblem) -> Problem:
    return Problem(problem.file, problem.line, problem.column, problem.path, problem.message, problem.mend)
