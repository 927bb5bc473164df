"""Many failures in one message."""

from __future__ import annotations

import pytest

from pluginmachinery.plugins.map_task.messages import ranges, summary


@pytest.mark.parametrize(
    ("indexes", "expected"),
    [
        ([], ""),
        ([3], "[3]"),
        ([0, 1, 2], "[0-2]"),
        ([5, 0, 3, 2, 4], "[0][2-5]"),
        ([1, 1], "[1]"),
    ],
)
def test_ranges(indexes: list[int], expected: str) -> None:
    assert ranges(indexes) == expected


def test_equal_texts_stand_once_sorted() -> None:
    assert summary([(0, "b"), (1, "a"), (2, "b"), (4, "b")], 100) == "[1]: a\n[0][2][4]: b\n"


def test_what_goes_over_the_limit_is_the_last_line() -> None:
    told = summary([(index, f"{index:03}" * 10) for index in range(20)], 100)
    assert told.count("\n") == 3
    assert told.endswith("... and many more.")


def test_a_limit_without_room_leaves_nothing() -> None:
    assert summary([(0, "x")], 17) == ""


def test_no_failures_no_message() -> None:
    assert summary([], 1000) == ""
