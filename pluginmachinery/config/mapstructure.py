"""Decoding settings into sections as the Go library mapstructure does for Flyte (``WeaklyTypedInput``, ``ZeroFields``).

One function per kind. Each takes the value, and where the kind is a section the default that the value is laid over:
sections are merged field by field, everything else replaces. Unknown keys are passed over. What is refused here makes
Flyte refuse to start; what is accepted is often not what was meant, which is why strict reading exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from pluginmachinery.config import kinds, kubernetes_schema
from pluginmachinery.config.durations import Duration
from pluginmachinery.config.kinds import Kind, Struct
from pluginmachinery.config.kubernetes_schema import SchemaError, describe
from pluginmachinery.config.quantities import Quantity
from pluginmachinery.config.weak_scalars import DecodeError, key_like, text, weak_scalar
from pluginmachinery.config.yaml_text import key_text


def decode(kind: Kind, value: Any, default: Any = None) -> Any:
    """Decode one value; ``default`` counts for sections, and for what a mapping can not set.

    Raises DecodeError.
    """
    if value is None:
        return zero(kind)
    match kind:
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
        case _:
            return weak_scalar(kind, value, default)


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
    return {text(key): within(text(key), decode, item, entry) for key, entry in value.items()}


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
        key = key_like(value, member.key)
        if key is None or not member.read_by_flyte:
            continue
        kind = kinds.Part(member.kind) if part and isinstance(member.kind, Struct) else member.kind
        decoded = within(member.key, decode, kind, value[key], current.get(member.attribute))
        if member.inline:
            found.update(decoded)
        else:
            found[member.attribute] = decoded
    return found


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
