"""A layer's documents in one order: sections and fields as the models have them, free maps by their keys.

Entries of block mappings are moved as the lines that they are, each with the comments above it, so comments, quotes and
tags stay as people wrote them. Lists, and mappings in braces, keep their order. The result is read again: if it did not
mean the same, the text is left as it was.
"""

from __future__ import annotations

from dataclasses import dataclass

from configgen.layers.kinds import Kind, configuration_kind
from configgen.layers.yaml_tree import YamlEntry, YamlList, YamlMapping, YamlNode, YamlScalar, read_yaml


def formatted(text: str, file: str, kind: Kind | None = None) -> str:
    """The text in order, without blanks at line ends, ending in one line break. Raises SourceError for what is no
    YAML."""
    root = read_yaml(text, file)
    tidy = _tidy(text)
    if not isinstance(root, YamlMapping) or "\r" in text:
        return tidy
    lines = tidy[:-1].split("\n")
    ordered = "\n".join(_Document(lines).mapping(root, kind or configuration_kind(), 1, len(lines) + 1))
    return _tidy(ordered) if _meaning(read_yaml(ordered, file)) == _meaning(root) else tidy


@dataclass(frozen=True, slots=True)
class _Document:
    lines: list[str]

    def mapping(self, written: YamlMapping, kind: Kind, start: int, end: int) -> list[str]:
        """The lines from ``start`` to before ``end``, which hold this mapping and nothing else, in order."""
        if not self._is_block(written):
            return self.lines[start - 1 : end - 1]
        begins = [self._beginning(entry, start) for entry in written.entries]
        if begins[0] != start and any(line.strip() for line in self.lines[start - 1 : begins[0] - 1]):
            head = self.lines[start - 1 : begins[0] - 1]
        else:
            head, begins[0] = [], start
        ends = [*begins[1:], end]
        chunks = [
            (_rank(entry, kind), self._entry(entry, kind.at(entry.key), begin, stop))
            for entry, begin, stop in zip(written.entries, begins, ends, strict=True)
        ]
        ordered = [lines for _, lines in sorted(chunks, key=lambda chunk: chunk[0])]
        return [*head, *(line for lines in ordered for line in lines)]

    def _entry(self, entry: YamlEntry, kind: Kind, start: int, end: int) -> list[str]:
        value = entry.value
        if isinstance(value, YamlMapping) and value.entries and value.line > entry.line:
            return [*self.lines[start - 1 : entry.line], *self.mapping(value, kind, entry.line + 1, end)]
        return self.lines[start - 1 : end - 1]

    def _is_block(self, written: YamlMapping) -> bool:
        """Each entry begins a line of its own, all at one column."""
        columns = {entry.column for entry in written.entries}
        rows = {entry.line for entry in written.entries}
        starts = (self.lines[entry.line - 1][: entry.column - 1] for entry in written.entries)
        return len(columns) == 1 and len(rows) == len(written.entries) and not any(start.strip() for start in starts)

    def _beginning(self, entry: YamlEntry, floor: int) -> int:
        """The first line of an entry: that of the comments right above it, at its column."""
        line = entry.line
        while line > floor:
            above = self.lines[line - 2]
            if not above.strip().startswith("#") or len(above) - len(above.lstrip()) != entry.column - 1:
                break
            line -= 1
        return line


def _rank(entry: YamlEntry, kind: Kind) -> tuple[int, str]:
    """Fields in the order of the model, then what the model does not know, as it stands; free maps by their keys."""
    keys = kind.keys
    if kind.free:
        return 0, entry.key
    return (keys.index(entry.key), "") if entry.key in keys else (len(keys), "")


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip(" \t") if not line.strip() else line for line in text.rstrip().split("\n")) + "\n"


def _meaning(node: YamlNode | None) -> object:
    match node:
        case YamlMapping(entries=entries, operation=operation):
            return operation, {entry.key: _meaning(entry.value) for entry in entries}
        case YamlList(items=items, operation=operation):
            return operation, [_meaning(item) for item in items]
        case YamlScalar(value=value, operation=operation):
            return operation, type(value).__name__, value
    return None
