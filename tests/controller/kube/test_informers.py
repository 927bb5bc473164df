"""Everything that can go wrong while a kind is followed, and that nothing is missed or told twice as something else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import orjson
import pytest
from aiohttp import web

from controller.kube.client import ApiServer
from controller.kube.delays import Delays
from controller.kube.informers import Informer
from pluginmachinery.core.actions import ResourceKind
from tests.controller.stub_apiserver import Request, StubApiServer, answer, status

PODS = ResourceKind("v1", "Pod", "pods")


class Known:
    """A sink: the objects as they are known, and every word that was said."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.words: list[tuple[str, str]] = []
        self.told = asyncio.Event()

    def changed(self, object: dict[str, Any]) -> None:  # noqa: A002
        self._say("changed", object["metadata"]["name"])
        self.objects[object["metadata"]["name"]] = object

    def deleted(self, object: dict[str, Any]) -> None:  # noqa: A002
        self._say("deleted", object["metadata"]["name"])
        self.objects.pop(object["metadata"]["name"])

    def vanished(self, lost: Mapping[tuple[str, str], str]) -> None:
        for (_, name), uid in lost.items():
            self._say("vanished", name)
            assert self.objects.pop(name)["metadata"]["uid"] == uid

    def _say(self, word: str, name: str) -> None:
        self.words.append((word, name))
        self.told.set()

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self.told.clear()
                await self.told.wait()


@pytest.fixture
def known() -> Known:
    return Known()


Start = Callable[..., Awaitable[Informer]]


@pytest.fixture
async def start(api: ApiServer, known: Known) -> AsyncIterator[Start]:
    running: list[asyncio.Task[None]] = []

    async def start(*, synced: bool = True, **options: Any) -> Informer:
        options.setdefault("delays", Delays(base=0.001, longest=0.01))
        options.setdefault("absent_retry", 0.01)
        informer = Informer(api, PODS, known, **options)
        running.append(asyncio.create_task(informer.run()))
        if synced:
            await asyncio.wait_for(informer.synced.wait(), 10)
        return informer

    yield start
    for task in running:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def pod(name: str, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "ns", **metadata}}


def once(fault: Callable[[Request], Awaitable[web.StreamResponse]], verb: str, times: int = 1) -> Any:
    left = times

    async def maybe(request: Request) -> web.StreamResponse | None:
        nonlocal left
        if request.verb != verb or left == 0:
            return None
        left -= 1
        return await fault(request)

    return maybe


async def lines(request: Request, *chunks: bytes) -> web.StreamResponse:
    """A watch that says just this, then ends."""
    response = web.StreamResponse()
    await response.prepare(request.http)
    for chunk in chunks:
        await response.write(chunk)
    return response


async def test_list_then_watch(server: StubApiServer, known: Known, start: Start) -> None:
    await server.put("pods", pod("old"))
    informer = await start()
    assert known.words == [("changed", "old")]
    assert known.objects["old"]["kind"] == "Pod"
    await server.put("pods", pod("new"))
    await server.put("pods", {**pod("new"), "status": {"phase": "Running"}})
    await server.remove("pods", "ns", "old")
    await known.until(lambda: ("deleted", "old") in known.words)
    assert known.words == [("changed", "old"), ("changed", "new"), ("changed", "new"), ("deleted", "old")]
    assert (informer.problem, informer.events, informer.relists) == ("", 3, 0)


async def test_managed_fields_are_dropped(server: StubApiServer, known: Known, start: Start) -> None:
    await server.put("pods", pod("listed"))
    await start()
    await server.put("pods", pod("watched"))
    await known.until(lambda: len(known.objects) == 2)
    assert not any("managedFields" in body["metadata"] for body in known.objects.values())


async def test_only_what_is_selected(server: StubApiServer, known: Known, start: Start) -> None:
    await server.put("pods", pod("ours", labels={"managed": "true"}))
    await server.put("pods", pod("theirs"))
    await start(selector="managed=true", namespace="ns")
    await server.put("pods", pod("theirs-too"))
    await server.put("pods", pod("ours-too", labels={"managed": "true"}))
    await known.until(lambda: len(known.objects) == 2)
    assert set(known.objects) == {"ours", "ours-too"}


