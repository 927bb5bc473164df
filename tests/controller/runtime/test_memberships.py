"""Replicas share: nobody acts on what another has, what the dead had is taken over, two counts never act at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from controller.kube.client import ApiServer
from controller.runtime.leases import Lease
from controller.runtime.memberships import Membership
from tests.controller.runtime.clocks import Clock
from tests.controller.stub_apiserver import Request, StubApiServer, status


class Replica:
    """A membership, and the application that acts on what it has and gives back what it is asked for."""

    def __init__(self, place: Any, acting: Callable[[], bool]) -> None:
        self.place = place
        self.acting = acting
        self.task = asyncio.create_task(place.run())


class World:
    def __init__(self, api: ApiServer) -> None:
        self.api = api
        self.clock = Clock()
        self.replicas: dict[str, Replica] = {}

    async def join(self, name: str, count: int = 6) -> Membership:
        place = Membership(self.api, "flyte", "it", name, count, clock=self.clock, sleep=self.clock.sleep)
        await self._add(name, Replica(place, place.is_member))
        return place

    async def lead(self, name: str) -> Lease:
        place = Lease(self.api, "flyte", "it", name, clock=self.clock, sleep=self.clock.sleep)
        await self._add(name, Replica(place, place.leads))
        return place

    async def _add(self, name: str, replica: Replica) -> None:
        self.replicas[name] = replica
        await self.settle()

    async def settle(self) -> None:
        await self.clock.settle([replica.task for replica in self.replicas.values()])
        for replica in self.replicas.values():
            if isinstance(replica.place, Membership) and replica.place.excess:
                await replica.place.give_back(replica.place.excess)
        self.check()

    def check(self) -> None:
        """The law: no shard has two who may act on it; a leader is alone."""
        members = [one.place for one in self.replicas.values() if isinstance(one.place, Membership)]
        for shard in range(12):
            assert sum(member.has(shard) for member in members) <= 1, f"shard {shard} is handled twice"
        leaders = [one for one in self.replicas.values() if isinstance(one.place, Lease) and one.place.leads()]
        counts = {member._count for member in members if any(member.has(shard) for shard in range(12))}
        assert len(counts) + len(leaders) <= 1

    async def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds / 2)):
            self.clock.move(2)
            self.check()
            await self.settle()

    async def kill(self, name: str) -> None:
        task = self.replicas.pop(name).task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self.clock._sleepers = [sleeper for sleeper in self.clock._sleepers if not sleeper[1].cancelled()]


def held(*members: Membership) -> list[int]:
    return [sum(member.has(shard) for shard in range(12)) for member in members]


@pytest.fixture
async def world(api: ApiServer) -> Any:
    world = World(api)
    yield world
    for name in list(world.replicas):
        await world.kill(name)


async def test_three_replicas_share_six_shards(world: World, server: StubApiServer) -> None:
    members = [await world.join(name) for name in "abc"]
    await world.pass_time(8)
    assert held(*members) == [2, 2, 2]
    (lease,) = server.of("leases")
    assert lease["spec"]["holderIdentity"] == "6 shards: a, b, c"
    assert members[0].note == "shards 0, 1 of 6, 3 replicas"


async def test_a_single_one_has_all_at_once(world: World) -> None:
    assert held(await world.join("a")) == [6]


async def test_a_dead_one_is_followed_in_less_than_fifteen_seconds(world: World) -> None:
    a, b = await world.join("a"), await world.join("b")
    await world.pass_time(4)
    assert held(a, b) == [3, 3]
    await world.kill("a")
    await world.pass_time(8)
    assert held(b) == [3]
    await world.pass_time(4)
    assert held(b) == [6]


async def test_one_that_goes_hands_over_at_once(world: World) -> None:
    a, b = await world.join("a"), await world.join("b")
    await world.pass_time(4)
    await a.leave()
    assert held(a) == [0]
    await world.kill("a")
    await world.pass_time(2)
    assert held(b) == [6]


async def test_the_last_one_that_goes_leaves_the_lease_to_nobody(world: World, server: StubApiServer) -> None:
    a = await world.join("a")
    await a.leave()
    assert server.of("leases")[0]["spec"]["holderIdentity"] == ""


async def test_who_was_frozen_acts_no_more(world: World) -> None:
    a = await world.join("a")
    world.clock.now += 9
    assert held(a) == [0]
    world.clock.move(0)
    await asyncio.wait_for(world.replicas["a"].task, 5)


async def test_who_was_struck_out_learns_it(world: World, server: StubApiServer) -> None:
    a, b = await world.join("a"), await world.join("b")
    await world.pass_time(4)

    async def cut_off(request: Request) -> Any:
        told = str((request.body or {}).get("metadata", {}).get("annotations"))
        return status(500, "InternalError") if request.verb == "update" and '"a": 9' in told else None

    server.faults.append(cut_off)
    await world.pass_time(40)
    assert held(a, b) == [0, 6]
    assert world.replicas["a"].task.done()


async def test_who_finds_another_release_on_the_record_acts_no_more(world: World, server: StubApiServer) -> None:
    a = await world.join("a")
    (lease,) = server.of("leases")
    metadata = {"name": lease["metadata"]["name"], "namespace": "flyte"}
    await server.put("leases", {"metadata": metadata, "spec": {"holderIdentity": "the-old-one"}})
    await world.pass_time(2)
    assert held(a) == [0]
    assert a.note == "the-old-one holds the lease"


async def test_a_leader_and_sharers_never_act_at_the_same_time(world: World) -> None:
    """From one replica to a release that shares, and back."""
    leader = await world.lead("one")
    a = await world.join("a")
    await world.pass_time(20)
    assert (leader.leads(), held(a)) == (True, [0])
    assert "standing by until one has gone" in a.note
    await leader.release()
    await world.kill("one")
    await world.pass_time(2)
    assert held(a) == [6]
    back = await world.lead("two")
    await world.pass_time(20)
    assert (back.leads(), held(a)) == (False, [6])
    await world.kill("a")
    await world.pass_time(12)
    assert back.leads()


async def test_another_count_waits_until_the_old_one_has_gone(world: World) -> None:
    old = [await world.join(name, 6) for name in "ab"]
    new = [await world.join(name, 4) for name in "xy"]
    await world.pass_time(20)
    assert (sum(held(*old)), sum(held(*new))) == (6, 0)
    await old[0].leave()
    await world.kill("a")
    await world.pass_time(20)
    assert (held(old[1]), sum(held(*new))) == ([6], 0)
    await old[1].leave()
    await world.kill("b")
    await world.pass_time(6)
    assert held(*new) == [2, 2]


async def test_an_answer_that_was_lost_is_found_on_the_record(world: World, server: StubApiServer) -> None:
    """The write was done, its answer did not come: what we have is what the record says."""
    lost = 0

    async def lose(request: Request) -> Any:
        nonlocal lost
        if request.plural == "leases" and request.verb in ("create", "update") and lost < 3:
            lost += 1
            await server._serve(request)
            return status(500, "InternalError")
        return None

    server.faults.append(lose)
    a, b = await world.join("a"), await world.join("b")
    await world.pass_time(12)
    assert held(a, b) == [3, 3]


async def test_a_record_that_may_not_be_read_is_a_problem(world: World, server: StubApiServer) -> None:
    async def forbid(request: Request) -> Any:
        return status(403, "Forbidden", "leases is forbidden")

    server.faults.append(forbid)
    a = await world.join("a")
    assert a.problem == "can not read the lease: Forbidden: leases is forbidden"
    server.faults.clear()
    await world.pass_time(2)
    assert (a.problem, held(a)) == ("", [6])


async def test_what_is_given_back_while_a_turn_is_under_way_is_not_forgotten(
    api: ApiServer, server: StubApiServer
) -> None:
    clock = Clock()
    a, b = (Membership(api, "flyte", "it", name, 6, clock=clock, sleep=clock.sleep) for name in "ab")
    for member in (a, b, a):
        await member._take_turn()
    assert (a.held, a.excess) == (frozenset(range(6)), frozenset({3, 4, 5}))
    writing, go_on = asyncio.Event(), asyncio.Event()

    async def hold(request: Request) -> Any:
        if request.verb == "update":
            server.faults.remove(hold)
            writing.set()
            await go_on.wait()

    server.faults.append(hold)
    turn = asyncio.create_task(a._take_turn())
    await writing.wait()
    giving = asyncio.create_task(a.give_back(a.excess))
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(turn, giving)
    await b._take_turn()
    assert (a.held, b.held) == (frozenset({0, 1, 2}), frozenset({3, 4, 5}))
