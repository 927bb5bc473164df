"""Single values, read strictly: the value must be what the kind says, or there is an error that says how to mend it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pluginmachinery.config import kinds, suggestions
from pluginmachinery.config.bounds import Bounds
from pluginmachinery.config.durations import Duration
from pluginmachinery.config.kinds import Kind
from pluginmachinery.config.kubernetes_schema import describe
from pluginmachinery.config.quantities import Quantity
from pluginmachinery.config.yaml_text import Timestamp


class Unfit(ValueError):
    """A scalar is not what is needed there."""

    def __init__(self, message: str, mend: str) -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend


def scalar(kind: Kind, value: Any) -> Any:
    """A single value of its kind. Raises Unfit."""
    match kind:
        case kinds.Bool():
            return _bool(value)
        case kinds.Int(bits):
            return _int(value, bits)
        case kinds.Float():
            return _float(value)
        case kinds.Text(quantity=True):
            return _quantity_text(value)
        case kinds.Text():
            return _text(value)
        case kinds.DurationKind():
            return _duration(value)
        case kinds.QuantityKind():
            return _quantity(value)
        case kinds.IntOrString():
            return value if isinstance(value, str) else _int(value, 32)
        case kinds.Choice(words, enumeration):
            return _choice(value, words, enumeration)
        case kinds.Number(enumeration):
            return _number(value, enumeration)
    raise TypeError(f"{kind} is no scalar")


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = value.lower() if isinstance(value, str) else ""
    meant = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}.get(word)
    mend = f"write {meant}, without quotes" if meant else "write true or false"
    raise Unfit(f"true or false is needed, not {describe(value)}", mend)


def _int(value: Any, bits: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        quoted = isinstance(value, str) and value.lstrip("+-").isdigit()
        raise Unfit(
            f"a whole number is needed, not {describe(value)}", "remove the quotes" if quoted else "write digits"
        )
    if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
        raise Unfit(f"the number does not fit into {bits} bits", "write a smaller one")
    return value


def _float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unfit(f"a number is needed, not {describe(value)}", "write digits")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        mend = "put it in quotes" if isinstance(value, (bool, int, float, Timestamp)) else "write a text"
        found = "a date" if isinstance(value, Timestamp) else describe(value)
        raise Unfit(f"a text is needed, not {found}", mend)
    return value


def _quantity_text(value: Any) -> str:
    return value if value == "" else str(_quantity(value)) if not isinstance(value, str) else _checked(value)


def _checked(text: str) -> str:
    _quantity(text)
    return text


def _duration(value: Any) -> Duration:
    if isinstance(value, str):
        try:
            return Duration.parse(value)
        except ValueError as error:
            raise _split(error) from None
    if isinstance(value, int) and not isinstance(value, bool):
        if value == 0:
            return Duration()
        raise Unfit(
            "a duration needs a unit; Flyte takes a bare number for nanoseconds", f"write {value}s, {value}m, …"
        )
    raise Unfit(f"a duration is needed, not {describe(value)}", "write a text such as 30s or 1h30m")


def _quantity(value: Any) -> Quantity:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise Unfit(f"an amount is needed, not {describe(value)}", "write a text such as 500m or 1Gi")
    if isinstance(value, str) and not any(character.isdigit() for character in value):
        raise Unfit(f"{value!r} is no quantity", "write a number and a suffix, such as 500m or 1Gi")
    try:
        amount = Quantity.parse(value)
    except ValueError as error:
        raise _split(error) from None
    if amount.nanos < 0:
        raise Unfit("an amount can not be negative", "remove the sign")
    return amount


def _split(error: ValueError) -> Unfit:
    """The errors of the parsers say what and how to mend it around a colon."""
    message, _, mend = str(error).rpartition(": ")
    return Unfit(message or mend, mend if message else "")


def _choice(value: Any, words: tuple[str, ...], enumeration: Callable[[str], Any] | None) -> Any:
    if value not in words:
        near = suggestions.nearest(value, words) if isinstance(value, str) else None
        mend = f"did you mean {near}?" if near else f"write one of {', '.join(words)}"
        raise Unfit(f"one of {', '.join(words)} is needed", mend)
    return enumeration(value) if enumeration is not None else value


def _number(value: Any, enumeration: Any) -> Any:
    numbers = ", ".join(f"{member.value} ({member.name})" for member in enumeration)
    if isinstance(value, bool) or value not in [member.value for member in enumeration]:
        named = {member.name: member.value for member in enumeration}.get(str(value).upper())
        mend = f"write {named}" if named is not None else f"write one of {numbers}"
        raise Unfit(f"a number is needed: {numbers}", mend)
    return enumeration(value)


def within(bounds: Bounds, value: Any) -> Any:
    """The typed value, if it is within the bounds of its field. Raises Unfit."""
    if isinstance(value, Duration) and bounds.least == 0 and value.nanoseconds < 0:
        raise Unfit("a time span can not be negative", "remove the sign")
    if isinstance(value, (int, float)) and not bounds.holds(value):
        raise Unfit(f"{value:g} is out of bounds", f"write a number: {bounds}")
    if isinstance(value, str) and bounds.words and value not in bounds.words:
        near = suggestions.nearest(value, filter(None, bounds.words))
        raise Unfit(f"{value!r} is no possible value", f"did you mean {near}?" if near else f"write {bounds}")
    if isinstance(value, str) and bounds.pattern and not re.search(bounds.pattern, value):
        raise Unfit(f"{value!r} has not the right form", f"write it in the form {bounds.pattern}")
    return value
