"""Following tasks until they end: a list, then a watch, as often as it takes."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from controller.cli.connection import Connection, mended_errors
from pluginmachinery.api.execution_phases import TERMINAL_PHASES

if TYPE_CHECKING:
    from urllib3 import HTTPResponse

JSON = dict[str, Any]

_PATIENCE = 30.0
"""Seconds for which a cluster may be out of reach while a task is followed."""
_PAUSE = 1.0
"""Seconds before another try."""
_WATCH = 120
"""Seconds after which a watch is opened anew."""
_LEAVE = 5.0
"""Seconds that a thread which is told to end may take."""
GONE = "Deleted"


def phase_of(task: Mapping[str, Any]) -> str:
    return str((task.get("status") or {}).get("phase") or "Pending")


def has_ended(task: Mapping[str, Any]) -> bool:
    return phase_of(task) in TERMINAL_PHASES


def follow(connection: Connection, tasks: Iterable[Mapping[str, Any]], deadline: float | None) -> Iterator[JSON | None]:
    """Every state of these tasks that is seen, the given one first, until all have ended or are gone.

    A task that was deleted comes with the phase ``Deleted``. None is the end of the time (``deadline``, by
    ``time.monotonic``). Raises ClusterError when the cluster stays out of reach.
    """
    waiting = {task["metadata"]["uid"]: task for task in tasks}
    yield from (dict(task) for task in waiting.values())
    waiting = {uid: task for uid, task in waiting.items() if not has_ended(task)}
    seen: queue.Queue[JSON | BaseException] = queue.Queue()
    stop = threading.Event()
    followers = []
    for namespace in {task["metadata"]["namespace"] for task in waiting.values()}:
        of_namespace = [task for task in waiting.values() if task["metadata"]["namespace"] == namespace]
        followers.append(_Follower(connection, namespace, of_namespace, seen.put, stop))
        followers[-1].start()
    try:
        while waiting:
            try:
                found = seen.get(timeout=None if deadline is None else max(deadline - time.monotonic(), 0))
            except queue.Empty:
                yield None
                return
            if isinstance(found, BaseException):
                raise found
            if found["metadata"]["uid"] not in waiting:
                continue
            yield found
            if has_ended(found) or phase_of(found) == GONE:
                del waiting[found["metadata"]["uid"]]
    finally:
        stop.set()
        for follower in followers:
            follower.end()


def changes(connection: Connection, *, everywhere: bool, selector: str) -> Iterator[JSON]:
    """Every task as it is, then each change of one, for ever.

    Raises ClusterError when the cluster stays out of reach.
    """
    namespace = "" if everywhere else connection.namespace
    known: dict[str, JSON] = {}
    reached = time.monotonic()
    while True:
        try:
            listed = connection.snapshot(namespace, selector=selector)
            reached = time.monotonic()
            there = {item["metadata"]["uid"]: item for item in listed["items"]}
            yield from (item for uid, item in there.items() if _version(known.get(uid)) != _version(item))
            yield from (_deleted_of(task) for uid, task in known.items() if uid not in there)
            known = there
            version = str(listed["metadata"]["resourceVersion"])
            for event in connection.watch(namespace, version, _WATCH, lambda _: None, selector=selector):
                reached = time.monotonic()
                task = event["object"]
                gone = event["type"] == "DELETED"
                known.pop(task["metadata"]["uid"], None)
                if not gone:
                    known[task["metadata"]["uid"]] = task
                yield _deleted_of(task) if gone else task
        except Exception as error:
            if not _is_worth_another_try(error) or time.monotonic() - reached > _PATIENCE:
                raise _told(error) from error
            time.sleep(_PAUSE)


def _version(task: Mapping[str, Any] | None) -> str:
    return "" if task is None else str(task["metadata"]["resourceVersion"])


def _deleted_of(task: Mapping[str, Any]) -> JSON:
    return {**task, "status": {**(task.get("status") or {}), "phase": GONE, "reason": ""}}


class _Follower:
    """Follows the tasks of one namespace and tells each change."""

    def __init__(
        self,
        connection: Connection,
        namespace: str,
        tasks: Iterable[Mapping[str, Any]],
        tell: Callable[[JSON | BaseException], None],
        stop: threading.Event,
    ) -> None:
        self._connection = connection
        self._namespace = namespace
        self._tell = tell
        self._stop = stop
        self._names = {task["metadata"]["uid"]: task["metadata"]["name"] for task in tasks}
        self._reached = time.monotonic()
        self._thread = threading.Thread(target=self.run, daemon=True)
        self._open: HTTPResponse | None = None

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Stop reading and wait for the thread: one that still reads when Python ends can take the process down."""
        if self._open is not None:
            _shut(self._open)
        self._thread.join(_LEAVE)

    def run(self) -> None:
        """Never raises: what goes wrong for good is told."""
        while not self._stop.is_set():
            try:
                self._watch(self._list())
            except Exception as error:
                if not _is_worth_another_try(error) or time.monotonic() - self._reached > _PATIENCE:
                    self._tell(_told(error))
                    return
            self._stop.wait(_PAUSE)

    def _list(self) -> str:
        """Tell how all stand now; the version from which to watch."""
        listed = self._connection.snapshot(self._namespace)
        self._reached = time.monotonic()
        found = {item["metadata"]["uid"]: item for item in listed["items"]}
        for uid, name in self._names.items():
            self._tell(found.get(uid) or _deleted(uid, name, self._namespace))
        return str(listed["metadata"]["resourceVersion"])

    def _watch(self, version: str) -> None:
        for event in self._connection.watch(self._namespace, version, _WATCH, self._opened):
            if self._stop.is_set():
                return
            self._reached = time.monotonic()
            metadata = event["object"]["metadata"]
            if metadata["uid"] in self._names:
                gone = event["type"] == "DELETED"
                self._tell(_deleted(metadata["uid"], metadata["name"], self._namespace) if gone else event["object"])

    def _opened(self, response: HTTPResponse) -> None:
        self._open = response
        if self._stop.is_set():
            _shut(response)


def _shut(response: HTTPResponse) -> None:
    """End whoever reads from it. One that has been read to its end can not be shut, and need not be."""
    with contextlib.suppress(ValueError, RuntimeError, OSError):
        response.shutdown()


def _deleted(uid: str, name: str, namespace: str) -> JSON:
    return {"metadata": {"uid": uid, "name": name, "namespace": namespace}, "status": {"phase": GONE}}


def _is_worth_another_try(error: Exception) -> bool:
    import urllib3.exceptions
    from kubernetes.client.exceptions import ApiException

    if isinstance(error, ApiException):
        return error.status in (0, 410, 429) or error.status >= 500
    return isinstance(error, urllib3.exceptions.HTTPError | OSError)


def _told(error: Exception) -> BaseException:
    try:
        with mended_errors("TaskExecutions"):
            raise error
    except Exception as mended:
        return mended
