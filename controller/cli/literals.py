"""Literals as plain values: what a person means by an output.

A ``flyteidl.core.Literal`` in protobuf JSON says ``{"scalar": {"primitive": {"integer": "5"}}}`` for 5. Data that is
kept elsewhere is shown by its URI. Binary scalars with the tag ``msgpack`` are how flytekit sends dataclasses and
dicts: they are shown as what is in them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

MSGPACK = "msgpack"


def plain(literal: Mapping[str, Any]) -> Any:
    """The value of a literal: JSON as far as it goes, a URI for data that is kept elsewhere."""
    match literal:
        case {"scalar": scalar}:
            return _scalar(scalar)
        case {"collection": collection}:
            return [plain(item) for item in collection.get("literals") or ()]
        case {"map": entries}:
            return {name: plain(value) for name, value in (entries.get("literals") or {}).items()}
        case {"offloadedMetadata": {"uri": uri}}:
            return uri
    return None


def type_of(literal: Mapping[str, Any]) -> str:
    """A few words for what it is: ``integer``, ``list[string]``, ``dataset (parquet)``."""
    match literal:
        case {"scalar": {"primitive": primitive}}:
            return _PRIMITIVES.get(next(iter(primitive), ""), "unknown")
        case {"scalar": {"union": union}}:
            return type_of(union.get("value") or {})
        case {"scalar": {"blob": blob}}:
            kind = (blob.get("metadata") or {}).get("type") or {}
            word = "directory" if kind.get("dimensionality") == "MULTIPART" else "blob"
            return _with_format(word, kind.get("format"))
        case {"scalar": {"structuredDataset": dataset}}:
            kind = (dataset.get("metadata") or {}).get("structuredDatasetType") or {}
            return _with_format("dataset", kind.get("format"))
        case {"scalar": {"binary": binary}}:
            return _with_format("binary", binary.get("tag"))
        case {"scalar": scalar}:
            return _SCALARS.get(next(iter(scalar), ""), "unknown")
        case {"collection": collection}:
            return _of_items("list", collection.get("literals") or ())
        case {"map": entries}:
            return _of_items("map", (entries.get("literals") or {}).values())
        case {"offloadedMetadata": _}:
            return "offloaded"
    return "nothing"


_PRIMITIVES = {
    "integer": "integer",
    "floatValue": "float",
    "stringValue": "string",
    "boolean": "boolean",
    "datetime": "datetime",
    "duration": "duration",
}
_SCALARS = {"schema": "schema", "generic": "struct", "noneType": "none", "error": "error"}


def _with_format(word: str, form: str | None) -> str:
    return f"{word} ({form})" if form else word


def _of_items(word: str, items: Iterable[Mapping[str, Any]]) -> str:
    """With the type of its items where all have one."""
    kinds = {type_of(item) for item in items}
    return f"{word}[{kinds.pop()}]" if len(kinds) == 1 else word


def _scalar(scalar: Mapping[str, Any]) -> Any:
    match scalar:
        case {"primitive": {"integer": text}}:
            return int(text)
        case {"primitive": primitive}:
            return next(iter(primitive.values()), None)
        case {"blob": stored} | {"schema": stored} | {"structuredDataset": stored}:
            return stored.get("uri")
        case {"generic": value}:
            return value
        case {"union": union}:
            return plain(union.get("value") or {})
        case {"binary": binary}:
            return _binary(binary)
        case {"error": error}:
            return error.get("message")
    return None


def _binary(binary: Mapping[str, Any]) -> Any:
    tag = binary.get("tag")
    try:
        data = base64.b64decode(binary.get("value") or "", validate=True)
    except binascii.Error:
        return "<binary>"
    return _unpacked(data) if tag == MSGPACK else _size(tag, data)


def _unpacked(data: bytes) -> Any:
    import msgpack

    try:
        return _as_json(msgpack.unpackb(data, strict_map_key=False, timestamp=3))
    except (ValueError, RecursionError, msgpack.UnpackException):
        return _size(MSGPACK, data)


def _as_json(value: Any) -> Any:
    """What msgpack has and JSON has not – bytes, times, keys that are no texts – in words."""
    match value:
        case dict():
            return {key if isinstance(key, str) else str(key): _as_json(item) for key, item in value.items()}
        case list():
            return [_as_json(item) for item in value]
        case bytes():
            return _size(None, value)
        case None | bool() | int() | float() | str():
            return value
    return str(value)


def _size(tag: str | None, data: bytes) -> str:
    return f"<{tag or 'binary'}, {len(data)} bytes>"
