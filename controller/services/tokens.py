"""Resource tokens in memory: right for one acting replica, empty after a restart (owners ask again)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from pluginmachinery.core.actions import Done

DEFAULT_LIMIT = 1000
"""Tokens of a quota that names no number of its own; Flyte's ``resource-max-quota``."""


class InMemoryTokens:
    """An owner has at most one token of a quota: to ask twice, or to give back twice, changes nothing."""

    def __init__(self, limits: Mapping[str, int] | None = None, default_limit: int = DEFAULT_LIMIT) -> None:
        self._limits = limits or {}
        self._default_limit = default_limit
        self._owners: defaultdict[str, set[str]] = defaultdict(set)

    async def allocate(self, quota: str, owner: str) -> Done:
        owners = self._owners[quota]
        granted = owner in owners or len(owners) < self._limits.get(quota, self._default_limit)
        if granted:
            owners.add(owner)
        return Done(granted)

    async def release(self, quota: str, owner: str) -> Done:
        self._owners[quota].discard(owner)
        return Done(True)
