"""Names that Kubernetes accepts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pluginmachinery.pods import names


@pytest.mark.parametrize(
    ("name", "label", "subdomain"),
    [
        ("a", True, True),
        ("a-b", True, True),
        ("0", True, True),
        ("ab--cd", True, True),
        ("a.b", False, True),
        ("", False, False),
        ("-a", False, False),
        ("a-", False, False),
        ("A", False, False),
        ("a_b", False, False),
        ("a..b", False, False),
        ("a\n", False, False),
        ("x" * 63, True, True),
        ("x" * 64, False, True),
        ("x" * 253, False, True),
        ("x" * 254, False, False),
    ],
)
def test_what_is_allowed(name: str, label: bool, subdomain: bool) -> None:
    assert (names.is_label(name), names.is_subdomain(name)) == (label, subdomain)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("f123-n0-0", "f123-n0-0", id="already one"),
        pytest.param("PenPineappleApplePen", "pen-pineapple-apple-pen", id="camel case"),
        pytest.param("UPPER-Case", "upper-case", id="capitals"),
        pytest.param("with_underscore", "withunderscore", id="other characters vanish"),
        pytest.param(".-a.b-.", "a.b", id="ends are trimmed"),
        pytest.param("Ünïcode", "ncode", id="beyond ASCII"),
        pytest.param("A" * 250, "a" * 250, id="long, but not too long"),
        pytest.param("z" * 300, "z" * 232 + "-famb5czi", id="too long: a hash at the end"),
        pytest.param("___", "", id="nothing is left"),
    ],
)
def test_subdomain(name: str, expected: str) -> None:
    assert names.subdomain(name) == expected


@given(st.text(max_size=400))
def test_a_subdomain_has_only_what_is_allowed(name: str) -> None:
    result = names.subdomain(name)
    assert len(result) <= names.MAX_SUBDOMAIN_LENGTH
    assert re.fullmatch(r"([a-z0-9]([-.a-z0-9]*[a-z0-9])?)?", result)


@given(st.text(alphabet="abcXYZ-._é", min_size=1, max_size=300))
def test_making_a_subdomain_again_changes_nothing_when_it_is_one(name: str) -> None:
    once = names.subdomain(name)
    if names.is_subdomain(once):
        assert names.subdomain(once) == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("user@Example.com", "user-example-com"),
        ("--a__b--", "a-b"),
        ("x" * 70, "x" * 63),
        ("x" * 62 + "@y", "x" * 62),
        ("@@", ""),
        ("", ""),
    ],
)
def test_label_value(text: str, expected: str) -> None:
    assert names.label_value(text) == expected


@given(st.text(), st.text())
def test_random_names_are_labels_and_the_same_for_the_same_seed(seed: str, other: str) -> None:
    name = names.random_name(seed)
    assert names.is_label(name)
    assert len(name) == 4
    assert names.random_name(seed) == name


def test_random_names_differ() -> None:
    assert len({names.random_name(f"attempt-{index}") for index in range(100)}) > 95


@pytest.mark.parametrize(
    ("name", "length", "expected"),
    [
        pytest.param("short", 8, "short", id="fits"),
        pytest.param("a-task-with-a-long-name-0", 20, "a-task-wit-f", id="beginning and hash"),
        pytest.param("abc.-defghijklmnopqrst", 14, "abc-f", id="no dot before the hash"),
        pytest.param("abcdefghijkl", 8, "f", id="only the hash"),
    ],
)
def test_shortened_names_keep_their_beginning(name: str, length: int, expected: str) -> None:
    short = names.shortened(name, length)
    assert len(short) <= length
    assert short.startswith(expected[:12])
    assert names.is_label(short)


def test_shortened_names_differ() -> None:
    assert len({names.shortened(f"{'n' * 60}-{attempt}", 47) for attempt in range(200)}) == 200
