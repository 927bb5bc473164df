"""One request to the API server, one typed answer.

Nothing here raises for what a server or a network does: every method answers ``Done`` (with the object), ``Missing`` or
``Refused``. Lists and watches, which are read by loops and not by decisions, raise :class:`RequestRefused`.

Writes carry ``resourceVersion`` where the caller gives one; nothing is retried here but a request that the server did
not accept for an expired token, and (by :mod:`.http`) an idempotent one on a connection that had been closed meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson

from controller.kube import answers, memory, paths
from controller.kube.answers import Answer
from controller.kube.connections import Connection
from controller.kube.credentials import Authorization, Credentials
from controller.kube.http import Pool, Request, Server
from pluginmachinery.core.actions import Done, Found, Missing, ObjectRef, Refused, ResourceKind

MERGE_PATCH = "application/merge-patch+json"
JSON = "application/json"
PAGE_SIZE = 100
"""Objects of a page. Text and dicts of so many stay in a processor's cache; of 500, each takes three times as long."""

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
        self._server = Server(credentials.server, credentials.ssl_context(), tls_name=credentials.tls_server_name)
        self._authorization = Authorization(credentials)
        self._listener = listener
        self._timeout = timeout
        self._fixed = f"User-Agent: {user_agent}\r\nAccept: {JSON}\r\n"
        self._authorized: str | None = None
        """The value of Authorization that is in these lines, which change with it."""
        self._lines: dict[str, bytes] = {}
        # Two pools: watches never end, and must not take the connections of writes.
        self._requests = Pool(self._server, connections)
        self._streams = Pool(self._server)

    async def close(self) -> None:
        await self._requests.close()
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
        request = self._make("GET", f"{paths.collection(kind, namespace)}?{urlencode(query)}")
        started, status = time.perf_counter(), 0
        try:
            async with self._streams.stream(request, silence) as (response, connection):
                status = response.status
                if status != 200:
                    self._note_unauthorized(status)
                    answer = answers.parse(status, response.body, response.retry_after)
                    raise RequestRefused(_as_refused(answer))
                yield []
                async for lines in _lines(connection):
                    yield lines
        except TimeoutError as error:
            raise RequestRefused(Refused(answers.TIMEOUT, f"nothing heard for {silence:g} seconds")) from error
        except OSError as error:
            raise RequestRefused(_unreachable(error)) from error
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
        target = f"{path}?{urlencode(query)}" if query else path
        data = None if body is None else orjson.dumps(body)
        answer = await self._send(verb, kind, self._make(method, target, data, content_type))
        if isinstance(answer, Refused) and self._note_unauthorized(answer.status):
            answer = await self._send(verb, kind, self._make(method, target, data, content_type))
        return answer

    async def _send(self, verb: str, kind: ResourceKind, request: Request) -> Answer:
        started, status = time.perf_counter(), 0
        try:
            response = await self._requests.ask(request, self._timeout)
            status = response.status
            return answers.parse(status, response.body, response.retry_after)
        except TimeoutError:
            return Refused(answers.TIMEOUT, f"no answer in {self._timeout:g} seconds")
        except OSError as error:
            return _unreachable(error)
        finally:
            self._tell(verb, kind, status, started)

    def _make(self, method: str, target: str, data: bytes | None = None, content_type: str = JSON) -> Request:
        header = self._authorization.header()
        if header != self._authorized:
            self._authorized = header
            lines = f"{self._fixed}Authorization: {header}\r\n" if header else self._fixed
            self._lines = {each: f"{lines}Content-Type: {each}\r\n".encode() for each in (JSON, MERGE_PATCH)}
            self._lines[""] = lines.encode()
        return self._server.request(method, target, self._lines["" if data is None else content_type], data)

    def _note_unauthorized(self, status: int) -> bool:
        """On 401: have the token read again; says whether another try may go better."""
        return status == 401 and self._authorization.expire()

    def _tell(self, verb: str, kind: ResourceKind, status: int, started: float) -> None:
        if self._listener is not None:
            self._listener(verb, kind.plural, status, time.perf_counter() - started)


def _selecting(selector: str, fields: str) -> dict[str, str]:
    given = {"labelSelector": selector, "fieldSelector": fields}
    return {name: value for name, value in given.items() if value}


async def _lines(connection: Connection) -> AsyncIterator[list[bytes]]:
    """Whole lines, as many as have come. What follows the last newline at the end is half an event: dropped."""
    begun: list[bytes] = []
    while data := await connection.read():
        begun.append(data)
        if b"\n" in data:
            *lines, rest = b"".join(begun).split(b"\n")
            begun = [rest] if rest else []
            yield lines


def _as_refused(answer: Answer) -> Refused:
    if isinstance(answer, Refused):
        return answer
    message = answer.message if isinstance(answer, Missing) else "an answer that is no Status"
    return Refused("NotFound" if isinstance(answer, Missing) else answers.INVALID_ANSWER, message, 404)


def _unreachable(error: OSError) -> Refused:
    memory.check()
    return Refused(answers.UNREACHABLE, str(error))
