"""Single values as mapstructure takes them with ``WeaklyTypedInput``: texts for numbers, numbers for truth values, …

The reverse of :mod:`.scalars`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pluginmachinery.config import kinds
from pluginmachinery.config.durations import Duration
from pluginmachinery.config.kinds import Kind
from pluginmachinery.config.kubernetes_schema import describe
from pluginmachinery.config.quantities import Quantity
from pluginmachinery.config.yaml_text import go_int

_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("", "0", "f", "F", "FALSE", "false", "False"))


class DecodeError(ValueError):
    """A value that Flyte does not load. ``path`` says where, ``message`` why."""

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = path


def weak_scalar(kind: Kind, value: Any, default: Any = None) -> Any:
    """A single value of its kind; ``default`` is what a mapping for a duration or an amount leaves.

    Raises DecodeError.
    """
    match kind:
        case kinds.Bool():
            return _bool(value)
        case kinds.Int(bits):
            return _int(value, bits)
        case kinds.Float():
            return _float(value)
        case kinds.Text(url=True):
            return _url(value, default)
        case kinds.Text():
            return text(value)
        case kinds.DurationKind():
            return _duration(value, default)
        case kinds.QuantityKind():
            return _quantity(value, default)
        case kinds.IntOrString():
            return _int_or_string(value)
        case kinds.Choice(words, enumeration):
            return _choice(value, words, enumeration)
        case kinds.Number(enumeration):
            number = _int(value, 32)
            return enumeration(number) if number in tuple(enumeration) else number
    raise TypeError(f"{kind} is no scalar")


def _bool(value: Any) -> bool:
    if isinstance(value, (bool, int, float)):
        return bool(value)
    if isinstance(value, str):
        if value in _TRUE:
            return True
        if value in _FALSE:
            return False
    raise DecodeError(f"true or false is needed, not {describe(value)}")


def _int(value: Any, bits: int) -> int:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (int, float)):
        return _wrapped(value if isinstance(value, int) else _truncated(value), bits)
    if isinstance(value, str):
        number = go_int(_without_underscores(value)) if value else 0
        if number is not None and -(1 << (bits - 1)) <= number < 1 << (bits - 1):
            return number
    raise DecodeError(f"a whole number is needed, not {describe(value)}")


_GROUPED_DIGITS = re.compile(r"[+-]?(0[xXoObB]_?)?[0-9a-fA-F]+(_[0-9a-fA-F]+)*")


def _without_underscores(text: str) -> str:
    """Go allows ``_`` between the digits of a number."""
    return text.replace("_", "") if _GROUPED_DIGITS.fullmatch(text) else text


def _truncated(number: float) -> int:
    """A float as a 64-bit integer; one that does not fit becomes the smallest there is."""
    return int(number) if -(2.0**63) <= number < 2.0**63 else -(1 << 63)


def _wrapped(number: int, bits: int) -> int:
    """The number as Go keeps it in so many bits."""
    number &= (1 << bits) - 1
    return number - (1 << bits) if number >> (bits - 1) else number


def _float(value: Any) -> float:
    if isinstance(value, (bool, int, float)):
        return float(value)
    if isinstance(value, str):
        try:
            return float(value or "0")
        except ValueError:
            pass
    raise DecodeError(f"a number is needed, not {describe(value)}")


def text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return float_text(value)
    raise DecodeError(f"a text is needed, not {describe(value)}")


def _url(value: Any, default: Any) -> str:
    if isinstance(value, Mapping):
        return default if isinstance(default, str) else ""
    if isinstance(value, str):
        return value
    raise DecodeError(f"a URL is needed, not {describe(value)}")


def float_text(value: float) -> str:
    """A float as Go's ``FormatFloat(value, 'f', -1, 64)`` writes it: all digits, no exponent."""
    if not math.isfinite(value):
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[str(value)]
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _duration(value: Any, default: Any) -> Duration:
    if isinstance(value, Mapping):
        # The fields of Go's wrapper are reachable: one is named Duration.
        inner = matching(value, "Duration")
        base = default if isinstance(default, Duration) else Duration()
        return base if inner is None else _go_duration(inner)
    if isinstance(value, str):
        try:
            return Duration.parse(value) if value else Duration()
        except ValueError as error:
            raise DecodeError(str(error)) from None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Duration(_truncated(float(value)))
    raise DecodeError(f"a duration is needed, not {describe(value)}")


def _go_duration(value: Any) -> Duration:
    if isinstance(value, str):
        try:
            return Duration.parse(value)
        except ValueError as error:
            raise DecodeError(str(error)) from None
    return Duration(_int(value, 64))


def _quantity(value: Any, default: Any) -> Quantity:
    if isinstance(value, Mapping):
        return default if isinstance(default, Quantity) else Quantity()
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        try:
            return Quantity.parse(value.strip() if isinstance(value, str) else value)
        except ValueError as error:
            raise DecodeError(str(error)) from None
    raise DecodeError(f"an amount is needed, not {describe(value)}")


def _int_or_string(value: Any) -> int | str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and -(1 << 31) <= value < 1 << 31:
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 31:
        return int(value)
    if isinstance(value, Mapping):
        # Again the fields of Go's own struct: which of the two counts, the number, the text.
        if _int(matching(value, "Type") or 0, 64):
            return text(matching(value, "StrVal") or "")
        return _int(matching(value, "IntVal") or 0, 32)
    raise DecodeError(f"a number or a name is needed, not {describe(value)}")


def _choice(value: Any, words: tuple[str, ...], enumeration: Any) -> Any:
    word = value if value in words else None
    if word is None and enumeration is not None:
        # Not one of the names: the decoder falls back to the number behind them.
        number = _int(value, 64)
        word = words[number] if 0 <= number < len(words) else None
    if word is None:
        raise DecodeError(f"one of {', '.join(words)} is needed")
    return enumeration(word) if enumeration is not None else word


def key_like(value: Mapping[Any, Any], name: str) -> Any:
    """The key of a mapping that names this field, the exact spelling first; None: there is none."""
    if name in value:
        return name
    folded = name.lower()
    return next((key for key in value if isinstance(key, str) and key.lower() == folded), None)


def matching(value: Mapping[Any, Any], name: str) -> Any:
    key = key_like(value, name)
    return None if key is None else value[key]
