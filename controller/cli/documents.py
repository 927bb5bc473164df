"""YAML and JSON files as plain data that remembers its lines, so that a mistake can be shown where it is.

Reading is that of Kubernetes: dates stay texts, keys are texts. A key that stands twice is a mistake, where YAML
readers silently take one of the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

KeyPath = tuple[str | int, ...]
"""Keys and indexes from the top of a document."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake in a file. ``path`` is "" where it is about the file as a whole."""

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: " + (f"{self.path}: {self.message}" if self.path else self.message)


class BadDocument(Exception):
    """A file can not be read as data."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True)
class Document:
    """One document of a file: its data, and the line of everything in it."""

    file: str
    data: Any
    lines: dict[KeyPath, int] = field(default_factory=dict)

    def line_of(self, path: KeyPath) -> int:
        """The line of this path, or of the nearest thing above it."""
        for length in range(len(path), -1, -1):
            line = self.lines.get(path[:length])
            if line is not None:
                return line
        return 1

    def problem(self, path: KeyPath, message: str) -> Problem:
        return Problem(self.file, self.line_of(path), shown(path), message)

    def under(self, prefix: KeyPath, data: Any) -> Document:
        """The same lines for data that stands deeper now."""
        return Document(self.file, data, {(*prefix, *path): line for path, line in self.lines.items()})

    def at(self, path: KeyPath) -> Document:
        """A part of the document as one of its own."""
        data = self.data
        for step in path:
            data = data[step]
        lines = {known[len(path) :]: line for known, line in self.lines.items() if known[: len(path)] == path}
        return Document(self.file, data, lines)


def shown(path: KeyPath) -> str:
    """``("spec", "a", 0)`` → ``spec.a[0]``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def read(text: str, file: str) -> list[Document]:
    """All documents of a file; empty ones are passed over. Raises BadDocument."""
    try:
        return [_document(node, file) for node in yaml.compose_all(text, Loader=_Loader) if not _is_empty(node)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = " ".join(str(part) for part in (error.context, error.problem) if part)
        raise BadDocument(Problem(file, mark.line + 1 if mark else 1, "", f"no valid YAML: {message}")) from error
    except yaml.YAMLError as error:
        raise BadDocument(Problem(file, 1, "", f"no valid YAML: {' '.join(str(error).split())}")) from error
    except RecursionError as error:
        raise BadDocument(Problem(file, 1, "", "too deeply nested")) from error


class _Loader(yaml.SafeLoader):
    """Dates stay texts."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, expression) for tag, expression in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _document(node: yaml.Node, file: str) -> Document:
    document = Document(file, None)
    data = _value(node, (), document, ())
    return Document(file, data, document.lines)


def _value(node: yaml.Node, path: KeyPath, document: Document, above: tuple[int, ...]) -> Any:
    if id(node) in above:
        raise BadDocument(Problem(document.file, node.start_mark.line + 1, shown(path), "an alias to itself"))
    document.lines.setdefault(path, node.start_mark.line + 1)
    above = (*above, id(node))
    if isinstance(node, yaml.MappingNode):
        return {key: _value(member, (*path, key), document, above) for key, member in _members(node, path, document)}
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, index), document, above) for index, item in enumerate(node.value)]
    return yaml.constructor.SafeConstructor().construct_object(node)


def _members(node: yaml.MappingNode, path: KeyPath, document: Document) -> Iterator[tuple[str, yaml.Node]]:
    own: set[str] = set()
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise BadDocument(Problem(document.file, line, shown(path), "a key must be a text"))
        if key.value in own:
            raise BadDocument(Problem(document.file, line, shown((*path, key.value)), "the key stands here twice"))
        own.add(key.value)
    yaml.constructor.SafeConstructor().flatten_mapping(node)
    for key, member in node.value:
        document.lines[(*path, key.value)] = key.start_mark.line + 1
        yield key.value, member
