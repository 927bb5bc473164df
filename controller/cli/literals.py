"""Literals as plain values: what a person means by an output.

A ``flyteidl.core.Literal`` in protobuf JSON says ``{"scalar": {"primitive": {"integer": "5"}}}`` for 5.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any


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
    """A word for what it is."""
    match literal:
        case {"scalar": {"primitive": primitive}}:
            return _PRIMITIVES.get(next(iter(primitive), ""), "unknown")
        case {"scalar": {"union": union}}:
            return type_of(union.get("value") or {})
        case {"scalar": scalar}:
            return _SCALARS.get(next(iter(scalar), ""), "unknown")
        case {"collection": _}:
            return "list"
        case {"map": _}:
            return "map"
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
_SCALARS = {
    "blob": "blob",
    "binary": "binary",
    "schema": "schema",
    "structuredDataset": "dataset",
    "generic": "struct",
    "noneType": "none",
    "error": "error",
}


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


def _binary(binary: Mapping[str, Any]) -> str:
    try:
        size = len(base64.b64decode(binary.get("value") or ""))
    except binascii.Error:
        return "<binary>"
    return f"<{binary.get('tag') or 'binary'}, {size} bytes>"
