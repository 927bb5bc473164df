"""What servers and networks make of an answer: halves, pieces, other protocols, silence, and too much."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.kube import connections, http
from controller.kube.connections import Broken, Connection, Malformed, Response
from tests.controller.kube.http_servers import CHUNKED, OK, body_of, get, heard, post, saying, served


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (OK, (200, b"ok")),
        (CHUNKED + b"1\r\no\r\n1;x=y\r\nk\r\n0\r\nTrailer: 1\r\n\r\n", (200, b"ok")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"")),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", (404, b"")),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK, (200, b"ok")),
        (
            b"HTTP/1.1 200 OK\r\ncontent-ENCODING: gzip\r\nContent-Length: %d\r\n\r\n%b"
            % (len(gzip.compress(b"ok", mtime=0)), gzip.compress(b"ok", mtime=0)),
            (200, b"ok"),
        ),
    ],
    ids=["length", "chunks, an extension, a trailer", "no content", "empty", "1xx first", "a proxy that packs"],
)
async def test_answers(answer: bytes, expected: tuple[int, bytes]) -> None:
    connections_made = set()

    async def serve(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections_made.add(number)
        while True:
            await heard(reader)
            writer.write(answer)

    async with served(serve) as (pool, server):
        for _ in range(3):
            response = await pool.ask(post(server), 5)
            assert (response.status, response.body) == expected
    assert connections_made == {0}


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 OK\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
    ids=["HTTP/1.0 until the end", "until the end", "close", "HTTP/1.0"],
)
async def test_connections_that_are_good_for_one_answer(answer: bytes) -> None:
    async with served(saying(answer, answer, close=True), 1) as (pool, server):
        for _ in range(2):
            assert (await pool.ask(post(server), 5)).body == b"ok"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"SSH-2.0-OpenSSH_9\r\n", "no HTTP.*SSH-2.0"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "no HTTP"),
        (CHUNKED + b"zz\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nok", "Content-Encoding 'br'"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok", "gzip is broken"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n" + gzip.compress(b"ok")[:9],
            "gzip does not end",
        ),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "another protocol"),
    ],
    ids=["another protocol", "no length", "no chunk", "packed as nobody asked", "no gzip", "half a gzip", "an upgrade"],
)
async def test_answers_that_are_none(answer: bytes, message: str) -> None:
    async with served(saying(answer, OK), 1) as (pool, server):
        with pytest.raises(Malformed, match=message):
            await pool.ask(get(server), 5)
        assert (await pool.ask(get(server), 5)).body == b"ok"


@pytest.mark.parametrize(
    "half",
    [b"", b"HTTP/1.1 200 OK\r\nConte", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", CHUNKED + b"1\r\no\r\n"],
    ids=["nothing", "in the head", "in the body", "between chunks"],
)
async def test_half_an_answer_is_none(half: bytes) -> None:
    async with served(saying(half, OK, close=True), 1) as (pool, server):
        with pytest.raises(Broken, match="ended before the answer did"):
            await pool.ask(get(server), 5)
        assert (await pool.ask(get(server), 5)).body == b"ok"


async def test_what_nobody_asked_for_ends_the_connection() -> None:
    """A load balancer says 408 on a connection that it gives up; that is no answer to the next request."""
    farewell = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"
    said = asyncio.Event()

    async def serve(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard(reader)
        writer.write(OK)
        if number == 0:
            await asked.wait()
            writer.write(farewell)
            await reader.read()
            said.set()

    asked = asyncio.Event()
    async with served(serve, 1) as (pool, server):
        await pool.ask(post(server), 5)
        asked.set()
        await asyncio.wait_for(said.wait(), 10)
        assert (await pool.ask(post(server), 5)).status == 200


async def test_two_answers_to_one_request() -> None:
    async with served(saying(OK + OK.replace(b"ok", b"no"), OK), 1) as (pool, server):
        assert (await pool.ask(get(server), 5)).body == b"ok"
        assert (await pool.ask(get(server), 5)).body == b"ok"


def response_of(answer: bytes, *cuts: int, streamed: bool = False) -> tuple[int, bytes]:
    """What a connection makes of an answer that arrives in these pieces."""

    async def run() -> tuple[int, bytes]:
        buffer = memoryview(bytearray(len(answer)))
        connection = Connection(buffer, lambda _: None)
        near, far = socket.socketpair()
        await asyncio.get_running_loop().create_connection(lambda: connection, sock=near)
        asked = connection.ask(b"GET / HTTP/1.1\r\n\r\n", 5, streamed=streamed)
        for start, end in itertools.pairwise((0, *sorted(cuts), len(answer))):
            buffer[: end - start] = answer[start:end]
            connection.buffer_updated(end - start)
        response: Response = await asked
        body = await body_of(connection) if streamed else response.body
        assert connection.reusable
        connection.abort()
        await asyncio.sleep(0)
        far.close()
        return response.status, body

    return asyncio.run(run())


PIECES = b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKED + b"3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_an_answer_may_be_cut_anywhere(streamed: bool) -> None:
    for cut in range(1, len(PIECES)):
        assert response_of(PIECES, cut, streamed=streamed) == (200, b"abc0123456789abcdef")


@given(cuts=st.lists(st.integers(1, len(PIECES) - 1), unique=True), streamed=st.booleans())
def test_an_answer_may_be_cut_into_any_pieces(cuts: list[int], streamed: bool) -> None:
    assert response_of(PIECES, *cuts, streamed=streamed) == (200, b"abc0123456789abcdef")


async def test_a_streamed_answer_comes_as_it_is_said() -> None:
    more = asyncio.Event()

    async def serve(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard(reader)
        writer.write(CHUNKED + b"1\r\na\r\n1\r\nb\r\n")
        await more.wait()
        writer.write(b"1\r\nc\r\n0\r\n\r\n")
        await heard(reader)
        writer.write(b"HTTP/1.1 410 Gone\r\nContent-Length: 4\r\n\r\ngone")
        await reader.read()

    async with served(serve) as (pool, server):
        async with pool.stream(get(server), 5) as (response, connection):
            assert response.status == 200
            assert await connection.read() == b"ab"
            more.set()
            assert [await connection.read(), await connection.read()] == [b"c", b""]
        async with pool.stream(get(server), 5) as (response, again):
            assert (response.status, response.body) == (410, b"gone")
            assert again is connection


async def test_a_stream_that_breaks_gives_what_it_had() -> None:
    async with (
        served(saying(CHUNKED + b"1\r\na\r\n", close=True)) as (pool, server),
        pool.stream(get(server), 5) as (_, connection),
    ):
        assert await connection.read() == b"a"
        with pytest.raises(Broken, match="ended before"):
            await connection.read()


async def test_a_stream_that_broke_while_nobody_read() -> None:
    async with (
        served(saying(CHUNKED, close=True)) as (pool, server),
        pool.stream(get(server), 5) as (_, connection),
    ):
        while not connection.closed:
            await asyncio.sleep(0)
        with pytest.raises(Broken, match="ended before"):
            await connection.read()


async def test_silence_ends_a_stream() -> None:
    async with served(saying(CHUNKED + b"1\r\na\r\n")) as (pool, server):
        with pytest.raises(TimeoutError):
            async with pool.stream(get(server), 0.05) as (_, connection):
                await body_of(connection)
        assert not pool._idle


async def test_silence_is_not_what_nobody_listens_to(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        served(saying(CHUNKED + b"1\r\na\r\n")) as (pool, server),
        pool.stream(get(server), 0.01) as (_, connection),
    ):
        turns = asyncio.Semaphore(0)
        monkeypatch.setattr(connection, "_limit", lambda _: turns.release())
        await asyncio.wait_for(turns.acquire(), 10)
        assert not connection.closed
        assert await connection.read() == b"a"


async def test_a_stream_that_is_left_is_ended() -> None:
    ended = asyncio.Event()

    async def serve(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard(reader)
        writer.write(CHUNKED)
        await reader.read()
        ended.set()

    async with served(serve) as (pool, server):
        async with pool.stream(get(server), 5):
            pass
        await asyncio.wait_for(ended.wait(), 10)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
async def test_who_reads_slowly_slows_the_server_down(
    tls: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST_UNREAD", 100_000)
    chunk = b"x" * 50_000
    count, sent = 400, 0

    async def serve(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await heard(reader)
        writer.write(CHUNKED)
        for sent in range(1, count + 1):  # noqa: B007
            writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await reader.read()

    async with (
        served(serve, folder=tmp_path if tls else None) as (pool, server),
        pool.stream(get(server), 10) as (_, connection),
    ):
        while not connection._paused:
            await asyncio.sleep(0)
        assert connection._unread < 100_000 + 2 * http._BUFFER
        assert sent < count
        assert len(await body_of(connection)) == count * len(chunk)
        assert connection.reusable


async def test_a_huge_answer_comes_whole() -> None:
    body = b"x" * (64 * 2**20)

    async with served(saying(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))) as (pool, server):
        assert (await pool.ask(get(server), 60)).body == body


async def test_memory_that_runs_out_is_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    async with served(saying(OK)) as (pool, server):
        monkeypatch.setattr(Connection, "on_body", exhausted)
        with pytest.raises(MemoryError):
            await pool.ask(get(server), 5)


async def test_half_an_answer_over_tls(tmp_path: Path) -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"
    async with served(saying(half, close=True), folder=tmp_path) as (pool, server):
        with pytest.raises(Broken, match="ended before"):
            await pool.ask(get(server), 5)
