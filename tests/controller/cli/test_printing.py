"""Tables, times and colours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.cli import printing

ROWS = [["train", "Failed", "Error: exit 1"], ["a", "Running", ""]]


def test_plain_tables_are_cut_by_tools(capsys: pytest.CaptureFixture[str]) -> None:
    printing.table(["NAME", "PHASE", "REASON"], ROWS)
    assert capsys.readouterr().out == "NAME   PHASE    REASON\ntrain  Failed   Error: exit 1\na      Running\n"


class Terminal:
    """Pretends that standard output is one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **environment: str) -> None:
        monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("COLUMNS", "40")
        monkeypatch.delenv("NO_COLOR", raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_for_terminals_that_want_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], environment: Any, coloured: bool
) -> None:
    assert printing.phase_word("Failed") == "Failed"
    Terminal(monkeypatch, **environment)
    assert (printing.phase_word("Failed") != "Failed") is coloured
    printing.table(["NAME", "PHASE", "REASON"], [*ROWS, ["x", "Queued", "long " * 40]])
    shown = capsys.readouterr().out
    assert ("\x1b[31m" in shown) is coloured
    assert len(shown.splitlines()) == 4, "no row is wrapped"


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        (timedelta(seconds=-3), "0s"),
        (timedelta(seconds=59.9), "59s"),
        (timedelta(seconds=200), "3m20s"),
        (timedelta(minutes=45, seconds=5), "45m"),
        (timedelta(hours=5), "5h"),
        (timedelta(hours=5, minutes=30), "5h30m"),
        (timedelta(days=3, hours=2), "3d2h"),
        (timedelta(days=40, hours=2), "40d"),
    ],
)
def test_spans_are_short(time: timedelta, shown: str) -> None:
    assert printing.span(time) == shown


def test_ages_and_missing_times() -> None:
    now = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    assert printing.age("2026-01-01T00:00:00Z", now) == "1m"
    assert printing.age(None, now) == ""
    assert printing.clock(None) == printing.day_and_clock(None) == ""
