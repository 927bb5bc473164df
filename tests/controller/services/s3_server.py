"""A proxy before moto's S3 server that does on demand what a network or a store does wrong.

A fault is kept for one object and used up one request at a time: a status, ``"cut"`` (the connection ends within the
body), or a number of seconds to wait. moto believes every signature, so wrong credentials are told apart here.
"""

from __future__ import annotations

import asyncio
import io
from collections import defaultdict
from typing import Any, Self

import aiohttp
from aiohttp import web
from yarl import URL

from tests.controller.services.moto_server import MotoServer

ACCESS_KEY, SECRET_KEY = "the-key", "the-secret"
Fault = int | str | float
_PASSED_ON = ("ETag", "Last-Modified", "Content-Type")


class S3Server:
    """An empty store with one bucket, ``bucket``."""

    def __init__(self, moto: MotoServer) -> None:
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.requests: list[str] = []
        self.url = ""
        self._moto = moto

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._moto.reset, "bucket")
        self._session = aiohttp.ClientSession(auto_decompress=False)
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{bucket}/{key:.+}", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        key = request.match_info["key"]
        self.requests.append(f"{request.method} {key}")
        signed = request.headers.get("Authorization", "")
        if not signed.startswith(f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/"):
            return _error(403, "AccessDenied")
        fault = self.faults[key].pop(0) if self.faults[key] else None
        if isinstance(fault, float):
            await asyncio.sleep(fault)
        elif isinstance(fault, int):
            return _error(fault, "InternalError")
        status, headers, body = await self._ask_moto(request)
        if fault == "cut":
            return await self._cut(request, headers, body)
        if request.method == "HEAD":
            return web.Response(status=status, headers=headers)
        return web.Response(status=status, headers=headers, body=body)

    async def _ask_moto(self, request: web.Request) -> tuple[int, dict[str, str], bytes]:
        url = URL(f"{self._moto.url}{request.raw_path}", encoded=True)
        given = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        data = io.BytesIO(await request.read()) if request.method == "PUT" else None
        async with self._session.request(request.method, url, data=data, headers=given) as answer:
            kept = (*_PASSED_ON, "Content-Length") if request.method == "HEAD" else _PASSED_ON
            headers = {name: answer.headers[name] for name in kept if name in answer.headers}
            return answer.status, headers, await answer.read()

    async def _cut(self, request: web.Request, headers: dict[str, str], body: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={**headers, "Content-Length": str(len(body))})
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        assert request.transport is not None
        request.transport.close()
        return response


def _error(status: int, code: str) -> web.Response:
    return web.Response(status=status, text=f"<Error><Code>{code}</Code></Error>", content_type="application/xml")


def storage(server: S3Server, **more: Any) -> dict[str, Any]:
    """Flyte's section for this server."""
    connection = {"endpoint": server.url, "auth-type": "accesskey", "access-key": ACCESS_KEY, "secret-key": SECRET_KEY}
    return {"type": "s3", "connection": connection, "limits": {"maxDownloadMBs": 2}} | more
