"""Inputs and outputs of tasks in an object store, as Flyte lays them out.

A task that ended has left ``error.pb`` (its code failed) or ``outputs.pb``, or neither. Both are asked for at once: in
the common case that costs one round trip. What the store or the files do wrong is an answer with a reason, never an
exception, because the life cycle decides what follows: try again, or fail.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from controller.services.breakers import MOST_FAILURES, Breaker, Open
from controller.services.stores import StoreError, Stores
from pluginmachinery.core.actions import Done, Files, OutputError, Outputs, Refused
from pluginmachinery.manager.outcomes import OUTPUT_SIZE_EXCEEDED

if TYPE_CHECKING:
    from flyteidl.core.errors_pb2 import ContainerError
    from google.protobuf.message import Message

OUTPUTS_FILE = "outputs.pb"
ERROR_FILE = "error.pb"
DECK_FILE = "deck.html"

OUTPUTS_MALFORMED = "OutputsMalformed"
ERROR_FILE_BAD_FORMAT = "ErrorFileBadFormat"
BUCKET_NOT_FOUND = "BucketNotFound"
ACCESS_DENIED = "AccessDenied"
STORE_UNAVAILABLE = "StoreUnavailable"

_MEBIBYTE = 1024 * 1024
_PATIENCE = 40.0
"""Seconds that one file may take, the client's own retries included."""
_SMALL = 64 * 1024
"""Bytes up to which a message is turned into JSON without leaving the event loop."""

_AT_A_TIME = 32
"""Files that are read side by side."""

R = TypeVar("R")
M = TypeVar("M", bound="Message")


class OutputStore:
    """Reads what tasks left and writes what they need.

    ``storage`` is Flyte's section ``storage`` with its defaults filled in; ``data_root`` the folder beneath which local
    paths may lie. ``listener`` is told of every operation, what came of it (``ok`` or a reason) and its seconds.
    """

    def __init__(
        self,
        storage: Mapping[str, Any],
        data_root: str = "",
        listener: Callable[[str, str, float], None] = lambda _operation, _outcome, _seconds: None,
    ) -> None:
        self._stores = Stores(storage, data_root)
        self._breakers: dict[tuple[str, str], Breaker] = {}
        self._listener = listener
        self._limit = int((storage.get("limits") or {}).get("maxDownloadMBs") or 0) * _MEBIBYTE

    async def read_outputs(self, prefix: str, *, deck: bool = False) -> Outputs | Refused:
        """What the task left under this prefix; with ``deck`` also whether it left a deck.

        Refused with ``OutputSizeExceeded`` (more than ``storage.limits.maxDownloadMBs``), ``OutputsMalformed``
        (truncated, or no such message), ``BucketNotFound``, ``AccessDenied``, ``LocationNotAllowed``,
        ``UnsupportedLocation`` or ``StoreUnavailable``.
        """
        return await self._told("read_outputs", self._read_outputs(prefix, deck))

    async def read_files(self, paths: tuple[str, ...], *, content: bool) -> Files | Refused:
        """These files, or (``content`` False) which of them exist. Refused as :meth:`read_outputs`, all or none."""
        return await self._told("read_files", self._read_files(paths, content=content))

    async def write_files(self, files: Mapping[str, bytes]) -> Done | Refused:
        """Write these files, each as a whole or not at all."""
        return await self._told("write_files", self._write_files(files))

    async def _told(self, operation: str, work: Awaitable[R]) -> R:
        started = time.perf_counter()
        result = await work
        outcome = result.reason if isinstance(result, Refused) else "ok"
        self._listener(operation, outcome, time.perf_counter() - started)
        return result

    async def _read_outputs(self, prefix: str, deck: bool) -> Outputs | Refused:
        try:
            error, outputs, page = await asyncio.gather(
                self._read(_join(prefix, ERROR_FILE)),
                self._read(_join(prefix, OUTPUTS_FILE)),
                self._find(_join(prefix, DECK_FILE)) if deck else _nothing(),
                return_exceptions=True,
            )
            has_deck = isinstance(page, bytes)  # it is an extra: a store that can not tell says no
            if isinstance(error, BaseException):
                raise error
            if error is not None:
                return Outputs(error=_error_of(error, _join(prefix, ERROR_FILE)), deck=has_deck)
            if isinstance(outputs, BaseException):
                raise outputs
            literals = None if outputs is None else await _literals(outputs, _join(prefix, OUTPUTS_FILE))
            return Outputs(literals, deck=has_deck)
        except StoreError as error:
            return Refused(error.reason, error.message)

    async def _read_files(self, paths: tuple[str, ...], *, content: bool) -> Files | Refused:
        lanes = asyncio.Semaphore(_AT_A_TIME)

        async def read(path: str) -> bytes | None:
            async with lanes:
                return await (self._read(path) if content else self._find(path))

        found = await asyncio.gather(*map(read, paths), return_exceptions=True)
        contents: dict[str, bytes] = {}
        for path, data in zip(paths, found, strict=True):
            if isinstance(data, StoreError):
                return Refused(data.reason, data.message)
            if isinstance(data, BaseException):
                raise data
            if data is not None:
                contents[path] = data
        return Files(contents)

    async def _write_files(self, files: Mapping[str, bytes]) -> Done | Refused:
        try:
            for path, data in files.items():
                await self._write(path, data)
        except StoreError as error:
            return Refused(error.reason, error.message)
        return Done()

    async def _read(self, path: str) -> bytes | None:
        """The file's content; None: there is none."""
        store, key = self._stores.locate(path)

        async def read() -> bytes:
            found = await store.get_async(key)
            if self._limit and found.meta["size"] > self._limit:
                size, limit = found.meta["size"], self._limit
                raise StoreError(OUTPUT_SIZE_EXCEEDED, f"{path} has {size} bytes, at most {limit} are read")
            return bytes(await found.bytes_async())

        try:
            return await self._guarded(read, path)
        except FileNotFoundError:
            return None

    async def _find(self, path: str) -> bytes | None:
        """Empty if the file exists; None: there is none."""
        store, key = self._stores.locate(path)

        async def find() -> bytes:
            await store.head_async(key)
            return b""

        try:
            return await self._guarded(find, path)
        except FileNotFoundError:
            return None

    async def _write(self, path: str, data: bytes) -> None:
        store, key = self._stores.locate(path)

        async def write() -> None:
            await store.put_async(key, data)

        try:
            await self._guarded(write, path)
        except FileNotFoundError as error:
            raise StoreError(BUCKET_NOT_FOUND, f"{path} can not be written: {_first_line(error)}") from error

    async def _guarded(self, work: Callable[[], Awaitable[R]], path: str) -> R:
        """Ask, unless the store has not answered lately. Raises StoreError, and FileNotFoundError."""
        url = urlsplit(path)
        if not url.netloc:  # a folder
            return await _translated(work(), path)
        breaker = self._breakers.setdefault((url.scheme, url.netloc), Breaker(_is_silence))
        try:
            with breaker.asking():
                return await _translated(work(), path)
        except Open as error:
            message = f"{path}: not asked for, because the store has left the last {MOST_FAILURES} requests unanswered"
            raise StoreError(STORE_UNAVAILABLE, message) from error


