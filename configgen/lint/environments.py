"""Environments of a source as subjects. A source that can not be rendered can still be linted: what is wrong with it
becomes findings, beside all the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from configgen.layers.conflicts import conflicts
from configgen.layers.environments import Source
from configgen.layers.folders import Layer
from configgen.layers.merge import stack
from configgen.layers.nodes import Mapping as Tree
from configgen.layers.nodes import nearest, place_of, plain
from configgen.layers.source import FILE, EnvironmentDefinition
from configgen.layers.validation import checked_release, default_release
from configgen.lint.node_pools import read_node_pools
from configgen.lint.subjects import DISAGREEMENT, RELEASE, UNREADABLE, Hit, Piece, Subject
from configgen.problems import Problem as SourceProblem
from configgen.problems import SourceError
from pluginmachinery.config.merging import Locate
from pluginmachinery.config.problems import Location, Path


def environments(source: Source, names: Iterable[str]) -> list[Subject]:
    """The environments as subjects. Raises SourceError for a name that is not defined."""
    subjects = []
    pools = read_node_pools(source.definition.folder)
    for definition in [source.definition.environment(name) for name in names]:
        layers, unreadable = _layers(source, definition)
        config = stack(layer.config for layer in layers)
        release = stack([default_release(), *(layer.release for layer in layers)])
        refused: list[SourceProblem] = []
        checked_release(release, refused)
        troubles = {
            UNREADABLE: _hits(unreadable),
            DISAGREEMENT: _hits([*conflicts(config), *conflicts(release)]),
            RELEASE: _hits(refused),
        }
        subject = _subject(definition, config, release, troubles)
        subjects.append(replace(subject, node_pools=tuple(pool for pool in pools if pool.serves(definition.name))))
    return subjects


def _layers(source: Source, definition: EnvironmentDefinition) -> tuple[list[Layer], list[SourceProblem]]:
    """The layers that can be read, and why the others can not."""
    layers: list[Layer] = []
    problems: list[SourceProblem] = []
    for reference in definition.layers:
        try:
            layers.append(source.layer(reference.name))
        except SourceError as error:
            if (source.definition.folder / reference.name).exists():
                problems += error.problems
                continue
            problems.append(definition.missing(reference))
    return layers, problems


def _hits(problems: Iterable[SourceProblem]) -> tuple[Hit, ...]:
    return tuple(Hit(one.path, one.message, one.mend, Location(one.file, one.line, one.column)) for one in problems)


def _subject(
    definition: EnvironmentDefinition, config: Tree, release: Tree, troubles: Mapping[str, tuple[Hit, ...]]
) -> Subject:
    tree, locate = plain(config), _locator(config)
    tree = tree if isinstance(tree, dict) else {}
    return Subject(
        name=definition.name,
        file=FILE,
        tree=tree,
        locate=locate,
        pieces=(Piece(definition.name, tree, locate),),
        values=plain(release),
        locate_value=_locator(release),
        targets=definition.targets,
        layers=config,
        release=release,
        troubles=troubles,
    )


def _locator(tree: Tree) -> Locate:
    def locate(path: Path) -> Location | None:
        place = place_of(nearest(tree, path))
        return Location(place.file, place.line, place.column) if place.line else None

    return locate
