"""YAML as Go's yaml.v3 reads it, and the place of every key."""

from __future__ import annotations

from typing import Any

import pytest

from pluginmachinery.config.problems import Location
from pluginmachinery.config.yaml_text import Timestamp, go_int, parse, plain

# Recorded from gopkg.in/yaml.v3.
PLAIN: list[tuple[str, Any]] = [
    ("yes", "yes"),
    ("on", "on"),
    ("true", True),
    ("TRUE", True),
    ("tRue", "tRue"),
    ("~", None),
    ("Null", None),
    ("0o17", 15),
    ("017", 15),
    ("08", 8.0),
    ("0x1F", 31),
    ("-0x10", -16),
    ("0b11", 3),
    ("0b2", "0b2"),
    ("1_000", 1000),
    ("_1", "_1"),
    (".5", 0.5),
    ("1.", 1.0),
    ("1e3", 1000.0),
    ("+5", 5),
    ("1:30", "1:30"),
    ("12:30:45", "12:30:45"),
    ("18446744073709551615", 18446744073709551615),
    ("18446744073709551616", 1.8446744073709552e19),
    ("1e400", "1e400"),
    ("-.inf", float("-inf")),
    ("1.2.3", "1.2.3"),
    ("2001-01-01", Timestamp("2001-01-01")),
    ("2001-01-01T10:00:00Z", Timestamp("2001-01-01T10:00:00Z")),
    ("2001-13-45", "2001-13-45"),
    ("-", "-"),
    ("=", "="),
]


@pytest.mark.parametrize(("text", "value"), PLAIN, ids=[text for text, _ in PLAIN])
def test_a_bare_scalar_means_what_it_means_to_go(text: str, value: Any) -> None:
    got = plain(text)
    assert (got, type(got)) == (value, type(value))


@pytest.mark.parametrize("text", ["", "x", "0x", "1_0", " 1", "1.0", "++1"])
def test_what_is_no_whole_number_of_go(text: str) -> None:
    assert go_int(text) is None


def test_quotes_and_tags_make_texts() -> None:
    assert parse("a", "{a: '5', b: \"yes\", c: !!str 5, d: !!int '5'}").tree == {"a": "5", "b": "yes", "c": "5", "d": 5}


def test_every_key_and_list_item_has_a_place() -> None:
    places = parse("k8s.yaml", "plugins:\n  k8s:\n    default-tolerations:\n      - key: a\n").locations
    assert places["plugins", "k8s", "default-tolerations", 0, "key"] == Location("k8s.yaml", 4, 9)
    assert places["plugins", "k8s"] == Location("k8s.yaml", 2, 3)


def test_anchors_and_merge_keys_work_and_own_keys_win() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {x: 2, z: 2}\nc:\n  <<: [*a, *b]\n  y: 3\n"
    assert parse("a", text).tree["c"] == {"x": 1, "y": 3, "z": 2}


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("a: [1\nb: 2", 2, 2, "not valid YAML"),
        ("a: {x: 1}\na: 2", 2, 1, "there twice (first in line 1)"),
        ("a:\n  x: 1\n  'x': 2", 3, 3, "there twice (first in line 2)"),
        ("? [a]\n: 1", 1, 3, "a key must be a text"),
        ("<<: 5", 1, 5, "only mappings can be merged"),
        ("a: b: c", 1, 5, "not valid YAML"),
    ],
)
def test_errors_of_yaml_have_a_place(text: str, line: int, column: int, message: str) -> None:
    (problem,) = parse("file.yaml", text).problems
    assert (problem.file, problem.line, problem.column) == ("file.yaml", line, column)
    assert message in problem.message


def test_what_go_passes_over_in_silence_is_noted() -> None:
    parsed = parse("f", "a: !remove [x]\n---\nb: 1\n")
    assert parsed.tree == {"a": ["x"]}
    assert [(problem.line, problem.message) for problem in parsed.ignored] == [
        (1, "the tag !remove has no meaning in a configuration"),
        (3, "only the first document of a file is read, and here is another"),
    ]


@pytest.mark.parametrize("text", ["", "---\n", "# nothing\n", "null\n"])
def test_an_empty_text_is_an_empty_tree(text: str) -> None:
    parsed = parse("f", text)
    assert (parsed.tree, parsed.problems) == (None, ())
