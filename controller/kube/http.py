"""HTTP/1.1 to one server, over connections that are kept: as little as the API server's client needs.

aiohttp did this at twice the CPU (docs/decisions/0011-own-http-client.md). What is not here because it is not needed:
redirects, cookies, proxies, encodings that nobody asked for, and bodies that are not in memory.

Vocabulary: a *slot* is the right to have one connection; a pool has so many. Who has to wait for one gets it in the
order of arrival, with the connection that is in it or to open one.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import ssl
import sys
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

import aiohappyeyeballs

from controller.kube.connections import Broken, Connection, Response

CONNECT_TIMEOUT = 10.0
"""Seconds for a name, a connection and a TLS handshake."""
IDLE = 75.0
"""Seconds that an unused connection is kept: less than the API server keeps it."""
_HEAD_START = 0.25
"""Seconds until a name's next address is tried beside the first."""
_BUFFER = 256 * 1024
_IDEMPOTENT = frozenset({"GET", "PUT", "DELETE"})
_URL = "/%?&=+:;,@!$'()*~"


@dataclass(frozen=True, slots=True)
class Request:
    """To be sent as it is: head and body together, in one write."""

    method: str
    content: bytes

    @property
    def is_idempotent(self) -> bool:
        """Whether doing it twice is as good as once, so that it may be sent again when nobody knows if it was heard."""
        return self.method in _IDEMPOTENT


class Server:
    """Where requests go. ``url`` may have a path, which comes before all others."""

    def __init__(self, url: str, tls: ssl.SSLContext | None = None, *, tls_name: str = "") -> None:
        parts = urlsplit(url)
        self._url = url
        self._tls = tls
        self._host = parts.hostname or ""
        self._port = _port(parts) or (443 if tls else 80)
        self._base = parts.path.rstrip("/")
        self._host_line = f"Host: {parts.netloc.rpartition('@')[2]}\r\n"
        self._options: dict[str, Any] = {"server_hostname": tls_name or self._host} if tls else {}

    def request(self, method: str, path: str, headers: bytes, body: bytes | None = None) -> Request:
        """``headers`` are whole lines; with a ``body``, they say of what type it is."""
        target = f"{self._base}{path}"
        if not target.isascii() or not target.isprintable() or " " in target:
            target = quote(target, safe=_URL)  # nothing in a path may begin another line
        head = f"{method} {target} HTTP/1.1\r\n{self._host_line}".encode()
        if body is None:
            return Request(method, b"%b%b\r\n" % (head, headers))
        return Request(method, b"%b%bContent-Length: %d\r\n\r\n%b" % (head, headers, len(body), body))

    async def connect(self, make: Callable[[], Connection]) -> Connection:
        """Raises Broken, with what a person has to know."""
        if not self._host:
            raise Broken(f"{self._url!r} is no address of a server: it should be like https://host:port")
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                return await self._open(make)
        except TimeoutError as error:
            raise Broken(f"no connection to {self._host}:{self._port} in {CONNECT_TIMEOUT:g} seconds") from error
        except ssl.SSLError as error:
            raise Broken(f"no TLS with {self._host}:{self._port}: {error}") from error
        except (OSError, ValueError) as error:  # ValueError: a name that can be none
            raise Broken(f"no connection to {self._host}:{self._port}: {error}") from error

    async def _open(self, make: Callable[[], Connection]) -> Connection:
        loop = asyncio.get_running_loop()
        addresses = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        # Of a name's addresses one may be dead; uvloop would try them in turn, each until it is given up.
        plain = await aiohappyeyeballs.start_connection(addresses, happy_eyeballs_delay=_HEAD_START, interleave=1)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _, connection = await loop.create_connection(make, sock=plain, ssl=self._tls, **self._options)
        except BaseException:
            plain.close()
            raise
        return connection


