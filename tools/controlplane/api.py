"""A few lines of HTTP to an API server, for tests, demo and readiness: JSON in, JSON out, errors as `ApiError`.

kubectl is a process per call (some 60 ms); this is some 2 ms. It is not a client library: no discovery, no watches.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from tools.controlplane.errors import ApiError

Object = dict[str, Any]
"""A Kubernetes object, or any JSON object."""

T = TypeVar("T")

POLL_INTERVAL = 0.02

MERGE_PATCH = "application/merge-patch+json"


class ApiClient:
    """Requests to one server as one user. Safe to use from several threads: every request has its own connection.

    Args:
        server: `https://…`, `http://…`, or `unix:///path` for a proxy that listens on a socket file.
        timeout: seconds that an answer may take.
    """

    def __init__(
        self, server: str, *, ca_file: Path | None = None, token: str | None = None, timeout: float = 30
    ) -> None:
        self.server = server
        self.timeout = timeout
        self._address = urlsplit(server)
        self._tls = ssl.create_default_context(cafile=str(ca_file)) if self._address.scheme == "https" else None
        self._authorization = {"Authorization": f"Bearer {token}"} if token else {}

    def request(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        query: Mapping[str, str | int] | None = None,
        content_type: str = "application/json",
    ) -> bytes:
        """The answer's body.

        Raises:
            ApiError: the server refused; with its status, reason and message.
            OSError: the server could not be reached.
        """
        connection = self._connect()
        try:
            target = f"{path}?{urlencode(query)}" if query else path
            headers = {"Accept": "application/json", "Content-Type": content_type, **self._authorization}
            connection.request(method, target, json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
            answer = response.read()
        except http.client.HTTPException as error:  # the server went away in the middle of its answer
            raise ConnectionError(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()
        if response.status >= 400:
            raise _error(response.status, response.reason, answer)
        return answer

    def get(self, path: str, **query: str | int) -> Object:
        return self._object("GET", path, query=query)

    def items(self, path: str, **query: str | int) -> list[Object]:
        """The objects of a list."""
        return list(self.get(path, **query)["items"])

    def create(self, path: str, body: Object) -> Object:
        return self._object("POST", path, body)

    def patch(self, path: str, body: Object, content_type: str = MERGE_PATCH) -> Object:
        return self._object("PATCH", path, body, content_type=content_type)

    def delete(self, path: str, **options: Any) -> Object:
        """Deletes an object; `options` are those of DeleteOptions, e.g. gracePeriodSeconds=0."""
        return self._object("DELETE", path, {"kind": "DeleteOptions", "apiVersion": "v1", **options})

    def find(self, path: str) -> Object | None:
        """The object, or None where there is none."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.status == http.HTTPStatus.NOT_FOUND:
                return None
            raise

    def is_ready(self) -> bool:
        """Whether /readyz answers ok."""
        return self._says_ok("/readyz")

    def is_healthy(self) -> bool:
        """Whether /healthz answers ok."""
        return self._says_ok("/healthz")

    def _says_ok(self, path: str) -> bool:
        try:
            return self.request("GET", path) == b"ok"
        except (ApiError, OSError):
            return False

    def _object(self, method: str, path: str, body: Object | None = None, **options: Any) -> Object:
        answer = json.loads(self.request(method, path, body, **options))
        assert isinstance(answer, dict)
        return answer

    def _connect(self) -> http.client.HTTPConnection:
        if self._address.scheme == "unix":
            return _UnixConnection(self._address.path, self.timeout)
        host, port = self._address.hostname or "", self._address.port
        if self._tls is None:
            return http.client.HTTPConnection(host, port, timeout=self.timeout)
        return http.client.HTTPSConnection(host, port, timeout=self.timeout, context=self._tls)


def wait_until(look: Callable[[], T | None], *, timeout: float = 20, what: str = "the condition") -> T:
    """Polls until `look` answers something true, and returns that.

    Raises:
        TimeoutError: naming `what`.
    """
    deadline = time.monotonic() + timeout
    while True:
        if seen := look():
            return seen
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout:g} s for {what}")
        time.sleep(POLL_INTERVAL)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket file."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _error(status: int, reason: str, answer: bytes) -> ApiError:
    try:
        document = json.loads(answer)
        return ApiError(status, document.get("reason", reason), document.get("message", ""))
    except (ValueError, AttributeError):
        return ApiError(status, reason, answer.decode(errors="replace")[:500])
