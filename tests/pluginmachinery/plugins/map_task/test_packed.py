"""Numbers of sub-tasks as short text: what goes in comes out, and little room is taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pluginmachinery.plugins.map_task.packed import pack, unpack


@given(st.lists(st.integers(0, 65535) | st.integers(0, 15), max_size=300))
def test_what_goes_in_comes_out(numbers: list[int]) -> None:
    assert unpack(pack(numbers), len(numbers)) == numbers


@pytest.mark.parametrize(
    ("largest", "length"),
    [
        pytest.param(0, 0, id="nothing but zeros"),
        pytest.param(1, 836 + 2, id="a bit each"),
        pytest.param(9, 3336 + 2, id="four bits each: phases"),
        pytest.param(200, 6668 + 2, id="a byte each"),
    ],
)
def test_five_thousand_take_as_many_bits_as_the_largest_needs(largest: int, length: int) -> None:
    assert len(pack([0] * 4999 + [largest])) == length


@pytest.mark.parametrize("numbers", [[-1], [1, 65536], [-1, 3]])
def test_other_numbers_are_refused(numbers: list[int]) -> None:
    with pytest.raises(ValueError, match="only numbers from 0 to 65535"):
        pack(numbers)


@pytest.mark.parametrize("text", ["x", "3:AA==", "4:AA==", "4:!!!!", "4:", "16:AAAA"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        unpack(text, 5)
