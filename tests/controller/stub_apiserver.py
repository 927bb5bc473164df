"""A small API server in this process, over real HTTP: objects, resource versions, watches – and faults on demand.

It is for what a real server can not be made to do at will: to answer 429, to send half an event, to forget its history
at the right moment. What does not need that is tested in tests/cluster on the real thing.
"""

from __future__ import annotations

import asyncio
import copy
import re
import ssl
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

Object = dict[str, Any]
Key = tuple[str, str, str]
"""Plural, namespace, name."""
Fault = Callable[["Request"], Awaitable[web.StreamResponse | None]]


@dataclass
class Request:
    verb: str
    plural: str
    namespace: str
    name: str
    subresource: str
    http: web.Request
    body: Any = None
    code: int = 0


@dataclass
class Event:
    version: int
    word: str
    plural: str
    object: Object


def status(code: int, reason: str, message: str = "", **details: Any) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason}
    return answer({**body, "message": message or reason, "details": details}, code)


def answer(body: Any, code: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=code, content_type="application/json")


def _requirements(selector: str) -> list[str]:
    """``a=b,c in (d,e)`` in its parts."""
    return [part for part in re.split(r",(?![^(]*\))", selector) if part]


def _holds(requirement: str, labels: dict[str, str]) -> bool:
    label, separator, value = requirement.partition("=")
    if separator:
        return labels.get(label) == value
    label, operator, values = requirement.split(" ", 2)
    among = labels.get(label) in values.strip("()").split(",")
    return among if operator == "in" else not among


