"""Pairing the leaves of two sides, and what the differences do to tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from configgen.diff.leaves import Element, LeafPath, leaves, shown
from configgen.diff.secrets import MASK, Secrets, is_secret_key
from configgen.diff.sides import Side
from configgen.layers.environments import Environment
from configgen.layers.kinds import Kind, model_kind
from configgen.layers.nodes import Origin, plain
from configgen.release.values import ReleaseValues

if TYPE_CHECKING:
    from configgen.effects.comparing import Effect

__all__ = ["MASK", "Change", "Comparison", "Said", "compare", "effective", "is_secret"]


@dataclass(frozen=True, slots=True)
class Said:
    """One side of a difference. ``origins`` newest first; empty: the built-in default."""

    value: Any
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A leaf in which two sides differ; None: there is nothing on that side. ``secret``: do not show the values."""

    path: LeafPath
    before: Said | None
    after: Said | None

    @property
    def secret(self) -> bool:
        return is_secret(self.path)


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that two sides differ in. ``effect`` is None where nothing in the configuration differs; ``secrets`` are not
    to be shown. ``remark``: why there is nothing to compare (an environment that is new, or gone)."""

    before: str
    after: str
    changes: tuple[Change, ...]
    secrets: Secrets = field(default_factory=Secrets)
    effect: Effect | None = None
    remark: str = ""
    no_effect: str = ""
    """Why nothing can be told of pods, where the configuration differs."""

    @property
    def differs(self) -> bool:
        return bool(self.changes or self.remark)


def is_secret(path: LeafPath) -> bool:
    """Whether the key is one that people keep secrets under."""
    last = path[-1]
    return is_secret_key(last.key if isinstance(last, Element) else last)


def compare(before: Side, after: Side) -> list[Change]:
    """All leaves of configuration and release that differ, in the order of their paths."""
    changes = list(_compare(_Leaves.config(before), _Leaves.config(after)))
    if before.release is not None and after.release is not None:
        changes += _compare(_Leaves.release(before), _Leaves.release(after))
    return sorted(changes, key=lambda change: shown(change.path))


@dataclass(frozen=True, slots=True)
class _Leaves:
    side: Side
    leaves: Mapping[LeafPath, Any]
    prefix: LeafPath = ()

    @classmethod
    def config(cls, side: Side) -> _Leaves:
        return cls(side, dict(leaves(side.effective())))

    @classmethod
    def release(cls, side: Side) -> _Leaves:
        kind: Kind = model_kind(ReleaseValues)
        return cls(side, dict(leaves(side.release, kind)), ("release",))

    def said(self, path: LeafPath) -> Said | None:
        if path not in self.leaves:
            return None
        origins = self.side.release_origins if self.prefix else self.side.origins
        return Said(self.leaves[path], origins(path))


def _compare(before: _Leaves, after: _Leaves) -> Iterator[Change]:
    for path in {**before.leaves, **after.leaves}:
        old, new = before.said(path), after.said(path)
        if (old is None) != (new is None) or (old and new and old.value != new.value):
            yield Change(before.prefix + path, old, new)


def effective(environment: Environment) -> dict[str, Any]:
    """The whole configuration of an environment with all defaults filled in; sections that are not ours as they are."""
    from configgen.diff.sides import effective as of

    return of(environment.configuration, plain(environment.config))
