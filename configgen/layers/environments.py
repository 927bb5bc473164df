"""Environments: layers laid over each other, checked, and ready to be rendered.

Problems of all layers are gathered before any is raised. Checking goes in two rounds, because the second makes no sense
without the first: the files by themselves, then what they come to – layers that disagree, values that the models
refuse.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from configgen.layers.conflicts import conflicts
from configgen.layers.folders import Layer, read_layer
from configgen.layers.kinds import model_kind
from configgen.layers.merge import stack
from configgen.layers.nodes import Mapping as Tree
from configgen.layers.plugin_checks import checked_plugins
from configgen.layers.source import EnvironmentDefinition, SourceDefinition, read_source
from configgen.layers.validation import checked_config, checked_release, default_release
from configgen.problems import Problem, SourceError
from configgen.release.values import ReleaseValues
from pluginmachinery.config import Configuration
from pluginmachinery.plugins.registry import PluginDeclaration


@dataclass(frozen=True, slots=True)
class Environment:
    """The effective configuration of one environment.

    ``config`` and ``release`` are the merged trees with their provenance, ``configuration`` and ``values`` the same as
    models. The chart's defaults are the bottom layer of ``release``. ``plugins`` are those that run.
    """

    definition: EnvironmentDefinition
    config: Tree
    release: Tree
    configuration: Configuration
    values: ReleaseValues
    plugins: tuple[PluginDeclaration, ...]

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
        environments: list[Environment] = []
        problems: list[Problem] = []
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
        release = stack([default_release(), *(layer.release for layer in layers)])
        problems = [*conflicts(config), *conflicts(release)]
        values = checked_release(release, problems)
        configuration = checked_config(config, problems)
        plugins = checked_plugins(config, configuration, problems) if configuration else ()
        if problems or values is None or configuration is None:
            raise SourceError(problems)
        return Environment(definition, config, release, configuration, values, plugins)

    def _read(self, definition: EnvironmentDefinition) -> list[Layer]:
        layers: list[Layer] = []
        problems: list[Problem] = []
        for reference in definition.layers:
            if not os.path.lexists(self.definition.folder / reference.name):
                problems.append(definition.missing(reference))
                continue
            read = self._attempt(reference.name)
            if isinstance(read, SourceError):
                problems += read.problems
            else:
                layers.append(read)
        if problems:
            raise SourceError(problems)
        return layers

    def layer(self, name: str) -> Layer:
        """One layer by itself. Raises SourceError."""
        read = self._attempt(name)
        if isinstance(read, SourceError):
            raise read
        return read

    def _attempt(self, name: str) -> Layer | SourceError:
        if name not in self._layers:
            try:
                self._layers[name] = read_layer(self.definition.folder, name, model_kind(ReleaseValues))
            except SourceError as error:
                self._layers[name] = error
        return self._layers[name]
