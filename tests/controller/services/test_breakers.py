"""Who does not answer is asked by one at a time, after pauses that grow."""

from __future__ import annotations

import contextlib

import pytest

from controller.services.breakers import FIRST_PAUSE, LONGEST_PAUSE, MOST_FAILURES, Breaker, Open


class Silence(Exception):
    pass


class Place:
    """What is asked, and a clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked = 0
        self.breaker = Breaker(lambda error: isinstance(error, Silence), lambda: self.now)

    def ask(self, outcome: Exception | None = None) -> str:
        try:
            with self.breaker.asking():
                self.asked += 1
                if outcome:
                    raise outcome
        except Open:
            return "refused"
        except Exception as error:
            return type(error).__name__
        return "answered"


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture
def silent(place: Place) -> Place:
    for _ in range(MOST_FAILURES):
        assert place.ask(Silence()) == "Silence"
    return place


def test_failures_in_a_row_open_it(silent: Place) -> None:
    assert [silent.ask() for _ in range(5)] == ["refused"] * 5
    assert silent.asked == MOST_FAILURES


@pytest.mark.parametrize("outcome", [None, FileNotFoundError()], ids=["success", "an answer that says no"])
def test_an_answer_in_between_keeps_it_closed(place: Place, outcome: Exception | None) -> None:
    for _ in range(10):
        for _ in range(MOST_FAILURES - 1):
            place.ask(Silence())
        assert place.ask(outcome) != "refused"
    assert place.ask() == "answered"


def test_a_probe_that_is_answered_closes_it(silent: Place) -> None:
    silent.now += FIRST_PAUSE
    assert [silent.ask() for _ in range(3)] == ["answered"] * 3
    silent.ask(Silence())
    assert silent.ask() == "answered", "it begins to count anew"


def test_one_probes_at_a_time(silent: Place) -> None:
    silent.now += FIRST_PAUSE
    with silent.breaker.asking():
        assert [silent.ask() for _ in range(3)] == ["refused"] * 3
    assert silent.ask() == "answered"


def test_a_probe_that_is_given_up_leaves_room_for_another(silent: Place) -> None:
    silent.now += FIRST_PAUSE
    with pytest.raises(KeyboardInterrupt), silent.breaker.asking():
        raise KeyboardInterrupt
    assert silent.ask() == "answered"


def test_pauses_grow_and_have_an_end(silent: Place) -> None:
    pauses = []
    for _ in range(8):
        before = silent.now
        while silent.ask(Silence()) == "refused":
            silent.now += 0.5
        pauses.append(silent.now - before)
    assert pauses == [1, 2, 4, 8, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]


def test_those_who_asked_before_it_opened_do_not_lengthen_the_pause(place: Place) -> None:
    waiting = [place.breaker.asking() for _ in range(20)]
    for each in waiting:
        each.__enter__()
    for number, each in enumerate(waiting):
        place.now = number / 100
        with contextlib.suppress(Silence):
            each.__exit__(Silence, Silence(), None)
    place.now = FIRST_PAUSE + 0.05
    assert place.ask() == "answered"
