"""Following all objects of a kind: a list, then a watch, and again when that breaks.

Vocabulary: a *resource version* is a moment of the server's history; a watch goes on from one; a *bookmark* is an event
that brings nothing but a newer one; *expired* (410 Gone) means that the server has forgotten the moment, and a *relist*
is due. A relist is a diff: what we knew and the list does not have is told as *vanished*, because its deletion was
missed.

An informer keeps no objects. It hands them to its *sink* without ``managedFields`` and remembers names and UIDs only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import orjson

from controller.kube import answers, memory
from controller.kube.client import ApiServer, RequestRefused
from controller.kube.delays import Delays
from pluginmachinery.core.actions import Refused, ResourceKind

_log = logging.getLogger(__name__)

ABSENT_RETRY = 10.0
"""Seconds until a kind that the server does not serve (its CRD is missing) is looked for again."""
_QUICK = 1.0
"""A watch that ends sooner than this (seconds) is a failure, however politely it was closed."""
_MOST_ERRORS = 3
"""After so many failed watches in a row the list is read again: what we go on from may itself be the trouble."""


class Sink(Protocol):
    """Who is told. ``object`` is the whole object as JSON without ``managedFields``; it may be kept and changed.

    ``lost`` are the UIDs, by (namespace, name), of objects whose deletion was missed.
    """

    def changed(self, object: dict[str, Any]) -> None: ...  # noqa: A002
    def deleted(self, object: dict[str, Any]) -> None: ...  # noqa: A002
    def vanished(self, lost: Mapping[tuple[str, str], str]) -> None: ...


class Expired(Exception):
    """The server has forgotten the moment from which we wanted to go on."""


class Informer:
    """Follows one kind in one namespace ("": in all), optionally those that match a label or a field selector.

    ``synced`` is set when the first list has been handed over; a kind that the server does not serve counts as synced
    with nothing in it, and is looked for again and again. ``answered`` is set when it was refused, too. ``problem``
    says what is wrong at the moment ("": nothing).
    """

    def __init__(
        self,
        api: ApiServer,
        kind: ResourceKind,
        sink: Sink,
        *,
        namespace: str = "",
        selector: str = "",
        fields: str = "",
        absent_retry: float = ABSENT_RETRY,
        duration: float = 300.0,
        silence: float = 75.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        delays: Delays | None = None,
    ) -> None:
        self.kind = kind
        self.namespace = namespace
        self.synced = asyncio.Event()
        self.answered = asyncio.Event()
        self.absent = False
        self.problem = "the first list is not in yet"
        self.events = 0
        self.relists = 0
        self.heard_at = 0.0
        """When the server last told us something, in the loop's time; 0.0: never."""
        self._api = api
        self._sink = sink
        self._selector = selector
        self._fields = fields
        self._absent_retry = absent_retry
        self._duration = duration
        self._silence = silence
        self._sleep = sleep
        self._delays = delays or Delays()
        self._resource_version = ""
        self._known: dict[tuple[str, str], str] = {}
        self._errors = 0

    def __str__(self) -> str:
        return f"{self.kind.plural} of {f'namespace {self.namespace}' if self.namespace else 'all namespaces'}"

    def levels(self) -> Counter[str]:
        """How many objects there are, by their namespace."""
        return Counter(namespace for namespace, _ in self._known)

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                if not self._resource_version:
                    await self._list()
                await self._watch()
                delay = 0.0
            except Expired:
                self._resource_version = ""
                delay = self._delays.next() if self._errors else 0.0
                self._errors += 1
            except RequestRefused as error:
                delay = self._after(error)
            if delay:
                await self._sleep(delay)

    async def _list(self) -> None:
        before, self._known = self._known, {}
        try:
            version = await self._read_pages(before)
        except BaseException:
            # Half a list says what there is, not what there is not.
            self._known = before | self._known
            raise
        lost = {key: uid for key, uid in before.items() if key not in self._known}
        if lost:
            self._sink.vanished(lost)
        self._resource_version = version
        self.relists += self.synced.is_set()
        self._heard()
        self.absent = False
        self.synced.set()
        self.answered.set()

    async def _read_pages(self, before: Mapping[tuple[str, str], str]) -> str:
        version = ""
        async for page in self._api.pages(self.kind, self.namespace, selector=self._selector, fields=self._fields):
            version = page.resource_version
            # What has the name of something that we knew may be another object, made while we did not look.
            if before:
                known = map(_identity, page.items)
                if replaced := {key: before[key] for key, uid in known if before.get(key, uid) != uid}:
                    self._sink.vanished(replaced)
            for item in page.items:
                # Items of a list carry neither apiVersion nor kind.
                item.setdefault("apiVersion", self.kind.api_version)
                item.setdefault("kind", self.kind.kind)
                self._changed(item)
        return version

    async def _watch(self) -> None:
        clock = asyncio.get_running_loop().time
        opened = clock()
        # Each a little different, so that not all watches of all replicas are opened anew at the same time.
        duration = self._duration * (1 + random.random() / 4)  # noqa: S311
        stream = self._api.watch(
            self.kind,
            self.namespace,
            resource_version=self._resource_version,
            selector=self._selector,
            fields=self._fields,
            duration=duration,
            silence=self._silence,
        )
        heard = False
        async with contextlib.aclosing(stream):
            async for lines in stream:
                self.problem = ""
                for line in lines:
                    self._event(line)
                if lines:
                    heard = True
                    self._heard()
        if clock() - opened >= _QUICK:
            self._delays.reset()
        elif not heard:
            raise RequestRefused(Refused("ClosedEarly", "the server closed the watch at once"))

    def _heard(self) -> None:
        self.heard_at = asyncio.get_running_loop().time()
        self.problem = ""
        self._errors = 0
        self._delays.reset()

    def _event(self, line: bytes) -> None:
        """Raises Expired, or RequestRefused for an event that is an error or is none at all."""
        word, body, version = _parse(line)
        if word == "DELETED":
            self._deleted(body)
        elif word != "BOOKMARK":
            self._changed(body)
        self._resource_version = version
        self.events += 1

    def _changed(self, body: dict[str, Any]) -> None:
        key, uid = _identity(body)
        self._known[key] = uid
        self._tell(self._sink.changed, body)

    def _deleted(self, body: dict[str, Any]) -> None:
        self._known.pop(_identity(body)[0], None)
        self._tell(self._sink.deleted, body)

    def _tell(self, word: Callable[[dict[str, Any]], None], body: dict[str, Any]) -> None:
        """One object that nobody can make sense of must not stop all others from being followed."""
        body["metadata"].pop("managedFields", None)
        try:
            word(body)
        except MemoryError:  # passing it over would be to lose it
            raise
        except Exception:
            name = body["metadata"]["name"]
            _log.exception(
                "%s %r of namespace %r is passed over", self.kind.kind, name, body["metadata"].get("namespace")
            )

    def _after(self, error: RequestRefused) -> float:
        """What to make of a refusal; seconds to wait."""
        refused = error.refused
        if refused.status:
            self._errors += 1
        if refused.status == 410 or self._errors >= _MOST_ERRORS:
            self._resource_version = ""
        if refused.status == 404:
            return self._is_absent(refused.message)
        problem = f"{refused.reason}: {refused.message}"
        if problem != self.problem:
            _log.warning("can not follow %s: %s", self, problem)
        self.problem = problem
        self.answered.set()
        delay = self._delays.next()
        return max(delay, refused.retry_after) if isinstance(refused, answers.Throttled) else delay

    def _is_absent(self, message: str) -> float:
        if not self.absent:
            _log.warning("the cluster has no %s (%s): looking again every %g s", self, message, self._absent_retry)
        self.absent = True
        self.problem = ""
        self._resource_version = ""
        lost, self._known = self._known, {}
        if lost:
            self._sink.vanished(lost)
        self.synced.set()
        self.answered.set()
        return self._absent_retry


