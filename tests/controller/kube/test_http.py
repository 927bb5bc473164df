"""What is kept of connections, who gets them, and what happens when they are dead, or can not be had."""

from __future__ import annotations

import asyncio
import itertools
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.kube import http
from controller.kube.connections import Broken
from controller.kube.http import Pool, Request, Server
from tests.controller.kube.http_servers import CHUNKED, OK, body_of, get, heard, post, saying, served


@pytest.mark.parametrize(
    ("url", "path", "body", "expected"),
    [
        ("http://h:1", "/a?b=c", None, b"GET /a?b=c HTTP/1.1\r\nHost: h:1\r\nX: y\r\n\r\n"),
        ("http://h/base/", "/a", None, b"GET /base/a HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n"),
        ("http://[::1]:6443", "/a", None, b"GET /a HTTP/1.1\r\nHost: [::1]:6443\r\nX: y\r\n\r\n"),
        ("http://me:secret@h", "/a", None, b"GET /a HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n"),
        ("http://h", "/a", b"{}", b"GET /a HTTP/1.1\r\nHost: h\r\nX: y\r\nContent-Length: 2\r\n\r\n{}"),
        ("http://h", "/a b\r\nX: z", None, b"GET /a%20b%0D%0AX:%20z HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n"),
        ("http://h", "/ä%20", None, b"GET /%C3%A4%20 HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n"),
    ],
    ids=[
        "plain",
        "a server below a path",
        "IPv6",
        "a password stays here",
        "with a body",
        "a path can not begin another line",
        "no ASCII",
    ],
)
def test_requests(url: str, path: str, body: bytes | None, expected: bytes) -> None:
    assert Server(url).request("GET", path, b"X: y\r\n", body).content == expected


class Stale:
    """A server whose first connection dies after its first answer, when the second request is there."""

    def __init__(self, farewell: bytes = b"") -> None:
        self.requests = 0
        self.farewell = farewell

    async def __call__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answered in itertools.count():
            await heard(reader)
            self.requests += 1
            if number == 0 and answered:
                writer.write(self.farewell)
                await writer.drain()
                return
            writer.write(OK)


async def test_a_stale_connection_is_replaced() -> None:
    stale = Stale()
    async with served(stale, 1) as (pool, server):
        for _ in range(3):
            assert (await pool.ask(get(server), 5)).body == b"ok"
    assert stale.requests == 4


@pytest.mark.parametrize(
    ("make", "farewell"), [(post, b""), (get, b"HTTP/1.1 2")], ids=["it might be done twice", "an answer had begun"]
)
async def test_what_is_not_sent_again(make: Callable[[Server], Request], farewell: bytes) -> None:
    stale = Stale(farewell)
    async with served(stale, 1) as (pool, server):
        await pool.ask(make(server), 5)
        with pytest.raises(Broken):
            await pool.ask(make(server), 5)
    assert stale.requests == 2


async def test_a_new_connection_that_breaks_is_not_stale() -> None:
    async with served(saying()) as (pool, server):
        with pytest.raises(Broken, match="ended before"):
            await pool.ask(get(server), 5)


