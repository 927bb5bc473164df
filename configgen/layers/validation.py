"""Whether what the layers come to is a configuration and a release: the models decide, the layers' lines are named."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from pydantic import ValidationError

from configgen.layers.kinds import Kind, model_kind
from configgen.layers.nodes import (
    Item,
    Listing,
    Mapping,
    Node,
    Origin,
    Path,
    Place,
    Scalar,
    Shape,
    Verb,
    dotted,
    nearest,
    place_of,
    plain,
)
from configgen.layers.plugin_checks import discovered
from configgen.layers.source import did_you_mean
from configgen.problems import Problem
from configgen.release.values import ReleaseValues
from pluginmachinery.config import Configuration, documents
from pluginmachinery.config.problems import Location
from pluginmachinery.config.problems import Path as ConfigPath
from pluginmachinery.plugins.registry import known_sections

CHART_DEFAULTS = "chart defaults"
"""The layer that every release begins with."""


def checked_config(config: Mapping, problems: list[Problem]) -> Configuration | None:
    """The configuration as a model; None and more ``problems`` where strict reading refuses it."""

    def locate(path: ConfigPath) -> Location:
        place = place_of(nearest(config, path))
        return Location(place.file, place.line, place.column)

    tree, sections = plain(config), known_sections(discovered())
    mistakes = documents.validate(tree, locate, known_sections=sections)
    problems += [Problem(one.file, one.line, one.column, one.path, one.message, one.mend) for one in mistakes]
    return None if mistakes else documents.read_as_flyte(tree, known_sections=sections)


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
    """The release as a model; None and more ``problems`` where it is none."""
    try:
        return ReleaseValues.model_validate_json(json.dumps(_plain_release(release)), strict=True)
    except ValidationError as error:
        problems += [_release_problem(release, found["loc"], found["type"], found["msg"]) for found in error.errors()]
        return None


def _plain_release(node: Node) -> Any:
    """As :func:`plain`, but a map that was emptied is an empty map: a release is not read by Flyte."""
    if isinstance(node, Mapping):
        return {} if node.cleared else {key: _plain_release(entry) for key, entry in node.entries.items()}
    return plain(node)


def _release_problem(release: Mapping, path: Path, code: str, message: str) -> Problem:
    place = place_of(nearest(release, path))
    mend = ""
    if code == "extra_forbidden":
        message, mend = "unknown key", did_you_mean(str(path[-1]), tuple(_known(path[:-1])))
    elif "valid string" in message:
        mend = "put it in quotes"
    return Problem(place.file, place.line, place.column, dotted(path), message, mend)


def _known(path: Path) -> list[str]:
    model: Any = ReleaseValues
    for step in path:
        model = next((field.annotation for field in model.model_fields.values() if field.alias == step), None)
        if not hasattr(model, "model_fields"):
            return []
    return [str(field.alias) for field in model.model_fields.values()]