def _identity(body: Mapping[str, Any]) -> tuple[tuple[str, str], str]:
    """Namespace and name, and the UID."""
    metadata = body["metadata"]
    return (metadata.get("namespace", ""), metadata["name"]), metadata["uid"]


def _parse(line: bytes) -> tuple[str, dict[str, Any], str]:
    """Type, object and resource version of an event. Raises Expired and RequestRefused."""
    try:
        event = orjson.loads(line)
        word, body = event["type"], event["object"]
        if word == "ERROR":
            raise _error(body)
        metadata = body["metadata"]
        if word != "BOOKMARK" and not (metadata["name"] and metadata["uid"]):
            raise KeyError("uid")
        return word, body, metadata["resourceVersion"]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        memory.check()
        excerpt = line[:200].decode(errors="replace")
        raise RequestRefused(Refused(answers.INVALID_ANSWER, f"not a watch event: {excerpt!r}", 200)) from error


def _error(status: Mapping[str, Any]) -> Exception:
    """An event of type ERROR carries a Status object."""
    code = int(status.get("code") or 500)
    if code == 410 or status.get("reason") in ("Expired", "Gone"):
        return Expired()
    refused = answers.refusal(code, status)
    return RequestRefused(refused if isinstance(refused, Refused) else Refused("NotFound", refused.message, code))
