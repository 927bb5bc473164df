"""From YAML as written to nodes: what a document says about the configuration.

Here the two forms of a map become one, a single toleration becomes a list of one, and the tags ``!append``, ``!remove``
and ``!replace`` become instructions of the nodes. After this nobody sees a tag again.
"""

from __future__ import annotations

from typing import Any, Final

from configgen.layers.kinds import Kind, by_value
from configgen.layers.nodes import (
    Item,
    Listing,
    Mapping,
    Node,
    Origin,
    Path,
    Place,
    Removal,
    Removed,
    Scalar,
    Shape,
    Verb,
    dotted,
)
from configgen.layers.yaml_tree import YamlEntry, YamlList, YamlMapping, YamlNode, YamlScalar, read_yaml
from configgen.problems import Problem, SourceError

_PLAIN_VERBS: Final = {"": Verb.SET, "!append": Verb.APPEND, "!remove": Verb.REMOVE, "!replace": Verb.REPLACE}
_KEYED_VERBS: Final = {"": Verb.ADD, "!append": Verb.ADD, "!remove": Verb.REMOVE, "!replace": Verb.REPLACE}


def read_document(text: str, *, layer: str, file: str, kind: Kind) -> Mapping:
    """One file of a layer as a patch. Raises SourceError with all its problems."""
    root = read_yaml(text, file)
    reader = _Reader(layer, file)
    if root is None or (isinstance(root, YamlScalar) and root.value is None):
        line, column = (root.line, root.column) if root else (1, 1)
        return Mapping({}, (Origin(Place(layer, file, line, column), Verb.SET, Shape.MAPPING),))
    if not isinstance(root, YamlMapping) or root.operation:
        raise SourceError(
            [Problem(file, root.line, root.column, "", "no mapping of sections", "start with keys such as plugins:")]
        )
    node = reader.mapping(root, (), kind, (root.line, root.column))
    if reader.problems:
        raise SourceError(reader.problems)
    return node