class Pool:
    """Connections to one server, at most ``limit`` at a time (None: as many as there are exchanges)."""

    def __init__(self, server: Server, limit: int | None = None, *, idle: float = IDLE) -> None:
        self._server = server
        self._idle_limit = idle
        self._free = sys.maxsize if limit is None else limit
        """Slots without a connection."""
        self._idle: list[Connection] = []
        """The last to come is the first to go: what is not needed grows old and ends."""
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        """Those who wait for a slot, with a connection in it or (None) without."""
        self._open: set[Connection] = set()
        self._buffer = memoryview(bytearray(_BUFFER))
        self._closed = False
        self._emptied: asyncio.Future[None] | None = None

    async def ask(self, request: Request, seconds: float) -> Response:
        """The whole answer, all in all within ``seconds``. Raises Broken or TimeoutError."""
        connection, response = await self._exchange(request, seconds)
        self._give_back(connection)
        return response

    @contextlib.asynccontextmanager
    async def stream(self, request: Request, silence: float) -> AsyncGenerator[tuple[Response, Connection], None]:
        """The head of an answer, and where to read its body from; of any but a 200, the whole answer.

        Raises Broken, and TimeoutError when nothing is heard for ``silence`` seconds.
        """
        connection, response = await self._exchange(request, silence=silence)
        try:
            yield response, connection
        finally:
            self._give_back(connection)

    async def close(self) -> None:
        """End all connections; exchanges under way are Broken."""
        self._closed = True
        while self._open:
            self._emptied = asyncio.get_running_loop().create_future()
            for connection in list(self._open):
                connection.abort()
            await self._emptied

    async def _exchange(
        self, request: Request, total: float = math.inf, silence: float | None = None
    ) -> tuple[Connection, Response]:
        """The connection is to be given back. ``total`` counts from now; ``silence``: the answer is streamed."""
        time = asyncio.get_running_loop().time
        deadline = time() + total

        def ask(connection: Connection) -> asyncio.Future[Response]:
            return connection.ask(request.content, silence or deadline - time(), streamed=silence is not None)

        connection = self._idle.pop() if self._idle else await self._slot(deadline)
        try:
            if connection is None or connection.closed:
                connection = await self._connect(deadline)
            try:
                return connection, await ask(connection)
            except Broken:
                if not (request.is_idempotent and connection.is_stale):
                    raise
            # Others that were idle may be as stale: only a new connection is sure.
            connection = await self._connect(deadline)
            return connection, await ask(connection)
        except BaseException:
            # Cancelled, too: who knows what still comes on it.
            if connection is not None:
                connection.abort()
            self._hand_on(None)
            raise

    async def _slot(self, deadline: float) -> Connection | None:
        """A slot that is ours from now on, perhaps with a connection in it."""
        if self._free:
            self._free -= 1
            return None
        waiting: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        try:
            async with _until(deadline):
                return await waiting
        except BaseException:
            if waiting.done() and not waiting.cancelled():  # we got it just when we did not want it any more
                self._give_back(waiting.result())
            raise

    async def _connect(self, deadline: float) -> Connection:
        """A new connection, in a slot that is ours."""
        async with _until(deadline):
            connection = await self._server.connect(lambda: Connection(self._buffer, self._lost))
        if self._closed:
            connection.abort()
            raise Broken("the client is closed")
        if connection.closed:
            raise Broken("the connection ended as soon as it had begun")
        self._open.add(connection)
        return connection

    def _give_back(self, connection: Connection | None) -> None:
        if connection is not None and not connection.reusable:
            connection.abort()
            connection = None
        self._hand_on(connection)

    def _hand_on(self, connection: Connection | None) -> None:
        """A slot, with this in it, is not ours any more: it is the next one's, or nobody's."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(connection)
                return
        if connection is None:
            self._free += 1
        else:
            connection.rest(self._idle_limit)
            self._idle.append(connection)

    def _lost(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
            self._hand_on(None)
        if self._emptied is not None and not self._open and not self._emptied.done():
            self._emptied.set_result(None)


def _until(deadline: float) -> asyncio.Timeout:
    return asyncio.timeout_at(None if deadline == math.inf else deadline)


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        return None