def _is_silence(error: Exception) -> bool:
    return isinstance(error, StoreError) and error.reason == STORE_UNAVAILABLE


async def _nothing() -> None:
    """Not asked for."""


async def _translated(work: Awaitable[R], path: str) -> R:
    """What the client raises, as a StoreError; FileNotFoundError only where the file itself is not there."""
    from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

    try:
        async with asyncio.timeout(_PATIENCE):
            return await work
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error) or "ContainerNotFound" in str(error):
            raise StoreError(BUCKET_NOT_FOUND, f"the bucket of {path} does not exist") from error
        raise
    except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
        raise StoreError(ACCESS_DENIED, f"{path}: {_first_line(error)}") from error
    except TimeoutError as error:
        raise StoreError(STORE_UNAVAILABLE, f"{path}: no answer within {_PATIENCE:.0f} s") from error
    except (BaseError, OSError, ValueError) as error:
        raise StoreError(STORE_UNAVAILABLE, f"{path}: {_first_line(error)}") from error


async def _literals(data: bytes, path: str) -> Mapping[str, Any]:
    from flyteidl.core.literals_pb2 import LiteralMap

    if len(data) <= _SMALL:
        return _as_json(data, LiteralMap(), path)
    return await asyncio.to_thread(_as_json, data, LiteralMap(), path)


def _as_json(data: bytes, message: M, path: str) -> Mapping[str, Any]:
    from google.protobuf.json_format import MessageToDict, SerializeToJsonError

    try:
        return dict(MessageToDict(_parsed(data, message, path)))
    except (SerializeToJsonError, ValueError) as error:
        raise StoreError(OUTPUTS_MALFORMED, f"{path} has values that can not be shown: {error}") from error


def _parsed(data: bytes, message: M, path: str) -> M:
    from google.protobuf.message import DecodeError

    try:
        message.ParseFromString(data)
    except DecodeError as error:
        kind = type(message).__name__
        raise StoreError(OUTPUTS_MALFORMED, f"{path} is truncated or no {kind}: {error}") from error
    return message


def _error_of(data: bytes, path: str) -> OutputError:
    from flyteidl.core.errors_pb2 import ContainerError, ErrorDocument
    from flyteidl.core.execution_pb2 import ExecutionError

    document = _parsed(data, ErrorDocument(), path)
    if not document.HasField("error"):
        return OutputError(ERROR_FILE_BAD_FORMAT, f"{path} has no error in it", "SYSTEM", recoverable=True)
    error: ContainerError = document.error
    return OutputError(
        code=error.code,
        message=error.message,
        kind=ExecutionError.ErrorKind.Name(error.origin) if error.origin in (1, 2) else "UNKNOWN",
        recoverable=error.kind == ContainerError.RECOVERABLE,
    )


def _join(prefix: str, name: str) -> str:
    return f"{prefix.rstrip('/')}/{name}"


def _first_line(error: BaseException) -> str:
    """The client's messages go on with debugging output."""
    return str(error).partition("\n")[0].strip()