class _Reader:
    def __init__(self, layer: str, file: str) -> None:
        self._layer = layer
        self._file = file
        self.problems: list[Problem] = []

    def mapping(self, written: YamlMapping, path: Path, kind: Kind, at: tuple[int, int]) -> Mapping:
        entries = {entry.key: self._entry(entry, path, kind) for entry in written.entries}
        replaces = written.operation == "!replace"
        verb = Verb.REPLACE if replaces else Verb.SET
        return Mapping(entries, (self._origin(at, verb, Shape.MAPPING),), replaces, kind.free)

    def _entry(self, entry: YamlEntry, path: Path, kind: Kind) -> Node:
        return self._node(entry.value, (*path, entry.key), kind.at(entry.key), (entry.line, entry.column))

    def _node(self, written: YamlNode, path: Path, kind: Kind, at: tuple[int, int]) -> Node:
        match written:
            case YamlScalar():
                return self._scalar(written, path, at)
            case YamlMapping() if kind.listed:
                single = YamlList((written,), written.operation, written.line, written.column)
                return self._list(single, path, kind, at)
            case YamlMapping():
                if written.operation in ("!append", "!remove"):
                    mend = "mappings merge by themselves" if written.operation == "!append" else "tag each key instead"
                    self._problem(at, path, f"{written.operation} of a mapping", mend)
                return self.mapping(written, path, kind, at)
            case YamlList() if kind.free:
                return self._pairs(written, path, kind, at)
            case YamlList():
                return self._list(written, path, kind, at)

    def _scalar(self, written: YamlScalar, path: Path, at: tuple[int, int]) -> Scalar | Removed:
        if written.operation == "!remove" and written.value in (None, ""):
            return Removed((self._origin(at, Verb.REMOVE, Shape.REMOVED),))
        if written.operation in ("!append", "!remove"):
            mend = f"put the value in brackets: {written.operation} [{written.value}]"
            self._problem(at, path, f"{written.operation} of a single value", mend)
        shape = Shape.NOTHING if written.value is None else Shape.SCALAR
        verb = Verb.REPLACE if written.operation == "!replace" else Verb.SET
        return Scalar(written.value, (self._origin(at, verb, shape, written.value),))

    def _pairs(self, written: YamlList, path: Path, kind: Kind, at: tuple[int, int]) -> Mapping:
        """A map in its list form, ``[{A: 1}, {B: 2}]``. An empty list clears the map, as it does in Flyte."""
        entries: dict[str, Node] = {}
        for item in written.items:
            for entry in self._one_key(item, written.operation, path):
                if entry.key in entries:
                    self._problem((entry.line, entry.column), path, f"the key {entry.key!r} twice", "keep one of them")
                entries[entry.key] = self._entry(entry, path, kind)
        replaces = written.operation == "!replace" or not written.items
        verb = Verb.REPLACE if replaces else Verb.SET
        return Mapping(entries, (self._origin(at, verb, Shape.MAPPING),), replaces, free=True)

    def _one_key(self, item: YamlNode, operation: str, path: Path) -> tuple[YamlEntry, ...]:
        match item:
            case YamlMapping(entries=entries, operation="") if operation != "!remove":
                return entries
            case YamlScalar(value=str(key), operation="", line=line, column=column) if operation == "!remove":
                return (YamlEntry(key, line, column, YamlScalar(None, "!remove", line, column)),)
        mend = "name the keys: !remove [A, B]" if operation == "!remove" else "write - KEY: value"
        self._problem((item.line, item.column), path, "an element that is no key of a map", mend)
        return ()

    def _list(self, written: YamlList, path: Path, kind: Kind, at: tuple[int, int]) -> Listing:
        keyed = kind.identity is not None
        verb = (_KEYED_VERBS if keyed else _PLAIN_VERBS)[written.operation]
        elements = [_as_written(item) for item in written.items]
        origins = (self._origin(at, verb, Shape.LIST, elements),)
        if verb is Verb.REMOVE:
            return Listing((), origins, keyed, removed=self._removals(written, elements, kind))
        items: dict[str, Item] = {}
        for index, (item, element) in enumerate(zip(written.items, elements, strict=True)):
            key = self._identity(element, kind)
            if keyed and key in items:
                self._problem((item.line, item.column), (*path, index), f"{key} twice in one list", "keep one of them")
            node = self._element(item, (*path, index), kind, element)
            items[key if keyed else f"{index} {key}"] = Item(key, node)
        return Listing(tuple(items.values()), origins, keyed, replaces=verb in (Verb.SET, Verb.REPLACE))

    def _element(self, written: YamlNode, path: Path, kind: Kind, element: Any) -> Node:
        at = (written.line, written.column)
        if written.operation:
            self._problem(at, path, f"{written.operation} of an element", "tag the list, not its elements")
        node = self._node(written, path, kind.element, at)
        if isinstance(node, Mapping) and kind.whole:
            return Mapping(node.entries, (self._origin(at, Verb.SET, Shape.MAPPING, element),), replaces=True)
        return node

    def _removals(self, written: YamlList, elements: list[Any], kind: Kind) -> dict[str, Removal]:
        removals = {}
        for item, element in zip(written.items, elements, strict=True):
            origin = self._origin((item.line, item.column), Verb.REMOVE, Shape.REMOVED, element)
            removals[self._identity(element, kind)] = Removal((origin,))
        return removals

    @staticmethod
    def _identity(element: Any, kind: Kind) -> str:
        return (kind.identity or by_value)(element)

    def _origin(self, at: tuple[int, int], verb: Verb, shape: Shape, value: Any = None) -> Origin:
        return Origin(Place(self._layer, self._file, *at), verb, shape, value)

    def _problem(self, at: tuple[int, int], path: Path, message: str, mend: str) -> None:
        self.problems.append(Problem(self._file, *at, dotted(path), message, mend))


def _as_written(written: YamlNode) -> Any:
    """The plain value, tags left out."""
    match written:
        case YamlScalar(value=value):
            return value
        case YamlMapping(entries=entries):
            return {entry.key: _as_written(entry.value) for entry in entries}
        case YamlList(items=items):
            return [_as_written(item) for item in items]
