"""The tree between files and output: values that know where they were said.

A layer is a *patch*: what it says about the configuration, not the configuration itself. ``enabled-plugins: [spark]``
says "spark too", ``!remove`` says "without". Nodes therefore hold instructions as well as values (``replaces``,
``removed``, :class:`Removed`), and laying one patch over another gives a patch again; see
:mod:`configgen.layers.merge`.

All nodes carry ``origins``, newest first: who says so now, and everyone whose word was overridden or added to.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

Path = tuple[str | int, ...]
"""Keys (and indexes of list elements) from the root to a node."""


@dataclass(frozen=True, order=True, slots=True)
class Place:
    """A position in a layer's file; line and column count from 1, the file is relative to the source folder."""

    layer: str
    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Shape(Enum):
    """What kind of thing was written; layers that disagree about it are in conflict."""

    SCALAR = "a single value"
    NOTHING = "nothing"
    MAPPING = "a mapping"
    LIST = "a list"
    REMOVED = "!remove"


class Verb(Enum):
    """What an origin did to the value beneath it."""

    SET = "sets"
    ADD = "adds"
    APPEND = "appends"
    REMOVE = "removes"
    REPLACE = "replaces"


@dataclass(frozen=True, slots=True)
class Origin:
    """One layer's word on a value: where, what, and how it relates to the layers beneath.

    ``value`` is the scalar or the list as written; ``None`` for mappings, whose members have origins of their own.
    """

    place: Place
    verb: Verb
    shape: Shape
    value: Any = None


@dataclass(frozen=True, slots=True)
class Scalar:
    """A string, number, boolean or null."""

    value: str | int | float | bool | None
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class Removed:
    """The key was taken out with ``!remove``: the built-in default holds again."""

    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys to nodes, in order of first mention. ``replaces``: nothing beneath shows through. ``free``: the keys are
    data (environment variables, labels), not names of fields."""

    entries: MappingType[str, Node]
    origins: tuple[Origin, ...]
    replaces: bool = False
    free: bool = False

    @property
    def cleared(self) -> bool:
        """Whether this is a free map that somebody emptied. Flyte's reader takes ``[]`` for that; ``{}`` says
        nothing."""
        empty = all(isinstance(entry, Removed) for entry in self.entries.values())
        return self.free and empty and (self.replaces or bool(self.entries))


@dataclass(frozen=True, slots=True)
class Item:
    """An element of a list. ``key`` is its identity: what it is found by when another layer names it again."""

    key: str
    node: Node


@dataclass(frozen=True, slots=True)
class Removal:
    """An element that layers took out of a list. ``found``: some layer beneath had really put it there."""

    origins: tuple[Origin, ...]
    found: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """A list, as an instruction: drop everything beneath (``replaces``), take out ``removed``, then add ``items``.

    ``keyed`` lists hold each key once: an item of a key that is there already is laid over it, in its place.
    """

    items: tuple[Item, ...]
    origins: tuple[Origin, ...]
    keyed: bool
    replaces: bool = False
    removed: MappingType[str, Removal] = field(default_factory=dict)


Node = Scalar | Removed | Mapping | Listing

NOWHERE: Final = Place("", "", 0, 0)
EMPTY: Final = Mapping({}, ())
"""The patch that says nothing."""


def plain(node: Node) -> Any:
    """The value without its provenance: what is rendered. Removed keys are gone, nulls stay, a map that was emptied is
    an empty list."""
    match node:
        case Scalar(value=value):
            return value
        case Mapping(cleared=True):
            return []
        case Mapping(entries=entries):
            return {key: plain(entry) for key, entry in entries.items() if not isinstance(entry, Removed)}
        case Listing(items=items):
            return [plain(item.node) for item in items]
        case Removed():
            return None


def place_of(node: Node) -> Place:
    """Where the value that holds now was said."""
    return node.origins[0].place if node.origins else NOWHERE


def lookup(node: Node, path: Path) -> Node | None:
    """The node at ``path``; indexes count the elements of the effective list. None where nothing was said."""
    for step in path:
        child = _child(node, step)
        if child is None:
            return None
        node = child
    return node


def nearest(node: Node, path: Path) -> Node:
    """The node at ``path``, or the closest one above it: the best place to point at."""
    for step in path:
        child = _child(node, step)
        if child is None:
            break
        node = child
    return node


def _child(node: Node, step: str | int) -> Node | None:
    match node:
        case Mapping(entries=entries) if isinstance(step, str):
            return entries.get(step)
        case Listing(items=items) if isinstance(step, int) and 0 <= step < len(items):
            return items[step].node
    return None


def walk(node: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """Every node with its path, parents first, removed ones included."""
    yield path, node
    match node:
        case Mapping(entries=entries):
            for key, entry in entries.items():
                yield from walk(entry, (*path, key))
        case Listing(items=items):
            for index, item in enumerate(items):
                yield from walk(item.node, (*path, index))


def leaves(node: Node) -> Iterator[tuple[Path, Node]]:
    """The nodes that hold something and nothing below them: scalars, and mappings and lists that are empty."""
    for path, found in walk(node):
        match found:
            case Scalar():
                yield path, found
            case Mapping(entries=entries) if not any(not isinstance(entry, Removed) for entry in entries.values()):
                yield path, found
            case Listing(items=()):
                yield path, found


def with_origins(node: Node, origins: tuple[Origin, ...]) -> Node:
    return replace(node, origins=origins)


def dotted(path: Path) -> str:
    """A path for people: ``plugins.k8s.default-tolerations[0].key``; keys with dots in them are put in quotes."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            shown = f'"{step}"' if "." in step or "[" in step or not step else step
            text += f".{shown}" if text else shown
    return text
