"""YAML as Flyte's reader understands it, with the place of every key.

Flyte reads with Go's yaml.v3: ``yes`` and ``on`` are texts, ``0o17`` and ``017`` are octal, ``1_000`` is a number, a
bare date is a date, a key may not occur twice, and only the first document of a text counts. PyYAML scans (through
libyaml), the meaning of plain scalars is decided here.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import yaml

from pluginmachinery.config.bounded_yaml import BoundedLoader, check_aliases
from pluginmachinery.config.problems import Location, Path, Problem

PLAIN: Final = "plain"
_TAG = "tag:yaml.org,2002:"
_TRUE = frozenset(("true", "True", "TRUE"))
_FALSE = frozenset(("false", "False", "FALSE"))
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_SPECIAL_FLOATS = {
    **{sign + text: float("inf") for sign in ("", "+") for text in (".inf", ".Inf", ".INF")},
    **{"-" + text: float("-inf") for text in (".inf", ".Inf", ".INF")},
    **{text: float("nan") for text in (".nan", ".NaN", ".NAN")},
}
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"(([Tt]|[ \t]+)[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\.[0-9]+)?([ \t]*(Z|[-+][0-9]{1,2}:[0-9]{2}))?)?"
)
_LARGEST = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A bare date or time: no text, and nothing in Flyte's configuration is one."""

    text: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """The plain tree of one text, and where its keys and list items stand.

    ``tree`` consists of dicts, lists, str, int, float, bool, None and :class:`Timestamp`; it is None where there is
    no usable tree. ``problems`` are errors of YAML itself, with their places; ``ignored`` is what Flyte's reader passes
    over in silence: tags of one's own, and documents after the first.
    """

    tree: Any
    locations: Mapping[Path, Location] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    ignored: tuple[Problem, ...] = ()


class _PlainLoader(BoundedLoader):
    """Composes nodes and leaves the meaning of plain scalars open."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        if kind is yaml.ScalarNode and implicit[0]:
            return PLAIN
        return super().resolve(kind, value, implicit)


def parse(name: str, text: str) -> Parsed:
    """Parse the first YAML document of a text; ``name`` is the file for the messages."""
    try:
        loader = _PlainLoader(text)
        try:
            node = loader.get_node() if loader.check_node() else None
            if node is not None:
                check_aliases(node, text)
            ignored = _further_documents(loader, name)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        return Parsed(None, problems=(not_yaml(error, name, text),))
    builder = _Builder(name)
    tree = None if node is None else builder.value(node, ())
    return Parsed(tree, builder.locations, tuple(builder.problems), (*builder.ignored, *ignored))


def _further_documents(loader: Any, name: str) -> list[Problem]:
    try:
        node = loader.get_node() if loader.check_node() else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Location(name, mark.line + 1, mark.column + 1) if mark else Location(name)
    else:
        if node is None:
            return []
        place = Location(name, node.start_mark.line + 1, node.start_mark.column + 1)
    message = "only the first document of a file is read, and here is another"
    return [Problem(place, (), message, "put it into a file of its own")]


def not_yaml(error: Exception, name: str, text: str) -> Problem:
    """What a YAML parser refused, with its place."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        place = Location(name, mark.line + 1, mark.column + 1) if mark else Location(name)
        indentation = re.match(r"\s*", text.splitlines()[mark.line]) if mark and text[mark.index :] else None
        if indentation and "\t" in indentation.group():
            return _not_yaml(place, "a tab in the indentation", "indent with spaces")
        return _not_yaml(place, error.problem or "it does not parse")
    if isinstance(error, yaml.reader.ReaderError):
        code = error.character if isinstance(error.character, int) else ord(error.character)
        place = Location(name, text.count("\n", 0, error.position) + 1)
        return _not_yaml(place, f"character #x{code:04x} may not appear in it", "remove it, or escape it in quotes")
    return _not_yaml(Location(name), str(error))


def _not_yaml(place: Location, what: str, mend: str = "check the indentation and quotes around this place") -> Problem:
    return Problem(place, (), f"this is not valid YAML: {what}", mend)


