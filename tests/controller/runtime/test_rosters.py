"""Shares are even, nothing is taken from who lives, and what is written is read again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.runtime.rosters import NOBODY, Roster, parse


@pytest.mark.parametrize(
    ("count", "members", "shares"),
    [
        (6, "abc", [2, 2, 2]),
        (6, "abcd", [2, 2, 1, 1]),
        (2, "abc", [1, 1, 0]),
        (3, "a", [3]),
    ],
    ids=["divides", "the first have one more", "more members than shards", "alone"],
)
def test_shares(count: int, members: str, shares: list[int]) -> None:
    roster = Roster.empty(count)
    for member in members:
        roster = roster.beat_of(member)
    assert [roster.share_of(member) for member in members] == shares


def test_what_somebody_has_is_not_taken() -> None:
    roster = Roster.empty(4).beat_of("a").claimed_by("a").beat_of("b").claimed_by("b")
    assert roster.holders == ("a", "a", "a", "a")
    assert (roster.excess_of("a"), roster.excess_of("b")) == ((2, 3), ())
    handed_over = roster.without_shards("a", {2, 3}).claimed_by("b")
    assert handed_over.holders == ("a", "a", "b", "b")


def test_who_is_gone_leaves_everything() -> None:
    roster = Roster.empty(3).beat_of("a").claimed_by("a").without({"a"})
    assert (roster.holders, roster.describe()) == ((NOBODY,) * 3, "")


@given(st.integers(2, 12), st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["turn", "leave"]))))
def test_turns_in_any_order_end_in_even_shares(count: int, turns: list[tuple[str, str]]) -> None:
    """Every replica gives back its excess and claims; what one has is never another's at the same time."""
    roster = Roster.empty(count)
    for member, what in turns:
        roster = _turn(roster, member) if what == "turn" else roster.without({member})
    for member in sorted(roster.beats) * 2:
        roster = _turn(roster, member)
    if roster.beats:
        assert [len(roster.held_by(member)) for member in sorted(roster.beats)] == [
            roster.share_of(member) for member in sorted(roster.beats)
        ]
        assert NOBODY not in roster.holders
    assert parse(roster.to_text()) == roster


def _turn(roster: Roster, member: str) -> Roster:
    here = roster.beat_of(member)
    after = here.without_shards(member, here.excess_of(member)).claimed_by(member)
    others = set(roster.beats) - {member}
    assert all(after.held_by(other) == roster.held_by(other) for other in others)
    return after


@pytest.mark.parametrize(
    "text", [None, "", "[]", '{"beats": 1, "holders": []}', '{"holders": []}', '{"beats": {"a": "x"}}']
)
def test_what_is_no_roster(text: str | None) -> None:
    assert parse(text) is None
