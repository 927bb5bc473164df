"""A store that speaks S3 over HTTP: buckets in memory, path-style addresses, and faults on demand.

A fault is kept for one object and used up one request at a time: a status, ``"cut"`` (the connection ends within the
body), or a number of seconds to wait.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any, Self

from aiohttp import web

ACCESS_KEY, SECRET_KEY = "the-key", "the-secret"
Fault = int | str | float


class S3Server:
    def __init__(self) -> None:
        self.buckets: dict[str, dict[str, bytes]] = {"bucket": {}}
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.requests: list[str] = []
        self.url = ""

    async def __aenter__(self) -> Self:
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

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        bucket, key = request.match_info["bucket"], request.match_info["key"]
        self.requests.append(f"{request.method} {key}")
        signed = request.headers.get("Authorization", "")
        if not signed.startswith(f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/"):
            return _error(403, "AccessDenied")
        if bucket not in self.buckets:
            return _error(404, "NoSuchBucket")
        if self.faults[key]:
            fault = self.faults[key].pop(0)
            if fault == "cut":
                return await self._cut(request, self.buckets[bucket][key])
            if isinstance(fault, float):
                await asyncio.sleep(fault)
            elif isinstance(fault, int):
                return _error(fault, "InternalError")
        if request.method == "PUT":
            self.buckets[bucket][key] = await request.read()
            return web.Response(headers={"ETag": '"x"'})
        if key not in self.buckets[bucket]:
            return _error(404, "NoSuchKey")
        headers = {"ETag": '"x"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        return web.Response(body=self.buckets[bucket][key], headers=headers)

    async def _cut(self, request: web.Request, body: bytes) -> web.StreamResponse:
        headers = {"Content-Length": str(len(body)), "ETag": '"x"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        response = web.StreamResponse(headers=headers)
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
