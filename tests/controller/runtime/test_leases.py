"""One leads, at most one acts; who was frozen finds out before it writes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.kube.client import ApiServer
from controller.runtime.leases import Lease
from tests.controller.runtime.clocks import Clock
from tests.controller.stub_apiserver import Request, StubApiServer, status


class Replicas:
    def __init__(self, api: ApiServer) -> None:
        self.api = api
        self.clock = Clock()
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self, name: str) -> Lease:
        lease = Lease(self.api, "flyte", "controller", name, clock=self.clock, sleep=self.clock.sleep)
        self.tasks[name] = asyncio.create_task(lease.run())
        await self.clock.settle(self.tasks.values())
        return lease

    async def pass_time(self, seconds: float, step: float = 2.0) -> None:
        for _ in range(int(seconds / step)):
            self.clock.move(step)
            await self.clock.settle(self.tasks.values())

    async def stop(self, name: str) -> None:
        task = self.tasks.pop(name)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self.clock._sleepers = [sleeper for sleeper in self.clock._sleepers if not sleeper[1].cancelled()]


@pytest.fixture
async def replicas(api: ApiServer) -> Any:
    replicas = Replicas(api)
    yield replicas
    for name in list(replicas.tasks):
        await replicas.stop(name)


async def test_the_first_leads_and_goes_on_leading(replicas: Replicas, server: StubApiServer) -> None:
    a, b = await replicas.start("a"), await replicas.start("b")
    assert (a.leads(), b.leads(), b.holder) == (True, False, "a")
    await replicas.pass_time(60)
    assert (a.leads(), b.leads()) == (True, False)
    spec = server.of("leases")[0]["spec"]
    assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("a", 1)


async def test_a_dead_leader_is_followed_within_its_duration(replicas: Replicas) -> None:
    _, b = await replicas.start("a"), await replicas.start("b")
    await replicas.stop("a")
    await replicas.pass_time(8)
    assert not b.leads()
    await replicas.pass_time(4)
    assert b.leads(), "in less than 15 seconds, at whatever moment of a turn it died"


async def test_a_leader_that_goes_hands_over_at_once(replicas: Replicas) -> None:
    a, b = await replicas.start("a"), await replicas.start("b")
    await a.release()
    assert not a.leads()
    await replicas.stop("a")
    await replicas.pass_time(2)
    assert b.leads()


async def test_who_was_frozen_does_not_lead_when_it_wakes(replicas: Replicas) -> None:
    a = await replicas.start("a")
    replicas.clock.now += 9
    assert not a.leads()
    replicas.clock.move(0)
    await asyncio.wait_for(replicas.tasks["a"], 5)
    assert not a.leads(), "never again, although nobody else took it"


async def test_at_no_moment_do_two_lead(replicas: Replicas, server: StubApiServer) -> None:
    """The leader can not reach the server any more; the other one takes over only after it has given up."""
    a, b = await replicas.start("a"), await replicas.start("b")

    async def cut_off(request: Request) -> Any:
        writer = (request.body or {}).get("spec", {}).get("holderIdentity")
        return status(500, "InternalError") if request.verb == "update" and writer == "a" else None

    server.faults.append(cut_off)
    both, either = 0, 0
    for _ in range(20):
        await replicas.pass_time(2)
        both += a.leads() and b.leads()
        either += b.leads()
    assert (both, either > 0) == (0, True)


async def test_a_lease_that_is_taken_away_is_lost(replicas: Replicas, server: StubApiServer) -> None:
    a = await replicas.start("a")
    lease = server.of("leases")[0]
    await server.put("leases", {**lease, "spec": {**lease["spec"], "holderIdentity": "x"}})
    replicas.clock.move(2)
    await asyncio.wait_for(replicas.tasks["a"], 5)
    assert (a.leads(), a.holder) == (False, "x")


async def test_a_lease_that_may_not_be_read_is_a_problem(replicas: Replicas, server: StubApiServer) -> None:
    async def forbid(request: Request) -> Any:
        return status(403, "Forbidden", "leases is forbidden")

    server.faults.append(forbid)
    a = await replicas.start("a")
    assert (a.leads(), a.problem) == (False, "can not read the lease: Forbidden: leases is forbidden")
    server.faults.clear()
    await replicas.pass_time(2)
    assert (a.leads(), a.problem) == (True, "")


async def test_a_replica_that_starts_again_under_its_name_keeps_it(replicas: Replicas) -> None:
    await replicas.start("a")
    await replicas.stop("a")
    again = await replicas.start("a")
    assert again.leads()
