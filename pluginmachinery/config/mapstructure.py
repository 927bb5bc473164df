"""Decoding settings into sections as the Go library mapstructure does for Flyte (``WeaklyTypedInput``, ``ZeroFields``).

One function per kind. Each takes the value, and where the kind is a section the default that the value is laid over:
sections are merged field by field, everything else replaces. Unknown keys are passed over. What is refused here makes
Flyte refuse to start; what is accepted is often not what was meant, which is why strict reading exists.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from pluginmachinery.config import kinds, kubernetes_schema
from pluginmachinery.config.durations import Duration
from pluginmachinery.config.kinds import Kind, Member, Struct
from pluginmachinery.config.kubernetes_schema import SchemaError, describe
from pluginmachinery.config.quantities import Quantity
from pluginmachinery.config.yaml_text import go_int, key_text

_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("", "0", "f", "F", "FALSE", "false", "False"))


class DecodeError(ValueError):
    """A value that Flyte does not load. ``path`` says where, ``message`` why."""

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = path


def decode(kind: Kind, value: Any, default: Any = None) -> Any:
    """Decode one value; ``default`` counts for sections, and for what a mapping can not set.

    Raises DecodeError.
    """
    if value is None:
        return zero(kind)
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
            return _text(value)
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
        case kinds.Anything():
            return value
        case kinds.Pointer(item):
            return decode(item, value)
        case kinds.ListOf(item):
            return _list(item, value)
        case kinds.MapOf(item):
            return _map(item, value)
        case kinds.KubernetesObject(type_name):
            return _kubernetes_object(type_name, value)
        case kinds.Part(section):
            return _fields(section, value, {}, part=True)
        case kinds.Plain(section):
            return _section(section, value, section.model() if section.model else None).as_mapping()
        case kinds.Foreign(annotation):
            return _foreign(annotation, value)
        case Struct():
            return _section(kind, value, default)


def zero(kind: Kind) -> Any:
    """What Go has where nothing was set."""
    match kind:
        case kinds.Bool():
            return False
        case kinds.Int() | kinds.Float():
            return 0
        case kinds.Text():
            return ""
        case kinds.DurationKind():
            return Duration()
        case kinds.QuantityKind():
            return Quantity()
        case kinds.IntOrString():
            return 0
        case kinds.Choice(words, enumeration):
            return enumeration(words[0]) if enumeration else words[0]
        case kinds.Number(enumeration):
            return enumeration(0)
        case kinds.ListOf():
            return ()
        case kinds.MapOf() | kinds.Part() | kinds.Plain():
            return {}
        case kinds.KubernetesObject(type_name):
            return kubernetes_schema.coerce(type_name, {})
        case Struct(model=None):
            return {}
        case Struct(model=model) if model is not None:
            return _empty(kind)
        case _:
            return None


def _empty(struct: Struct) -> BaseModel:
    """A section with every field at Go's zero, which is not its default."""
    if struct.model is None:
        raise TypeError(f"{struct.name} is no section")
    return struct.model.model_construct(**{member.attribute: zero(member.kind) for member in struct.members})


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


def _text(value: Any) -> str:
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
        inner = _matching(value, "Duration")
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
        if _int(_matching(value, "Type") or 0, 64):
            return _text(_matching(value, "StrVal") or "")
        return _int(_matching(value, "IntVal") or 0, 32)
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


def _list(item: Kind, value: Any) -> tuple[Any, ...]:
    if isinstance(value, str) and isinstance(item, kinds.Text) and not item.named:
        value = value.split(",") if value else []
    elif isinstance(value, Mapping) and not value:
        value = []
    elif not isinstance(value, (list, tuple)):
        value = [value]
    return tuple(within(index, decode, item, element) for index, element in enumerate(value))


def _map(item: Kind, value: Any) -> dict[str, Any]:
    if isinstance(value, (list, tuple)):
        return _map_of_list(item, value)
    if not isinstance(value, Mapping):
        raise DecodeError(f"a mapping is needed, not {describe(value)}")
    return {_text(key): within(_text(key), decode, item, entry) for key, entry in value.items()}


def _map_of_list(item: Kind, value: list[Any] | tuple[Any, ...]) -> dict[str, Any]:
    """A list of mappings is one mapping in disguise, the work-around for lower-cased keys."""
    if all(isinstance(part, Mapping) for part in value):
        # Here Flyte's own code turns keys into texts, and prints null as Go does.
        together = {"<nil>" if key is None else key_text(key): entry for part in value for key, entry in part.items()}
        return _map(item, together)
    # A list with anything else in it: each element is decoded alone and replaces what was before.
    result: dict[str, Any] = {}
    for index, part in enumerate(value):
        result = {} if part is None else within(index, _map, item, part)
    return result


def _kubernetes_object(type_name: str, value: Any) -> Any:
    decoded = _fields(kinds.of_kubernetes(type_name), value, {})
    try:
        return kubernetes_schema.coerce(type_name, decoded)
    except SchemaError as error:
        raise DecodeError(str(error)) from None


def _section(struct: Struct, value: Any, default: Any) -> Any:
    if struct.model is None:
        return _fields(struct, value, {})
    base = default if isinstance(default, struct.model) else _empty(struct)
    current = {member.attribute: getattr(base, member.attribute) for member in struct.members}
    return base.model_copy(update=_fields(struct, value, current))


def _fields(struct: Struct, value: Any, current: Mapping[str, Any], *, part: bool = False) -> dict[str, Any]:
    """The fields that the mapping sets, by attribute; embedded structs of Kubernetes types in place.

    Of a part, sections are parts too.
    """
    if not isinstance(value, Mapping):
        raise DecodeError(f"a mapping is needed, not {describe(value)}")
    found: dict[str, Any] = {}
    for member in struct.members:
        key = _key_of(member, value)
        if key is None or not member.read_by_flyte:
            continue
        kind = kinds.Part(member.kind) if part and isinstance(member.kind, Struct) else member.kind
        decoded = within(member.key, decode, kind, value[key], current.get(member.attribute))
        if member.inline:
            found.update(decoded)
        else:
            found[member.attribute] = decoded
    return found


def _key_of(member: Member, value: Mapping[Any, Any]) -> Any:
    return _key_like(value, member.key)


def _key_like(value: Mapping[Any, Any], name: str) -> Any:
    if name in value:
        return name
    folded = name.lower()
    return next((key for key in value if isinstance(key, str) and key.lower() == folded), None)


def _matching(value: Mapping[Any, Any], name: str) -> Any:
    key = _key_like(value, name)
    return None if key is None else value[key]


def within(part: str | int, function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except DecodeError as error:
        raise DecodeError(error.message, (part, *error.path)) from None


def _foreign(annotation: Any, value: Any) -> Any:
    try:
        return TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        raise DecodeError(error.errors()[0]["msg"]) from None