def merge_patch(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


@dataclass
class StubApiServer:
    """Use as ``async with StubApiServer() as server``; ``server.url`` is where it listens.

    ``faults`` are asked before each request is served: one that answers a response takes the request over.
    """

    objects: dict[Key, Object] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unserved: set[str] = field(default_factory=set)
    """Plurals of kinds that this server does not know."""
    version: int = 100
    forgotten: int = 0
    """Resource versions up to this one are too old to watch from."""
    url: str = ""
    tls: ssl.SSLContext | None = None

    async def __aenter__(self) -> StubApiServer:
        self._changed = asyncio.Condition()
        self._watches: set[asyncio.Task[Any]] = set()
        app = web.Application()
        app.router.add_get("/api", self._discover)
        app.router.add_get("/apis", self._discover)
        app.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls)
        await site.start()
        scheme = "https" if self.tls else "http"
        self.url = f"{scheme}://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close_watches()
        await self._runner.cleanup()

    # What a test does to it

    async def put(self, plural: str, body: Object) -> Object:
        """Create or replace as somebody else would."""
        metadata = body["metadata"]
        key = (plural, metadata.get("namespace", ""), metadata["name"])
        return await self._store(key, copy.deepcopy(body))

    async def remove(self, plural: str, namespace: str, name: str) -> None:
        await self._drop((plural, namespace, name))

    def forget(self, plural: str, namespace: str, name: str) -> None:
        """Delete without an event, as if it had happened while nobody was watching."""
        del self.objects[(plural, namespace, name)]
        self.version += 1

    def compact(self) -> None:
        self.forgotten = self.version
        self.events.clear()

    async def close_watches(self) -> None:
        for task in list(self._watches):
            task.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)

    def of(self, plural: str) -> list[Object]:
        return [value for key, value in self.objects.items() if key[0] == plural]

    def count(self, verb: str, plural: str = "") -> int:
        return sum(1 for seen in self.requests if seen.verb == verb and plural in ("", seen.plural))

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until it holds; asked again after every request and change."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(condition), 10)

    # What it does

    async def _handle(self, http: web.Request) -> web.StreamResponse:
        request = await self._parse(http)
        self.requests.append(request)
        response: web.StreamResponse | None = None
        for fault in list(self.faults):
            response = await fault(request)
            if response is not None:
                break
        if response is None:
            response = await self._serve(request)
        request.code = response.status
        async with self._changed:
            self._changed.notify_all()
        return response

    async def _discover(self, _: web.Request) -> web.Response:
        """What a client is told that wants to know which kinds there are: it has no need to."""
        return answer({"versions": [], "groups": []})

    async def _parse(self, http: web.Request) -> Request:
        parts = http.path.strip("/").split("/")
        parts = parts[2:] if parts[0] == "api" else parts[3:]
        namespace = ""
        if len(parts) > 2 and parts[0] == "namespaces":
            namespace, parts = parts[1], parts[2:]
        plural, name, subresource = (*parts, "", "")[:3]
        verbs = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
        verb = verbs.get(http.method) or ("watch" if "watch" in http.query else "get" if name else "list")
        raw = await http.read()
        return Request(verb, plural, namespace, name, subresource, http, orjson.loads(raw) if raw else None)

    async def _serve(self, request: Request) -> web.StreamResponse:
        if request.plural in self.unserved:
            return web.Response(text="404 page not found\n", status=404)
        serve = getattr(self, f"_{request.verb}")
        key = (request.plural, request.namespace, request.name)
        if request.name and key not in self.objects:
            return status(404, "NotFound", f'{request.plural} "{request.name}" not found', name=request.name)
        result: web.StreamResponse = await serve(request, key)
        return result

    async def _get(self, request: Request, key: Key) -> web.Response:
        return answer(self.objects[key])

    async def _list(self, request: Request, key: Key) -> web.Response:
        found = [item for item_key, item in sorted(self.objects.items()) if self._selects(request, item_key, item)]
        start, limit = int(request.http.query.get("continue", 0)), int(request.http.query.get("limit", 10_000))
        page = [{k: v for k, v in item.items() if k not in ("kind", "apiVersion")} for item in found]
        metadata = {"resourceVersion": str(self.version)}
        if start + limit < len(found):
            metadata["continue"] = str(start + limit)
        return answer({"kind": "List", "metadata": metadata, "items": page[start : start + limit]})

    async def _create(self, request: Request, key: Key) -> web.Response:
        body = request.body
        key = (request.plural, request.namespace, body["metadata"]["name"])
        if key in self.objects:
            return status(409, "AlreadyExists", f"{key[2]} already exists", name=key[2])
        return answer(await self._store(key, body), 201)

    async def _update(self, request: Request, key: Key) -> web.Response:
        return await self._write(key, request.body, request.subresource == "status")

    async def _patch(self, request: Request, key: Key) -> web.Response:
        merged = merge_patch(self.objects[key], request.body)
        wanted = request.body.get("metadata", {}).get("resourceVersion")
        merged["metadata"]["resourceVersion"] = wanted or self.objects[key]["metadata"]["resourceVersion"]
        return await self._write(key, merged, False)

    async def _write(self, key: Key, body: Object, status_only: bool) -> web.Response:
        now = self.objects[key]
        version = body["metadata"].get("resourceVersion")
        if version and version != now["metadata"]["resourceVersion"]:
            return status(409, "Conflict", "the object has been modified")
        if body["metadata"].get("uid", now["metadata"]["uid"]) != now["metadata"]["uid"]:
            return status(409, "Conflict", "precondition failed: UID")
        new = {**now, "status": body.get("status")} if status_only else {**body, "status": now.get("status")}
        if new["metadata"].get("deletionTimestamp") and not new["metadata"].get("finalizers"):
            await self._drop(key)
            return answer(new)
        return answer(await self._store(key, new))

    async def _delete(self, request: Request, key: Key) -> web.Response:
        now = self.objects[key]
        wanted = ((request.body or {}).get("preconditions") or {}).get("uid")
        if wanted and wanted != now["metadata"]["uid"]:
            return status(409, "Conflict", "precondition failed: UID")
        if now["metadata"].get("finalizers"):
            now = copy.deepcopy(now)
            now["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            return answer(await self._store(key, now))
        await self._drop(key)
        return answer({"kind": "Status", "status": "Success", "details": {"name": key[2]}})

    async def _watch(self, request: Request, key: Key) -> web.StreamResponse:
        version = int(request.http.query.get("resourceVersion") or 0)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request.http)
        task = asyncio.current_task()
        assert task
        self._watches.add(task)
        request.code = 200
        async with self._changed:
            self._changed.notify_all()
        try:
            if version < self.forgotten:
                gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
                await response.write(orjson.dumps({"type": "ERROR", "object": gone}) + b"\n")
                return response
            await self._stream(request, response, version)
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            self._watches.discard(task)
        return response

    async def _stream(self, request: Request, response: web.StreamResponse, version: int) -> None:
        while True:
            for event in [event for event in self.events if event.version > version]:
                version = event.version
                key = (event.plural, event.object["metadata"].get("namespace", ""), "")
                if self._selects(request, key, event.object):
                    await response.write(orjson.dumps({"type": event.word, "object": event.object}) + b"\n")
            async with self._changed:
                await self._changed.wait_for(lambda: any(event.version > version for event in self.events))  # noqa: B023

    def _selects(self, request: Request, key: Key, item: Object) -> bool:
        labels = item["metadata"].get("labels") or {}
        return (
            key[0] == request.plural
            and request.namespace in ("", key[1])
            and all(_holds(text, labels) for text in _requirements(request.http.query.get("labelSelector", "")))
        )

    async def _store(self, key: Key, body: Object) -> Object:
        now = self.objects.get(key)
        self.version += 1
        metadata = {**body["metadata"], "namespace": key[1], "resourceVersion": str(self.version)}
        metadata["uid"] = now["metadata"]["uid"] if now else metadata.get("uid") or str(uuid.uuid4())
        metadata.setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
        metadata.setdefault("managedFields", [{"manager": "stub"}])
        stored = {**body, "metadata": metadata}
        self.objects[key] = stored
        await self._publish("MODIFIED" if now else "ADDED", key[0], stored)
        return stored

    async def _drop(self, key: Key) -> None:
        gone = self.objects.pop(key)
        self.version += 1
        gone = {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self.version)}}
        await self._publish("DELETED", key[0], gone)

    async def _publish(self, word: str, plural: str, body: Object) -> None:
        self.events.append(Event(self.version, word, plural, body))
        async with self._changed:
            self._changed.notify_all()