class _Builder:
    """Turns composed nodes into plain values and remembers places."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.locations: dict[Path, Location] = {}
        self.problems: list[Problem] = []
        self.ignored: list[Problem] = []

    def value(self, node: yaml.Node, path: Path) -> Any:
        self.locations.setdefault(path, self._place(node))
        if node.tag.startswith("!"):
            message = f"the tag {node.tag} has no meaning in a configuration"
            self.ignored.append(
                Problem(self._place(node), path, message, "tags belong to configgen's source; remove it")
            )
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node) if isinstance(node, yaml.ScalarNode) else None

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        merged: dict[Any, Any] = {}
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            if key_node.tag == PLAIN and key_node.value == "<<":
                for source in self._merged(value_node):
                    for key, value in self._mapping(source, path).items():
                        merged.setdefault(key, value)
                continue
            key = self._scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else Timestamp("")
            if isinstance(key, Timestamp):
                self._problem(key_node, path, "a key must be a text", "write the key as a quoted text")
                continue
            here = (*path, key_text(key))
            if key_node.value in seen:
                message = f"the key is there twice (first in line {seen[key_node.value]})"
                self._problem(key_node, here, message, "remove one of them")
                continue
            seen[key_node.value] = key_node.start_mark.line + 1
            self.locations[here] = self._place(key_node)
            result[key] = self.value(value_node, here)
        return {**merged, **result}

    def _merged(self, node: yaml.Node) -> Iterator[yaml.MappingNode]:
        for source in node.value if isinstance(node, yaml.SequenceNode) else (node,):
            if isinstance(source, yaml.MappingNode):
                yield source
            else:
                self._problem(source, (), "only mappings can be merged with <<", "refer to a mapping")

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if node.tag == PLAIN:
            return plain(node.value)
        if node.tag == _TAG + "binary":
            return self._binary(node)
        if node.tag in (_TAG + "int", _TAG + "float", _TAG + "bool", _TAG + "null"):
            return plain(node.value)
        return node.value

    def _binary(self, node: yaml.ScalarNode) -> str:
        try:
            return base64.b64decode(node.value).decode("utf-8", "surrogateescape")
        except ValueError:
            self._problem(node, (), "!!binary of what is no base64", "encode it, or write it as a plain text")
            return ""

    def _place(self, node: yaml.Node) -> Location:
        return Location(self.name, node.start_mark.line + 1, node.start_mark.column + 1)

    def _problem(self, node: yaml.Node, path: Path, message: str, mend: str) -> None:
        self.problems.append(Problem(self._place(node), path, message, mend))


def key_text(key: Any) -> str:
    """A key that YAML did not take for a text, as viper does it."""
    if isinstance(key, bool):
        return "true" if key else "false"
    return "" if key is None else str(key)


def plain(text: str) -> Any:
    """What an unquoted scalar means."""
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if text in _SPECIAL_FLOATS:
        return _SPECIAL_FLOATS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _is_timestamp(text):
        return Timestamp(text)
    digits = text.replace("_", "")
    number = None if text[0] == "." else go_int(digits)
    if number is not None and -(1 << 63) <= number <= _LARGEST:
        return number
    if _FLOAT.fullmatch(digits) and math.isfinite(float(digits)):
        return float(digits)
    return text


def _is_timestamp(text: str) -> bool:
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return False
    try:
        date(*(int(part) for part in re.split("[-Tt \\t]", text)[:3]))
    except ValueError:
        return False
    return True


_MOST_DIGITS: Final = 1000
_INTEGER = re.compile(r"([+-]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]([0-7]+)|0[bB]([01]+)|0([0-7]+)|(0|[1-9][0-9]*))")


def go_int(text: str) -> int | None:
    """A whole number as Go's ``strconv.ParseInt`` reads it with base 0; None where the text is none.

    Underscores are no part of this: they are allowed only where the caller removed them.
    """
    match = _INTEGER.fullmatch(text)
    if match is None:
        return None
    sign, hexadecimal, octal, binary, old_octal, decimal = match.groups()
    for digits, base in ((hexadecimal, 16), (octal, 8), (binary, 2), (old_octal, 8), (decimal, 10)):
        # Python refuses to read thousands of digits; Go has no whole number of that size either.
        if digits is not None and len(digits) <= _MOST_DIGITS:
            return int(sign + digits, base)
    return None
