"""A decision that does not end is ended, with a word about where it was; others are left alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.runtime.watchdogs import TookTooLong, Watchdog
from pluginmachinery.core.actions import Observation
from pluginmachinery.lifecycle.advance import Decision
from tests.controller.runtime.conftest import execution

OBSERVATION = Observation(datetime.now(UTC))
TASK = execution("t")
TASK["metadata"]["uid"] = "u"


def loops(*_: Any) -> Decision:
    while True:
        pass


def sleeps(*_: Any) -> Decision:
    time.sleep(3600)
    raise AssertionError


def catches_once(*_: Any) -> Decision:
    try:
        loops()
    except Exception:
        loops()
    raise AssertionError


@pytest.fixture
def watchdog() -> Iterator[Watchdog]:
    watchdog = Watchdog(0.2)
    watchdog.start()
    yield watchdog
    watchdog.stop()


@pytest.mark.parametrize("decide", [loops, sleeps, catches_once], ids=["loops", "sleeps", "catches the first"])
def test_what_does_not_end_is_ended(
    watchdog: Watchdog, decide: Callable[..., Decision], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(TookTooLong, match=r"no answer in 0\.2 s"):
        watchdog.bounded(decide)(None, TASK, OBSERVATION)  # type: ignore[arg-type]
    assert "test_watchdogs.py" in caplog.text, "where it was"
    assert caplog.records[0].task["name"] == "t"  # type: ignore[attr-defined]


def test_many_short_ones_are_not_one_long_one(watchdog: Watchdog) -> None:
    decide = watchdog.bounded(lambda *_: time.sleep(0.01) or Decision({}))  # type: ignore[arg-type]
    until = time.monotonic() + 0.6
    while time.monotonic() < until:
        decide(None, execution("t"), OBSERVATION)  # type: ignore[arg-type]


def test_without_a_limit_nothing_is_in_between() -> None:
    assert Watchdog(0).bounded(loops) is loops
