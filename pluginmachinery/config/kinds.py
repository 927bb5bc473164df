"""Kinds: the types of the configuration as values.

Both readings, the writer, ``explain`` and the JSON Schema walk over the same description of what may stand where. It is
made from the annotations of the models and, for pieces of the Kubernetes API, from :mod:`.kubernetes_schema`. The words
are Go's kinds where that matters, because Flyte's reader decides by them.
"""

from __future__ import annotations

import enum
import functools
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pluginmachinery.config import bounds, docstrings, kubernetes_schema, sections
from pluginmachinery.config.bounds import UNBOUNDED, Bounds
from pluginmachinery.config.durations import Duration
from pluginmachinery.config.quantities import Quantity


@dataclass(frozen=True, slots=True)
class Bool:
    """``true`` or ``false``."""


@dataclass(frozen=True, slots=True)
class Int:
    """A whole number."""

    bits: int = 64


@dataclass(frozen=True, slots=True)
class Float:
    """A number."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text; ``quantity``: one that is parsed as an amount later; ``url``: one that Flyte parses as a URL; ``named``:
    of a Go type of its own."""

    named: bool = False
    quantity: bool = False
    url: bool = False


@dataclass(frozen=True, slots=True)
class DurationKind:
    """A time span in Go's syntax."""


@dataclass(frozen=True, slots=True)
class QuantityKind:
    """A Kubernetes amount."""


@dataclass(frozen=True, slots=True)
class IntOrString:
    """A port, by number or by name."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words, kept as a member of ``enumeration`` where there is one."""

    words: tuple[str, ...]
    enumeration: type[enum.Enum] | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number with names, kept as a member of ``enumeration``; documents hold the number."""

    enumeration: type[enum.IntEnum]


@dataclass(frozen=True, slots=True)
class Anything:
    """Any JSON."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """A value that may be absent."""

    item: Kind


@dataclass(frozen=True, slots=True)
class ListOf:
    item: Kind


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping whose keys are free and carry meaning."""

    item: Kind


@dataclass(frozen=True, slots=True)
class KubernetesObject:
    """A structure of the Kubernetes API, kept as a plain dict."""

    type_name: str


@dataclass(frozen=True, slots=True)
class Part:
    """Some keys of a section."""

    section: Struct


@dataclass(frozen=True, slots=True)
class Plain:
    """A section that travels as a plain mapping."""

    section: Struct


@dataclass(frozen=True, slots=True)
class Foreign:
    """An annotation that is not ours: pydantic decides."""

    annotation: Any


@dataclass(frozen=True, slots=True)
class Member:
    """One field of a structure. ``key`` is what documents say, ``attribute`` what Python says."""

    key: str
    attribute: str
    kind: Kind
    owner: type[BaseModel] | None = None
    """Whose attribute it is; None: that of a Kubernetes type."""
    inline: bool = False
    listed: bool = True
    omit_empty: bool = False
    gone: bool = False
    since: str | None = None
    until: str | None = None
    instead: str | None = None
    bounds: Bounds = UNBOUNDED

    @property
    def description(self) -> str:
        """What the attribute's docstring says."""
        return "" if self.owner is None else docstrings.of_attribute(self.owner, self.attribute)

    @property
    def read_by_flyte(self) -> bool:
        """Does Flyte v1.16.8 read the key?"""
        return self.since is None and not self.gone


@dataclass(frozen=True)
class Struct:
    """Named fields: of a section's model, or of a Kubernetes type (``model`` is None)."""

    name: str
    model: type[BaseModel] | None = field(default=None, compare=False)

    @functools.cached_property
    def members(self) -> tuple[Member, ...]:
        if self.model is not None:
            return tuple(_members_of_model(self.model))
        return tuple(_members_of_type(self.name))

    @functools.cached_property
    def flat_members(self) -> tuple[Member, ...]:
        """The members with those of embedded structs in place, as JSON has them."""
        flat: list[Member] = []
        for member in self.members:
            flat += member.kind.flat_members if member.inline and isinstance(member.kind, Struct) else (member,)
        return tuple(flat)

    @functools.cached_property
    def by_key(self) -> Mapping[str, Member]:
        return {member.key: member for member in self.flat_members}


Kind = (
    Bool
    | Int
    | Float
    | Text
    | DurationKind
    | QuantityKind
    | IntOrString
    | Choice
    | Number
    | Anything
    | Pointer
    | ListOf
    | MapOf
    | KubernetesObject
    | Part
    | Plain
    | Foreign
    | Struct
)


@functools.cache
def of_model(model: type[BaseModel]) -> Struct:
    """The structure of a section."""
    return Struct(model.__name__, model)


@functools.cache
def of_kubernetes(type_name: str) -> Struct:
    """The structure of a Kubernetes type, embedded structs not yet in place."""
    return Struct(type_name)


