"""Which moves are told as events, and how few writes that takes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.kube.answers import Answer
from controller.services.events import QUIET, Event, EventRecorder, events_of
from controller.services.moves import Move
from pluginmachinery.config.plugin_manager import EventsConfig
from pluginmachinery.core.actions import Done, Missing, ObjectRef, Refused


def move(phase: str, *, uid: str = "u", name: str = "t", **status: Any) -> Move:
    return Move("ns", name, uid, {"attempt": 0}, phase, status.get("attempt", 0), lambda: {"phase": phase, **status})


def failed(*numbers: int) -> dict[str, Any]:
    """The part of a status that says that these attempts failed."""
    error = {"kind": "USER", "code": "USER:E", "message": "boom"}
    records = [{"attempt": n, "endedAt": f"2026-01-01T00:00:{n:02}.000Z", "error": error} for n in numbers]
    return {"attempt": numbers[-1], "attempts": records}


def attempt_failed(number: int) -> Event:
    note = f"attempt {number} failed: USER:E: boom; attempt {number + 1} follows"
    return Event("AttemptFailed", note, "Retry", warning=True)


@pytest.mark.parametrize(
    ("moved", "events"),
    [
        *((move(phase), []) for phase in ("Accepted", "Queued", "Initializing", "Running", "Succeeded", "Suspended")),
        (move("Retrying", **failed(0)), [attempt_failed(0)]),
        (move("Running", **failed(0, 1) | {"attempt": 2}), [attempt_failed(0), attempt_failed(1)]),
        (
            move("Failed", reason="E: boom", **failed(0, 1)),
            [attempt_failed(0), Event("Failed", "E: boom", "GiveUp", warning=True)],
        ),
        (
            move("WaitingForResources", waiting={"reason": "exceeded quota", "since": "now"}),
            [Event("Waiting", "exceeded quota", "Wait")],
        ),
        (move("Aborted", reason="aborted by spec.abort"), [Event("Aborted", "aborted by spec.abort", "Abort")]),
    ],
    ids=lambda value: value.phase if isinstance(value, Move) else None,
)
def test_what_is_told(moved: Move, events: list[Event]) -> None:
    assert list(events_of(moved)) == events


def test_an_attempt_is_told_once() -> None:
    status = {"phase": "Retrying", **failed(0, 1)}
    before = {"phase": "Retrying", **failed(0)}
    moved = Move("ns", "t", "u", before, "Retrying", 1, lambda: status)
    assert list(events_of(moved)) == [attempt_failed(1)]


def test_a_move_that_is_not_told_does_not_even_read_the_status() -> None:
    def unread() -> Mapping[str, Any]:
        raise AssertionError("read")

    for phase in ("Accepted", "Queued", "Running"):
        assert not list(events_of(Move("ns", "t", "u", {}, phase, 0, unread)))


class Api:
    """Remembers what was written; ``there`` are the names that are taken, ``refusal`` what it answers instead."""

    def __init__(self) -> None:
        self.created: list[Mapping[str, Any]] = []
        self.patched: list[tuple[str, Mapping[str, Any]]] = []
        self.there: set[str] = set()
        self.refusal: Refused | None = None

    async def create(self, ref: ObjectRef, body: Mapping[str, Any]) -> Answer:
        if self.refusal:
            return self.refusal
        if ref.name in self.there:
            return Refused("AlreadyExists", "", 409)
        self.there.add(ref.name)
        self.created.append(body)
        return Done(body)

    async def patch(self, ref: ObjectRef, body: Mapping[str, Any]) -> Answer:
        if ref.name not in self.there:
            return Missing()
        self.patched.append((ref.name, body))
        return Done(body)


class Recorder:
    """An event recorder whose time stands still until it is moved."""

    def __init__(self, api: Api, **settings: Any) -> None:
        self.now = 1000.0
        self.outcomes: Counter[str] = Counter()
        self.recorder = EventRecorder(
            api,
            EventsConfig(**settings),
            instance="replica-1",
            tell=lambda reason, outcome: self.outcomes.update([f"{reason} {outcome}"]),
            time=lambda: self.now,
            clock=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        )

    async def told(self, *moves: Move) -> None:
        """Tell these, and let everything be written."""
        for each in moves:
            self.recorder.moved(each)
        for _ in range(20 * len(moves) + 20):
            await asyncio.sleep(0)


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
async def recorder(api: Api) -> AsyncIterator[Recorder]:
    recorder = Recorder(api)
    task = asyncio.create_task(recorder.recorder.run())
    yield recorder
    task.cancel()


async def test_an_event_is_about_the_task_execution(api: Api, recorder: Recorder) -> None:
    await recorder.told(move("Failed", reason="E: boom"))
    (event,) = api.created
    assert event["regarding"] == {
        "apiVersion": "plugins.flyte.org/v1alpha1",
        "kind": "TaskExecution",
        "namespace": "ns",
        "name": "t",
        "uid": "u",
    }
    assert (event["type"], event["reason"], event["action"], event["note"]) == (
        "Warning",
        "Failed",
        "GiveUp",
        "E: boom",
    )
    assert event["reportingInstance"] == "replica-1"
    assert event["eventTime"] == "2026-01-01T00:00:00.000000Z"
    assert recorder.outcomes == {"Failed created": 1}


async def test_the_same_again_is_counted_and_written_once_in_a_while(api: Api, recorder: Recorder) -> None:
    await recorder.told(move("Retrying", **failed(0)))
    await recorder.told(*(move("Retrying", **failed(number)) for number in (1, 2, 3)))
    assert (len(api.created), len(api.patched)) == (1, 0)
    recorder.now += QUIET
    await recorder.told(move("Retrying", **failed(4)))
    ((name, change),) = api.patched
    assert name == api.created[0]["metadata"]["name"]
    assert change["series"]["count"] == 5
    assert "attempt 5 follows" in change["note"]
    assert recorder.outcomes == {"AttemptFailed created": 1, "AttemptFailed aggregated": 3, "AttemptFailed repeated": 1}


async def test_several_at_once_are_one_event_with_their_number(api: Api, recorder: Recorder) -> None:
    await recorder.told(move("Failed", reason="E", **failed(0, 1, 2, 3)))
    assert [(event["reason"], event.get("series", {}).get("count")) for event in api.created] == [
        ("AttemptFailed", 3),
        ("Failed", None),
    ]
    assert api.patched == []


async def test_what_the_api_server_has_forgotten_is_told_anew(api: Api, recorder: Recorder) -> None:
    await recorder.told(move("Retrying", **failed(0)))
    api.there.clear()
    recorder.now += QUIET
    await recorder.told(move("Retrying", **failed(1)))
    assert [event["reason"] for event in api.created] == ["AttemptFailed"] * 2


async def test_another_process_counts_up_what_this_one_told(api: Api, recorder: Recorder) -> None:
    await recorder.told(move("Failed", reason="E"))
    second = Recorder(api)
    task = asyncio.create_task(second.recorder.run())
    await second.told(move("Failed", reason="E"))
    task.cancel()
    assert len(api.created) == 1
    assert len(api.patched) == 1


async def test_different_tasks_and_reasons_are_different_events(api: Api, recorder: Recorder) -> None:
    await recorder.told(move("Failed", reason="E"), move("Failed", uid="v", reason="E"), move("Aborted", reason="E"))
    assert len({event["metadata"]["name"] for event in api.created}) == 3


async def test_a_flood_is_bounded_and_the_rest_counted(api: Api) -> None:
    recorder = Recorder(api, per_second=2.0, burst=10)
    task = asyncio.create_task(recorder.recorder.run())
    await recorder.told(*(move("Failed", uid=str(number), reason="E") for number in range(1000)))
    assert len(api.created) == 10
    recorder.now += 3
    await recorder.told(*(move("Failed", uid=f"later {number}", reason="E") for number in range(1000)))
    task.cancel()
    assert len(api.created) == 16
    assert recorder.outcomes == {"Failed created": 16, "Failed dropped": 1984}


async def test_long_names_and_notes_fit(api: Api, recorder: Recorder) -> None:
    await recorder.told(move("Failed", name="n" * 253, reason="ä" * 2000))
    (event,) = api.created
    assert len(event["metadata"]["name"]) <= 253
    assert len(event["note"].encode()) <= 1024


async def test_switched_off_there_are_none(api: Api) -> None:
    recorder = Recorder(api, enabled=False)
    recorder.recorder.moved(move("Failed", reason="E"))
    assert not recorder.outcomes


async def test_a_refusal_is_told_and_does_not_end_it(
    api: Api, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    api.refusal = Refused("Forbidden", "events is forbidden", 403)
    await recorder.told(move("Failed", reason="E"))
    assert "can not write the event Failed: Forbidden" in caplog.text
    assert caplog.records[0].task["name"] == "t"  # type: ignore[attr-defined]
    api.refusal = None
    await recorder.told(move("Failed", reason="E"))
    assert len(api.created) == 1
    assert recorder.outcomes == {"Failed refused": 1, "Failed created": 1}
