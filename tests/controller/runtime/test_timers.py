"""Wakes come in order, once, and only the last one that was set."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from controller.runtime.slots import Slot
from controller.runtime.timers import FEW, TICK, Timers

START = datetime(2026, 1, 1, tzinfo=UTC)


class Alarm:
    def __init__(self) -> None:
        self.now = START
        self.woken: list[str] = []
        self.rang = asyncio.Event()
        self.timers = Timers(lambda: self.now, self._wake)

    def _wake(self, slot: Slot) -> None:
        self.woken.append(slot.name)
        self.rang.set()

    def at(self, seconds: float) -> list[str]:
        self.now = START + timedelta(seconds=seconds)
        self.woken.clear()
        self.timers.fire()
        return list(self.woken)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.fixture
async def alarm() -> Alarm:
    return Alarm()


@pytest.fixture
def slots() -> list[Slot]:
    return [Slot("ns", name, name) for name in "abc"]


async def test_in_order_and_once(alarm: Alarm, slots: list[Slot]) -> None:
    for slot, seconds in zip(slots, (3, 1, 2), strict=True):
        alarm.timers.set(slot, after(seconds))
    assert alarm.at(0.5) == []
    assert alarm.at(2) == ["b", "c"]
    assert alarm.at(10) == ["a"]
    assert alarm.at(20) == []
    assert len(alarm.timers) == 0


async def test_the_last_time_that_was_set_holds(alarm: Alarm, slots: list[Slot]) -> None:
    slot = slots[0]
    for seconds in (5, 1, 3, 3):
        alarm.timers.set(slot, after(seconds))
    assert alarm.at(2) == []
    assert alarm.at(3) == ["a"]
    assert alarm.at(9) == []


async def test_none_is_never(alarm: Alarm, slots: list[Slot]) -> None:
    alarm.timers.set(slots[0], after(1))
    alarm.timers.set(slots[0], None)
    assert alarm.at(2) == []


async def test_what_is_gone_is_not_woken(alarm: Alarm, slots: list[Slot]) -> None:
    alarm.timers.set(slots[0], after(1))
    slots[0].gone = True
    assert alarm.at(2) == []


async def test_wakes_that_were_superseded_do_not_pile_up(alarm: Alarm) -> None:
    for number in range(20_000):
        slot = Slot("ns", str(number), str(number))
        alarm.timers.set(slot, after(86_400))
        alarm.timers.set(slot, after(10_000_000) if number % 100 == 0 else None)
    assert len(alarm.timers) < 2 * FEW
    assert len(alarm.at(10_000_000)) == 200


async def test_an_earlier_wake_interrupts_the_sleep(alarm: Alarm, slots: list[Slot]) -> None:
    running = asyncio.create_task(alarm.timers.run())
    alarm.timers.set(slots[0], after(1000))
    await asyncio.sleep(0)
    alarm.timers.set(slots[1], START)
    await asyncio.wait_for(alarm.rang.wait(), 5)
    running.cancel()
    assert alarm.woken == ["b"]


async def test_a_wake_that_is_later_than_the_next_one_does_not_interrupt_the_sleep(slots: list[Slot]) -> None:
    looks = 0

    def clock() -> datetime:
        nonlocal looks
        looks += 1
        return START

    timers = Timers(clock, lambda _: None)
    timers.set(slots[0], after(1000))
    running = asyncio.create_task(timers.run())
    await asyncio.sleep(2 * TICK)
    before = looks
    for number in range(100):
        timers.set(Slot("ns", str(number), str(number)), after(2000 + number))
        await asyncio.sleep(0)
    assert looks == before
    running.cancel()
