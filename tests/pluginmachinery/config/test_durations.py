"""Durations: Go's syntax, whole nanoseconds."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pluginmachinery.config.durations import Duration

# Recorded from Go's time.ParseDuration and Duration.String.
RECORDED = [
    ("0", 0, "0s"),
    ("+0", 0, "0s"),
    ("72h", 72 * 3600 * 10**9, "72h0m0s"),
    ("1h30m", 5400 * 10**9, "1h30m0s"),
    ("1h0m0.5s", 3600_500_000_000, "1h0m0.5s"),
    ("1500ms", 1_500_000_000, "1.5s"),
    ("3us", 3000, "3µs"),
    ("3µs", 3000, "3µs"),
    ("3μs", 3000, "3µs"),
    (".5s", 500_000_000, "500ms"),
    ("1.s", 10**9, "1s"),
    ("-1m", -60 * 10**9, "-1m0s"),
    ("0.0000000001s", 0, "0s"),
    ("0.9999999999999999999999s", 10**9, "1s"),
    ("1.0000000000000000000000000000000000001m", 60 * 10**9, "1m0s"),
    ("9223372036854775807ns", 2**63 - 1, "2562047h47m16.854775807s"),
    ("-9223372036854775808ns", -(2**63), "-2562047h47m16.854775808s"),
]


@pytest.mark.parametrize(("text", "nanoseconds", "printed"), RECORDED, ids=[text for text, _, _ in RECORDED])
def test_it_reads_and_prints_as_go_does(text: str, nanoseconds: int, printed: str) -> None:
    duration = Duration.parse(text)
    assert (duration.nanoseconds, str(duration)) == (nanoseconds, printed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "1d",
        "1h30",
        "h",
        ".s",
        "-",
        "+",
        "1h ",
        " 1h",
        "1e3s",
        "٣s",
        "9223372036854775808ns",
        "2562048h",
        "1s-1s",
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        Duration.parse(text)


@given(st.integers(-(2**63), 2**63 - 1))
def test_what_is_printed_reads_back(nanoseconds: int) -> None:
    assert Duration.parse(str(Duration(nanoseconds))) == Duration(nanoseconds)


@given(st.integers(-(10**15), 10**15), st.integers(-(10**15), 10**15))
def test_durations_are_ordered_by_length(first: int, second: int) -> None:
    assert (Duration(first) < Duration(second)) is (first < second)


def test_it_converts_to_what_python_counts_in() -> None:
    duration = Duration.parse("1.5s")
    assert (duration.seconds, duration.timedelta, bool(duration), bool(Duration())) == (
        1.5,
        timedelta(seconds=1.5),
        True,
        False,
    )
