"""A side of a difference: a configuration, where its values come from, and – of an environment – its release."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from configgen.diff.leaves import LeafPath, origins
from configgen.layers.environments import Environment
from configgen.layers.nodes import Origin, plain
from pluginmachinery.config import Configuration

_READ = ("plugins", "tasks", "task_resources", "plugin-manager", "propeller")
"""Sections that have a model; others are compared as they are written."""


@dataclass(frozen=True, slots=True)
class Side:
    """``said`` is the plain tree as written, ``release`` the chart's values (None: nobody knows them), ``origins``
    tells who set a leaf, newest first. ``notes`` are remarks on how it was read."""

    name: str
    configuration: Configuration
    said: Mapping[str, Any]
    origins: Callable[[LeafPath], tuple[Origin, ...]]
    release: Mapping[str, Any] | None = None
    release_origins: Callable[[LeafPath], tuple[Origin, ...]] = lambda _: ()
    notes: Sequence[str] = ()

    @classmethod
    def of(cls, environment: Environment, name: str = "") -> Side:
        """An environment of a source."""
        return cls(
            name or environment.name,
            environment.configuration,
            plain(environment.config),
            lambda path: origins(environment.config, path),
            environment.values.model_dump(by_alias=True),
            lambda path: origins(environment.release, path),
        )

    def effective(self) -> dict[str, Any]:
        """The whole configuration, all defaults filled in; sections that are not ours as they are."""
        return effective(self.configuration, self.said)


def effective(configuration: Configuration, said: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with all defaults, and of what was said the keys that are nobody's here."""
    resolved = configuration.model_dump(by_alias=True)
    return _with_others({key: resolved[key] for key in _READ if key in resolved}, said, depth=2)


def _with_others(resolved: Mapping[str, Any], said: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """Keys of ``said`` that no model has, down to the sections of plugins and of Flyte's other parts."""
    known = {key.lower(): key for key in resolved}
    together = dict(resolved)
    for written, value in said.items():
        key = known.get(written.lower())
        if key is None:
            together[written] = value
        elif depth and isinstance(value, Mapping) and isinstance(resolved[key], Mapping):
            together[key] = _with_others(resolved[key], value, depth - 1)
    return together
