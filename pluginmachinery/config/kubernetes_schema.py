"""The structures that a pod can contain, and decoding into them as Go's ``encoding/json`` does.

Task templates and the configuration carry pieces of the Kubernetes API as free JSON. Flyte decodes them into the Go
types and encodes them again, which drops unknown fields, refuses wrong types and brings amounts into their canonical
form. :func:`coerce` does the same on plain values::

    coerce("PodSpec", {"containers": [{"name": "main", "nonsense": 1}], "hostNetwork": False})
    → {"containers": [{"name": "main"}]}

Type names are those of ``k8s.io/api`` without a version: ``PodSpec``, ``Container``, ``Toleration``, ``Affinity``,
``ResourceRequirements``, ``SecurityContext``, ``PodTemplate``, ``PodTemplateSpec``, ``ObjectMeta``, … (:func:`fields`
knows them all). The table is generated: tools/generate_kubernetes_schema.py.

The configuration's other decoder, mapstructure, has rules of its own: :mod:`.lenient` applies them to the same table.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import resources
from typing import Any, Final

from pluginmachinery.config.quantities import Quantity, as_written

Decode = Callable[[Any], Any]

INLINE: Final = "inline "
WORDS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("Container", "imagePullPolicy"): ("", "Always", "IfNotPresent", "Never"),
    ("NodeSelectorRequirement", "operator"): ("", "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"),
    ("PodSpec", "dnsPolicy"): ("", "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    ("PodSpec", "restartPolicy"): ("", "Always", "OnFailure", "Never"),
    ("SeccompProfile", "type"): ("", "RuntimeDefault", "Unconfined", "Localhost"),
    ("Toleration", "effect"): ("", "NoSchedule", "PreferNoSchedule", "NoExecute"),
    ("Toleration", "operator"): ("", "Exists", "Equal", "Lt", "Gt"),
}
"""Texts of which the API server takes only these words: (type, field) → words, of what people write by hand."""
_ABSENT: Final = object()


class SchemaError(ValueError):
    """A value does not fit its Kubernetes type. ``path`` is where (``containers[0].ports``), ``message`` what."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.path = path

    def within(self, part: str) -> SchemaError:
        """The same error seen from one level further out."""
        joint = "" if not self.path or self.path.startswith("[") else "."
        return SchemaError(self.message, f"{part}{joint}{self.path}")

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def coerce(type_name: str, value: Any, *, fold_case: bool = False, path: str = "") -> Any:
    """Decode ``value`` into the Kubernetes type and give back what Go would encode.

    ``type_name`` is a name of the table (``PodSpec``, ``Container``, …), or a kind made of one (``[]Toleration``,
    ``{}quantity``). Unknown fields are dropped. Wrong types raise SchemaError with the path, which starts with
    ``path``. ``null`` is as if absent. A number is never taken for a text or a truth value, nor the other way round;
    a float without a fraction is a whole number, because protobuf's Struct knows only floats. Fields that are empty
    are left out where Kubernetes leaves them out, and amounts come back as Kubernetes writes them (``1024Mi`` →
    ``1Gi``). With ``fold_case`` field names match without regard to case, the exact name first, as ``encoding/json``
    does it. The value given is not changed, and the result shares nothing with it.
    """
    try:
        return _decoder(type_name, fold_case)(value)
    except SchemaError as error:
        if path:
            raise error.within(path) from None
        raise


def fields(type_name: str) -> Mapping[str, str]:
    """The fields of a type by name, with their kinds (see tools/generate_kubernetes_schema.py for the notation).

    Raises KeyError for a name that the table does not have.
    """
    return _table()[type_name]


def is_type(type_name: str) -> bool:
    return type_name in _table()


def flat_fields(type_name: str) -> dict[str, str]:
    """:func:`fields` with those of embedded structs in place, as JSON has them."""
    flat: dict[str, str] = {}
    for name, kind in fields(type_name).items():
        if kind.startswith(INLINE):
            flat.update(flat_fields(kind.removeprefix(INLINE)))
        else:
            flat[name] = kind
    return flat


@functools.cache
def _table() -> Mapping[str, Mapping[str, str]]:
    text = resources.files("pluginmachinery.config").joinpath("kubernetes_schema.json").read_text(encoding="utf-8")
    types: Mapping[str, Mapping[str, str]] = json.loads(text)["types"]
    return types


@functools.cache
def _decoder(kind: str, fold_case: bool) -> Decode:
    if kind.startswith("*"):
        return _pointer(_decoder(kind[1:], fold_case))
    if kind.startswith("[]"):
        return _list(_decoder(kind[2:], fold_case), kind[2:])
    if kind.startswith("{}"):
        return _map(_decoder(kind[2:], fold_case), kind[2:])
    if kind in _SCALARS:
        return _SCALARS[kind]
    return _struct(kind, fold_case)


