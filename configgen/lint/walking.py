"""Walking over a configuration together with the library's description of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from pluginmachinery.config import Configuration, kinds
from pluginmachinery.config.kinds import Kind, Member, Struct
from pluginmachinery.config.merging import entries
from pluginmachinery.config.problems import Path


@dataclass(frozen=True, slots=True)
class Step:
    """A value, what the library says of it, and the field it stands under (None: an element, an entry)."""

    path: Path
    kind: Kind
    member: Member | None
    value: Any


def steps(tree: Any, model: type[BaseModel] = Configuration) -> Iterator[Step]:
    """Every value of a configuration (or of another model) that the library describes, parents first."""
    yield from _walk(kinds.of_model(model), None, tree, ())


def steps_of_kubernetes(name: str, value: Any) -> Iterator[Step]:
    """The same for an object of Kubernetes, ``PodTemplateSpec`` for example."""
    yield from _walk(kinds.of_kubernetes(name), None, value, ())


def type_name(kind: Kind) -> str:
    """``Toleration``; empty for what has no name."""
    return kind.name if isinstance(kind, Struct) else ""


def kind_at(path: Path) -> Kind | None:
    """What the library says may stand at a path; None where it says nothing."""
    kind: Kind | None = kinds.of_model(Configuration)
    for step in path:
        match kind:
            case Struct():
                member = kind.by_key.get(str(step))
                kind = kinds.unwrapped(member.kind) if member else None
            case kinds.MapOf(item) if isinstance(step, str):
                kind = kinds.unwrapped(item)
            case kinds.ListOf(item) if isinstance(step, int):
                kind = kinds.unwrapped(item)
            case kinds.MapOf():
                pass
            case _:
                return None
    return kind


def _walk(kind: Kind, member: Member | None, value: Any, path: Path) -> Iterator[Step]:
    kind = kinds.unwrapped(kind)
    yield Step(path, kind, member, value)
    match kind:
        case Struct() if isinstance(value, Mapping):
            for key, item in value.items():
                if found := kind.by_key.get(key):
                    yield from _walk(found.kind, found, item, (*path, key))
        case kinds.MapOf(item):
            for entry in entries(value, path):
                yield from _walk(item, None, entry.value, entry.path)
        case kinds.ListOf(item):
            for index, element in enumerate(value if isinstance(value, list) else ()):
                yield from _walk(item, None, element, (*path, index))
            if isinstance(value, Mapping):
                yield from _walk(item, None, value, path)
