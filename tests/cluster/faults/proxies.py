"""A faulty way to the API server: a proxy that does what a plan says with each request.

It speaks plain HTTP on 127.0.0.1, hands tokens on, and runs in a thread of its own. A *plan* is asked about every
request and answers with a fault, or None: the request goes through.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from tools.controlplane import kubeconfigs
from tools.controlplane.controlplanes import ControlPlane

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
WRITES = frozenset(_VERBS.values())


@dataclass(frozen=True)
class Call:
    """A request: verb, plural (with its subresource), how many of this kind came before it."""

    verb: str
    resource: str
    number: int


@dataclass(frozen=True)
class Answer:
    """The proxy answers in the server's place; nothing is done."""

    code: int
    reason: str
    retry_after: float | None = None


@dataclass(frozen=True)
class Reset:
    """The connection breaks: before the server heard of it, or (``done``) after it did what was asked."""

    done: bool = False


@dataclass(frozen=True)
class Slow:
    """The answer takes so many seconds more."""

    seconds: float


@dataclass(frozen=True)
class Silence:
    """A watch that opens and then says nothing any more, and does not end either: half of it is closed."""


@dataclass(frozen=True)
class Gone:
    """A watch whose moment the server has forgotten."""


Fault = Answer | Reset | Slow | Silence | Gone
Plan = Callable[[Call], Fault | None]


class FaultyProxy:
    """Use in a ``with`` block; ``kubeconfig`` leads here. ``struck`` counts faults by kind."""

    def __init__(self, cluster: ControlPlane, folder: Path) -> None:
        self.plan: Plan = lambda _: None
        self.struck: Counter[str] = Counter()
        self.cluster = cluster
        self._folder = folder
        self._seen: Counter[tuple[str, str]] = Counter()
        self._watches: set[web.StreamResponse] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")

    def __enter__(self) -> FaultyProxy:
        self._thread.start()
        port = self._run(self._start())
        self.kubeconfig = kubeconfigs.write(
            self._folder / "proxy.kubeconfig",
            server=f"http://127.0.0.1:{port}",
            ca=None,
            user="admin",
            token=self.cluster.admin_token,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextlib.contextmanager
    def during(self, plan: Plan) -> Iterator[None]:
        """This plan holds inside the block."""
        self.plan, before = plan, self.plan
        try:
            yield
        finally:
            self.plan = before

    def cut_watches(self) -> None:
        """Every watch breaks in the middle of an event."""

        async def cut() -> None:
            for response in list(self._watches):
                self.struck["cut"] += 1
                with contextlib.suppress(ConnectionError):
                    await response.write(b'{"type":"MODIFIED","object":{"kind":')
                _abort(response._req)

        self._run(cut())

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _start(self) -> int:
        context = ssl.create_default_context(cafile=str(self.cluster.ca_file))
        # Once closed, a connection of the server's is not to be used again: it may be restarted meanwhile.
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, ssl=context, force_close=True))
        app = web.Application(client_max_size=16 * 2**20)
        app.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def _stop(self) -> None:
        for response in list(self._watches):
            _abort(response._req)
        await self._runner.cleanup()
        await self._session.close()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        call = self._call(request)
        fault = self.plan(call)
        if fault is not None:
            self.struck[type(fault).__name__] += 1
        match fault:
            case Answer():
                return _answer(fault)
            case Reset(done=False):
                _abort(request)
                return web.Response()
            case Slow(seconds):
                await asyncio.sleep(seconds)
            case Gone():
                gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
                return web.Response(body=json.dumps({"type": "ERROR", "object": gone}).encode() + b"\n")
        try:
            return await self._forward(request, call, fault)
        except (aiohttp.ClientError, ConnectionError):
            _abort(request)
            return web.Response()

    async def _forward(self, request: web.Request, call: Call, fault: Fault | None) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in ("host", "connection")}
        url = f"{self.cluster.server}{request.raw_path}"
        timeout = aiohttp.ClientTimeout(total=None)
        async with self._session.request(
            request.method,
            aiohttp.client.URL(url, encoded=True),
            headers=headers,
            data=await request.read() or None,
            timeout=timeout,
        ) as upstream:
            if call.verb == "watch" and upstream.status == 200:
                return await self._stream(request, upstream, silent=isinstance(fault, Silence))
            body = await upstream.read()
            if isinstance(fault, Reset):
                _abort(request)
            kept = ("Content-Type", "Retry-After")
            answered = {name: upstream.headers[name] for name in kept if name in upstream.headers}
            return web.Response(body=body, status=upstream.status, headers=answered)

    async def _stream(
        self, request: web.Request, upstream: aiohttp.ClientResponse, *, silent: bool
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        self._watches.add(response)
        try:
            async for chunk in upstream.content.iter_any():
                if not silent:
                    await response.write(chunk)
            while silent:
                await asyncio.sleep(3600)
        finally:
            self._watches.discard(response)
        return response

    def _call(self, request: web.Request) -> Call:
        parts = request.path.strip("/").split("/")
        parts = parts[2:] if parts[0] == "api" else parts[3:]
        if len(parts) > 2 and parts[0] == "namespaces":
            parts = parts[2:]
        plural, name, subresource = (*parts, "", "", "")[:3]
        verb = _VERBS.get(request.method) or ("watch" if "watch" in request.query else "get" if name else "list")
        resource = f"{plural}/{subresource}" if subresource else plural
        self._seen[verb, resource] += 1
        return Call(verb, resource, self._seen[verb, resource])


def _answer(fault: Answer) -> web.Response:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": fault.code, "reason": fault.reason}
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return web.Response(
        body=json.dumps({**status, "message": f"injected {fault.reason}"}).encode(),
        status=fault.code,
        headers=headers,
        content_type="application/json",
    )


def _abort(request: web.BaseRequest | None) -> None:
    if request is not None and request.transport is not None:
        request.transport.abort()