async def test_a_connection_found_closed_costs_nothing() -> None:
    """Also what must not be done twice is sent: it was not sent before."""
    closed = asyncio.Event()

    async def serve(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard(reader)
        writer.write(OK)
        await writer.drain()
        writer.close()
        closed.set()

    async with served(serve, 1) as (pool, server):
        for _ in range(3):
            closed.clear()
            await pool.ask(post(server), 5)
            await closed.wait()
            while pool._idle:
                await asyncio.sleep(0)


async def test_unused_connections_end() -> None:
    ended = asyncio.Event()

    async def serve(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard(reader)
        writer.write(OK)
        await reader.read()
        ended.set()

    async with served(serve, 1, idle=0.05) as (pool, server):
        await pool.ask(get(server), 5)
        await asyncio.wait_for(ended.wait(), 10)


class Slow:
    """A server that answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.connections = 0
        self.open = 0
        self.most = 0
        self.changed = asyncio.Event()
        self.may_answer = asyncio.Semaphore(0)

    async def __call__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            while True:
                head = await heard(reader)
                self.asked.append(head.split(b" ")[1])
                self.changed.set()
                await self.may_answer.acquire()
                writer.write(OK)
        finally:
            self.open -= 1
            self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


async def test_who_came_first_is_served_first() -> None:
    slow = Slow()
    async with served(slow, 1) as (pool, server):
        tasks = []
        for number in range(6):
            tasks.append(asyncio.create_task(pool.ask(server.request("GET", f"/{number}", b""), 5)))
            await asyncio.sleep(0)
        tasks[3].cancel()
        await slow.until(lambda: len(slow.asked) == 1)
        for _ in tasks:
            slow.may_answer.release()
        await asyncio.wait(tasks)
    assert slow.asked == [b"/0", b"/1", b"/2", b"/4", b"/5"]
    assert slow.connections == 1


async def test_no_more_connections_than_allowed() -> None:
    slow = Slow()
    async with served(slow, 3) as (pool, server):
        tasks = [asyncio.create_task(pool.ask(get(server), 5)) for _ in range(10)]
        await slow.until(lambda: len(slow.asked) == 3)
        for _ in tasks:
            slow.may_answer.release()
        await asyncio.gather(*tasks)
    assert (slow.most, slow.connections) == (3, 3)


async def test_a_cancelled_request_gives_its_place_to_the_next() -> None:
    slow = Slow()
    async with served(slow, 1) as (pool, server):
        first = asyncio.create_task(pool.ask(get(server), 5))
        await slow.until(lambda: len(slow.asked) == 1)
        second = asyncio.create_task(pool.ask(get(server), 5))
        await asyncio.sleep(0)
        first.cancel()
        await slow.until(lambda: len(slow.asked) == 2)  # on a connection of its own
        slow.may_answer.release(), slow.may_answer.release()
        assert (await second).body == b"ok"
        assert slow.connections == 2
        assert (pool._free, len(pool._idle)) == (0, 1)


@given(when=st.lists(st.integers(0, 12), min_size=1, max_size=8))
def test_places_are_never_lost(when: list[int]) -> None:
    """However requests are cancelled after however many steps of the event loop, the pool has its places again."""

    async def run() -> None:
        async def serve(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                await heard(reader)
                writer.write(OK)

        async with served(serve, 2) as (pool, server):
            tasks = [asyncio.create_task(pool.ask(get(server), 5)) for _ in when]
            for step in range(13):
                for task, at in zip(tasks, when, strict=True):
                    if at == step:
                        task.cancel()
                await asyncio.sleep(0)
            await asyncio.wait(tasks)
            assert pool._free + len(pool._idle) == 2
            assert [await pool.ask(get(server), 5) for _ in range(3)]

    asyncio.run(run())


async def test_an_answer_that_takes_too_long() -> None:
    slow = Slow()
    async with served(slow, 1) as (pool, server):
        with pytest.raises(TimeoutError):
            await pool.ask(get(server), 0.05)
        slow.may_answer.release(), slow.may_answer.release()
        assert (await pool.ask(get(server), 5)).body == b"ok"
    assert slow.connections == 2


async def test_waiting_for_a_place_counts_as_well() -> None:
    slow = Slow()
    async with served(slow, 1) as (pool, server):
        first = asyncio.create_task(pool.ask(get(server), 5))
        await slow.until(lambda: len(slow.asked) == 1)
        with pytest.raises(TimeoutError):
            await pool.ask(get(server), 0.05)
        slow.may_answer.release()
        assert (await first).body == b"ok"
        assert len(pool._idle) == 1


async def test_closing_ends_what_is_under_way() -> None:
    slow = Slow()
    async with served(slow, 1) as (pool, server):
        tasks = [asyncio.create_task(pool.ask(get(server), 5)) for _ in range(2)]
        await slow.until(lambda: len(slow.asked) == 1)
        await pool.close()
        for task in tasks:
            with pytest.raises(Broken):
                await task


async def test_over_tls(tmp_path: Path) -> None:
    async with served(saying(OK, CHUNKED + b"1\r\na\r\n0\r\n\r\n", OK), folder=tmp_path) as (pool, server):
        assert (await pool.ask(post(server), 5)).body == b"ok"
        async with pool.stream(get(server), 5) as (_, connection):
            assert await body_of(connection) == b"a"
        assert (await pool.ask(get(server), 5)).body == b"ok"


async def test_a_server_that_is_not_the_one_we_trust(tmp_path: Path) -> None:
    async with served(saying(OK), folder=tmp_path) as (_, server):
        stranger = Server(server._url, ssl.create_default_context())
        pool = Pool(stranger)
        with pytest.raises(Broken, match=r"no TLS with 127\.0\.0\.1:\d+: .*certificate verify failed"):
            await pool.ask(get(stranger), 5)
        assert pool._free == Pool(stranger)._free


async def test_a_server_that_speaks_no_tls() -> None:
    async def serve(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()

    async with served(serve) as (_, server):
        wrong = Server(server._url.replace("http:", "https:"), ssl.create_default_context())
        with pytest.raises(Broken, match=r"no TLS with 127\.0\.0\.1"):
            await Pool(wrong).ask(get(wrong), 5)


async def test_a_handshake_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "CONNECT_TIMEOUT", 0.05)

    async def serve(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with served(serve) as (_, server):
        silent = Server(server._url.replace("http:", "https:"), ssl.create_default_context())
        with pytest.raises(Broken, match=r"no connection to 127\.0\.0\.1:\d+ in 0\.05 seconds"):
            await Pool(silent).ask(get(silent), 5)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1:1", "no connection to 127.0.0.1:1"),
        ("localhost:6443", "no address of a server: it should be like https://host:port"),
        ("http://h:port", "no connection to h:80"),
        (f"http://{'x' * 70}.invalid", "no connection to x"),
    ],
    ids=["nobody listens", "no scheme", "no port", "no name"],
)
async def test_servers_that_are_not_there(url: str, message: str) -> None:
    server = Server(url)
    with pytest.raises(Broken, match=message):
        await Pool(server, 1).ask(get(server), 5)


@pytest.mark.asyncio(loop_factories=["asyncio"])  # uvloop's methods can not be replaced
async def test_a_name_with_a_dead_address(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(saying(OK)) as (pool, server):
        loop = asyncio.get_running_loop()
        alive = await loop.getaddrinfo("127.0.0.1", server._port, type=socket.SOCK_STREAM)
        dead = await loop.getaddrinfo("127.0.0.1", 1, type=socket.SOCK_STREAM)

        async def both(*_: Any, **__: Any) -> Any:
            return [*dead, *alive]

        monkeypatch.setattr(loop, "getaddrinfo", both)
        assert (await pool.ask(get(server), 5)).body == b"ok"


async def test_small_writes_are_not_held_back() -> None:
    async with served(saying(OK)) as (pool, server):
        await pool.ask(get(server), 5)
        assert pool._idle[0]._transport
        plain = pool._idle[0]._transport.get_extra_info("socket")
        assert plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
