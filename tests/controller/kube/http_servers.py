"""Servers that say exactly the bytes that a test wants, on real sockets, and requests to them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

from controller.kube.connections import Connection
from controller.kube.http import Pool, Request, Server
from tests.controller.kube.test_credentials import certificates

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

Serve = Callable[[int, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""What is done with a connection; the first has the number 0."""


@contextlib.asynccontextmanager
async def served(
    serve: Serve, limit: int | None = None, *, folder: Path | None = None, **options: Any
) -> AsyncGenerator[tuple[Pool, Server], None]:
    """A pool to a server that does this with its connections."""
    numbers = itertools.count()
    tasks: set[asyncio.Task[Any]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await serve(next(numbers), reader, writer)
        writer.transport.abort()

    ours = theirs = None
    if folder:
        authority, certificate, _ = certificates()
        (folder / "server.pem").write_text(certificate)
        theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        theirs.load_cert_chain(folder / "server.pem")
        ours = ssl.create_default_context(cadata=authority)
    listener = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=theirs)
    port = listener.sockets[0].getsockname()[1]
    server = Server(f"{'https' if ours else 'http'}://127.0.0.1:{port}", ours)
    pool = Pool(server, limit, **options)
    try:
        yield pool, server
    finally:
        await pool.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)
        listener.close()
        await listener.wait_closed()


async def heard(reader: asyncio.StreamReader) -> bytes:
    """One request: its head."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.startswith(b"Content-Length: "):
            await reader.readexactly(int(line[16:]))
    return head


def saying(*answers: bytes, close: bool = False) -> Serve:
    """Answers that come one after the other, on whatever connection; then none any more."""
    left = list(answers)

    async def serve(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await heard(reader)
            if not left:
                return
            writer.write(left.pop(0))
            await writer.drain()
            if close:
                return

    return serve


def get(server: Server) -> Request:
    return server.request("GET", "/a", b"")


def post(server: Server) -> Request:
    return server.request("POST", "/a", b"", b"{}")


async def body_of(connection: Connection) -> bytes:
    parts = []
    while part := await connection.read():
        parts.append(part)
    return b"".join(parts)
