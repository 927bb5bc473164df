"""Environments: layers laid over each other, checked, and ready to be rendered.

Problems of all layers are gathered before any is raised. Checking goes in two rounds, because the second makes no sense
without the first: the files by themselves, then what they come to – layers that disagree, values that the models
refuse.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from configgen.layers.conflicts import conflicts
from configgen.layers.folders import Layer, read_layer
from configgen.layers.kinds import model_kind
from configgen.layers.merge import stack
from configgen.layers.nodes import Mapping as Tree
from configgen.layers.source import FILE, EnvironmentDefinition, SourceDefinition, read_source
from configgen.problems import Problem, SourceError
from configgen.release.values import ReleaseValues


@dataclass(frozen=True, slots=True)
class Environment:
    """The effective configuration of one environment.

    ``config`` and ``release`` are the merged trees with their provenance; ``values`` is ``release`` as a model.
    """

    definition: EnvironmentDefinition
    config: Tree
    release: Tree
    values: ReleaseValues

    @property
    def name(self) -> str:
        return self.definition.name


class Source:
    """A source folder, its layers read once however many environments use them."""

    def __init__(self, folder: Path) -> None:
        self.definition: SourceDefinition = read_source(folder)
        self._layers: dict[str, Layer | SourceError] = {}

    def environments(self, names: Iterable[str]) -> list[Environment]:
        """The environments, in the order asked for. Raises SourceError with the problems of all of them."""
        environments, problems = [], []
        for name in names:
            try:
                environments.append(self.environment(name))
            except SourceError as error:
                problems += error.problems
        if problems:
            raise SourceError(problems)
        return environments

    def environment(self, name: str) -> Environment:
        """One environment, checked. Raises SourceError with all its problems."""
        definition = self.definition.environment(name)
        layers = self._read(definition)
        config = stack(layer.config for layer in layers)
        release = stack(layer.release for layer in layers)
        problems = [*conflicts(config), *conflicts(release), *_config_problems(config)]
        values, release_problems = _release_values(release)
        problems += release_problems
        if problems or values is None:
            raise SourceError(problems)
        return Environment(definition, config, release, values)

    def _read(self, definition: EnvironmentDefinition) -> list[Layer]:
        layers, problems = [], []
        for reference in definition.layers:
            if not (self.definition.folder / reference.name).is_dir():
                path = f"environments.{definition.name}.layers"
                message = f"the layer {reference.name!r} is no folder of the source"
                mend = "create it, or mend the name"
                problems.append(Problem(FILE, reference.line, reference.column, path, message, mend))
                continue
            read = self._layer(reference.name)
            if isinstance(read, SourceError):
                problems += read.problems
            else:
                layers.append(read)
        if problems:
            raise SourceError(problems)
        return layers

    def _layer(self, name: str) -> Layer | SourceError:
        if name not in self._layers:
            try:
                self._layers[name] = read_layer(self.definition.folder, name, model_kind(ReleaseValues))
            except SourceError as error:
                self._layers[name] = error
        return self._layers[name]
