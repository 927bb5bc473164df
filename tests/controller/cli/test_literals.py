"""Literals as plain values."""

from __future__ import annotations

from typing import Any

import pytest

from controller.cli.literals import plain, type_of


def primitive(**value: Any) -> dict[str, Any]:
    return {"scalar": {"primitive": value}}


@pytest.mark.parametrize(
    ("literal", "value", "kind"),
    [
        (primitive(integer="5"), 5, "integer"),
        (primitive(integer="-9223372036854775808"), -(2**63), "integer"),
        (primitive(floatValue=1.5), 1.5, "float"),
        (primitive(stringValue=""), "", "string"),
        (primitive(boolean=False), False, "boolean"),
        (primitive(datetime="2026-01-01T00:00:00Z"), "2026-01-01T00:00:00Z", "datetime"),
        (primitive(duration="90s"), "90s", "duration"),
        ({"scalar": {"noneType": {}}}, None, "none"),
        ({"scalar": {"blob": {"uri": "s3://b/x"}}}, "s3://b/x", "blob"),
        ({"scalar": {"structuredDataset": {"uri": "s3://b/d"}}}, "s3://b/d", "dataset"),
        ({"scalar": {"generic": {"a": [1, {"b": None}]}}}, {"a": [1, {"b": None}]}, "struct"),
        ({"scalar": {"union": {"value": primitive(integer="1")}}}, 1, "integer"),
        ({"scalar": {"binary": {"value": "AAEC", "tag": "msgpack"}}}, "<msgpack, 3 bytes>", "binary"),
        ({"collection": {"literals": [primitive(integer="1"), primitive(stringValue="b")]}}, [1, "b"], "list"),
        ({"collection": {}}, [], "list"),
        ({"map": {"literals": {"a": {"collection": {"literals": []}}}}}, {"a": []}, "map"),
        ({"offloadedMetadata": {"uri": "s3://b/large"}}, "s3://b/large", "offloaded"),
        ({}, None, "nothing"),
    ],
)
def test_literals(literal: dict[str, Any], value: Any, kind: str) -> None:
    assert plain(literal) == value
    assert type_of(literal) == kind
