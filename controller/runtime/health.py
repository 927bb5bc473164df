"""What the process says of itself: whether a restart would help, whether it can work, and the figures of a scrape."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controller.kube.informers import Informer
from controller.runtime.effects import Tokens
from controller.runtime.leases import Lease
from controller.runtime.memberships import Membership
from controller.runtime.paces import Pace
from controller.runtime.shards import Shard
from controller.services.figures import Figures, WatchFigures
from controller.services.probes import Check
from pluginmachinery.lifecycle.advance import World

STUCK = 120.0
"""Seconds without progress after which a line in which tasks stand counts as stuck, and the process as unhealthy."""


@dataclass(frozen=True)
class Health:
    """Looks at the parts of an application; ``shards`` are those that it acts on at the moment, ``optional`` the
    watches that tasks can do without."""

    world: World
    shards: Mapping[int | None, Shard]
    optional: Sequence[Informer]
    lease: Lease | None
    membership: Membership | None
    tokens: Tokens
    pace: Pace

    def alive(self) -> list[Check]:
        """What a restart would mend: a line that does not move although nothing outside is waited for."""
        return [_line_check(shard) for shard in self.shards.values()]

    def ready(self) -> list[Check]:
        """What readiness depends on."""
        checks = [Check("configuration", note="loaded"), *self.alive()]
        failed = self.world.registry.failed
        checks += [Check(f"plugin {plugin.id}", note=f"optional, does not run: {plugin.reason}") for plugin in failed]
        for shard in self.shards.values():
            checks += [_executions_check(shard, informer) for informer in shard.executions]
            checks += [_objects_check(shard, informer) for informer in shard.objects]
        checks += [_optional_check(informer) for informer in self.optional]
        if self.lease:
            note = "leading" if self.lease.leads() else f"standing by, {self.lease.holder or 'nobody'} leads"
            checks.append(Check("leadership", self.lease.problem, note))
        if self.membership:
            checks.append(Check("membership", self.membership.problem, self.membership.note))
        return checks

    def figures(self) -> Figures:
        """What metrics count at a scrape."""
        engines = [shard.engine for shard in self.shards.values()]
        slots = (slot for engine in engines for slot in engine.cache.slots.values())
        followed: dict[tuple[str, str], list[Informer]] = {}
        of_shards = (each for shard in self.shards.values() for each in shard.informers)
        for informer in (*of_shards, *self.optional):
            followed.setdefault((informer.kind.plural, informer.namespace), []).append(informer)
        room = self.world.waiting_room
        return Figures(
            phases=Counter(slot.phase or "Unknown" for slot in slots),
            depth=sum(engine.depth for engine in engines),
            timers=sum(len(engine.timers) for engine in engines),
            leading=any(engine.is_open for engine in engines),
            workers=sum(engine.workers for engine in engines),
            busy=sum(engine.busy for engine in engines),
            lined_up=sum(engine.lined_up for engine in engines),
            retried=sum(engine.retried for engine in engines),
            stalled=max((engine.stalled for engine in engines), default=0.0),
            waited_out=sum(engine.waited_out for engine in engines),
            gates=room.closed_gates,
            in_line=room.waiting,
            write_limit=int(self.pace.limit),
            writes_waiting=self.pace.waiting,
            throttled=self.pace.throttled,
            pools=self.tokens.pools(),
            watches=tuple(_figures_of(*key, informers) for key, informers in followed.items()),
        )


def _figures_of(kind: str, namespace: str, informers: Sequence[Informer]) -> WatchFigures:
    """Several shards' watches of one kind, as one."""
    now = asyncio.get_running_loop().time()
    return WatchFigures(
        kind=kind,
        namespace=namespace,
        events=sum(informer.events for informer in informers),
        relists=sum(informer.relists for informer in informers),
        age=max((now - informer.heard_at for informer in informers if informer.heard_at), default=None),
        synced=all(informer.synced.is_set() for informer in informers),
        levels=sum((informer.levels() for informer in informers), Counter()),
    )


def _line_check(shard: Shard) -> Check:
    engine = shard.engine
    stuck = engine.stalled > STUCK and not engine.waited_out
    problem = f"{engine.depth} tasks wait, none was taken for {engine.stalled:.0f} s" if stuck else ""
    return Check(f"{shard}queue", problem, "moving")


def _executions_check(shard: Shard, informer: Informer) -> Check:
    missing = "the cluster does not serve this kind: install the CustomResourceDefinition"
    return Check(f"{shard}{informer}", missing if informer.absent else informer.problem)


def _objects_check(shard: Shard, informer: Informer) -> Check:
    return Check(f"{shard}{informer}", informer.problem, "not served by this cluster" if informer.absent else "")


def _optional_check(informer: Informer) -> Check:
    """Not being allowed to see these is no reason to be idle: a task that names a template says that it is missing."""
    return Check(str(informer), note=informer.problem)
