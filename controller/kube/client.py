"""One request to the API server, one typed answer.

Nothing here raises for what a server or a network does: every method answers ``Done`` (with the object), ``Missing`` or
``Refused``. Lists and watches, which are read by loops and not by decisions, raise :class:`RequestRefused`.

Writes carry ``resourceVersion`` where the caller gives one; nothing is retried here but a request that the server did
not accept for an expired token, and (by aiohttp) an idempotent one on a connection that had been closed meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
from yarl import URL

from controller.kube import answers, paths
from controller.kube.answers import Answer
from controller.kube.credentials import Authorization, Credentials
from pluginmachinery.core.actions import Done, Found, Missing, ObjectRef, Refused, ResourceKind

MERGE_PATCH = "application/merge-patch+json"
JSON = "application/json"
PAGE_SIZE = 500

Listener = Callable[[str, str, int, float], None]
"""Told of every request: verb, plural of the kind, HTTP status (0: no answer), seconds."""


class RequestRefused(Exception):
    """A list or a watch was not done."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(f"{refused.reason}: {refused.message}")
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a collection at one moment; ``resource_version`` is where a watch goes on from after the last page."""

    items: list[dict[str, Any]]
    resource_version: str


class ApiServer:
    """Requests to one API server, over connections that are kept. Close it with :meth:`close`."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        timeout: float = 30.0,
        connections: int = 64,
        user_agent: str = "flyte-plugin-manager",
        listener: Listener | None = None,
    ) -> None:
        self._server = credentials.server
        self._authorization = Authorization(credentials)
        self._listener = listener
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._tls_name = credentials.tls_server_name or None
        # Two pools: watches never end, and must not take the connections of writes.
        context = credentials.ssl_context() or False
        headers = {"User-Agent": user_agent, "Accept": JSON}
        self._session, self._streams = (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=limit, ssl=context, keepalive_timeout=75),
                headers=headers,
                auto_decompress=True,
            )
            for limit in (connections, 0)
        )

    async def close(self) -> None:
        await self._session.close()
        await self._streams.close()

    async def get(self, ref: ObjectRef) -> Found | Missing | Refused:
        answer = await self._request("GET", "get", ref.kind, paths.item(ref))
        return Found(answer.value) if isinstance(answer, Done) else answer

    async def create(self, ref: ObjectRef, body: Mapping[str, Any]) -> Answer:
        """Create. What is missing can only be the namespace or the kind itself: a refusal, never ``Missing``."""
        path = paths.collection(ref.kind, ref.namespace)
        answer = await self._request("POST", "create", ref.kind, path, body)
        return _as_refused(answer) if isinstance(answer, Missing) else answer

    async def update(self, ref: ObjectRef, body: Mapping[str, Any]) -> Answer:
        return await self._request("PUT", "update", ref.kind, paths.item(ref), body)

    async def put_status(self, ref: ObjectRef, body: Mapping[str, Any]) -> Answer:
        """Replace the status. The server ignores all of ``body`` but status and what identifies the object."""
        return await self._request("PUT", "update_status", ref.kind, paths.item(ref, "status"), body)

    async def patch(self, ref: ObjectRef, body: Mapping[str, Any], subresource: str = "") -> Answer:
        """Apply a merge patch (RFC 7386)."""
        path = paths.item(ref, subresource)
        return await self._request("PATCH", "patch", ref.kind, path, body, content_type=MERGE_PATCH)

    async def delete(self, ref: ObjectRef, *, uid: str = "") -> Answer:
        """Delete; with ``uid`` only this very object (else: Refused ``Conflict``)."""
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        return await self._request("DELETE", "delete", ref.kind, paths.item(ref), options)

    async def pages(
        self, kind: ResourceKind, namespace: str = "", *, selector: str = "", fields: str = ""
    ) -> AsyncGenerator[Page, None]:
        """All objects, page by page, from one consistent state. Raises RequestRefused."""
        query = {"limit": str(PAGE_SIZE), **_selecting(selector, fields)}
        while True:
            answer = await self._request("GET", "list", kind, paths.collection(kind, namespace), query=query)
            if not isinstance(answer, Done):
                raise RequestRefused(_as_refused(answer))
            body = answer.value
            metadata = body.get("metadata") or {}
            yield Page(body.get("items") or [], metadata.get("resourceVersion") or "")
            if not metadata.get("continue"):
                return
            query["continue"] = metadata["continue"]

    async def watch(
        self,
        kind: ResourceKind,
        namespace: str = "",
        *,
        resource_version: str,
        selector: str = "",
        fields: str = "",
        duration: float = 300.0,
        silence: float = 75.0,
    ) -> AsyncGenerator[list[bytes], None]:
        """The lines of a watch, as many at a time as have arrived; first, once it is open, none at all.

        Ends when the server ends it.

        Raises RequestRefused when the server does not open it, when the connection breaks, and when nothing (a
        bookmark comes about once a minute) was heard for ``silence`` seconds: a connection may be dead for long
        before either side learns of it.
        """
        query = {
            "watch": "1",
            "allowWatchBookmarks": "1",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(int(duration)),
            **_selecting(selector, fields),
        }
        url = self._url(paths.collection(kind, namespace), query)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=silence)
        started, status = time.perf_counter(), 0
        try:
            async with self._streams.get(
                url, headers=self._headers(), timeout=timeout, server_hostname=self._tls_name
            ) as response:
                status = response.status
                if status != 200:
                    self._note_unauthorized(status)
                    answer = answers.parse(status, await response.read(), response.headers.get("Retry-After"))
                    raise RequestRefused(_as_refused(answer))
                yield []
                async for lines in _lines(response.content):
                    yield lines
        except TimeoutError as error:
            raise RequestRefused(Refused(answers.TIMEOUT, f"nothing heard for {silence:g} seconds")) from error
        except (aiohttp.ClientError, OSError) as error:
            raise RequestRefused(Refused(answers.UNREACHABLE, _describe(error))) from error
        finally:
            self._tell("watch", kind, status, started)

    async def _request(
        self,
        method: str,
        verb: str,
        kind: ResourceKind,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        content_type: str = JSON,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        url = self._url(path, query)
        data = None if body is None else orjson.dumps(body)
        answer = await self._send(method, verb, kind, url, data, content_type)
        if isinstance(answer, Refused) and self._note_unauthorized(answer.status):
            answer = await self._send(method, verb, kind, url, data, content_type)
        return answer

    async def _send(
        self, method: str, verb: str, kind: ResourceKind, url: URL, data: bytes | None, content_type: str
    ) -> Answer:
        headers = self._headers()
        if data is not None:
            headers["Content-Type"] = content_type
        started, status = time.perf_counter(), 0
        try:
            async with self._session.request(
                method, url, data=data, headers=headers, timeout=self._timeout, server_hostname=self._tls_name
            ) as response:
                payload = await response.read()
                status = response.status
                return answers.parse(status, payload, response.headers.get("Retry-After"))
        except TimeoutError:
            return Refused(answers.TIMEOUT, f"no answer in {self._timeout.total:g} seconds")
        except (aiohttp.ClientError, OSError) as error:
            return Refused(answers.UNREACHABLE, _describe(error))
        finally:
            self._tell(verb, kind, status, started)

    def _url(self, path: str, query: Mapping[str, str] | None = None) -> URL:
        url = URL(f"{self._server}{path}", encoded=True)
        return url.with_query(query) if query else url

    def _headers(self) -> dict[str, str]:
        header = self._authorization.header()
        return {"Authorization": header} if header else {}

    def _note_unauthorized(self, status: int) -> bool:
        """On 401: have the token read again; says whether another try may go better."""
        return status == 401 and self._authorization.expire()

    def _tell(self, verb: str, kind: ResourceKind, status: int, started: float) -> None:
        if self._listener is not None:
            self._listener(verb, kind.plural, status, time.perf_counter() - started)


def _selecting(selector: str, fields: str) -> dict[str, str]:
    given = {"labelSelector": selector, "fieldSelector": fields}
    return {name: value for name, value in given.items() if value}


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[list[bytes]]:
    """Whole lines, chunk by chunk. What follows the last newline when the stream ends is half an event: dropped."""
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        if lines:
            yield lines


def _as_refused(answer: Answer) -> Refused:
    if isinstance(answer, Refused):
        return answer
    message = answer.message if isinstance(answer, Missing) else "an answer that is no Status"
    return Refused("NotFound" if isinstance(answer, Missing) else answers.INVALID_ANSWER, message, 404)


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
