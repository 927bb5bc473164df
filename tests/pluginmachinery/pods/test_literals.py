"""Literals as texts, the way Go prints them."""

from __future__ import annotations

import base64
import contextlib
from datetime import UTC, datetime
from typing import Any

import msgpack
import pytest
from flyteidl.core.literals_pb2 import Literal
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from pluginmachinery.pods.literals import UnprintableLiteralError, literal_text


def text(value: dict[str, Any]) -> str:
    return literal_text(json_format.ParseDict(value, Literal()))


def primitive(**value: Any) -> dict[str, Any]:
    return {"scalar": {"primitive": value}}


def packed(value: Any) -> dict[str, Any]:
    encoded = base64.b64encode(msgpack.packb(value, datetime=True)).decode()
    return {"scalar": {"binary": {"tag": "msgpack", "value": encoded}}}


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        pytest.param(primitive(integer="-5"), "-5", id="integer"),
        pytest.param(primitive(stringValue="a b"), "a b", id="text"),
        pytest.param(primitive(boolean=True), "true", id="true"),
        pytest.param(primitive(boolean=False), "false", id="false"),
        pytest.param(primitive(datetime="2021-03-04T05:06:07Z"), "2021-03-04T05:06:07Z", id="time"),
        pytest.param(primitive(datetime="2021-03-04T05:06:07.100Z"), "2021-03-04T05:06:07.1Z", id="time with tenths"),
        pytest.param(
            primitive(datetime="1969-12-31T23:59:59.000000001Z"), "1969-12-31T23:59:59.000000001Z", id="before 1970"
        ),
        pytest.param(primitive(datetime="0001-01-01T00:00:00Z"), "0001-01-01T00:00:00Z", id="the earliest time"),
        pytest.param(primitive(duration="90s"), "seconds:90", id="duration"),
        pytest.param(primitive(duration="-1.5s"), "seconds:-1 nanos:-500000000", id="duration with nanoseconds"),
        pytest.param(primitive(duration="0s"), "", id="no duration"),
        pytest.param({"scalar": {"blob": {"uri": "s3://blob"}}}, "s3://blob", id="blob"),
        pytest.param({"scalar": {"schema": {"uri": "s3://schema"}}}, "s3://schema", id="schema"),
        pytest.param({"collection": {}}, "[]", id="empty collection"),
        pytest.param(
            {
                "collection": {
                    "literals": [primitive(integer="1"), {"collection": {"literals": [primitive(boolean=True)]}}]
                }
            },
            "[1,[true]]",
            id="nested collection",
        ),
        pytest.param(packed("a b"), "a b", id="packed text"),
        pytest.param(packed(None), "<nil>", id="packed null"),
        pytest.param(packed(False), "false", id="packed false"),
        pytest.param(packed(2**63), "9223372036854775808", id="packed large integer"),
        pytest.param(packed(1e6), "1e+06", id="packed float"),
        pytest.param(packed(b"\x01\xff"), "[1 255]", id="packed bytes"),
        pytest.param(
            packed(datetime(9, 1, 2, 3, 4, 5, 600000, tzinfo=UTC)), "0009-01-02 03:04:05.6 +0000 UTC", id="packed time"
        ),
        pytest.param(packed([1, ["a"], None]), "[1 [a] <nil>]", id="packed list"),
        pytest.param(packed({"b": 1, "a": {"c": []}}), "map[a:map[c:[]] b:1]", id="packed map in order of its keys"),
    ],
)
def test_printable_literals(literal: dict[str, Any], expected: str) -> None:
    assert text(literal) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.5, "1.5"),
        (3.0, "3"),
        (0.0, "0"),
        (-0.0, "-0"),
        (100000.0, "100000"),
        (123456.7, "123456.7"),
        (1000000.0, "1e+06"),
        (1234567.0, "1.234567e+06"),
        (1e21, "1e+21"),
        (1e100, "1e+100"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (-2.5e-7, "-2.5e-07"),
        (5e-324, "5e-324"),
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
        (float("nan"), "NaN"),
    ],
    ids=str,
)
def test_floats_look_as_in_go(value: float, expected: str) -> None:
    literal = Literal()
    literal.scalar.primitive.float_value = value
    assert literal_text(literal) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_reads_back_as_itself(value: float) -> None:
    literal = Literal()
    literal.scalar.primitive.float_value = value
    assert float(literal_text(literal)) == value


@pytest.mark.parametrize(
    "literal",
    [
        pytest.param({}, id="no value"),
        pytest.param({"map": {}}, id="map"),
        pytest.param({"scalar": {}}, id="empty scalar"),
        pytest.param(primitive(), id="empty primitive"),
        pytest.param({"scalar": {"noneType": {}}}, id="none"),
        pytest.param({"scalar": {"generic": {"a": 1}}}, id="struct"),
        pytest.param({"scalar": {"union": {"value": primitive(integer="1")}}}, id="union"),
        pytest.param({"scalar": {"structuredDataset": {"uri": "s3://x"}}}, id="data set"),
        pytest.param({"collection": {"literals": [{"map": {}}]}}, id="map in a collection"),
        pytest.param({"scalar": {"binary": {"tag": "other", "value": "gaE="}}}, id="binary of another kind"),
        pytest.param({"scalar": {"binary": {"tag": "msgpack", "value": ""}}}, id="nothing packed"),
        pytest.param({"scalar": {"binary": {"tag": "msgpack", "value": "AQI="}}}, id="more than one value packed"),
        pytest.param({"scalar": {"binary": {"tag": "msgpack", "value": "wQ=="}}}, id="no msgpack"),
        pytest.param(packed([msgpack.ExtType(7, b"x")]), id="packed value of a type of one's own"),
    ],
)
def test_unprintable_literals(literal: dict[str, Any]) -> None:
    with pytest.raises(UnprintableLiteralError):
        text(literal)


@given(st.binary(max_size=40))
def test_any_packed_bytes_are_a_text_or_refused(data: bytes) -> None:
    literal = Literal()
    literal.scalar.binary.tag = "msgpack"
    literal.scalar.binary.value = data
    with contextlib.suppress(UnprintableLiteralError):
        assert isinstance(literal_text(literal), str)
