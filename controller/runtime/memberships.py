"""Membership: how a replica keeps its place in the roster, and which shards are its own at this moment.

Several replicas share the work through one Lease, the one that a single leader would hold; its annotation is the
*roster* (:mod:`.rosters`). Every replica reads and rewrites it every ``retry`` seconds: it shows that it lives, strikes
out whose beat has stood still for ``duration``, and takes free shards up to its share. What it has beyond its share
(somebody joined) it stops acting on first and gives back then, by :meth:`Membership.give_back`.

Who was late (:mod:`.holding`), or was struck out, never acts again; the process starts anew.

Another number of shards is another holder of the same Lease: neither takes over while the other lives.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Unpack

from controller.kube.answers import Answer
from controller.kube.client import ApiServer
from controller.runtime import rosters
from controller.runtime.holding import ANSWER_WITHIN, LEASES, Holding, Timing, now_text, within
from controller.runtime.rosters import Roster
from pluginmachinery.api import names
from pluginmachinery.core.actions import Found, Missing, Refused

_log = logging.getLogger(__name__)

ROSTER = f"{names.GROUP}/roster"
"""Annotation of the Lease."""
MOST_CONFLICTS = 10
"""Others write the record too; who loses so often in a row tries again at its next turn."""


class Membership(Holding):
    """One replica's place among ``count`` shards' holders.

    ``changed`` is set whenever :attr:`held` or :attr:`excess` may have changed.
    """

    def __init__(
        self, api: ApiServer, namespace: str, name: str, identity: str, count: int, **timing: Unpack[Timing]
    ) -> None:
        super().__init__(api, namespace, name, identity, **timing)
        self.changed = asyncio.Event()
        self.held: frozenset[int] = frozenset()
        """Shards that are ours by the last record that we wrote."""
        self.excess: frozenset[int] = frozenset()
        """Those of them that somebody else is to have: stop acting on them, then give them back."""
        self.problem = "the lease has not been read yet"
        self.note = ""
        """How we stand."""
        self._count = count
        self._turn = asyncio.Lock()
        self._returned: frozenset[int] = frozenset()
        self._seen: dict[Any, tuple[Any, float]] = {}

    def has(self, shard: int) -> bool:
        """Whether we may act on this shard at this moment."""
        return shard in self.held and self.is_member()

    def is_member(self) -> bool:
        """Whether our place is ours at this moment."""
        return self._holds()

    async def run(self) -> None:
        """Join, then stay. Returns when the place was lost."""
        while True:
            await self._take_turn()
            if self._has_lost():
                _log.error("lost the place in %s/%s: %s", self._ref.namespace, self._ref.name, self.note)
                return
            await self._sleep(self._retry)

    async def give_back(self, shards: frozenset[int]) -> None:
        """We have stopped acting on these: whoever is to have them may take them."""
        self._returned = shards
        await self._take_turn()

    async def leave(self) -> None:
        """Let others take everything over at once."""
        if self.is_member():
            await self._take_turn(leaving=True)

    async def _take_turn(self, *, leaving: bool = False) -> None:
        async with self._turn:
            for _ in range(MOST_CONFLICTS):
                if self._has_lost():
                    return
                if await within(ANSWER_WITHIN, self._try(leaving=leaving), otherwise=True):
                    return

    async def _try(self, *, leaving: bool) -> bool:
        """Read, decide, write. False: somebody else was faster, try again."""
        asked_at, returned = self._clock(), self._returned
        found = await self._api.get(self._ref)
        if isinstance(found, Refused):
            self._can_not("read", found)
            return True
        lease = dict(found.object) if isinstance(found, Found) else None
        current = self._current(lease)
        if current is None:
            self.problem = ""
            return True
        wanted = current.without({self._identity}) if leaving else self._wanted(current, returned)
        answer = await self._write(lease, wanted)
        if isinstance(answer, Refused) and answer.reason in ("Conflict", "AlreadyExists"):
            return False
        if isinstance(answer, Missing):
            return False
        if isinstance(answer, Refused):
            self._can_not("write", answer)
            return True
        # What is given back while this was under way is not in it yet.
        self._returned -= returned
        self._written(wanted, asked_at, left=leaving)
        return True

    def _current(self, lease: dict[str, Any] | None) -> Roster | None:
        """The record to go on from, without those that are dead; None: it is not for us to write."""
        roster = _roster_of(lease)
        if roster is None or roster.count != self._count:
            return self._take_over(lease)
        if self._renewed_at is not None and self._identity not in roster.beats:
            self._lost = True
            self.note = "others have taken this replica for dead"
            return None
        others = {member: beat for member, beat in roster.beats.items() if member != self._identity}
        dead = {member for member, beat in others.items() if self._stands_still(member, beat, self._duration)}
        return roster.without(dead)

    def _take_over(self, lease: dict[str, Any] | None) -> Roster | None:
        """There is no record of our count: make one, unless somebody lives by another."""
        spec = (lease or {}).get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        if self._renewed_at is not None:
            self._lost = True
            self.note = f"{holder or 'nobody'} holds the lease"
            return None
        lasts = max(self._duration, spec.get("leaseDurationSeconds") or 0)
        if holder and not self._stands_still(None, (holder, spec.get("renewTime")), lasts):
            self.note = f"standing by until {holder} has gone: it counts the shards differently"
            return None
        return Roster.empty(self._count)

    def _stands_still(self, member: str | None, beat: Any, seconds: float) -> bool:
        """Whether this has not changed for so long that its writer must be dead."""
        known, since = self._seen.get(member, (None, 0.0))
        if known != beat:
            self._seen[member] = (beat, self._clock())
            return False
        return self._clock() - since >= seconds

    def _wanted(self, current: Roster, returned: frozenset[int]) -> Roster:
        return current.beat_of(self._identity).without_shards(self._identity, returned).claimed_by(self._identity)

    async def _write(self, lease: dict[str, Any] | None, roster: Roster) -> Answer:
        spec = {
            **((lease or {}).get("spec") or {}),
            "holderIdentity": roster.describe(),
            "leaseDurationSeconds": int(self._duration),
            "renewTime": now_text(),
        }
        metadata = dict((lease or {}).get("metadata") or {"name": self._ref.name, "namespace": self._ref.namespace})
        metadata["annotations"] = {**(metadata.get("annotations") or {}), ROSTER: roster.to_text()}
        body = {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": metadata, "spec": spec}
        return await (self._api.create(self._ref, body) if lease is None else self._api.update(self._ref, body))

    def _written(self, roster: Roster, asked_at: float, *, left: bool) -> None:
        before = self.held, self.excess
        self.problem = ""
        if left:
            self._lost = True
            self.held = self.excess = frozenset()
        else:
            if self._renewed_at is None:
                _log.info("member of %s/%s as %s", self._ref.namespace, self._ref.name, self._identity)
            self._renewed_at = asked_at
            self.held = frozenset(roster.held_by(self._identity))
            self.excess = frozenset(roster.excess_of(self._identity))
            shards = ", ".join(map(str, sorted(self.held))) or "none"
            self.note = f"shards {shards} of {roster.count}, {len(roster.beats)} replicas"
        if (self.held, self.excess) != before:
            _log.info("%s", self.note)
            self.changed.set()


def _roster_of(lease: dict[str, Any] | None) -> Roster | None:
    """The record, if it is in force: a leader that took the Lease over leaves the annotation as it was."""
    if lease is None:
        return None
    roster = rosters.parse((lease["metadata"].get("annotations") or {}).get(ROSTER))
    holder = (lease.get("spec") or {}).get("holderIdentity") or ""
    return roster if roster is not None and holder == roster.describe() else None
