"""A side of a difference: a configuration, where its values come from, and – of an environment – its release."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from configgen.diff.leaves import LeafPath, origins
from configgen.layers.environments import Environment
from configgen.layers.nodes import Origin, plain
from pluginmachinery.config import Configuration

_OURS = ("plugins", "tasks", "task_resources", "plugin-manager")


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
    """A configuration with all defaults, and of what was said the sections that are not ours."""
    resolved = configuration.model_dump(by_alias=True)
    ours = {key: value for key, value in resolved.items() if key in _OURS}
    others = {key: value for key, value in said.items() if key not in ours}
    plugins = said.get("plugins")
    third_party = {
        key: value
        for key, value in (plugins if isinstance(plugins, Mapping) else {}).items()
        if key not in ours["plugins"]
    }
    return {**ours, "plugins": {**ours["plugins"], **third_party}, **others}
