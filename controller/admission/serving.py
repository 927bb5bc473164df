"""The webhook as a process: certificates are kept, reviews are answered over TLS, probes and metrics over HTTP.

It holds no state and needs no leader: as many replicas as wanted answer side by side. It listens for reviews as soon as
there is a certificate, and is ready then: one that is taken out of its service for want of an API server would refuse
pods that it could serve.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import prometheus_client as prometheus
from aiohttp import web

from controller.admission.certificates import Material
from controller.admission.keeping import Keeper
from controller.admission.registrations import Registration
from controller.admission.reviews import OUTCOMES, NoReview, answer
from controller.admission.stores import FolderStore, SecretStore
from controller.kube.client import ApiServer
from controller.kube.tls import load_pair
from controller.services.probes import Check, ProbeServer
from pluginmachinery.config.webhook import SecretManagerType
from pluginmachinery.pods.secret_managers import Lookup, with_wanted_secrets

_log = logging.getLogger(__name__)

PATH = "/mutate--v1-pod"
"""Where reviews are answered; Flyte's."""
_LARGEST_REVIEW = 8 * 1024 * 1024
_GRACE = 5.0
"""Seconds that reviews in flight have to end."""
FAILED = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """``names``: DNS names and addresses that the API server calls us by."""

    names: Sequence[str]
    lookup: Lookup
    managers: Collection[SecretManagerType]


class Webhook:
    """One replica. ``ended`` is set when it can not go on."""

    def __init__(
        self,
        api: ApiServer,
        store: SecretStore | FolderStore,
        registration: Registration,
        settings: Settings,
        *,
        listen: socket.socket,
        probes: socket.socket,
    ) -> None:
        self.ended = asyncio.Event()
        self.exit_code = 0
        self._api = api
        self._settings = settings
        self._listen = listen
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._keeper = Keeper(store, registration, settings.names, self._install, clock=lambda: datetime.now(UTC))
        self._figures = Figures()
        self._probes = ProbeServer(probes, lambda: (), self.checks, self._figures.exposition)
        application = web.Application(client_max_size=_LARGEST_REVIEW)
        application.router.add_post(PATH, self._review)
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=_GRACE)
        self._serving = False
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Return at once; the work goes on in tasks of this event loop."""
        await self._probes.start()
        for name, work in (("certificates", self._keeper.run), ("serving", self._serve)):
            self._spawn(name, work)

    async def stop(self) -> None:
        """Answer what was asked already, then end."""
        self._serving = False
        await self._runner.cleanup()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._probes.stop()
        await self._api.close()

    def checks(self) -> list[Check]:
        """What readiness depends on."""
        certificates = self._keeper.problem or ""
        missing = "" if self._serving else f"no certificate to serve with yet: {certificates or 'looking for one'}"
        return [Check("serving", missing), Check("certificates", note=certificates)]

    def _install(self, material: Material) -> None:
        load_pair(self._context, material.certificate, material.key)
        self._figures.expires(material.expires)

    async def _serve(self) -> None:
        await self._keeper.ready.wait()
        await self._runner.setup()
        await web.SockSite(self._runner, self._listen, ssl_context=self._context).start()
        self._serving = True
        _log.info("answering reviews on port %d", self._listen.getsockname()[1])

    async def _review(self, request: web.Request) -> web.Response:
        started = time.perf_counter()
        try:
            found = answer(await request.read(), self._change)
        except NoReview as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from error
        level = logging.DEBUG if found.outcome == "unchanged" else logging.INFO
        _log.log(level, "pod %s: %s", found.pod, f"refused: {found.why}" if found.why else found.outcome)
        self._figures.answered(found.outcome, time.perf_counter() - started)
        return web.json_response(found.body)

    def _change(self, pod: dict[str, Any]) -> dict[str, Any]:
        return with_wanted_secrets(pod, self._settings.lookup, self._settings.managers)

    def _spawn(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            await work()

        task = asyncio.create_task(run(), name=name)
        task.add_done_callback(self._check)
        self._tasks.append(task)

    def _check(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("%s broke off", task.get_name(), exc_info=error)
            self.exit_code = FAILED
            self.ended.set()


class Figures:
    """Metrics of the webhook."""

    def __init__(self) -> None:
        self._registry = prometheus.CollectorRegistry()
        prometheus.ProcessCollector(registry=self._registry)
        prefix = "flyte_plugin_manager_webhook"
        self._answers = prometheus.Counter(
            f"{prefix}_reviews", "Pods that were reviewed, by outcome.", ["outcome"], registry=self._registry
        )
        self._seconds = prometheus.Histogram(
            f"{prefix}_review_seconds",
            "How long it took to answer.",
            buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0),
            registry=self._registry,
        )
        self._expires = prometheus.Gauge(
            f"{prefix}_certificate_expires_timestamp_seconds",
            "When the certificate that is served with ends; it is renewed long before.",
            registry=self._registry,
        )
        for outcome in OUTCOMES:
            self._answers.labels(outcome)

    def answered(self, outcome: str, seconds: float) -> None:
        self._answers.labels(outcome).inc()
        self._seconds.observe(seconds)

    def expires(self, moment: datetime) -> None:
        self._expires.set(moment.timestamp())

    def exposition(self) -> bytes:
        return prometheus.generate_latest(self._registry)
