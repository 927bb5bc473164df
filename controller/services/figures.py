"""Figures: what is counted at the moment when somebody asks for metrics, and costs nothing until then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class WatchFigures:
    """How one watch stands. ``age``: seconds since it last said something, None: never."""

    kind: str
    namespace: str
    events: int
    relists: int
    age: float | None
    synced: bool
    levels: Mapping[str, int] = field(default_factory=dict)
    """Objects that it follows, by their namespace."""


@dataclass(frozen=True, slots=True)
class PoolFigures:
    """One quota of resource tokens: how many are taken, of how many."""

    plugin: str
    quota: str
    taken: int
    limit: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The runtime at one moment. ``stalled``: seconds for which the line has not moved although tasks stand in it."""

    phases: Counter[str]
    depth: int
    timers: int
    leading: bool
    watches: tuple[WatchFigures, ...]
    workers: int = 0
    busy: int = 0
    lined_up: int = 0
    retried: int = 0
    stalled: float = 0.0
    waited_out: int = 0
    """Requests that wait for the API server to be well again."""
    gates: int = 0
    """Kinds and namespaces whose launches back off."""
    in_line: int = 0
    """Tasks that wait for room."""
    write_limit: int = 0
    """Writes that may be under way at once."""
    writes_waiting: int = 0
    throttled: int = 0
    """Writes that the API server refused for want of breath, so far."""
    pools: tuple[PoolFigures, ...] = ()
