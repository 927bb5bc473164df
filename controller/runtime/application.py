"""The application: all parts of the runtime put together, started, supervised and stopped.

What it acts on are shards (:mod:`.shards`). Without leader election it is one that is everything. With it, and a count
of one, it is the same, but acted on only while this replica leads; one that does not lead follows everything too, so
that taking over costs no list. With more of them they are those that the roster gives it (:mod:`.memberships`), begun
and ended as it changes.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import socket
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from controller.kube.client import ApiServer
from controller.kube.credentials import Credentials
from controller.kube.informers import Informer, Sink
from controller.runtime import garbage
from controller.runtime.collecting import Collector
from controller.runtime.effects import Effects, OutputStore, Tokens
from controller.runtime.engine import Engine, utc_now
from controller.runtime.health import Health
from controller.runtime.leases import Lease
from controller.runtime.livetasks import LiveTasks
from controller.runtime.memberships import Membership
from controller.runtime.object_events import EVENTS, ObjectEvents
from controller.runtime.observers import Observers
from controller.runtime.paces import Pace
from controller.runtime.pod_templates import POD_TEMPLATES, PodTemplateSink
from controller.runtime.shards import Shard
from controller.runtime.slots import JSON
from controller.runtime.statuses import Statuses
from controller.runtime.waiting import WaitingTasks, foreseen
from controller.runtime.watchdogs import Watchdog
from controller.services.events import EventRecorder
from controller.services.metrics import Metrics
from controller.services.probes import ProbeServer
from controller.services.traces import Traces
from pluginmachinery.api import names, shards
from pluginmachinery.core.actions import ObjectRef, ResourceKind
from pluginmachinery.lifecycle.advance import World, advance
from pluginmachinery.manager.namespaces import LIMIT_RANGES, RESOURCE_QUOTAS

_log = logging.getLogger(__name__)

SELECTOR = f"{names.MANAGED}=true"
GRACE = 5.0
"""Seconds that writes in flight have to end when the process is asked to."""
HAND_OVER = 2.0
"""Seconds that giving up the Lease may take; without it the next replica waits until it expires."""
LEASE = "flyte-plugin-manager"
OUT_OF_MEMORY = "out of memory: give the container more (resources.limits.memory), or share the work among replicas"
FAILED = 1
"""Exit code when the process ends because it can not go on."""


@dataclass(frozen=True)
class Options:
    """How this process runs, as opposed to what it does (which is configuration)."""

    namespaces: tuple[str, ...] = ()
    """Namespaces that are followed; none: all."""
    lease_namespace: str | None = None
    """Where the Lease for leadership, or for sharing, is; None: act without asking, on everything."""
    identity: str = field(default_factory=socket.gethostname)


class Application:
    """One replica of the controller. ``ended`` is set when it can not go on; ``exit_code`` says how it went."""

    def __init__(
        self,
        *,
        world: World,
        kinds: Iterable[ResourceKind],
        credentials: Credentials,
        outputs: OutputStore,
        tokens: Tokens,
        metrics: Metrics,
        traces: Traces | None = None,
        options: Options,
        listen: socket.socket | None = None,
    ) -> None:
        self.ended = asyncio.Event()
        self.exit_code = 0
        self._world = world
        self._settings = world.config.plugin_manager
        self._kinds = tuple(dict.fromkeys(kinds))
        self._outputs = outputs
        self._tokens = tokens
        self._options = options
        self._metrics = metrics
        self._watchdog = Watchdog(self._settings.plugin_timeout.timedelta.total_seconds())
        self._stopping = False
        self._sharing: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._traces = traces
        self._observers = Observers(metrics, traces)
        self._api = ApiServer(credentials, connections=self._settings.workers + 8, listener=self._observers.request)
        self._events = EventRecorder(self._api, self._settings.events, instance=options.identity, tell=metrics.event)
        self._observers.add(self._events)
        self._object_events = ObjectEvents(self._touched)
        self._event_informers = self._make_event_informers()
        # Work must not take the connections by which we keep the right to work: renewals would wait in line behind it.
        self._lease_api = ApiServer(credentials, connections=2, listener=self._observers.request)
        self._lease, self._membership = self._make_lease()
        self._pace = Pace(self._settings.workers)
        self._waiting = WaitingTasks(world.waiting_room, self._engines, utc_now)
        tokens.lines.ask = self._waiting.ask
        self._limits = [
            each for kind in (RESOURCE_QUOTAS, LIMIT_RANGES) for each in self._informers(kind, self._waiting.sink(kind))
        ]
        self.shards: dict[int | None, Shard] = {}
        """Those that this replica acts on, or stands by for, by number; None: all in one."""
        if self._membership is None:
            self.shards[None] = self._make_shard(None)
        self._templates = self._template_informers(PodTemplateSink(self._use_templates))
        health = Health(world, self.shards, self._optional_informers, self._lease, self._membership, tokens, self._pace)
        self._probes = ProbeServer(listen, health.alive, health.ready, metrics.exposition) if listen else None
        metrics.follow(health.figures)

    async def start(self) -> None:
        """Return at once; the work goes on in tasks of this event loop."""
        self._watchdog.start()
        asyncio.get_running_loop().set_exception_handler(self._on_loop_error)
        if self._probes:
            await self._probes.start()
        self._spawn("events", self._events.run())
        # These may stay unreadable (an old role): tasks say so, or are refused. All else must be known.
        for informer in self._optional_informers:
            self._spawn(f"watch {informer}", informer.run())
        for shard in self.shards.values():
            shard.start(self._may_open)
        self._spawn("tokens", self._tokens.keep(LiveTasks(self._api, self.shards)))
        if self._lease:
            self._spawn("lease", self._lead(self._lease))
        if self._membership:
            self._spawn("membership", self._lead(self._membership))
            self._sharing = self._spawn("shards", self._share(self._membership))

    async def stop(self) -> None:
        """Stop taking work, let writes in flight end, hand over."""
        self._stopping = True
        if self._sharing:
            self._sharing.cancel()
        await asyncio.gather(*(shard.stop(GRACE) for shard in self.shards.values()))
        await self._hand_over()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._probes:
            await self._probes.stop()
        await self._api.close()
        await self._lease_api.close()
        if self._traces:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.to_thread(self._traces.shutdown), GRACE)
        self._watchdog.stop()

    async def _hand_over(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HAND_OVER):
                if self._lease:
                    await self._lease.release()
                if self._membership:
                    await self._membership.leave()

    @property
    def _optional_informers(self) -> tuple[Informer, ...]:
        """Of pod templates, quotas, events: what tasks can do without."""
        return (*self._templates, *self._limits, *self._event_informers)

    async def _may_open(self) -> None:
        await foreseen(self._limits)
        garbage.settle()
        if self._lease:
            await self._lease.acquired.wait()

    async def _lead(self, place: Lease | Membership) -> None:
        await place.run()
        if not self._stopping:
            self._end("leadership was lost")

    async def _share(self, membership: Membership) -> None:
        """Begin and end shards as the roster says: what is not to be ours is given back once nothing acts on it."""
        while True:
            await membership.changed.wait()
            membership.changed.clear()
            wanted = membership.held - membership.excess
            ended = [shard for number, shard in self.shards.items() if number not in wanted]
            await asyncio.gather(*(shard.stop(GRACE) for shard in ended))
            for shard in ended:
                await shard.drop()
                del self.shards[shard.number]
                self._waiting.give_up(shard.engine.cache.slots)
            if membership.excess:
                await membership.give_back(membership.excess)
            for number in sorted((membership.held - membership.excess) - self.shards.keys()):
                self.shards[number] = self._make_shard(number)
                self.shards[number].start(self._may_open)

    def _make_shard(self, number: int | None) -> Shard:
        settings = self._settings
        effects = Effects(
            self._api, self._outputs, self._tokens, may_act=lambda: self._may_act(number), pace=self._pace
        )
        statuses = Statuses(self._api, effects, window=settings.coalesce.timedelta)
        decide = self._watchdog.bounded(advance)
        engine = Engine(
            self._world,
            effects,
            statuses,
            workers=settings.workers,
            watcher=self._observers,
            trace=self._observers.handling,
            events=self._object_events,
            decide=decide,
            spawn=self._spawn,
            waiting=self._waiting,
        )
        collector = Collector(self._api, effects, engine.cache, settings.gc)
        effects.expire = collector.expire
        if self._event_informers:
            engine.cache.remember_owners()
        own = "" if number is None else shards.selector(settings.sharding.label, number, settings.sharding.count)
        objects = ",".join(filter(None, (SELECTOR, own)))
        return Shard(
            number,
            engine,
            self._informers(names.TASK_EXECUTIONS, engine.cache, own),
            [each for kind in self._kinds for each in self._informers(kind, engine.cache.sink(kind), objects)],
            collector,
            self._spawn,
        )

    def _engines(self) -> list[Engine]:
        return [shard.engine for shard in self.shards.values()]

    def _may_act(self, number: int | None) -> bool:
        if self._membership is not None:
            return number is not None and self._membership.has(number)
        return self._lease is None or self._lease.leads()

    def _use_templates(self, templates: tuple[JSON, ...]) -> None:
        self._world = dataclasses.replace(self._world, pod_templates=templates)
        for shard in self.shards.values():
            shard.engine.world = self._world

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._check)
        return task

    def _check(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            if isinstance(error, MemoryError):
                _end_at_once()
            _log.error("%s broke off", task.get_name(), exc_info=error)
            self._end(f"{task.get_name()} broke off")

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What breaks off in a callback is reported, and nobody waits for it: but memory must not run out unheard."""
        if isinstance(context.get("exception"), MemoryError):
            _end_at_once()
        else:
            loop.default_exception_handler(context)

    def _end(self, why: str) -> None:
        _log.error("ending: %s", why)
        self.exit_code = FAILED
        self.ended.set()

    def _make_event_informers(self) -> list[Informer]:
        """Events about objects of the plugins' kinds, where they are wanted."""
        if not self._world.config.plugins.k8s.send_object_events:
            return []
        return [
            Informer(
                self._api, EVENTS, self._object_events.sink(kind), namespace=each, fields=f"regarding.kind={kind.kind}"
            )
            for kind in self._kinds
            for each in self._options.namespaces or ("",)
        ]

    def _touched(self, ref: ObjectRef) -> None:
        for shard in self.shards.values():
            shard.engine.cache.touched(ref)

    def _informers(self, kind: ResourceKind, sink: Sink, selector: str = "") -> list[Informer]:
        namespaces = self._options.namespaces or ("",)
        return [Informer(self._api, kind, sink, namespace=namespace, selector=selector) for namespace in namespaces]

    def _template_informers(self, sink: PodTemplateSink) -> list[Informer]:
        informers = self._informers(POD_TEMPLATES, sink)
        default = self._world.pod_template_default_namespace
        if default and self._options.namespaces and default not in self._options.namespaces:
            informers.append(Informer(self._api, POD_TEMPLATES, sink, namespace=default))
        return informers

    def _make_lease(self) -> tuple[Lease | None, Membership | None]:
        namespace, identity = self._options.lease_namespace, self._options.identity
        count = self._settings.sharding.count
        if not namespace:
            return None, None
        if count == 1:
            return Lease(self._lease_api, namespace, LEASE, identity), None
        return None, Membership(self._lease_api, namespace, LEASE, identity, count)


def _end_at_once() -> NoReturn:
    """Memory has run out. An orderly end would need some; what is not yet written, the next process finds out."""
    _log.critical(OUT_OF_MEMORY)
    os._exit(FAILED)
