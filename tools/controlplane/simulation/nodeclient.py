"""What a kubelet says to the API server: its nodes, its pods' statuses, and that a deleted pod is gone.

Writes are repeated until the server answers: a server that is restarted, or slow, is not the end of a simulation.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Any, Self

import aiohttp
import orjson

from tools.controlplane.errors import ApiError
from tools.controlplane.simulation.nodes import SimulatedNode

log = logging.getLogger(__name__)

Object = dict[str, Any]

RETRY_DELAY = 0.1
CONNECTIONS = 32
LONGEST_LINE = 8 * 1024 * 1024
"""Bytes of one watch event; aiohttp's own limit is less than the largest pod."""

NOT_FOUND, CONFLICT, GONE, TOO_MANY, SERVER_ERROR = 404, 409, 410, 429, 500


class Expired(Exception):
    """A watch cannot go on from where it was: list again."""


class PodIsGone(Exception):
    """There is no such pod any more, or another one of its name."""


class NodeClient:
    """The requests of simulated kubelets. Use it inside `async with`."""

    def __init__(self, server: str, token: str, tls: ssl.SSLContext) -> None:
        self._session = aiohttp.ClientSession(
            server,
            headers={"Authorization": f"Bearer {token}"},
            connector=aiohttp.TCPConnector(ssl=tls, limit=CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
            read_bufsize=LONGEST_LINE,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._session.close()

    async def register(self, node: SimulatedNode, address: str) -> None:
        """Makes the Node object, or takes over one that is there, and frees it of the taint that new nodes get."""
        manifest = node.manifest(address)
        try:
            await self._send("POST", "/api/v1/nodes", manifest)
        except ApiError as error:
            if error.status != CONFLICT:
                raise
        await self._patch(f"/api/v1/nodes/{node.name}", {"spec": manifest["spec"]})
        await self._patch(f"/api/v1/nodes/{node.name}/status", {"status": manifest["status"]})

    async def list_pods(self) -> tuple[list[Object], str]:
        """All bound pods, and the resourceVersion to watch from."""
        answer = await self._send("GET", "/api/v1/pods?fieldSelector=spec.nodeName!%3D")
        return answer["items"], answer["metadata"]["resourceVersion"]

    async def watch_pods(self, since: str) -> AsyncIterator[tuple[str, Object]]:
        """Changes of bound pods as (ADDED | MODIFIED | DELETED, pod), until the server ends the watch.

        Raises:
            Expired: the changes since then are not known to the server any more.
        """
        target = (
            f"/api/v1/pods?watch=1&allowWatchBookmarks=true&resourceVersion={since}&fieldSelector=spec.nodeName!%3D"
        )
        async with self._session.get(target) as response:
            if response.status == GONE:
                raise Expired
            response.raise_for_status()
            async for line in response.content:
                event = orjson.loads(line)
                if event["type"] == "ERROR":
                    raise Expired
                if event["type"] != "BOOKMARK":
                    yield event["type"], event["object"]

    async def write_status(self, pod: Object, status: Mapping[str, Any]) -> Object:
        """The pod as it is after the write.

        Raises:
            PodIsGone: nothing was written.
        """
        # The uid makes the server refuse the write when another pod took the name.
        body = {"metadata": {"uid": pod["metadata"]["uid"]}, "status": status}
        return await self._to_pod(self._patch(f"{_path(pod)}/status", body))

    async def remove(self, pod: Object) -> None:
        """Tells the server that nothing of a deleted pod runs any more: it goes, or waits for its finalizers."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "gracePeriodSeconds": 0,
            "preconditions": {"uid": pod["metadata"]["uid"]},
        }
        await self._to_pod(self._send("DELETE", _path(pod), options))

    async def _to_pod(self, request: Any) -> Object:
        try:
            answer: Object = await request
        except ApiError as error:
            if error.status in (NOT_FOUND, CONFLICT):
                raise PodIsGone from error
            raise
        return answer

    async def _patch(self, path: str, body: Object) -> Object:
        return await self._send("PATCH", path, body, "application/merge-patch+json")

    async def _send(
        self, method: str, path: str, body: Object | None = None, content_type: str = "application/json"
    ) -> Object:
        data = orjson.dumps(body) if body is not None else None
        while True:
            try:
                async with self._session.request(
                    method, path, data=data, headers={"Content-Type": content_type}
                ) as response:
                    answer = await response.read()
                    status = response.status
            except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
                log.info("%s %s: %r, once more", method, path, error)
            else:
                if status < SERVER_ERROR and status != TOO_MANY:
                    return _success(status, answer)
                log.info("%s %s: %s, once more", method, path, status)
            await asyncio.sleep(RETRY_DELAY)


def _success(status: int, answer: bytes) -> Object:
    document: Object = orjson.loads(answer)
    if status >= 400:
        raise ApiError(status, document.get("reason", ""), document.get("message", ""))
    return document


def _path(pod: Object) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
