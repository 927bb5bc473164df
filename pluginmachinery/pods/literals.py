"""Literals as texts: what ``{{ .inputs.x }}`` puts into a command.

Numbers, times and structures look the way Go prints them, because that is what programs written for Flyte expect.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flyteidl.core.literals_pb2 import Binary, Literal, Primitive, Scalar
    from google.protobuf.duration_pb2 import Duration
    from google.protobuf.timestamp_pb2 import Timestamp

_MESSAGE_PACK = "msgpack"
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 -- in UTC, as the whole module


class UnprintableLiteralError(ValueError):
    """There is no text for this kind of literal."""


def literal_text(literal: Literal) -> str:
    """A literal as text: scalars as they are, blobs and schemas by their address, collections as ``[a,b]``.

    Raises UnprintableLiteralError for maps, unions, data sets and the like.
    """
    kind = literal.WhichOneof("value")
    if kind == "scalar":
        return _scalar_text(literal.scalar)
    if kind == "collection":
        return f"[{','.join(map(literal_text, literal.collection.literals))}]"
    raise UnprintableLiteralError(f"it is a {kind or 'literal without a value'}")


def _scalar_text(scalar: Scalar) -> str:
    kind = scalar.WhichOneof("value")
    match kind:
        case "primitive":
            return _primitive_text(scalar.primitive)
        case "blob":
            return str(scalar.blob.uri)
        case "schema":
            return str(scalar.schema.uri)
        case "binary":
            return _binary_text(scalar.binary)
        case _:
            raise UnprintableLiteralError(f"it is a {kind or 'scalar without a value'}")


def _primitive_text(primitive: Primitive) -> str:
    match primitive.WhichOneof("value"):
        case "integer":
            return str(primitive.integer)
        case "float_value":
            return _float_text(primitive.float_value)
        case "string_value":
            return str(primitive.string_value)
        case "boolean":
            return _bool_text(primitive.boolean)
        case "datetime":
            return _timestamp_text(primitive.datetime)
        case "duration":
            return _duration_text(primitive.duration)
        case _:
            raise UnprintableLiteralError("it is a primitive without a value")


def _bool_text(value: bool) -> str:
    return "true" if value else "false"


def _float_text(value: float) -> str:
    """As Go's ``%v``: the shortest digits, with an exponent from a million on and below a ten-thousandth."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    # repr has the shortest digits that read back as the same number, though at places of its own choice.
    sign, digits, exponent = _decimal_parts(repr(value))
    point = len(digits) + exponent - 1
    if -4 <= point < 6 or digits == "0":
        return f"{sign}{_positional(digits, exponent)}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{'-' if point < 0 else '+'}{abs(point):02d}"


def _decimal_parts(text: str) -> tuple[str, str, int]:
    """Sign, digits without zeros at either end, and the power of ten that belongs to the last digit."""
    sign = "-" if text.startswith("-") else ""
    mantissa, _, power = text.removeprefix("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    exponent = int(power or 0) - len(fraction)
    stripped = digits.rstrip("0")
    return sign, stripped or "0", exponent + len(digits) - len(stripped) if stripped else 0


def _positional(digits: str, exponent: int) -> str:
    if exponent >= 0:
        return digits + "0" * exponent
    padded = digits.rjust(1 - exponent, "0")
    return f"{padded[:exponent]}.{padded[exponent:]}"


def _timestamp_text(timestamp: Timestamp) -> str:
    moment = _EPOCH + timedelta(seconds=timestamp.seconds)
    return f"{moment.isoformat()}{_fraction(f'{timestamp.nanos:09d}')}Z"


def _fraction(digits: str) -> str:
    return f".{digits}".rstrip("0").rstrip(".")


def _duration_text(duration: Duration) -> str:
    """protobuf's text form, which is what Flyte inserts."""
    parts = []
    if duration.seconds:
        parts.append(f"seconds:{duration.seconds}")
    if duration.nanos:
        parts.append(f"nanos:{duration.nanos}")
    return " ".join(parts)


def _binary_text(binary: Binary) -> str:
    if binary.tag != _MESSAGE_PACK:
        raise UnprintableLiteralError(f"it is binary data with the tag {binary.tag!r}, where only msgpack is known")
    import msgpack

    try:
        value = msgpack.unpackb(binary.value, timestamp=3, strict_map_key=False)
    except (ValueError, TypeError, OverflowError, msgpack.UnpackException) as error:
        raise UnprintableLiteralError(f"it is no valid msgpack: {error}") from error
    return _value_text(value)


def _value_text(value: Any) -> str:
    """As Go's ``%v``."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return _bool_text(value)
        case float():
            return _float_text(value)
        case bytes():
            return f"[{' '.join(map(str, value))}]"
        case list():
            return f"[{' '.join(map(_value_text, value))}]"
        case Mapping():
            return f"map[{' '.join(f'{_value_text(key)}:{_value_text(value[key])}' for key in _in_order(value))}]"
        case datetime():
            second = value.replace(microsecond=0, tzinfo=None).isoformat(" ")
            return f"{second}{_fraction(f'{value.microsecond:06d}')} +0000 UTC"
        case int() | str():
            return str(value)
        case _:
            raise UnprintableLiteralError(f"it has a {type(value).__name__} in its msgpack")


def _in_order(mapping: Mapping[Any, Any]) -> list[Any]:
    """Keys in Go's order: by value, those of one type together."""
    return sorted(mapping, key=lambda key: (type(key).__name__, key))