async def test_a_closed_watch_goes_on_where_it_was(server: StubApiServer, known: Known, start: Start) -> None:
    informer = await start()
    for number in range(3):
        await server.until(lambda: server._watches)
        await server.put("pods", pod(f"p{number}"))
        await known.until(lambda: f"p{number}" in known.objects)  # noqa: B023
        await server.close_watches()
    await server.put("pods", pod("last"))
    await known.until(lambda: "last" in known.objects)
    assert known.words == [("changed", f"p{n}") for n in range(3)] + [("changed", "last")]
    assert (server.count("list"), informer.relists) == (1, 0)


async def test_history_that_is_gone_is_a_diff(server: StubApiServer, known: Known, start: Start) -> None:
    for name in ("stays", "goes", "comes-again"):
        await server.put("pods", pod(name))
    informer = await start()
    await server.until(lambda: server._watches)
    server.forget("pods", "ns", "goes")
    server.forget("pods", "ns", "comes-again")
    again = await server.put("pods", pod("comes-again"))
    server.compact()
    await server.close_watches()
    await known.until(lambda: ("vanished", "goes") in known.words)
    assert set(known.objects) == {"stays", "comes-again"}
    assert known.objects["comes-again"]["metadata"]["uid"] == again["metadata"]["uid"]
    replaced = known.words.index(("vanished", "comes-again"))
    assert known.words[replaced + 1 :].count(("changed", "comes-again")) == 1, "the one went, then the other came"
    assert informer.relists == 1


@pytest.mark.parametrize(
    ("verb", "response"),
    [
        ("list", status(410, "Expired", "the continue token is too old")),
        ("list", status(429, "TooManyRequests", retryAfterSeconds=0.01)),
        ("list", status(500, "InternalError")),
        ("list", web.Response(status=503, text="upstream is away")),
        ("list", web.Response(status=200, text="<html>")),
        ("list", status(403, "Forbidden")),
        ("watch", status(410, "Gone")),
        ("watch", status(429, "TooManyRequests", retryAfterSeconds=0.01)),
        ("watch", status(503, "ServiceUnavailable")),
        ("watch", answer({"kind": "Status", "code": 200, "message": "an answer that is no event"})),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value.status),
)
@pytest.mark.parametrize("times", [1, 4])
async def test_an_answer_that_is_none(
    server: StubApiServer, known: Known, start: Start, verb: str, response: web.Response, times: int
) -> None:
    async def refuse(request: Request) -> web.StreamResponse:
        return web.Response(status=response.status, body=response.body, content_type=response.content_type)

    server.faults.append(once(refuse, verb, times))
    await server.put("pods", pod("listed"))
    informer = await start()
    await server.put("pods", pod("watched"))
    await known.until(lambda: len(known.objects) == 2)
    assert informer.problem == ""


async def test_half_a_list_deletes_nothing(
    server: StubApiServer, known: Known, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.kube.client.PAGE_SIZE", 1)
    for name in ("a", "b", "c"):
        await server.put("pods", pod(name))
    await start()
    await server.until(lambda: server._watches)

    async def expire(request: Request) -> web.StreamResponse | None:
        return status(410, "Expired") if "continue" in request.http.query and server.count("list") < 10 else None

    server.faults.append(expire)
    server.compact()
    await server.put("pods", pod("d"))
    await server.close_watches()
    await known.until(lambda: "d" in known.objects)
    assert set(known.objects) == {"a", "b", "c", "d"}
    assert {word for word, _ in known.words} == {"changed"}


@pytest.mark.parametrize(
    "chunks",
    [
        (b"not json\n",),
        (b'{"type":"MODIFIED"}\n',),
        (b'{"type":"MODIFIED","object":{"metadata":{}}}\n',),
        (b"[]\n",),
        (b'{"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd"}}\n',),
        (b'{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}\n',),
        (b'{"type":"ADDED","object":{"metada',),
        (b"",),
    ],
    ids=["garbage", "no object", "no name", "a list", "server error", "expired", "half an event", "nothing"],
)
async def test_a_watch_that_says_nonsense(
    server: StubApiServer, known: Known, start: Start, chunks: tuple[bytes, ...]
) -> None:
    server.faults.append(once(lambda request: lines(request, *chunks), "watch", 5))
    await start()
    await server.put("pods", pod("a"))
    await known.until(lambda: "a" in known.objects)


async def test_what_came_before_the_nonsense_counts(server: StubApiServer, known: Known, start: Start) -> None:
    good = {"type": "ADDED", "object": pod("good", resourceVersion="100", uid="1")}
    server.faults.append(once(lambda request: lines(request, orjson.dumps(good) + b"\nnot json\n"), "watch"))
    await start()
    await known.until(lambda: "good" in known.objects)
    await server.until(lambda: server.count("watch") == 2)
    assert server.requests[-1].http.query["resourceVersion"] == "100"
    assert server.count("list") == 1


async def test_a_bookmark_moves_the_moment_only(server: StubApiServer, known: Known, start: Start) -> None:
    bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "250"}}}
    server.faults.append(once(lambda request: lines(request, orjson.dumps(bookmark) + b"\n"), "watch"))
    await start()
    await server.until(lambda: server.count("watch") == 2)
    assert server.requests[-1].http.query["resourceVersion"] == "250"
    assert known.words == []


