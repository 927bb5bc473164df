"""Resource tokens: how many of something may be used at a time, over all tasks.

A *pool* is one quota of one plugin, a *holder* has at most one token of it: to ask twice, or to give back twice,
changes nothing. Holders belong to an attempt of a task. What an attempt leaves behind is given back when the task's
next attempt asks or when the task ends, so that no plugin can leak tokens for good.

Who is refused a token stands in a line (:class:`TokenLines`) and asks again as soon as this process gives one back;
what other replicas give back is found when the task looks again by itself.

Two places keep them: the memory of this process (:class:`InMemoryTokens`: right for one acting replica; after a restart
running tasks have to ask again) and Redis (:mod:`.redis_tokens`).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from controller.services.figures import PoolFigures
from pluginmachinery.config import Configuration
from pluginmachinery.core.actions import Done, NotGranted
from pluginmachinery.core.errors import PluginMachineryError
from pluginmachinery.core.plugins import TokenQuotas
from pluginmachinery.plugins.registry import PluginRegistry

SWEEP = 30.0
"""Seconds between two looks for holders whose task is gone."""

Tell = Callable[[str, str, str], None]
"""Told of every request: plugin, quota, and what came of it (metrics)."""


@dataclass(frozen=True, slots=True)
class Pool:
    """One quota of one plugin; two plugins may give their quotas the same name."""

    plugin: str
    quota: str


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a token: ``owner`` (the plugin's word) of an attempt of a task."""

    namespace: str
    name: str
    uid: str
    attempt: int
    owner: str


class TokenLines:
    """Which tasks were refused a token, by pool, in the order of their asking.

    ``ask`` lets a task ask again; False: nobody here has it, and the next one is asked.
    """

    def __init__(self) -> None:
        self.ask: Callable[[str], bool] = lambda _uid: False
        self._lines: defaultdict[Pool, dict[str, set[Holder]]] = defaultdict(dict)

    def refused(self, pool: Pool, holder: Holder) -> None:
        self._lines[pool].setdefault(holder.uid, set()).add(holder)

    def leave(self, pool: Pool, holder: Holder) -> None:
        """It has its token, or does not want it any more."""
        line = self._lines[pool]
        if holders := line.get(holder.uid):
            holders.discard(holder)
            if not holders:
                del line[holder.uid]

    def forget(self, uid: str) -> None:
        """The task has ended."""
        for line in self._lines.values():
            line.pop(uid, None)

    def freed(self, pool: Pool, uid: str) -> None:
        """This task gave one back: the next one may ask. (What the task itself waits for it asks for by itself.)"""
        line = self._lines[pool]
        while (following := next((each for each in line if each != uid), None)) is not None:
            del line[following]
            if self.ask(following):
                return


class Tasks(Protocol):
    """What has to be known of TaskExecutions to give back what nobody uses any more."""

    def lives(self, uid: str) -> bool:
        """Whether this replica acts on it, and it has not ended."""

    async def is_over(self, holder: Holder) -> bool:
        """Whether the API server says – now, not a cache – that the task has ended or is gone. In doubt: no."""


class Limits:
    """How many tokens a pool has; a plugin is asked when its first token is.

    The general configuration counts, not that of a scope: a quota is over all tasks.
    """

    def __init__(self, config: Configuration, registry: PluginRegistry) -> None:
        self._config = config
        self._registry = registry
        self._quotas: dict[str, Mapping[str, int]] = {}

    def __call__(self, pool: Pool) -> int:
        if pool.plugin not in self._quotas:
            self._quotas[pool.plugin] = self._ask(pool.plugin)
        return self._quotas[pool.plugin].get(pool.quota) or self._config.propeller.resourcemanager.resource_max_quota

    def _ask(self, plugin_id: str) -> Mapping[str, int]:
        try:
            plugin = self._registry.load(plugin_id)
        except PluginMachineryError:
            return {}
        return plugin.token_quotas(self._config) if isinstance(plugin, TokenQuotas) else {}


class InMemoryTokens:
    """Tokens of this process."""

    def __init__(self, limits: Callable[[Pool], int], tell: Tell = lambda _plugin, _quota, _outcome: None) -> None:
        self._limits = limits
        self._tell = tell
        self.lines = TokenLines()
        self._holders: defaultdict[Pool, set[Holder]] = defaultdict(set)

    async def allocate(self, pool: Pool, holder: Holder) -> Done:
        self._release_where(lambda other: other.uid == holder.uid and other.attempt < holder.attempt)
        holders, limit = self._holders[pool], self._limits(pool)
        if holder not in holders and len(holders) >= limit:
            self._tell(pool.plugin, pool.quota, "exhausted")
            self.lines.refused(pool, holder)
            return NotGranted(reason=exhausted(pool, len(holders), limit))
        holders.add(holder)
        self.lines.leave(pool, holder)
        self._tell(pool.plugin, pool.quota, "granted")
        return Done(True)

    async def release(self, pool: Pool, holder: Holder) -> Done:
        self.lines.leave(pool, holder)
        self._free(pool, [holder] if holder in self._holders[pool] else [])
        return Done(True)

    def forget(self, uid: str) -> None:
        """The task has ended."""
        self.lines.forget(uid)
        self._release_where(lambda holder: holder.uid == uid)

    def pools(self) -> tuple[PoolFigures, ...]:
        return tuple(
            PoolFigures(pool.plugin, pool.quota, len(holders), self._limits(pool))
            for pool, holders in self._holders.items()
        )

    async def keep(self, tasks: Tasks) -> None:
        """Give back what tasks have that are gone, for ever."""
        while True:
            await asyncio.sleep(SWEEP)
            self._release_where(lambda holder: not tasks.lives(holder.uid))

    def _release_where(self, is_over: Callable[[Holder], bool]) -> None:
        for pool, holders in self._holders.items():
            self._free(pool, [holder for holder in holders if is_over(holder)])

    def _free(self, pool: Pool, over: Sequence[Holder]) -> None:
        self._holders[pool].difference_update(over)
        for holder in over:
            self.lines.freed(pool, holder.uid)


def exhausted(pool: Pool, taken: int, limit: int) -> str:
    """For people: why there is no token."""
    return f"{taken} of {limit} tokens of {pool.quota or 'the quota'} ({pool.plugin}) are taken"
