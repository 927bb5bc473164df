"""One connection to an HTTP/1.1 server, and the one exchange that is under way on it.

Vocabulary: an *exchange* is a request and its answer. An answer is *whole* (its body is collected) or *streamed* (its
body is handed on as it comes). A connection *rests* between exchanges. It is *used* once an exchange went well on it:
only such a one can turn out to be *stale*, closed by the server just when we wrote to it.

What is parsed is parsed by llhttp (``httptools``). Bytes are read into a buffer that all connections of a pool share:
it is filled and parsed in one step of the event loop.
"""

from __future__ import annotations

import asyncio
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import httptools

MOST_UNREAD = 4 * 2**20
"""Bytes of a streamed answer that may wait for the one who reads; then nothing is taken from the network any more."""
_EXCERPT = 200


class Broken(ConnectionError):
    """No connection, or it ended before the answer did. The message is for people."""


class Malformed(Broken):
    """What came is no HTTP that we understand."""


@dataclass(frozen=True, slots=True)
class Response:
    """``body`` is empty where the answer is streamed. Names of headers are in lower case."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes = b""

    @property
    def retry_after(self) -> str | None:
        value = self.headers.get(b"retry-after")
        return None if value is None else value.decode("latin-1")


class Connection(asyncio.BufferedProtocol):
    """Made by :meth:`Server.connect`. ``lost`` is called once, when the connection has ended for whatever reason.

    All limits of time are one timer, which is armed anew only when it goes off early: most never do.
    """

    def __init__(self, buffer: memoryview, lost: Callable[[Connection], None]) -> None:
        self.closed = False
        """Nothing can be asked on it any more."""
        self._used = False
        self._heard = False
        """Whether anything of the answer under way has come."""
        self.finished = True
        """The answer is in to its last byte (or nothing was asked yet)."""
        self._keep = True
        self._loop = asyncio.get_running_loop()
        self._buffer = buffer
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._error: BaseException | None = None
        self._asked: asyncio.Future[Response] | None = None
        self._more: asyncio.Future[None] | None = None
        """Set while somebody waits for more of a streamed answer."""
        self._streamed = False
        self._until_end = False
        """The answer has no length: it ends with the connection."""
        self._status = 0
        self._headers: dict[bytes, bytes] = {}
        self._inflate: zlib._Decompress | None = None
        self._parts: list[bytes] = []
        self._unread = 0
        self._paused = False
        self._seconds = math.inf
        self._deadline = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._goes_off = math.inf

    # What a pool does with it

    @property
    def reusable(self) -> bool:
        """Whether another exchange may begin on it."""
        return self.finished and self._keep and not self.closed

    @property
    def is_stale(self) -> bool:
        """Whether it may have been closed before it was asked."""
        return self._used and not self._heard

    def ask(self, request: bytes, seconds: float, *, streamed: bool) -> asyncio.Future[Response]:
        """Begin an exchange. The answer, or (``streamed``, and its status is 200) its head.

        ``seconds`` is how long the answer may take; of a streamed one, how long there may be silence. Raises Broken or
        TimeoutError; then, or when the caller is cancelled, the connection has to be aborted.
        """
        assert self._transport is not None
        self.finished, self._heard, self._streamed = False, False, streamed
        self._asked = asked = self._loop.create_future()
        self._limit(seconds)
        self._transport.write(request)
        return asked

    async def read(self) -> bytes:
        """What has come of a streamed answer, at least a byte; b"" at its end. Raises Broken or TimeoutError."""
        if not (self._parts or self.finished or self._error):
            self._more = self._loop.create_future()
            try:
                await self._more
            finally:
                self._more = None
        if self._error is not None and not (self._parts or self.finished):
            raise self._error
        data = b"".join(self._parts)
        self._parts, self._unread = [], 0
        if self._paused and not self.closed and self._transport is not None:
            self._paused = False
            self._limit(self._seconds)
            self._transport.resume_reading()
        return data

    def rest(self, seconds: float) -> None:
        """Wait for the next exchange, for so long at most."""
        self._limit(seconds)

    def abort(self) -> None:
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    # What the event loop does with it

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are none by name

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self.finished or self._parser is None:
            self.abort()  # nothing was asked: a farewell (408), or the rest of who knows what
            return
        self._heard = True
        try:
            self._parser.feed_data(self._buffer[:nbytes])
        except httptools.HttpParserError as error:
            self._fail(_as_failure(error, bytes(self._buffer[: min(nbytes, _EXCERPT)])))
        except httptools.HttpParserUpgrade:
            self._fail(Malformed("an answer that wants another protocol"))
        except MemoryError as error:
            self._fail(error)
        if self._streamed:
            self._deadline = self._loop.time() + self._seconds
            if self._parts or self.finished:
                self._wake_reader()
            if self._unread > MOST_UNREAD and not (self._paused or self.closed) and self._transport is not None:
                self._paused = True
                self._transport.pause_reading()

    def eof_received(self) -> None:
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc)
        if self._timer is not None:
            self._timer.cancel()
        self._parser = self._transport = None  # they refer to us, and a circle lives until it is searched for
        self._lost(self)

    # What the parser tells

    def on_message_begin(self) -> None:
        if self.finished:
            raise Malformed("more than one answer to one request")
        self._headers = {}
        self._parts, self._unread = [], 0
        self._inflate = None

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        self._status = status = self._parser.get_status_code()
        if status < 200:
            return
        headers = self._headers
        self._keep = self._parser.should_keep_alive()
        self._until_end = (
            not self._keep
            and status not in (204, 304)
            and b"content-length" not in headers
            and not headers.get(b"transfer-encoding", b"").lower().endswith(b"chunked")
        )
        encoding = headers.get(b"content-encoding", b"identity").lower()
        if encoding in (b"gzip", b"x-gzip"):
            self._inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
        elif encoding != b"identity":
            raise Malformed(f"an answer in Content-Encoding {encoding.decode('latin-1')!r}, which was not asked for")
        self._streamed = self._streamed and status == 200
        if self._streamed and self._asked is not None and not self._asked.done():
            self._asked.set_result(Response(status, headers))

    def on_body(self, data: bytes) -> None:
        if self._inflate is not None:
            data = self._inflate.decompress(data)
            if not data:
                return
        self._parts.append(data)
        self._unread += len(data)

    def on_message_complete(self) -> None:
        if self._status >= 200:  # else the answer is still to come
            self._complete()

    def _complete(self) -> None:
        self._used = True
        if self._inflate is not None and (not self._inflate.eof or self._inflate.unused_data):
            self._fail(Malformed("an answer whose gzip does not end where the answer does"))
            return
        self.finished = True
        if self._streamed:
            self._wake_reader()
        elif self._asked is not None and not self._asked.done():
            parts = self._parts
            body = parts[0] if len(parts) == 1 else b"".join(parts)
            self._parts = []
            self._asked.set_result(Response(self._status, self._headers, body))

    def _wake_reader(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)

    # How it ends early

    def _end(self, error: Exception | None) -> None:
        """The other side has said its last, or the connection is no more."""
        if not self.finished and self._until_end and error is None and not self.closed:
            try:
                self._complete()
            except MemoryError as failure:
                self._fail(failure)
        elif not self.finished:
            self._fail(_broken("the connection ended before the answer did", error))
        self.abort()

    def _fail(self, error: BaseException) -> None:
        if self._error is None:
            self._error = error
            for waiting in (self._asked, self._more):
                if waiting is not None and not waiting.done():
                    waiting.set_exception(error)
        self.abort()

    # How long things take

    def _limit(self, seconds: float) -> None:
        self._seconds = seconds
        self._deadline = self._loop.time() + seconds
        if self._deadline < self._goes_off:
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._goes_off = self._deadline
        self._timer = self._loop.call_at(self._deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer, self._goes_off = None, math.inf
        unread = self._asked is not None and self._asked.done() and self._more is None
        if self._loop.time() < self._deadline:
            self._arm()
        elif self.finished:
            self.abort()
        elif unread:  # nobody listens: that is not the server's silence
            self._limit(self._seconds)
        else:
            self._fail(TimeoutError())


def _broken(what: str, error: BaseException | None) -> Broken:
    broken = Broken(f"{what} ({error})" if error is not None and str(error) else what)
    broken.__cause__ = error
    return broken


def _as_failure(error: httptools.HttpParserError, excerpt: bytes) -> BaseException:
    """What really happened: the parser tells of an error in our own methods as one of its own."""
    inner = error.__context__
    if isinstance(inner, Malformed | MemoryError):
        return inner
    if isinstance(inner, zlib.error):
        return Malformed(f"an answer whose gzip is broken ({inner})")
    return Malformed(f"an answer that is no HTTP ({error}): {excerpt.decode('latin-1')!r}")
