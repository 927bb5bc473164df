"""Probes and metrics over HTTP: ``/healthz``, ``/readyz``, ``/metrics``.

``/healthz`` answers 503 when a restart of this process may help: the line of tasks does not move; and not at all when
the event loop does not turn. It says nothing about the API server, because restarting us mends no API server.
``/readyz`` answers 503 with the reasons while one of its checks fails.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that has to be so; ``problem`` is "" when it is."""

    name: str
    problem: str = ""
    note: str = ""


def bind(listen: str) -> socket.socket:
    """A socket for ``HOST:PORT`` (``:PORT``: all addresses). Raises ValueError or OSError."""
    host, separator, port = listen.rpartition(":")
    if not separator or not port.isdigit():
        raise ValueError(f"{listen!r} is not HOST:PORT")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, int(port)), family=family, reuse_port=False)


class ProbeServer:
    """Serves on a socket that is bound already, so that a port in use stops the start with a clear error."""

    def __init__(
        self,
        bound: socket.socket,
        alive: Callable[[], Sequence[Check]],
        ready: Callable[[], Sequence[Check]],
        metrics: Callable[[], bytes],
    ) -> None:
        self._socket = bound
        self._alive = alive
        self._ready = ready
        self._metrics = metrics
        app = web.Application()
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._serve_metrics),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)

    async def start(self) -> None:
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()

    async def stop(self) -> None:
        await asyncio.shield(self._runner.cleanup())

    async def _healthz(self, _: web.Request) -> web.Response:
        return _answer(self._alive())

    async def _readyz(self, _: web.Request) -> web.Response:
        return _answer(self._ready())

    async def _serve_metrics(self, _: web.Request) -> web.Response:
        from controller.services.metrics import CONTENT_TYPE

        return web.Response(body=self._metrics(), headers={"Content-Type": CONTENT_TYPE})


def _answer(checks: Sequence[Check]) -> web.Response:
    lines = [
        f"[{'-' if check.problem else '+'}] {check.name} {check.problem or check.note or 'ok'}" for check in checks
    ]
    failed = any(check.problem for check in checks)
    return web.Response(text="\n".join([*lines, ""]), status=503 if failed else 200)
