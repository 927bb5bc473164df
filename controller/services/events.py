"""Kubernetes events about a TaskExecution: what a person who looks for trouble should see.

Failures, retries, waits and aborts are told; what goes well is in the status and is not, because an event is a write
and most tasks go well. So that trouble of many tasks does not become the API server's trouble too:

* *aggregated*: the same reason for the same task again is a higher count on the same event, and is written at most
  once in :data:`QUIET` seconds;
* *bounded*: a token bucket of ``plugin-manager.events`` holds for the whole process; what is beyond is dropped and
  counted, and so is what does not fit into the line.

Nobody waits for an event: they are written by a task of their own, and one that is refused is not tried again.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from controller.kube.answers import Answer
from controller.services.moves import Move
from pluginmachinery.api import names
from pluginmachinery.config.plugin_manager import EventsConfig
from pluginmachinery.core.actions import Done, Missing, ObjectRef, Refused, ResourceKind

_log = logging.getLogger(__name__)

EVENTS = ResourceKind("events.k8s.io/v1", "Event", "events")
REPORTER = f"{names.GROUP}/controller"
QUIET = 60.0
"""Seconds between two writes about the same thing."""
MOST_REMEMBERED = 2_000
"""Events that may be counted up; the oldest are forgotten, and would be told anew."""
MOST_WAITING = 500
"""Events in line to be written."""
_LONGEST_NOTE = 1_000
"""Bytes; Kubernetes allows 1024."""

Outcome = Literal["created", "repeated", "aggregated", "dropped", "refused"]


class Writer(Protocol):
    """The part of the API server that events need."""

    async def create(self, ref: ObjectRef, body: Mapping[str, Any]) -> Answer: ...
    async def patch(self, ref: ObjectRef, body: Mapping[str, Any]) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth telling about a task. ``action`` is what we did or will do about it."""

    reason: str
    note: str
    action: str
    warning: bool = False


def events_of(move: Move) -> Iterator[Event]:
    """What is to be told about this move. Reads the status only where something is."""
    failed = [record for record in move.ended_attempts if "error" in record]
    for record in failed[:-1] if move.phase == "Failed" else failed:
        number, error = record["attempt"], record["error"]
        note = f"attempt {number} failed: {error['code']}: {error['message']}"
        yield Event("AttemptFailed", f"{note}; attempt {number + 1} follows", "Retry", True)
    match move.phase:
        case "Failed":
            yield Event("Failed", move.status.get("reason") or "failed", "GiveUp", True)
        case "WaitingForResources":
            waiting = move.status.get("waiting") or {}
            yield Event("Waiting", waiting.get("reason") or "waiting for resources", "Wait")
        case "Aborted":
            yield Event("Aborted", move.status.get("reason") or "aborted", "Abort")


@dataclass(slots=True)
class _Told:
    """An event that was told: how often, when it was last written, and whether the API server has it."""

    ref: ObjectRef
    count: int
    written_at: float
    exists: bool = False