def unwrapped(kind: Kind) -> Kind:
    """What stands behind pointers, sections and names of Kubernetes' objects."""
    match kind:
        case Pointer(item):
            return unwrapped(item)
        case Part(section) | Plain(section):
            return section
        case KubernetesObject(name):
            return of_kubernetes(name)
    return kind


def _members_of_model(model: type[BaseModel]) -> Iterator[Member]:
    for attribute, info in model.model_fields.items():
        marks = list(info.metadata)
        if any(isinstance(mark, sections.Internal) for mark in marks):
            continue
        yield Member(
            key=info.alias or attribute,
            attribute=attribute,
            kind=of_annotation(info.annotation, marks),
            owner=model,
            listed=_listed(info, marks),
            omit_empty=any(isinstance(mark, sections.OmitEmpty) for mark in marks),
            gone=any(isinstance(mark, sections.Gone) for mark in marks),
            since=next((mark.version for mark in marks if isinstance(mark, sections.Since)), None),
            until=next((mark.version for mark in marks if isinstance(mark, sections.Until)), None),
            instead=next((mark.instead for mark in marks if isinstance(mark, sections.Deprecated)), None),
            bounds=bounds.of_marks(marks),
        )


def _listed(info: FieldInfo, marks: list[Any]) -> bool:
    """Does Flyte's reader know the key in advance? Not for maps that are there by default: their entries are keys."""
    if any(isinstance(mark, sections.Unlisted) for mark in marks):
        return False
    return not (isinstance(info.default, dict) and info.default)


def of_annotation(annotation: Any, marks: list[Any]) -> Kind:
    """The kind of a Python annotation with the marks that stood beside it."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return of_annotation(arguments[0], [*marks, *arguments[1:]])
    if origin in (typing.Union, types.UnionType):
        rest = [argument for argument in arguments if argument is not type(None)]
        return Pointer(of_annotation(rest[0], marks)) if len(rest) == 1 else Foreign(annotation)
    for mark in marks:
        if isinstance(mark, sections.Kubernetes):
            return KubernetesObject(mark.type_name)
        if isinstance(mark, sections.PartOf):
            return Part(of_model(mark.section))
        if isinstance(mark, sections.PlainSection):
            return Plain(of_model(mark.section))
    if origin is Literal:
        return Choice(tuple(str(argument) for argument in arguments))
    if origin in (tuple, list):
        return ListOf(of_annotation(arguments[0], []))
    if origin in (dict, Mapping):
        return Anything() if arguments[1] is Any else MapOf(of_annotation(arguments[1], []))
    return _of_class(annotation, marks)


def _of_class(annotation: Any, marks: list[Any]) -> Kind:
    if annotation is Any:
        return Anything()
    if not isinstance(annotation, type):
        return Foreign(annotation)
    if issubclass(annotation, BaseModel):
        return of_model(annotation)
    if issubclass(annotation, enum.IntEnum):
        return Number(annotation)
    if issubclass(annotation, enum.Enum):
        return Choice(tuple(str(member.value) for member in annotation), annotation)
    if annotation is int:
        return Int(next((mark.bits for mark in marks if isinstance(mark, sections.Width)), 64))
    if annotation is str:
        return Text(
            quantity=any(isinstance(mark, sections.QuantityText) for mark in marks),
            url=any(isinstance(mark, sections.UrlText) for mark in marks),
        )
    return _CLASSES[annotation] if annotation in _CLASSES else Foreign(annotation)


_CLASSES: Mapping[type, Kind] = {
    bool: Bool(),
    float: Float(),
    Duration: DurationKind(),
    Quantity: QuantityKind(),
}


def _members_of_type(type_name: str) -> Iterator[Member]:
    for name, notation in kubernetes_schema.fields(type_name).items():
        inline = notation.startswith(kubernetes_schema.INLINE)
        kind = of_notation(notation.removeprefix(kubernetes_schema.INLINE).removesuffix("?"))
        words = kubernetes_schema.WORDS.get((type_name, name), ())
        limits = Bounds(words=words) if words else UNBOUNDED
        yield Member(key=name, attribute=name, kind=kind, inline=inline, bounds=limits)


def of_notation(notation: str) -> Kind:
    """The kind that a notation of :mod:`.kubernetes_schema` means."""
    if notation.startswith("*"):
        return Pointer(of_notation(notation[1:]))
    if notation.startswith("[]"):
        return ListOf(of_notation(notation[2:]))
    if notation.startswith("{}"):
        return MapOf(of_notation(notation[2:]))
    return _NOTATIONS[notation] if notation in _NOTATIONS else of_kubernetes(notation)


_NOTATIONS: Mapping[str, Kind] = {
    "string": Text(),
    "name": Text(named=True),
    "bool": Bool(),
    "int32": Int(32),
    "int64": Int(64),
    "quantity": QuantityKind(),
    "int-or-string": IntOrString(),
    "time": Text(),
    "bytes": Text(),
    "any": Anything(),
}