def zero_of(kind: str) -> Any:
    """What Go encodes for a value of this kind that was never set."""
    if kind.startswith(("*", "[]", "{}")):
        return None
    if kind in _ZEROS:
        return _ZEROS[kind]
    return _decoder(kind, False)({})


def _pointer(decode: Decode) -> Decode:
    return lambda value: None if value is None else decode(value)


def _list(decode: Decode, kind: str) -> Decode:
    def decode_list(value: Any) -> list[Any]:
        if not isinstance(value, (list, tuple)):
            raise SchemaError(f"a list is needed, not {describe(value)}")
        result = []
        for index, item in enumerate(value):
            try:
                result.append(zero_of(kind) if item is None else decode(item))
            except SchemaError as error:
                raise error.within(f"[{index}]") from None
        return result

    return decode_list


def _map(decode: Decode, kind: str) -> Decode:
    def decode_map(value: Any) -> dict[str, Any]:
        result = {}
        for key, item in _mapping(value).items():
            try:
                result[str(key)] = zero_of(kind) if item is None else decode(item)
            except SchemaError as error:
                raise error.within(str(key)) from None
        return result

    return decode_map


def _struct(type_name: str, fold_case: bool) -> Decode:
    members = flat_fields(type_name)
    # Go never takes an amount for empty.
    required = {name: kind for name, kind in members.items() if not kind.endswith("?") or kind == "quantity?"}
    folded = {name.lower(): name for name in reversed(members)} if fold_case else {}
    # Types can contain themselves, so the decoders of fields are made when they are first needed.
    decoders: dict[str, Decode] = {}

    def decode_struct(value: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, item in _mapping(value).items():
            name = key if key in members else folded.get(str(key).lower())
            if name is None or item is None:
                continue
            decode = decoders.get(name)
            if decode is None:
                decode = decoders[name] = _decoder(members[name].removesuffix("?"), fold_case)
            try:
                found[name] = decode(item)
            except SchemaError as error:
                raise error.within(name) from None
        result = {}
        for name, kind in members.items():
            item = found.get(name, _ABSENT)
            if item is _ABSENT:
                if name in required:
                    result[name] = zero_of(kind.removesuffix("?"))
            elif name in required or not _is_empty(item, kind):
                result[name] = item
        return result

    return decode_struct


def _is_empty(value: Any, kind: str) -> bool:
    """Would Go leave the field out? A pointer only where it is nil."""
    return value is None if kind.startswith("*") else not value


def _mapping(value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise SchemaError(f"a mapping is needed, not {describe(value)}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise SchemaError(f"a text is needed, not {describe(value)}")
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise SchemaError(f"true or false is needed, not {describe(value)}")
    return value


def _whole(bits: int) -> Callable[[Any], int]:
    limit = 1 << (bits - 1)

    def decode_whole(value: Any) -> int:
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not whole:
            raise SchemaError(f"a whole number is needed, not {describe(value)}")
        number = int(value)
        if not -limit <= number < limit:
            raise SchemaError(f"{number} is too large for a field of {bits} bits")
        return number

    return decode_whole


_int32 = _whole(32)


def _quantity(value: Any) -> str:
    if isinstance(value, Quantity):
        return str(value)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise SchemaError(f"an amount is needed, not {describe(value)}")
    try:
        return as_written(value.strip()) if isinstance(value, str) else str(Quantity.parse(value))
    except ValueError as error:
        raise SchemaError(str(error)) from None


def _int_or_string(value: Any) -> int | str:
    return value if isinstance(value, str) else _int32(value)


def _time(value: Any) -> str | None:
    text = _text(value)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or "T" not in text:
        raise SchemaError(f"a time such as 2024-01-31T12:00:00Z is needed, not {text!r}")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _base64(value: Any) -> str:
    text = _text(value)
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)).decode("ascii")
    except binascii.Error as error:
        raise SchemaError(f"base64 is needed: {error}") from None


_SCALARS: Final[Mapping[str, Decode]] = {
    "string": _text,
    "name": _text,
    "bool": _truth,
    "int32": _int32,
    "int64": _whole(64),
    "quantity": _quantity,
    "int-or-string": _int_or_string,
    "time": _time,
    "bytes": _base64,
    "any": lambda value: value,
}
_ZEROS: Final[Mapping[str, Any]] = {
    "string": "",
    "name": "",
    "bool": False,
    "int32": 0,
    "int64": 0,
    "quantity": "0",
    "int-or-string": 0,
    "time": None,
    "bytes": None,
    "any": None,
}


def describe(value: Any) -> str:
    """What a value is, in words; never the value itself, which may be a secret."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    return f"a {type(value).__name__}"