class EventRecorder:
    """Listens to moves and writes events. ``tell`` is told of each what became of it (metrics)."""

    def __init__(
        self,
        api: Writer,
        settings: EventsConfig,
        *,
        instance: str,
        tell: Callable[[str, Outcome], None] = lambda _reason, _outcome: None,
        time: Callable[[], float] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._api = api
        self._settings = settings
        self._instance = instance
        self._tell = tell
        self._time = time or asyncio.get_running_loop().time
        self._clock = clock
        self._told: OrderedDict[tuple[str, str], _Told] = OrderedDict()
        self._line: asyncio.Queue[tuple[Move, Event]] = asyncio.Queue(MOST_WAITING)
        self._allowance = float(settings.burst)
        self._allowed_at = self._time()

    def moved(self, move: Move) -> None:
        if self._settings.enabled:
            for event in events_of(move):
                self._take(move, event)

    def _take(self, move: Move, event: Event) -> None:
        told = self._told.get((move.uid, event.reason))
        if told is not None:
            told.count += 1
            if self._time() - told.written_at < QUIET:
                self._tell(event.reason, "aggregated")
                return
        if self._line.full() or not self._spend():
            self._tell(event.reason, "dropped")
            return
        self._remember(move, event)
        self._line.put_nowait((move, event))

    async def run(self) -> None:
        """Write what is in line, for ever."""
        while True:
            move, event = await self._line.get()
            answer = await self._write(move, event)
            if isinstance(answer, Refused) and answer.status != 404:  # 404: the namespace is gone, and all in it
                _log.warning(
                    "can not write the event %s: %s: %s",
                    *(event.reason, answer.reason, answer.message),
                    extra={"task": _identity(move)},
                )

    async def _write(self, move: Move, event: Event) -> Answer:
        told = self._told.get((move.uid, event.reason)) or self._remember(move, event)
        answer: Answer = Missing()
        outcome: Outcome = "repeated"
        if told.exists:
            answer = await self._repeat(told, event)
        if isinstance(answer, Missing):  # not written yet, or so long ago that the API server has forgotten it
            outcome = "created"
            answer = await self._api.create(told.ref, self._body(move, event, told))
        if isinstance(answer, Refused) and answer.reason == "AlreadyExists":  # told by the process before this one
            outcome = "repeated"
            told.count += 1
            answer = await self._repeat(told, event)
        told.exists = isinstance(answer, Done)
        self._tell(event.reason, outcome if isinstance(answer, Done) else "refused")
        if not isinstance(answer, Done):
            self._told.pop((move.uid, event.reason), None)
        return answer

    async def _repeat(self, told: _Told, event: Event) -> Answer:
        return await self._api.patch(told.ref, {"note": _clip(event.note), "series": self._series(told)})

    def _series(self, told: _Told) -> dict[str, Any]:
        return {"count": told.count, "lastObservedTime": _micro(self._clock())}

    def _spend(self) -> bool:
        """Take one from the bucket."""
        now = self._time()
        filled = self._allowance + (now - self._allowed_at) * self._settings.per_second
        self._allowance, self._allowed_at = min(filled, float(self._settings.burst)), now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def _remember(self, move: Move, event: Event) -> _Told:
        key = (move.uid, event.reason)
        told = self._told.get(key)
        if told is None:
            digest = hashlib.sha256(f"{move.uid} {event.reason}".encode()).hexdigest()[:16]
            # An object's name has at most 253 characters, and so may a TaskExecution's.
            ref = ObjectRef(EVENTS, move.namespace, f"{move.name[:200].rstrip('.-')}.{digest}")
            told = self._told[key] = _Told(ref, 1, 0.0)
        told.written_at = self._time()
        self._told.move_to_end(key)
        while len(self._told) > MOST_REMEMBERED:
            self._told.popitem(last=False)
        return told

    def _body(self, move: Move, event: Event, told: _Told) -> dict[str, Any]:
        repeated = {"series": self._series(told)} if told.count > 1 else {}
        return {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": told.ref.name, "namespace": told.ref.namespace},
            "eventTime": _micro(self._clock()),
            **repeated,
            "reportingController": REPORTER,
            "reportingInstance": self._instance[:128],
            "action": event.action,
            "reason": event.reason,
            "type": "Warning" if event.warning else "Normal",
            "note": _clip(event.note),
            "regarding": {
                "apiVersion": names.API_VERSION,
                "kind": names.KIND,
                "namespace": move.namespace,
                "name": move.name,
                "uid": move.uid,
            },
        }


def _identity(move: Move) -> dict[str, object]:
    return {"namespace": move.namespace, "name": move.name, "uid": move.uid, "attempt": move.attempt}


def _micro(moment: datetime) -> str:
    """A MicroTime of the Kubernetes API."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _clip(text: str) -> str:
    return text.encode()[:_LONGEST_NOTE].decode(errors="ignore")
