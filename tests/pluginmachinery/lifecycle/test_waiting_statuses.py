"""Waiting in the life cycle: what the status says, how seldom it is written, and who leaves the line."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pluginmachinery.api import names
from pluginmachinery.core.actions import Create, Refused
from pluginmachinery.core.phases import PhaseInfo, Waiting, waiting_for_resources
from pluginmachinery.lifecycle import statuses
from pluginmachinery.lifecycle.advance import World
from pluginmachinery.manager.namespaces import RESOURCE_QUOTAS
from tests.pluginmachinery.lifecycle.simulation import (
    NAMESPACE,
    START,
    Cluster,
    Controller,
    execution,
    later,
)
from tests.pluginmachinery.lifecycle.test_container import pod_status, real_world
from tests.pluginmachinery.manager.crowds import quota

CPU = {"quota": "team", "resource": "cpu", "requested": "3", "hard": "4"}
MEMORY = {"quota": "team", "resource": "memory", "requested": "1Gi", "hard": "2Gi"}


def told(reason: str, position: int, *resources: dict[str, str], queue: str = "") -> PhaseInfo:
    return waiting_for_resources(reason, waiting=Waiting(position, queue, resources))


@pytest.mark.parametrize(
    ("then", "seconds", "written"),
    [
        pytest.param(told("b", 8, CPU), 3600, False, id="other words for the same"),
        pytest.param(told("b", 5, CPU), 3600, False, id="a few places on"),
        pytest.param(told("b", 4, CPU), 10, False, id="half way on, but told just now"),
        pytest.param(told("b", 4, CPU), 30, True, id="half way on"),
        pytest.param(told("b", 16, CPU), 30, True, id="twice as far back"),
        pytest.param(told("b", 8, MEMORY), 0, True, id="something else is short"),
        pytest.param(told("b", 8), 0, True, id="nothing is short any more, only its turn"),
        pytest.param(told("b", 8, CPU, queue="q"), 0, True, id="another queue"),
        pytest.param(waiting_for_resources("b"), 0, True, id="a plugin's own wait"),
    ],
)
def test_when_a_wait_is_written_again(then: PhaseInfo, seconds: int, written: bool) -> None:
    status: dict[str, Any] = {"startedAt": "2026-01-01T00:00:00Z"}
    statuses.observe(status, told("a", 8, CPU), START)
    before = dict(status)
    statuses.observe(status, then, START + timedelta(seconds=seconds))
    assert (status != before) is written
    assert status["reason"] == ("b" if written else "a")
    assert status["waiting"]["since"] == "2026-01-01T00:00:00.000Z"


def full_world() -> World:
    """A world in which the namespace's quota is known to be used up."""
    world = real_world()
    tell(world, hard=2, used=2)
    return world


def tell(world: World, hard: int, used: int) -> None:
    body = quota({"limits.cpu": hard}, {"limits.cpu": used})
    body["metadata"]["namespace"] = NAMESPACE
    world.waiting_room.namespaces.hear(RESOURCE_QUOTAS, body)
    world.waiting_room.heard(NAMESPACE, START)


def waiting(world: World, name: str = "task", **spec: Any) -> tuple[Cluster, Controller]:
    cluster = Cluster(execution(name, **spec))
    controller = Controller(world, cluster)
    controller.run()
    assert cluster.status["phase"] == "WaitingForResources"
    return cluster, controller


def test_the_status_says_what_a_task_waits_for_and_where_it_stands() -> None:
    world = full_world()
    waiting(world, "first")
    cluster, _ = waiting(world, metadata={"labels": {names.QUEUE: "a"}})
    assert cluster.status["waiting"] == {
        "reason": "waiting for quota team: limits.cpu 2 of 0 free (2 in all) in namespace ns; 1st in line of queue a",
        "since": "2026-01-01T00:00:00.000Z",
        "asOf": "2026-01-01T00:00:00.000Z",
        "position": 1,
        "queue": "a",
        "resources": [{"quota": "team", "resource": "limits.cpu", "requested": "2", "hard": "2"}],
    }
    assert cluster.writes == ["status WaitingForResources"]


def test_however_often_it_looks_it_writes_once() -> None:
    world = full_world()
    cluster, controller = waiting(world)
    for _ in range(20):
        assert controller.wake_at is not None
        cluster.now = controller.wake_at
        cluster.refuse = lambda action: (
            Refused(
                "Forbidden",
                "exceeded quota: team, requested: limits.cpu=2, used: limits.cpu=2, limited: limits.cpu=2",
                403,
            )
            if isinstance(action, Create)
            else None
        )
        controller.run()
    assert cluster.writes == ["status WaitingForResources"]


def test_a_restarted_controller_writes_nothing_for_what_waits_on() -> None:
    cluster, _ = waiting(full_world())
    Controller(full_world(), cluster).run()
    assert cluster.writes == ["status WaitingForResources"]


@pytest.mark.parametrize("member", [{"suspend": True}, {"abort": True}])
def test_who_is_held_or_aborted_leaves_the_line(member: dict[str, Any]) -> None:
    world = full_world()
    cluster, controller = waiting(world)
    assert world.waiting_room.waiting == 1
    assert cluster.execution is not None
    cluster.execution["spec"] |= member
    controller.run()
    assert world.waiting_room.waiting == 0


def test_who_meets_errors_keeps_nobody_waiting() -> None:
    world = full_world()
    first, controller = waiting(world, "first")
    second, following = waiting(world, "second")
    tell(world, hard=2, used=0)
    first.refuse = lambda action: Refused("InternalError", "", 500) if isinstance(action, Create) else None
    controller.run()
    assert "systemErrors" in first.status
    assert world.waiting_room.called() == ["uid-second"]
    following.run()
    assert second.created == ["second-0"]


def test_a_priority_that_is_raised_is_seen() -> None:
    world = full_world()
    waiting(world, "first")
    second, following = waiting(world, "second")
    assert second.execution is not None
    second.execution["spec"]["priority"] = 1
    later(second, 5)
    following.run()
    (line,) = world.waiting_room.lines.values()
    assert [ticket.uid for ticket in line.in_order()] == ["uid-second", "uid-first"]


def test_what_has_ended_gives_its_room_back_before_the_quota_says_so() -> None:
    world = real_world()
    tell(world, hard=4, used=0)
    clusters = []
    for name in ("one", "two"):
        cluster = Cluster(execution(name))
        Controller(world, cluster).run()
        clusters.append(cluster)
    account = world.waiting_room.namespaces.find(NAMESPACE).accounts["team"]  # type: ignore[union-attr]
    assert len(account._holders) == 2
    pod_status(clusters[0], "one-0", "Succeeded", 0)
    Controller(world, clusters[0]).run()
    assert list(account._holders) == ["uid-two"]
