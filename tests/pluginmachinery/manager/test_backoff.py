"""Back-off: gates close when the cluster refuses, and let through what may still fit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pluginmachinery.config.durations import Duration
from pluginmachinery.config.quantities import Quantity
from pluginmachinery.config.tasks import BackOffConfig
from pluginmachinery.manager.backoff import OPEN, Gate

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SETTINGS = BackOffConfig(base_second=2, max_duration=Duration.of(seconds=20))


def amounts(**given: str) -> dict[str, Quantity]:
    return {name: Quantity.parse(amount) for name, amount in given.items()}


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def lets_through(gate: Gate, usage: Mapping[str, Quantity] | None, now: datetime = NOW) -> bool:
    return gate.lets_through(now, lambda: usage)


def test_each_refusal_in_a_row_doubles_the_delay_up_to_the_longest() -> None:
    gate, now, delays = OPEN, NOW, []
    for _ in range(8):
        gate = gate.after_refusal(now, amounts(cpu="1"), SETTINGS)
        assert gate.opens_at is not None
        delays.append((gate.opens_at - now).total_seconds())
        now = gate.opens_at
    assert delays == [1, 2, 4, 8, 16, 20, 20, 20]


def test_it_opens_at_its_time_and_not_before() -> None:
    gate = OPEN.after_refusal(NOW, amounts(cpu="1"), SETTINGS)
    assert gate.is_closed(NOW + seconds(0.999))
    assert not gate.is_closed(NOW + seconds(1))


@pytest.mark.parametrize(
    ("usage", "through"),
    [
        pytest.param(amounts(cpu="999m", memory="5Gi"), True, id="less of what was refused, whatever else"),
        pytest.param(amounts(cpu="1"), False, id="as much"),
        pytest.param(amounts(memory="1Gi"), False, id="how much of it is not known"),
        pytest.param(None, False, id="nothing is known"),
    ],
)
def test_a_closed_gate_lets_through_what_is_smaller_than_its_ceilings(
    usage: Mapping[str, Quantity] | None, through: bool
) -> None:
    gate = OPEN.after_refusal(NOW, amounts(cpu="1"), SETTINGS)
    assert lets_through(gate, usage) is through
    assert lets_through(gate, usage, NOW + seconds(1))


def test_a_refusal_lowers_only_the_ceilings_that_it_names_and_never_raises_one() -> None:
    gate = OPEN.after_refusal(NOW, amounts(cpu="4", memory="4Gi"), SETTINGS)
    lower = gate.after_refusal(NOW, amounts(cpu="2"), SETTINGS)
    higher = lower.after_refusal(NOW, amounts(cpu="3"), SETTINGS)
    assert lower.ceilings == higher.ceilings == amounts(cpu="2", memory="4Gi")


def test_a_small_request_that_is_refused_too_does_not_prolong_the_wait() -> None:
    gate = OPEN.after_refusal(NOW, amounts(cpu="4"), SETTINGS)
    again = gate.after_refusal(NOW + seconds(0.5), amounts(cpu="1"), SETTINGS)
    assert (again.opens_at, again.exponent) == (gate.opens_at, gate.exponent)


def test_while_the_api_server_is_overloaded_nothing_is_tried() -> None:
    gate = OPEN.after_refusal(NOW, {}, SETTINGS)
    assert not lets_through(gate, amounts(cpu="1m"))
    closed = OPEN.after_refusal(NOW, amounts(cpu="1"), SETTINGS).after_refusal(NOW, {}, SETTINGS)
    assert not lets_through(closed, amounts(cpu="1m"))


def test_usage_is_worked_out_only_when_it_matters() -> None:
    def expensive() -> Mapping[str, Quantity]:
        raise AssertionError("asked")

    assert OPEN.lets_through(NOW, expensive)
    assert not OPEN.after_refusal(NOW, {}, SETTINGS).lets_through(NOW, expensive)


@given(
    base=st.integers(1, 10),
    longest=st.integers(0, 100),
    pauses=st.lists(st.floats(0, 200), max_size=30),
)
def test_no_gate_is_ever_closed_for_longer_than_the_longest_delay(base: int, longest: int, pauses: list[float]) -> None:
    settings = BackOffConfig(base_second=base, max_duration=Duration.of(seconds=longest))
    gate, now = OPEN, NOW
    for pause in pauses:
        gate = gate.after_refusal(now, amounts(cpu="1"), settings)
        assert gate.opens_at is not None
        assert gate.opens_at - now <= seconds(longest)
        now += seconds(pause)
