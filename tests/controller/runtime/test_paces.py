"""The pace of writing: slower when the API server asks, endings first, and back again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from controller.kube.answers import Answer, Throttled
from controller.kube.client import ApiServer
from controller.kube.credentials import Credentials
from controller.runtime.paces import LONGEST_QUIET, Pace
from controller.runtime.slots import Slot
from controller.runtime.statuses import Statuses
from pluginmachinery.core.actions import Done, Missing, Refused

THROTTLED = Throttled("TooManyRequests", "", 429, None, 3.0)


class Server:
    """Writes that are answered when the test says so, in the order in which they were sent."""

    def __init__(self, most: int = 8) -> None:
        self.quiets: list[tuple[float, Callable[[], None]]] = []
        self.pace = Pace(most, later=lambda seconds, call: self.quiets.append((seconds, call)))
        self.sent: list[tuple[str, asyncio.Future[Answer]]] = []
        self.tasks: dict[str, asyncio.Task[Answer]] = {}

    def write(self, name: str, *, first: bool = False) -> None:
        async def request() -> Answer:
            answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            self.sent.append((name, answer))
            return await answer

        self.tasks[name] = asyncio.create_task(self.pace.write(request, first=first))

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def answer(self, *answers: Answer) -> None:
        for answer in answers:
            await self.settle()
            self.sent.pop(0)[1].set_result(answer)
            await self.settle()

    def names(self) -> list[str]:
        return [name for name, _ in self.sent]


@pytest.fixture
async def server() -> Server:
    return Server()


async def test_nothing_is_in_the_way_of_as_many_as_there_are_workers(server: Server) -> None:
    for number in range(10):
        server.write(str(number))
    await server.settle()
    assert server.names() == list("01234567")
    assert server.pace.waiting == 2
    await server.answer(Done(), Done())
    assert server.names() == list("23456789")


async def test_one_refusal_halves_the_pace_however_many_were_under_way(server: Server) -> None:
    for number in range(8):
        server.write(str(number))
    await server.answer(*[THROTTLED] * 8)
    assert (server.pace.limit, server.pace.throttled) == (4, 8)
    assert [seconds for seconds, _ in server.quiets] == [3.0] * 8


async def test_all_are_quiet_until_the_last_quiet_is_over(server: Server) -> None:
    for number in range(2):
        server.write(str(number))
    await server.answer(THROTTLED, THROTTLED)
    server.write("next")
    await server.settle()
    server.quiets[0][1]()
    await server.settle()
    assert server.names() == []
    server.quiets[1][1]()
    await server.settle()
    assert server.names() == ["next"]


async def test_endings_go_before_beginnings(server: Server) -> None:
    server.write("x")
    await server.answer(THROTTLED)
    for name in ("create a", "create b", "end c", "create d", "end e"):
        server.write(name, first=name.startswith("end"))
    await server.settle()
    server.quiets[0][1]()
    await server.settle()
    assert server.names() == ["end c", "end e", "create a", "create b"]
    await server.answer(Done())
    assert server.names()[-1] == "create d"


async def test_answers_bring_the_pace_back_and_no_further(server: Server) -> None:
    server.write("x")
    await server.answer(THROTTLED)
    server.quiets[0][1]()
    seen = [server.pace.limit]
    for number in range(40):
        server.write(str(number))
        await server.answer(Refused("Conflict", "", 409) if number % 2 else Done())
        seen.append(server.pace.limit)
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (4, 8)


async def test_the_pace_never_comes_to_a_halt(server: Server) -> None:
    for number in range(10):
        server.write(str(number))
        await server.answer(THROTTLED)
        server.quiets[-1][1]()
    assert server.pace.limit == 1
    server.write("last")
    await server.settle()
    assert server.names() == ["last"]


async def test_a_server_is_not_heeded_beyond_reason(server: Server) -> None:
    server.write("x")
    await server.answer(Throttled("TooManyRequests", "", 429, None, 86400.0))
    assert [seconds for seconds, _ in server.quiets] == [LONGEST_QUIET]


async def test_who_is_cancelled_takes_nobodys_turn() -> None:
    server = Server(most=1)
    for name in "abc":
        server.write(name)
    await server.settle()
    server.tasks["b"].cancel()
    await server.answer(Done())
    assert server.names() == ["c"]
    server.write("d")
    await server.settle()
    server.sent.pop(0)[1].set_result(Done())
    await asyncio.sleep(0)
    server.tasks["d"].cancel()  # at the moment at which it is given its turn
    await server.settle()
    server.write("e")
    await server.settle()
    assert server.names() == ["e"]
    assert server.pace.under_way == 1


async def test_a_write_that_breaks_off_gives_its_turn_back(server: Server) -> None:
    async def broken() -> Answer:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await server.pace.write(broken, first=False)
    assert server.pace.under_way == 0


class Writes:
    """In place of effects: who goes first."""

    def __init__(self) -> None:
        self.first: list[bool] = []

    async def write(self, request: Callable[[], Any], *, first: bool = False) -> Answer:
        self.first.append(first)
        return Missing()


@pytest.mark.parametrize(
    ("phase", "first"),
    [("Succeeded", True), ("Failed", True), ("Aborted", True), ("Running", False), ("WaitingForResources", False)],
)
async def test_outcomes_go_first(phase: str, first: bool) -> None:
    effects: Any = Writes()
    slot = Slot("ns", "t", "u1")
    slot.want({"phase": phase})
    api = ApiServer(Credentials(server="http://127.0.0.1:1"))
    await Statuses(api, effects, timedelta()).write(slot)
    await api.close()
    assert effects.first == [first]


async def test_letting_an_object_go_goes_first() -> None:
    effects: Any = Writes()
    api = ApiServer(Credentials(server="http://127.0.0.1:1"))
    statuses = Statuses(api, effects, timedelta())
    for finalizers in (("ours",), ()):
        await statuses.set_finalizers(Slot("ns", "t", "u1"), finalizers)
    await api.close()
    assert effects.first == [False, True]
