"""YAML as written: a document with its positions and tags, before anything is made of it.

Built from the events of PyYAML's C parser: positions, tags, anchors and duplicate keys are all visible there, and it
reads a source some forty times faster than ruamel.yaml's composer (1.3 ms against 50 ms for 11 kB), which matters with
hundreds of environments. ruamel.yaml is for writing sources back with their comments; reading them needs none.

Scalars mean what they mean to Flyte's parser (:func:`pluginmachinery.config.yaml_text.plain`): ``yes`` and ``on`` are
texts, ``0o17`` and ``017`` are octal.

Refused, each with its place: anchors, aliases and merge keys (a value would have two places, and layers are the means
of sharing here), duplicate keys, keys that are not plain text, more than one document, and tags other than ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

import yaml

from configgen.problems import Problem, SourceError
from pluginmachinery.config.yaml_text import Timestamp, plain

OPERATIONS: Final = ("!append", "!remove", "!replace")
_STANDARD: Final = "tag:yaml.org,2002:"
_STANDARD_TAGS: Final = frozenset(_STANDARD + name for name in ("str", "int", "float", "bool", "null", "map", "seq"))
_DEPTH_LIMIT: Final = 60
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class YamlScalar:
    value: str | int | float | bool | None
    operation: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class YamlEntry:
    key: str
    line: int
    column: int
    value: YamlNode


@dataclass(frozen=True, slots=True)
class YamlMapping:
    entries: tuple[YamlEntry, ...]
    operation: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class YamlList:
    items: tuple[YamlNode, ...]
    operation: str
    line: int
    column: int


YamlNode = YamlScalar | YamlMapping | YamlList


def read_yaml(text: str, file: str) -> YamlNode | None:
    """The one document in ``text``, None if there is none. Raises SourceError with every problem found."""
    reader = _Reader(file, _events(text, file))
    document = reader.document()
    if reader.problems:
        raise SourceError(reader.problems)
    return document


def _events(text: str, file: str) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise SourceError([_syntax_problem(error, text, file)]) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = error.character if isinstance(error.character, int) else ord(error.character)
        message = f"character #x{code:04x} may not appear in YAML"
        raise SourceError(
            [Problem(file, line, 0, "", message, "remove it, or write it as an escape in quotes")]
        ) from error


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    lines = text.split("\n")
    written = lines[line - 1] if 0 < line <= len(lines) else ""
    indentation = written[: len(written) - len(written.lstrip())]
    if "\t" in indentation:
        return Problem(file, line, indentation.index("\t") + 1, "", "a tab in the indentation", "indent with spaces")
    if "{{" in written or "${" in written or written.lstrip().startswith("%"):
        mend = "templates are not evaluated here: put the value in quotes or write it out"
    else:
        mend = "check the indentation, quotes and colons around this line"
    context = f" {error.context}" if error.context else ""
    return Problem(file, line, column, "", f"no valid YAML: {error.problem}{context}", mend)


class _Reader:
    """Turns events into nodes; collects what can be passed over to find the next problem as well."""

    def __init__(self, file: str, events: Iterator[yaml.Event]) -> None:
        self._file = file
        self._events = events
        self.problems: list[Problem] = []

    def document(self) -> YamlNode | None:
        root: YamlNode | None = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents == 2:
                    self._problem(event, "a second document in one file", "give each document a file of its own")
            elif isinstance(event, yaml.NodeEvent):
                node = self._node(event, 0)
                root = node if documents == 1 else root
        return root

    def _node(self, event: Any, depth: int) -> YamlNode:
        line, column = _at(event)
        if depth > _DEPTH_LIMIT:
            message, mend = f"nested deeper than {_DEPTH_LIMIT} levels", "no configuration needs that"
            raise SourceError([*self.problems, Problem(self._file, line, column, "", message, mend)])
        if getattr(event, "anchor", None):
            kind = "an alias" if isinstance(event, yaml.AliasEvent) else "an anchor"
            self._problem(
                event, f"{kind} ({event.anchor})", "write the value out, or put it into a layer that both share"
            )
        if isinstance(event, yaml.MappingStartEvent):
            return YamlMapping(self._entries(depth), self._operation(event), line, column)
        if isinstance(event, yaml.SequenceStartEvent):
            return YamlList(tuple(self._items(depth)), self._operation(event), line, column)
        if isinstance(event, yaml.ScalarEvent):
            return YamlScalar(self._value(event), self._operation(event), line, column)
        return YamlScalar(None, "", line, column)

    def _items(self, depth: int) -> Iterator[YamlNode]:
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                return
            yield self._node(event, depth + 1)

    def _entries(self, depth: int) -> tuple[YamlEntry, ...]:
        entries: dict[str, YamlEntry] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._key(event, depth)
            value = self._node(next(self._events), depth + 1)
            if key is None:
                continue
            if key in entries:
                self._problem(event, f"the key {key!r} twice", f"it is in line {entries[key].line} already: keep one")
                continue
            entries[key] = YamlEntry(key, *_at(event), value)
        return tuple(entries.values())

    def _key(self, event: yaml.Event, depth: int) -> str | None:
        if not isinstance(event, yaml.ScalarEvent):
            self._node(event, depth + 1)
            templated = isinstance(event, yaml.MappingStartEvent) and event.flow_style
            mend = "put {{ … }} in quotes" if templated else "write a plain text as the key"
            self._problem(event, "a key that is no text", mend)
            return None
        if event.anchor:
            self._problem(event, f"an anchor ({event.anchor})", "drop it")
        if event.value == "<<" and event.implicit[0]:
            self._problem(event, "a merge key (<<)", "write the keys out, or put them into a layer that both share")
            return None
        return str(event.value)

    def _operation(self, event: Any) -> str:
        tag = event.tag or ""
        if tag in OPERATIONS:
            return str(tag)
        if tag and tag != "!" and tag not in _STANDARD_TAGS:
            tag = tag.replace(_STANDARD, "!!")
            close = get_close_matches(tag, OPERATIONS, n=1)
            known = ", ".join(OPERATIONS)
            self._problem(event, f"the tag {tag}", f"did you mean {close[0]}?" if close else f"known tags: {known}")
        return ""

    def _value(self, event: yaml.ScalarEvent) -> str | int | float | bool | None:
        tag = event.tag or ""
        text = str(event.value)
        if tag == f"{_STANDARD}str" or tag == "!":
            return text
        if event.style in ("'", '"', "|", ">"):
            return text
        value = plain(text)
        if isinstance(value, Timestamp):
            self._problem(event, "a bare date", "put it in quotes: nothing in a configuration is a date")
            return text
        return value  # type: ignore[no-any-return] # a scalar

    def _problem(self, event: yaml.Event, message: str, mend: str) -> None:
        self.problems.append(Problem(self._file, *_at(event), "", message, mend))


def _at(event: Any) -> tuple[int, int]:
    """Line and column of an event, from 1."""
    return event.start_mark.line + 1, event.start_mark.column + 1
