"""The frame: kopf hosts the process. The only module that imports kopf.

kopf gives the life cycle of an operator: start-up and clean-up handlers, signals, credentials. The hot path is not
made of kopf handlers: its queue, task and annotations for every object cost six to thirty times what following them
ourselves does. Nor is admission, which needs none of the rights that kopf's server would ask for (docs/decisions).

kopf looks for the ``kubernetes`` package when it is imported, and would keep 43 MiB of it: it does not find it here.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Protocol

from controller.kube.credentials import Authorization, Credentials

_log = logging.getLogger(__name__)

FAILED = 1
"""Exit code when the frame itself breaks off."""


class Hosted(Protocol):
    """What the frame hosts. ``ended`` is set when it can not go on; ``exit_code`` says how it went."""

    ended: asyncio.Event
    exit_code: int

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


def run(make: Callable[[], Hosted], credentials: Credentials, namespaces: tuple[str, ...]) -> int:
    """Run the application until it ends or is told to; the exit code. ``make`` is called in the event loop."""
    kopf = _import_kopf()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_operate(kopf, make, credentials, namespaces))


async def _operate(
    kopf: ModuleType, make: Callable[[], Hosted], credentials: Credentials, namespaces: tuple[str, ...]
) -> int:
    application = make()
    before = asyncio.all_tasks()
    tasks = await kopf.spawn_tasks(
        registry=_handlers(kopf, application, credentials),
        settings=_settings(kopf),
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
        stop_flag=application.ended,
    )
    _handle_signals(application)
    try:
        await kopf.run_tasks(tasks, ignored=before)
    except Exception:
        _log.exception("the operator's frame broke off")
        return FAILED
    return application.exit_code


def _handlers(kopf: ModuleType, application: Hosted, credentials: Credentials) -> Any:
    # A bare registry: the default one brings login handlers that import the kubernetes package.
    registry = kopf.OperatorRegistry()
    permanent = kopf.ErrorsMode.PERMANENT

    @kopf.on.login(registry=registry, errors=permanent)  # type: ignore[untyped-decorator]
    async def login(**_: Any) -> Any:
        return _connection(kopf, credentials)

    @kopf.on.startup(registry=registry, errors=permanent)  # type: ignore[untyped-decorator]
    async def start(**_: Any) -> None:
        await application.start()

    @kopf.on.cleanup(registry=registry, errors=permanent)  # type: ignore[untyped-decorator]
    async def stop(**_: Any) -> None:
        await application.stop()

    return registry


def _settings(kopf: ModuleType) -> Any:
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.networking.error_backoffs = Backoffs()
    settings.process.ultimate_exiting_timeout = 30
    return settings


def _connection(kopf: ModuleType, credentials: Credentials) -> Any:
    scheme, _, secret = Authorization(credentials).header().partition(" ")
    return kopf.ConnectionInfo(
        server=credentials.server,
        ca_data=credentials.ca or None,
        insecure=credentials.insecure,
        scheme=scheme or None,
        token=secret or None,
        certificate_data=credentials.certificate or None,
        private_key_data=credentials.key or None,
        default_namespace=credentials.namespace,
    )


class Backoffs:
    """kopf's waits between tries: it gives up, and the process with it, when they end. These do not."""

    def __iter__(self) -> Iterator[float]:
        delay = 1.0
        while True:
            yield delay
            delay = min(delay * 2, 30.0)


def _handle_signals(application: Hosted) -> None:
    """The first signal asks to end, the second one ends. Takes the place of kopf's own handlers."""
    loop = asyncio.get_running_loop()

    def on(number: signal.Signals) -> None:
        if application.ended.is_set():
            _log.warning("%s again: ending at once", number.name)
            os._exit(128 + number)
        _log.info("%s: ending", number.name)
        application.ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on, number)


def _import_kopf() -> ModuleType:
    hidden = [name for name in ("kubernetes", "kubernetes_asyncio", "pykube") if name not in sys.modules]
    # None in sys.modules is Python's own way to make an import fail.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        import kopf
    finally:
        for name in hidden:
            del sys.modules[name]
    module: ModuleType = kopf
    return module


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
