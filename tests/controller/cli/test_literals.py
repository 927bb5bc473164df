"""Literals as plain values."""

from __future__ import annotations

import base64
from typing import Any

import msgpack
import pytest

from controller.cli.literals import plain, type_of


def primitive(**value: Any) -> dict[str, Any]:
    return {"scalar": {"primitive": value}}


def binary(data: bytes, tag: str = "") -> dict[str, Any]:
    return {"scalar": {"binary": {"value": base64.b64encode(data).decode(), **({"tag": tag} if tag else {})}}}


def packed(value: Any) -> dict[str, Any]:
    return binary(msgpack.packb(value), "msgpack")


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
        (binary(b"\x00\x01\x02"), "<binary, 3 bytes>", "binary"),
        (binary(b"\x00\x01\x02", "png"), "<png, 3 bytes>", "binary (png)"),
        (packed({"a": [1, None, 2.5], "b": {"c": True}}), {"a": [1, None, 2.5], "b": {"c": True}}, "binary (msgpack)"),
        (packed({1: b"xy"}), {"1": "<binary, 2 bytes>"}, "binary (msgpack)"),
        (packed(msgpack.Timestamp(0)), "1970-01-01 00:00:00+00:00", "binary (msgpack)"),
        (binary(b"\xc1", "msgpack"), "<msgpack, 1 bytes>", "binary (msgpack)"),
        ({"scalar": {"binary": {"value": "?"}}}, "<binary>", "binary"),
        (
            {"scalar": {"blob": {"uri": "s3://b/x", "metadata": {"type": {"format": "csv"}}}}},
            "s3://b/x",
            "blob (csv)",
        ),
        (
            {"scalar": {"blob": {"uri": "s3://b/d", "metadata": {"type": {"dimensionality": "MULTIPART"}}}}},
            "s3://b/d",
            "directory",
        ),
        (
            {
                "scalar": {
                    "structuredDataset": {
                        "uri": "s3://b/d",
                        "metadata": {"structuredDatasetType": {"format": "parquet"}},
                    }
                }
            },
            "s3://b/d",
            "dataset (parquet)",
        ),
        ({"scalar": {"schema": {"uri": "s3://b/s"}}}, "s3://b/s", "schema"),
        ({"scalar": {"error": {"failedNodeId": "n", "message": "boom"}}}, "boom", "error"),
        ({"scalar": {"union": {"value": {"scalar": {"noneType": {}}}}}}, None, "none"),
        ({"collection": {"literals": [primitive(integer="1"), primitive(stringValue="b")]}}, [1, "b"], "list"),
        ({"collection": {"literals": [primitive(integer="1")] * 2}}, [1, 1], "list[integer]"),
        ({"map": {"literals": {"a": primitive(boolean=True)}}}, {"a": True}, "map[boolean]"),
        ({"collection": {}}, [], "list"),
        ({"map": {"literals": {"a": {"collection": {"literals": []}}}}}, {"a": []}, "map[list]"),
        ({"offloadedMetadata": {"uri": "s3://b/large"}}, "s3://b/large", "offloaded"),
        ({}, None, "nothing"),
    ],
)
def test_literals(literal: dict[str, Any], value: Any, kind: str) -> None:
    assert plain(literal) == value
    assert type_of(literal) == kind
