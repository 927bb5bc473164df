"""Resource tokens in Redis: counted for all replicas together, and kept while no replica runs.

A pool is a sorted set: its members are holders, their scores the time (of Redis, in milliseconds) at which each was
last *renewed*. One script counts and takes, so two replicas can not take the last token both. Keys and members are made
of parts that are escaped, so that no plugin, quota or task can be taken for another one whose name begins alike.

Whose task is gone must not keep its tokens, and whose task lives must not lose them, whatever happens to us:

* whoever acts on a task renews its tokens; what was renewed within ``plugin-manager.token-store.lease`` is left alone;
* what was not is looked at: the API server itself is asked, and only a task that has ended or is gone loses its tokens.

When Redis can not be reached nothing fails: tasks wait and say why, and what is to be given back is remembered.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from controller.services.figures import PoolFigures
from controller.services.redis_connections import Redis, unreachable
from controller.services.tokens import Holder, Pool, Tasks, Tell, TokenLines, exhausted
from pluginmachinery.core.actions import Done, NotGranted

_log = logging.getLogger(__name__)

_NOW = "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000) "
_ALLOCATE = f"""{_NOW}
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
  return {{0, redis.call('ZCARD', KEYS[1])}}
end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('SADD', KEYS[2], ARGV[3])
return {{1, redis.call('ZCARD', KEYS[1])}}
"""
_RENEW = f"""{_NOW}
for _, member in ipairs(ARGV) do redis.call('ZADD', KEYS[1], 'XX', now, member) end
return redis.call('ZCARD', KEYS[1])
"""
_STALE = f"{_NOW} return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1], 'LIMIT', 0, ARGV[2])"
_RECLAIM = f"""{_NOW}
local renewed = redis.call('ZSCORE', KEYS[1], ARGV[2])
if renewed and tonumber(renewed) <= now - ARGV[1] then return redis.call('ZREM', KEYS[1], ARGV[2]) end
return 0
"""
_AT_A_TIME = 500
"""Tokens that one command renews, or that are looked at in one round."""
_PAUSE = 5.0
"""Seconds for which a Redis that did not answer is not asked by the next task again."""

R = TypeVar("R")


class RedisTokens:
    """Tokens in Redis. ``lease`` is in seconds; ``prefix`` begins every key."""

    def __init__(
        self,
        redis: Redis,
        limits: Callable[[Pool], int],
        *,
        lease: float,
        prefix: str,
        tell: Tell = lambda _plugin, _quota, _outcome: None,
    ) -> None:
        self._redis = redis
        self._limits = limits
        self._lease = lease
        self._tell = tell
        # In braces: all keys of one installation are in one slot of a Redis cluster, as scripts need them.
        self._prefix = f"{{{quote(prefix, safe='')}}}:tokens"
        self.lines = TokenLines()
        self._held: defaultdict[str, set[tuple[Pool, Holder]]] = defaultdict(set)
        self._owed: set[tuple[Pool, Holder]] = set()
        self._taken: dict[Pool, int] = {}
        self._ended = asyncio.Event()
        self._trouble = ""
        self._paused_until = 0.0

    async def allocate(self, pool: Pool, holder: Holder) -> Done:
        before = [each for each in self._held.get(holder.uid, ()) if each[1].attempt < holder.attempt]
        for each in before:
            await self.release(*each)
        self._owed.discard((pool, holder))
        limit = self._limits(pool)
        keys = (self._key(pool), self._pools_key)
        arguments = (member(holder), limit, pool_text(pool))
        answer = await self._asked(lambda: self._redis.script(_ALLOCATE, keys, arguments))
        if answer is None:
            self._tell(pool.plugin, pool.quota, "unavailable")
            return NotGranted(reason=f"the token store can not be reached: {self._trouble}")
        granted, taken = answer
        self._taken[pool] = taken
        if not granted:
            self._tell(pool.plugin, pool.quota, "exhausted")
            self.lines.refused(pool, holder)
            return NotGranted(reason=exhausted(pool, taken, limit))
        self._held[holder.uid].add((pool, holder))
        self.lines.leave(pool, holder)
        self._tell(pool.plugin, pool.quota, "granted")
        return Done(True)

    async def release(self, pool: Pool, holder: Holder) -> Done:
        """Give back; if that is not possible now, later."""
        self.lines.leave(pool, holder)
        self._owe({(pool, holder)})
        await self._pay({(pool, holder)})
        return Done(True)

    def forget(self, uid: str) -> None:
        """The task has ended or is gone: what it has is given back as soon as may be."""
        self.lines.forget(uid)
        if held := set(self._held.get(uid, ())):
            self._owe(held)
            self._ended.set()

    def pools(self) -> tuple[PoolFigures, ...]:
        return tuple(PoolFigures(pool.plugin, pool.quota, n, self._limits(pool)) for pool, n in self._taken.items())

    async def keep(self, tasks: Tasks) -> None:
        """Give back, renew and look after what nobody renews, for ever: at once, and four times in a lease."""
        try:
            while True:
                await self.sweep(tasks)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._lease / 4):
                        await self._pay_as_tasks_end()
        finally:
            await self._redis.close()

    async def _pay_as_tasks_end(self) -> None:
        while True:
            await self._ended.wait()
            self._ended.clear()
            await self._pay(set(self._owed))

    async def sweep(self, tasks: Tasks) -> None:
        """One round of :meth:`keep`."""
        # Tasks that are not ours any more live on elsewhere: who acts on them now renews what they have.
        for uid in [uid for uid in self._held if not tasks.lives(uid)]:
            del self._held[uid]
        await self._pay(set(self._owed))
        pools = await self._asked(lambda: self._redis.members(self._pools_key))
        for pool in sorted(map(read_pool, pools or ()), key=pool_text):
            await self._renew(
                pool, [member(holder) for each in self._held.values() for at, holder in each if at == pool]
            )
            await self._look_after(pool, tasks)

    async def _renew(self, pool: Pool, members: list[str]) -> None:
        for begin in range(0, max(1, len(members)), _AT_A_TIME):
            part = tuple(members[begin : begin + _AT_A_TIME])
            taken = await self._asked(lambda: self._redis.script(_RENEW, (self._key(pool),), part))  # noqa: B023 -- awaited
            if taken is not None:
                self._taken[pool] = taken

    async def _look_after(self, pool: Pool, tasks: Tasks) -> None:
        """What was not renewed: ours after a restart, of a replica that died, or of a task that is gone."""
        key, lease = (self._key(pool),), int(self._lease * 1000)
        stale = await self._asked(lambda: self._redis.script(_STALE, key, (lease, _AT_A_TIME)))
        living = []
        for text in stale or ():
            holder = read_member(text)
            if holder is not None and tasks.lives(holder.uid):
                self._held[holder.uid].add((pool, holder))
            elif holder is None or await tasks.is_over(holder):
                whose = {} if holder is None else {"task": _identity(holder)}
                _log.info("a token of %s (%s) is free: %s is gone", pool.quota, pool.plugin, text, extra=whose)
                if await self._asked(lambda: self._redis.script(_RECLAIM, key, (lease, text))):  # noqa: B023 -- awaited
                    self.lines.freed(pool, "" if holder is None else holder.uid)
                continue
            living.append(text)  # it was looked at: not again before another lease has passed
        await self._renew(pool, living)

    def _owe(self, given_back: set[tuple[Pool, Holder]]) -> None:
        self._owed |= given_back
        for each in given_back:
            held = self._held.get(each[1].uid)
            if held is not None:
                held.discard(each)
                if not held:
                    del self._held[each[1].uid]

    async def _pay(self, owed: Iterable[tuple[Pool, Holder]]) -> None:
        for pool, holder in owed:
            key, text = self._key(pool), member(holder)
            removed = await self._asked(lambda: self._redis.remove(key, text))  # noqa: B023 -- awaited
            if removed is None:
                return
            self._owed.discard((pool, holder))
            if removed:
                self.lines.freed(pool, holder.uid)

    async def _asked(self, ask: Callable[[], Awaitable[R]]) -> R | None:
        """The answer; None: Redis can not be reached."""
        if time.monotonic() < self._paused_until:
            return None
        try:
            answer = await ask()
        except unreachable() as error:
            trouble = f"{type(error).__name__}: {error}".partition("\n")[0]
            if not self._trouble:
                _log.warning("resource tokens: Redis can not be reached, tasks that need one wait: %s", trouble)
            self._trouble = trouble
            self._paused_until = time.monotonic() + _PAUSE
            return None
        if self._trouble:
            _log.info("resource tokens: Redis answers again")
        self._trouble = ""
        return answer

    @property
    def _pools_key(self) -> str:
        return f"{self._prefix}:pools"

    def _key(self, pool: Pool) -> str:
        return f"{self._prefix}:pool:{pool_text(pool)}"


def _identity(holder: Holder) -> dict[str, object]:
    return {"namespace": holder.namespace, "name": holder.name, "uid": holder.uid, "attempt": holder.attempt}


def pool_text(pool: Pool) -> str:
    return _joined(pool.plugin, pool.quota)


def read_pool(text: str) -> Pool:
    plugin, quota = _parted(text)
    return Pool(plugin, quota)


def member(holder: Holder) -> str:
    """How a holder stands in its pool."""
    return _joined(holder.namespace, holder.name, holder.uid, str(holder.attempt), holder.owner)


def read_member(text: str) -> Holder | None:
    """None: that is no holder of ours."""
    parts = _parted(text)
    if len(parts) != 5 or not parts[3].isdecimal():
        return None
    namespace, name, uid, attempt, owner = parts
    return Holder(namespace, name, uid, int(attempt), owner)


def _joined(*parts: str) -> str:
    return "/".join(quote(part, safe="") for part in parts)


def _parted(text: str) -> list[Any]:
    return [unquote(part) for part in text.split("/")]
