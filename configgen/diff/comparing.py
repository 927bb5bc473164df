"""Pairing the leaves of two environments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from configgen.diff.leaves import LeafPath, leaves, origins, shown
from configgen.layers.environments import Environment
from configgen.layers.kinds import Kind, model_kind
from configgen.layers.nodes import Mapping as Tree
from configgen.layers.nodes import Origin, plain
from configgen.release.values import ReleaseValues

MASK: Final = "******"
_SECRET: Final = re.compile(r"(?i)(secret|access)[-_]?(access[-_]?)?key$|password|passwd|token$|credentials?$")


@dataclass(frozen=True, slots=True)
class Said:
    """One side of a difference. ``origins`` newest first; empty: the built-in default."""

    value: Any
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A leaf in which two environments differ; None: there is nothing on that side. ``secret``: do not show the
    values."""

    path: LeafPath
    before: Said | None
    after: Said | None

    @property
    def secret(self) -> bool:
        return is_secret(self.path)


def is_secret(path: LeafPath) -> bool:
    """Whether the key is one that people keep secrets under."""
    return isinstance(path[-1], str) and bool(_SECRET.search(path[-1]))


def compare(before: Environment, after: Environment) -> list[Change]:
    """All leaves of configuration and release that differ, in the order of their paths."""
    changes = list(_compare(_Side.config(before), _Side.config(after)))
    changes += _compare(_Side.release(before), _Side.release(after))
    return sorted(changes, key=lambda change: shown(change.path))


@dataclass(frozen=True, slots=True)
class _Side:
    leaves: Mapping[LeafPath, Any]
    tree: Tree
    prefix: LeafPath = ()

    @classmethod
    def config(cls, environment: Environment) -> _Side:
        return cls(dict(leaves(effective(environment))), environment.config)

    @classmethod
    def release(cls, environment: Environment) -> _Side:
        kind: Kind = model_kind(ReleaseValues)
        values = environment.values.model_dump(by_alias=True)
        return cls(dict(leaves(values, kind)), environment.release, ("release",))

    def said(self, path: LeafPath) -> Said | None:
        if path not in self.leaves:
            return None
        return Said(self.leaves[path], origins(self.tree, path))


def _compare(before: _Side, after: _Side) -> Iterator[Change]:
    for path in {**before.leaves, **after.leaves}:
        old, new = before.said(path), after.said(path)
        if (old is None) != (new is None) or (old and new and old.value != new.value):
            yield Change(before.prefix + path, old, new)


def effective(environment: Environment) -> dict[str, Any]:
    """The whole configuration of an environment with all defaults filled in; sections that are not ours as they are."""
    said = plain(environment.config)
    resolved = environment.configuration.model_dump(by_alias=True)
    ours = {
        key: value for key, value in resolved.items() if key in ("plugins", "tasks", "task_resources", "plugin-manager")
    }
    others = {key: value for key, value in said.items() if key not in ours}
    third_party = {key: value for key, value in (said.get("plugins") or {}).items() if key not in ours["plugins"]}
    return {**ours, "plugins": {**ours["plugins"], **third_party}, **others}
