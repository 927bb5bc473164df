"""``custom``: the free-form part of a task template, read into the plugin's own message.

A template carries what only one plugin understands as a ``google.protobuf.Struct``; every plugin has a flyteidl message
that says what may be in it. Flyte reads one into the other by way of JSON, with Go's ``jsonpb``, and in effect so do
we: both spellings of a field name count (the camelCase one wins), unknown fields are passed over, null is as if absent
(in a list or map: the zero value), whole numbers may come as text, an enum as its name or its number – and anything
else is an error. protobuf's own ``json_format`` does not serve: told to ignore unknown fields it also ignores unknown
enum names, and it takes a text where a message belongs.

Flyte's plugin messages consist of scalars (no bytes), enums, messages, lists, maps and ``Struct``; so does what can be
read here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct

from pluginmachinery.core.errors import PluginError, bad_task

if TYPE_CHECKING:
    from flyteidl.core.tasks_pb2 import TaskTemplate
    from google.protobuf.struct_pb2 import Value

M = TypeVar("M", bound=Message)

_INTEGER = re.compile(r"\s*-?(0|[1-9][0-9]{0,19})\s*")
_NUMBER = re.compile(r"\s*-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\s*")
_INT32 = (-(2**31), 2**31 - 1)


def read_custom(template: TaskTemplate, message: type[M]) -> M:
    """The template's ``custom`` as this message.

    Raises PluginError ``BadTaskSpecification``, with the path of the value, where there is no custom at all, or a value
    does not fit its field.
    """
    if not template.HasField("custom"):
        raise bad_task(f"the task has no custom, where a {message.DESCRIPTOR.name} belongs", field="custom")
    result = message()
    _fill(result, template.custom.fields, "custom")
    return result


def _fill(message: Message, values: Mapping[str, Value], path: str) -> None:
    fields = _fields(message.DESCRIPTOR)
    for name, value in values.items():
        field = fields.get(name)
        if field is None or (name != field.json_name and field.json_name in values):
            continue
        if value.WhichOneof("kind") == "null_value":
            continue
        place = f"{path}.{name}"
        if field.shape == "map":
            _fill_map(getattr(message, field.name), field, value, place)
        elif field.shape == "list":
            _fill_list(getattr(message, field.name), field, value, place)
        elif field.scalar is None:
            _fill_message(getattr(message, field.name), value, place)
        else:
            setattr(message, field.name, field.scalar(value, place))


def _fill_message(message: Message, value: Value, path: str) -> None:
    if value.WhichOneof("kind") != "struct_value":
        raise _misfit("a mapping", path)
    message.SetInParent()
    if isinstance(message, Struct):
        message.CopyFrom(value.struct_value)
    else:
        _fill(message, value.struct_value.fields, path)


def _fill_list(elements: Any, field: _Field, value: Value, path: str) -> None:
    if value.WhichOneof("kind") != "list_value":
        raise _misfit("a list", path)
    for index, item in enumerate(value.list_value.values):
        is_null = item.WhichOneof("kind") == "null_value"
        if field.scalar is not None:
            elements.append(field.zero if is_null else field.scalar(item, f"{path}[{index}]"))
        else:
            element = elements.add()
            if not is_null:
                _fill_message(element, item, f"{path}[{index}]")


def _fill_map(entries: Any, field: _Field, value: Value, path: str) -> None:
    if value.WhichOneof("kind") != "struct_value":
        raise _misfit("a mapping", path)
    for key, item in value.struct_value.fields.items():
        is_null = item.WhichOneof("kind") == "null_value"
        if field.scalar is not None:
            entries[key] = field.zero if is_null else field.scalar(item, f"{path}.{key}")
        else:
            entry = entries[key]
            if not is_null:
                _fill_message(entry, item, f"{path}.{key}")


@dataclass(frozen=True, slots=True)
class _Field:
    """How one field of a message is read, worked out once."""

    name: str
    json_name: str
    shape: Literal["one", "list", "map"]
    scalar: Callable[[Value, str], Any] | None
    """Reads one value, given its path; None where the values are messages."""
    zero: Any = 0


@lru_cache(maxsize=256)
def _fields(descriptor: Descriptor) -> Mapping[str, _Field]:
    """The fields of a message by both of their spellings."""
    fields = [_field(field) for field in descriptor.fields]
    return {field.name: field for field in fields} | {field.json_name: field for field in fields}


def _field(field: FieldDescriptor) -> _Field:
    holder = field
    shape: Literal["one", "list", "map"] = "list" if field.is_repeated else "one"
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        holder, shape = field.message_type.fields_by_name["value"], "map"
    zero = "" if holder.cpp_type == FieldDescriptor.CPPTYPE_STRING else 0
    return _Field(field.name, field.json_name, shape, _scalar_reader(holder), zero)


def _scalar_reader(field: FieldDescriptor) -> Callable[[Value, str], Any] | None:
    if field.message_type is not None:
        return None
    if field.enum_type is not None:
        return _enum(field.enum_type)
    return _SCALARS[field.cpp_type]


def _text(value: Value, path: str) -> str:
    if value.WhichOneof("kind") != "string_value":
        raise _misfit("a text", path)
    text: str = value.string_value
    return text


def _switch(value: Value, path: str) -> bool:
    if value.WhichOneof("kind") != "bool_value":
        raise _misfit("true or false", path)
    return bool(value.bool_value)


def _integer(lowest: int, highest: int) -> Callable[[Value, str], int]:
    def read(value: Value, path: str) -> int:
        number: int | None = None
        kind = value.WhichOneof("kind")
        if kind == "number_value" and value.number_value.is_integer():
            number = int(value.number_value)
        elif kind == "string_value" and _INTEGER.fullmatch(value.string_value):
            number = int(value.string_value)
        if number is None or not lowest <= number <= highest:
            raise _misfit(f"a whole number from {lowest} to {highest}", path)
        return number

    return read


def _number(value: Value, path: str) -> float:
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        return float(value.number_value)
    if kind == "string_value" and _NUMBER.fullmatch(value.string_value):
        return float(value.string_value)
    raise _misfit("a number", path)


def _enum(enum: EnumDescriptor) -> Callable[[Value, str], int]:
    numbers = {name: value.number for name, value in enum.values_by_name.items()}
    by_number = _integer(*_INT32)

    def read(value: Value, path: str) -> int:
        if value.WhichOneof("kind") == "number_value":
            return by_number(value, path)
        if value.WhichOneof("kind") != "string_value" or value.string_value not in numbers:
            raise _misfit("one of " + ", ".join(numbers), path)
        return numbers[value.string_value]

    return read


_SCALARS: Mapping[int, Callable[[Value, str], Any]] = {
    FieldDescriptor.CPPTYPE_INT32: _integer(*_INT32),
    FieldDescriptor.CPPTYPE_INT64: _integer(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: _integer(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: _integer(0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_FLOAT: _number,
    FieldDescriptor.CPPTYPE_DOUBLE: _number,
    FieldDescriptor.CPPTYPE_BOOL: _switch,
    FieldDescriptor.CPPTYPE_STRING: _text,
}


def _misfit(wanted: str, path: str) -> PluginError:
    return bad_task(f"{path} has to be {wanted}", field=path)
