"""From quotas that are followed to tasks that are woken."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from controller.kube.informers import Informer
from controller.runtime import waiting
from controller.runtime.waiting import WaitingTasks, foreseen
from pluginmachinery.manager.namespaces import LIMIT_RANGES, RESOURCE_QUOTAS
from tests.pluginmachinery.manager.crowds import NAMESPACE, START, Crowd, limit_range, quota


class FakeEngine:
    """Has all tasks of a crowd but those that are ``away``."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.asked: list[str] = []
        self.away: set[str] = set()

    def ask(self, uid: str) -> bool:
        self.asked.append(uid)
        if uid in self.away:
            return False
        self.crowd.ask(uid)
        return True


@pytest.fixture
def crowd() -> Crowd:
    crowd = Crowd(hard=1, used=1)
    crowd.tell()
    for _ in range(2):
        crowd.arrive()
    return crowd


@pytest.fixture
def engine(crowd: Crowd) -> FakeEngine:
    return FakeEngine(crowd)


@pytest.fixture
def tasks(crowd: Crowd, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> WaitingTasks:
    monkeypatch.setattr(waiting, "SETTLED", 0)
    engines: list[Any] = [engine]
    return WaitingTasks(crowd.room, lambda: engines, lambda: START)


def told(used: int) -> dict[str, Any]:
    return quota({"requests.cpu": 1}, {"requests.cpu": used})


async def test_room_that_appears_wakes_the_first_in_line(tasks: WaitingTasks, engine: FakeEngine) -> None:
    sink = tasks.sink(RESOURCE_QUOTAS)
    for _ in range(3):
        sink.changed(told(used=0))
    await asyncio.sleep(0.01)
    assert engine.asked == ["t0"]
    assert engine.crowd.those("trying") == ["t0"]


@pytest.mark.parametrize("gone", ["deleted", "vanished"])
async def test_a_quota_that_is_gone_keeps_nobody_waiting(tasks: WaitingTasks, engine: FakeEngine, gone: str) -> None:
    sink = tasks.sink(RESOURCE_QUOTAS)
    if gone == "deleted":
        sink.deleted(told(used=1))
    else:
        sink.vanished({(NAMESPACE, "team"): "uid"})
    await asyncio.sleep(0.01)
    assert set(engine.crowd.those("trying")) == {"t0", "t1"}


async def test_a_task_that_is_nobodys_any_more_leaves(tasks: WaitingTasks, engine: FakeEngine) -> None:
    engine.away.add("t0")
    tasks.sink(RESOURCE_QUOTAS).changed(told(used=0))
    await asyncio.sleep(0.01)
    assert engine.crowd.those("trying") == ["t1"]


async def test_a_task_that_is_gone_lets_the_next_one_look(tasks: WaitingTasks, engine: FakeEngine) -> None:
    tasks.leave("t0")
    assert engine.asked == ["t1"]


async def test_what_another_replica_has_now_keeps_nobody_waiting_here(tasks: WaitingTasks, engine: FakeEngine) -> None:
    tasks.give_up(["t0", "t1", "unknown"])
    assert tasks.room.waiting == 0


async def test_limit_ranges_are_followed_too(tasks: WaitingTasks) -> None:
    sink = tasks.sink(LIMIT_RANGES)
    sink.changed(limit_range())
    namespace = tasks.room.namespaces.find(NAMESPACE)
    assert namespace is not None
    assert list(namespace.ranges) == ["bounds"]
    sink.deleted(limit_range())
    assert namespace.ranges == {}


async def test_the_first_list_is_waited_for_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "FORESIGHT", timedelta(milliseconds=1).total_seconds())
    informer = Informer(None, RESOURCE_QUOTAS, None)  # type: ignore[arg-type]
    await foreseen([informer])
    informer.answered.set()
    monkeypatch.setattr(waiting, "FORESIGHT", 60.0)
    await foreseen([informer])