async def test_a_watch_that_falls_silent_is_opened_again(server: StubApiServer, known: Known, start: Start) -> None:
    async def silent(request: Request) -> web.StreamResponse:
        response = await lines(request)
        await asyncio.sleep(30)
        return response

    server.faults.append(once(silent, "watch"))
    informer = await start(silence=0.05)
    await server.put("pods", pod("a"))
    await known.until(lambda: "a" in known.objects)
    assert server.count("watch") >= 2
    assert informer.relists == 0


async def test_events_cut_anywhere_are_put_together(server: StubApiServer, known: Known, start: Start) -> None:
    events = b"".join(
        orjson.dumps({"type": "ADDED", "object": pod(f"p{n}", resourceVersion=str(n + 1), uid=str(n))}) + b"\n"
        for n in range(20)
    )
    chunks = [events[at : at + 7] for at in range(0, len(events), 7)]
    server.faults.append(once(lambda request: lines(request, *chunks), "watch"))
    await start()
    await known.until(lambda: len(known.objects) == 20)


async def test_a_kind_that_is_not_served_stops_nobody_and_is_found_later(
    server: StubApiServer, known: Known, start: Start
) -> None:
    server.unserved.add("pods")
    informer = await start()
    assert (informer.absent, informer.problem) == (True, "")
    await server.put("pods", pod("a"))
    server.unserved.clear()
    await known.until(lambda: "a" in known.objects)
    assert not informer.absent


async def test_what_was_known_of_a_kind_vanishes_with_it(server: StubApiServer, known: Known, start: Start) -> None:
    await server.put("pods", pod("a"))
    await start()
    await server.until(lambda: server._watches)
    server.unserved.add("pods")
    await server.close_watches()
    await known.until(lambda: ("vanished", "a") in known.words)


async def test_what_is_forbidden_is_said_once_and_tried_on(
    server: StubApiServer, known: Known, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    async def forbid(request: Request) -> web.StreamResponse:
        return status(403, "Forbidden", 'pods is forbidden: User "x" cannot list')

    server.faults.append(once(forbid, "list", 5))
    informer = await start(synced=False)
    await server.until(lambda: server.count("list") == 3)
    assert "cannot list" in informer.problem
    assert not informer.synced.is_set()
    await asyncio.wait_for(informer.synced.wait(), 10)
    assert [record.message for record in caplog.records] == [
        'can not follow pods of all namespaces: Forbidden: pods is forbidden: User "x" cannot list'
    ]


async def test_an_object_that_nobody_can_make_sense_of_is_passed_over(
    server: StubApiServer, known: Known, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    told = known.changed

    def changed(object: dict[str, Any]) -> None:  # noqa: A002
        if object["metadata"]["name"] == "odd":
            raise ValueError("odd")
        told(object)

    known.changed = changed  # type: ignore[method-assign]
    await server.put("pods", pod("odd"))
    await start()
    await server.put("pods", pod("even"))
    await known.until(lambda: "even" in known.objects)
    assert "Pod 'odd' of namespace 'ns' is passed over" in caplog.text


async def test_a_server_that_is_away(server: StubApiServer, known: Known, start: Start) -> None:
    await server.put("pods", pod("a"))
    informer = await start()
    down = True

    async def reset(request: Request) -> web.StreamResponse | None:
        if down:
            assert request.http.transport
            request.http.transport.abort()
            return web.Response()
        return None

    server.faults.append(reset)
    await server.close_watches()
    await server.until(lambda: server.count("watch") >= 5)
    assert informer.problem.startswith("Unreachable")
    await server.put("pods", pod("b"))
    down = False
    await known.until(lambda: "b" in known.objects)
    # The moment we went on from was still good: no relist for a server that was merely away.
    assert server.count("list") == 1
    assert informer.problem == ""
