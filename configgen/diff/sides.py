"""A side of a difference: a configuration, where its values come from, and – of an environment – its release."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from configgen.diff.leaves import LeafPath, origins
from configgen.layers.environments import Environment
from configgen.layers.nodes import Origin, plain
from configgen.trees import mapping
from pluginmachinery.config import Configuration

_OURS = ("plugins", "tasks", "task_resources", "plugin-manager")
"""Sections of which Flyte or the controller reads nothing that has no model."""


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
    """A configuration with all defaults; sections and plugins that have no model here as they are written."""
    resolved = configuration.model_dump(by_alias=True)
    third_party = mapping(said.get("plugins"))
    others = {key: value for key, value in said.items() if key not in _OURS}
    return {
        **{key: resolved[key] for key in _OURS},
        "plugins": {**_unknown(third_party, resolved["plugins"]), **resolved["plugins"]},
        **_completed(others, {"propeller": resolved["propeller"]}),
    }


def _unknown(said: Mapping[str, Any], resolved: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of others; Flyte does not tell ``K8S`` from ``k8s``."""
    known = {key.lower() for key in resolved}
    return {key: value for key, value in said.items() if key.lower() not in known}


def _completed(said: Mapping[str, Any], resolved: Mapping[str, Any]) -> dict[str, Any]:
    """What is said, in the spelling of the model and with its defaults where there is one."""
    known = {key.lower(): key for key in resolved}
    together = dict(resolved)
    for written, value in said.items():
        key = known.get(written.lower(), written)
        if key not in resolved:
            together[key] = value
        elif isinstance(value, Mapping) and isinstance(resolved[key], Mapping):
            together[key] = _completed(value, resolved[key])
    return together
