"""The application: all parts of the runtime put together, started, supervised and stopped.

Start: TaskExecutions are listed first, then the objects made for them (so that these find their slots), then, when this
replica leads, the engine opens. A replica that does not lead follows everything too: taking over costs no list.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import logging
import socket
from collections import Counter
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.kube.client import ApiServer
from controller.kube.credentials import Credentials
from controller.kube.informers import Informer, Sink
from controller.runtime.effects import Effects, OutputStore, Tokens
from controller.runtime.engine import Engine
from controller.runtime.leases import Lease
from controller.runtime.slots import JSON
from controller.runtime.statuses import Statuses
from controller.services.metrics import Figures, Metrics, WatchFigures
from controller.services.probes import Check, ProbeServer
from pluginmachinery.api import names
from pluginmachinery.core.actions import ResourceKind
from pluginmachinery.lifecycle.advance import World

_log = logging.getLogger(__name__)

POD_TEMPLATES = ResourceKind("v1", "PodTemplate", "podtemplates")
SELECTOR = f"{names.MANAGED}=true"
GRACE = 5.0
"""Seconds that writes in flight have to end when the process is asked to."""
HAND_OVER = 2.0
"""Seconds that giving up the Lease may take; without it the next replica waits until it expires."""
LEASE = "flyte-plugin-manager"
FAILED = 1
"""Exit code when the process ends because it can not go on."""


@dataclass(frozen=True)
class Options:
    """How this process runs, as opposed to what it does (which is configuration)."""

    namespaces: tuple[str, ...] = ()
    """Namespaces that are followed; none: all."""
    lease_namespace: str | None = None
    """Where the Lease for leadership is; None: act without asking."""
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
        options: Options,
        listen: socket.socket | None = None,
    ) -> None:
        settings = world.config.plugin_manager
        self.ended = asyncio.Event()
        self.exit_code = 0
        self._options = options
        self._metrics = metrics
        self._api = ApiServer(credentials, connections=settings.workers + 8, listener=metrics.request)
        self._lease = self._make_lease()
        effects = Effects(self._api, outputs, tokens, may_act=self._may_act)
        statuses = Statuses(self._api, effects, window=settings.coalesce.timedelta)
        self.engine = Engine(world, effects, statuses, workers=settings.workers, watcher=metrics)
        self._executions = self._informers(names.TASK_EXECUTIONS, self.engine.cache)
        self._objects = [
            informer
            for kind in dict.fromkeys(kinds)
            for informer in self._informers(kind, self.engine.cache.sink(kind), SELECTOR)
        ]
        self._templates = self._template_informers(PodTemplateSink(self.engine))
        self._probes = ProbeServer(listen, self.checks, metrics.exposition) if listen else None
        self._tasks: list[asyncio.Task[None]] = []
        metrics.follow(self.figures)

    async def start(self) -> None:
        """Return at once; the work goes on in tasks of this event loop."""
        if self._probes:
            await self._probes.start()
        self._spawn("bring-up", self._bring_up())
        if self._lease:
            self._spawn("lease", self._lead(self._lease))

    async def stop(self) -> None:
        """Stop taking work, let writes in flight end, hand over."""
        for task in self._tasks:
            if task.get_name() == "bring-up":
                task.cancel()
        await self.engine.close(GRACE)
        await self._hand_over()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._probes:
            await self._probes.stop()
        await self._api.close()

    async def _hand_over(self) -> None:
        if self._lease:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HAND_OVER):
                    await self._lease.release()

    def checks(self) -> list[Check]:
        """What readiness depends on."""
        checks = [Check("configuration", note="loaded")]
        failed = self.engine.world.registry.failed
        checks += [Check(f"plugin {plugin.id}", note=f"optional, does not run: {plugin.reason}") for plugin in failed]
        checks += [_executions_check(informer) for informer in self._executions]
        checks += [_objects_check(informer) for informer in self._objects]
        checks += [_templates_check(informer) for informer in self._templates]
        if self._lease:
            note = "leading" if self._lease.leads() else f"standing by, {self._lease.holder or 'nobody'} leads"
            checks.append(Check("leadership", self._lease.problem, note))
        return checks

    def figures(self) -> Figures:
        """What metrics count at a scrape."""
        now = asyncio.get_running_loop().time()
        engine = self.engine
        return Figures(
            phases=Counter(slot.phase or "Unknown" for slot in engine.cache.slots.values()),
            depth=engine.depth,
            timers=len(engine.timers),
            leading=engine.is_open,
            watches=tuple(
                WatchFigures(
                    kind=informer.kind.plural,
                    namespace=informer.namespace,
                    events=informer.events,
                    relists=informer.relists,
                    age=now - informer.heard_at if informer.heard_at else None,
                    synced=informer.synced.is_set(),
                )
                for informer in (*self._executions, *self._objects, *self._templates)
            ),
        )

    async def _bring_up(self) -> None:
        # Templates may stay unreadable (an old role): tasks that name one say so. All else must be known.
        for informer in self._templates:
            self._spawn(f"watch {informer}", informer.run())
        await self._follow(self._executions)
        await self._follow(self._objects)
        _log.info("following %d TaskExecutions", len(self.engine.cache.slots))
        _settle_memory()
        if self._lease:
            await self._lease.acquired.wait()
        self.engine.open()

    async def _follow(self, informers: list[Informer]) -> None:
        for informer in informers:
            self._spawn(f"watch {informer}", informer.run())
        for informer in informers:
            await informer.synced.wait()

    async def _lead(self, lease: Lease) -> None:
        await lease.run()
        self._end("leadership was lost")

    def _may_act(self) -> bool:
        return self._lease is None or self._lease.leads()

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._check)
        self._tasks.append(task)

    def _check(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("%s broke off", task.get_name(), exc_info=error)
            self._end(f"{task.get_name()} broke off")

    def _end(self, why: str) -> None:
        _log.error("ending: %s", why)
        self.exit_code = FAILED
        self.ended.set()

    def _informers(self, kind: ResourceKind, sink: Sink, selector: str = "") -> list[Informer]:
        namespaces = self._options.namespaces or ("",)
        return [Informer(self._api, kind, sink, namespace=namespace, selector=selector) for namespace in namespaces]

    def _template_informers(self, sink: PodTemplateSink) -> list[Informer]:
        informers = self._informers(POD_TEMPLATES, sink)
        default = self.engine.world.pod_template_default_namespace
        if default and self._options.namespaces and default not in self._options.namespaces:
            informers.append(Informer(self._api, POD_TEMPLATES, sink, namespace=default))
        return informers

    def _make_lease(self) -> Lease | None:
        namespace = self._options.lease_namespace
        return Lease(self._api, namespace, LEASE, self._options.identity) if namespace else None


class PodTemplateSink:
    """Keeps the world's pod templates as the cluster has them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._templates: dict[tuple[str, str], JSON] = {}

    def changed(self, object: JSON) -> None:  # noqa: A002
        self._templates[_key(object)] = object
        self._publish()

    def deleted(self, object: JSON) -> None:  # noqa: A002
        self._templates.pop(_key(object), None)
        self._publish()

    def vanished(self, lost: Mapping[tuple[str, str], str]) -> None:
        for key in lost:
            self._templates.pop(key, None)
        self._publish()

    def _publish(self) -> None:
        templates = tuple(self._templates.values())
        self._engine.world = dataclasses.replace(self._engine.world, pod_templates=templates)


def _key(body: JSON) -> tuple[str, str]:
    return body["metadata"]["namespace"], body["metadata"]["name"]


def _executions_check(informer: Informer) -> Check:
    missing = "the cluster does not serve this kind: install the CustomResourceDefinition"
    return Check(str(informer), missing if informer.absent else informer.problem)


def _objects_check(informer: Informer) -> Check:
    return Check(str(informer), informer.problem, "not served by this cluster" if informer.absent else "")


def _templates_check(informer: Informer) -> Check:
    """Not being allowed to see them is no reason to be idle: a task that names one says that it is not there."""
    return Check(str(informer), note=informer.problem)


def _settle_memory() -> None:
    """What is here now stays: keep the collector from looking at it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
