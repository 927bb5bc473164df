"""Inputs: plain values become the literals that a task's interface asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flyteidl.core.literals_pb2 import Literal
from google.protobuf import json_format

from controller.cli.exits import InputError
from controller.cli.inputs import Text, Unfit, given, literal, literals
from controller.cli.literals import plain

INTEGER = {"simple": "INTEGER"}
OPTIONAL = {"unionType": {"variants": [INTEGER, {"simple": "NONE"}]}}

FITTING: dict[str, tuple[Any, Any, Any]] = {
    "integer": (Text("3"), INTEGER, 3),
    "integer of a file": (3, INTEGER, 3),
    "float": (Text("0.5"), {"simple": "FLOAT"}, 0.5),
    "float that is whole": (Text("3"), {"simple": "FLOAT"}, 3.0),
    "string": (Text("x"), {"simple": "STRING"}, "x"),
    "string that looks like a number": (Text("3"), {"simple": "STRING"}, "3"),
    "string with a colon": (Text("a: b"), {"simple": "STRING"}, "a: b"),
    "boolean": (Text("true"), {"simple": "BOOLEAN"}, True),
    "date": (Text("2026-01-31"), {"simple": "DATETIME"}, "2026-01-31T00:00:00Z"),
    "date with a zone": (Text("2026-01-31T12:00:00+02:00"), {"simple": "DATETIME"}, "2026-01-31T10:00:00Z"),
    "duration": (Text("1h30m"), {"simple": "DURATION"}, "5400s"),
    "list": (Text("[1, 2]"), {"collectionType": INTEGER}, [1, 2]),
    "map": (Text("{a: 1}"), {"mapValueType": INTEGER}, {"a": 1}),
    "list of lists": ([[1], []], {"collectionType": {"collectionType": INTEGER}}, [[1], []]),
    "struct": (Text('{"a": [1]}'), {"simple": "STRUCT"}, {"a": [1]}),
    "nothing": (Text("null"), {"simple": "NONE"}, None),
    "union, first": (Text("5"), OPTIONAL, 5),
    "union, second": (Text("null"), OPTIONAL, None),
    "enum": (Text("red"), {"enumType": {"values": ["red", "green"]}}, "red"),
    "file": (Text("s3://b/f"), {"blob": {"format": "csv"}}, "s3://b/f"),
    "data frame": (Text("s3://b/d"), {"structuredDatasetType": {"format": "parquet"}}, "s3://b/d"),
    "schema": (Text("s3://b/d"), {"schema": {}}, "s3://b/d"),
}


@pytest.mark.parametrize(("value", "kind", "meaning"), FITTING.values(), ids=FITTING)
def test_a_value_that_fits(value: Any, kind: dict[str, Any], meaning: Any) -> None:
    made = literal(value, kind)
    read = json_format.MessageToDict(json_format.ParseDict(made, Literal()))
    assert plain(read) == meaning


UNFIT: dict[str, tuple[Any, Any, str]] = {
    "a word for a number": (Text("x"), INTEGER, "a value of type integer is wanted, not 'x'"),
    "a fraction for a whole number": (Text("1.5"), INTEGER, "integer is wanted, not 1.5"),
    "a boolean for a number": (Text("true"), INTEGER, "integer is wanted, not True"),
    "a number for a boolean": (Text("1"), {"simple": "BOOLEAN"}, "boolean is wanted, not 1"),
    "a number of a file for a string": (3, {"simple": "STRING"}, "a string is wanted, not 3"),
    "one wrong in a list": (Text("[1, x]"), {"collectionType": INTEGER}, "integer is wanted, not 'x'"),
    "a list for a map": (Text("[]"), {"mapValueType": INTEGER}, "map of integer is wanted"),
    "no date": (Text("soon"), {"simple": "DATETIME"}, "a date and time such as"),
    "no duration": (Text("soon"), {"simple": "DURATION"}, "a duration such as"),
    "no word of the enum": (Text("blue"), {"enumType": {"values": ["red"]}}, "one of red is wanted"),
    "none of the union": (Text("x"), OPTIONAL, "integer or none is wanted, not 'x'"),
    "an empty URI": (Text(""), {"blob": {}}, "a URI is wanted"),
    "no YAML": (Text("[1,"), {"collectionType": INTEGER}, "can not be read"),
    "what nobody can write": (Text("x"), {"simple": "ERROR"}, "error is wanted"),
}


@pytest.mark.parametrize(("value", "kind", "message"), UNFIT.values(), ids=UNFIT)
def test_a_value_that_does_not_fit(value: Any, kind: dict[str, Any], message: str) -> None:
    with pytest.raises(Unfit) as raised:
        literal(value, kind)
    assert message in str(raised.value)


TEMPLATE = {"interface": {"inputs": {"variables": {"rows": {"type": INTEGER}, "rate": {"type": {"simple": "FLOAT"}}}}}}


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(InputError) as raised:
        literals(TEMPLATE, {"row": Text("3"), "rate": Text("x")}, where="f.pb")
    assert raised.value.message.splitlines() == [
        "f.pb: the task has no input row; did you mean rows?",
        "f.pb: input rate: a value of type float is wanted, not 'x'",
        "f.pb: input rows (integer) is missing: give --input rows=…",
    ]


def test_a_task_without_inputs() -> None:
    assert literals({}, {}, where="f") == {"literals": {}}
    with pytest.raises(InputError, match="the task has no input x; it has none"):
        literals({}, {"x": 1}, where="f")


def test_single_values_go_before_those_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "inputs.yaml"
    file.write_text("rows: 1\nname: a\n")
    assert given(("rows=2", "text=a=b"), file) == {"rows": "2", "name": "a", "text": "a=b"}


@pytest.mark.parametrize(
    ("pairs", "text", "message"),
    [
        (("rows",), None, "--input rows: write NAME=VALUE"),
        ((), "[1]", "one mapping of names to values is needed"),
        ((), "a: 1\na: 2\n", "the key stands here twice"),
    ],
)
def test_inputs_that_can_not_be_read(tmp_path: Path, pairs: tuple[str, ...], text: str | None, message: str) -> None:
    file = tmp_path / "inputs.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError) as raised:
        given(pairs, file if text is not None else None)
    assert message in raised.value.message
