"""Taking entries out of a YAML text, renaming, moving them: the lines that they are, each with the comments above it.

What is not touched keeps every byte. After each change the text is read again; if it does not mean what it should (an
entry in braces, an anchor, a place that is taken already), the change is undone and left to a person.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from configgen.layers.yaml_tree import YamlEntry, YamlList, YamlMapping, YamlNode, YamlScalar, read_yaml
from configgen.problems import SourceError
from configgen.trees import value_at

Keys = tuple[str, ...]
_INDENT: Final = 2


@dataclass(frozen=True, slots=True)
class Edit:
    """Take out what is at ``path``; with ``to``, put it there; with ``value``, say that there instead."""

    path: Keys
    to: Keys = ()
    value: str = ""


def edited(text: str, file: str, edits: Sequence[Edit]) -> tuple[str, list[Edit]]:
    """The text with the edits done, in their order, and those that could not be done."""
    left: list[Edit] = []
    for edit in edits:
        changed = _done(text, file, edit)
        if changed is None:
            left.append(edit)
        else:
            text = changed
    return text, left


def _done(text: str, file: str, edit: Edit) -> str | None:
    try:
        root = read_yaml(text, file)
        if not isinstance(root, YamlMapping) or not _fits(_meaning(root), edit):
            return None
        changed = _Document(text, root).edited(edit)
        found = None if changed is None else read_yaml(changed, file)
    except SourceError:
        return None
    return changed if changed is not None and (_meaning(found) or {}) == _wanted(_meaning(root), edit) else None


def _meaning(node: YamlNode | None) -> Any:
    match node:
        case YamlMapping(entries=entries):
            return {entry.key: _meaning(entry.value) for entry in entries}
        case YamlList(items=items, operation=operation):
            return [operation, *(_meaning(item) for item in items)]
        case YamlScalar(value=value):
            return value
    return None


def _fits(tree: Any, edit: Edit) -> bool:
    """The new place is free: nothing there, or on the way to it, but mappings."""
    for step in edit.to[:-1]:
        tree = tree.get(step) or {}
        if not isinstance(tree, dict):
            return False
    return not edit.to or tree.get(edit.to[-1]) is None


def _wanted(tree: Any, edit: Edit) -> Any:
    """What the text is to mean: mappings that were emptied are gone, with what held nothing but them."""
    if edit.value:
        return _with(tree, edit.path, edit.value)
    value = value_at(tree, edit.path)
    if edit.to:
        tree = _with(tree, edit.to, value)
    return _without(tree, edit.path)


def _with(tree: Any, path: Keys, value: Any) -> Any:
    if not path:
        return value
    below = tree if isinstance(tree, Mapping) else {}
    return {**below, path[0]: _with(below.get(path[0]), path[1:], value)}


def _without(tree: Any, path: Keys) -> Any:
    rest = {key: value for key, value in tree.items() if key != path[0]}
    if len(path) > 1 and isinstance(tree.get(path[0]), Mapping):
        inner = _without(tree[path[0]], path[1:])
        if inner:
            return {key: inner if key == path[0] else value for key, value in tree.items()}
    return rest


class _Document:
    """The lines of a text (numbers from 1) and where its entries stand."""

    def __init__(self, text: str, root: YamlMapping) -> None:
        self._lines = text.rstrip("\n").split("\n")
        self._root = root

    def edited(self, edit: Edit) -> str | None:
        chain = self._chain(edit.path)
        if chain is None:
            return None
        entry = chain[-1][1]
        if edit.value:
            return self._text(self._revalued(entry, edit.value))
        if edit.to and edit.to[:-1] == edit.path[:-1]:
            return self._text(self._renamed(entry, edit.to[-1]))
        # What holds nothing else goes with it.
        outer = len(chain) - 1
        while outer and len(chain[outer][0].entries) == 1 and not self._holds(edit.to, edit.path[:outer]):
            outer -= 1
        if not edit.to and not self._is_block(chain[outer][0]):
            return self._text(self._without_member(*chain[outer]))
        if any(not self._is_block(mapping) for mapping, _ in (chain if edit.to else chain[: outer + 1])):
            return None
        start, stop = self._range(entry)
        first, last = self._range(chain[outer][1])
        rest = [*self._lines[: first - 1], *[""] * (last - first), *self._lines[last - 1 :]]
        if edit.to:
            # What was said above a mapping that vanishes goes along.
            remarks = [line for line in self._lines[first - 1 : start - 1] if line.lstrip().startswith("#")]
            remarks = [" " * (entry.column - 1) + line.lstrip() for line in remarks]
            moved = [*remarks, *_indented(self._lines[start - 1 : stop - 1], entry, edit.to[-1])]
            inserted = self._inserted(rest, edit.to, moved, entry.column - 1)
            if inserted is None:
                return None
            rest, offset, count = inserted
            if offset < first:
                first, last = first + count, last + count
        del rest[first - 1 : last - 1]
        return self._text(rest)

    @staticmethod
    def _holds(place: Keys, path: Keys) -> bool:
        return bool(path) and place[: len(path)] == path

    @staticmethod
    def _text(lines: list[str]) -> str:
        return "\n".join(lines).rstrip("\n") + "\n"

    def _chain(self, path: Keys) -> list[tuple[YamlMapping, YamlEntry]] | None:
        """The entries on the way, each with the mapping that it is in."""
        found: list[tuple[YamlMapping, YamlEntry]] = []
        node: YamlNode = self._root
        for step in path:
            entry = _entry(node, step)
            if entry is None or not isinstance(node, YamlMapping):
                return None
            found.append((node, entry))
            node = entry.value
        return found

    def _is_block(self, mapping: YamlMapping) -> bool:
        """Each entry begins a line of its own."""
        return all(not self._lines[entry.line - 1][: entry.column - 1].strip() for entry in mapping.entries)

    def _range(self, entry: YamlEntry) -> tuple[int, int]:
        """The lines of an entry and of the comments right above it; the second number is behind them."""
        start = entry.line
        while start > 1 and self._is_comment(start - 1, entry.column):
            start -= 1
        stop = entry.line + 1
        while stop <= len(self._lines) and self._belongs(stop, entry):
            stop += 1
        while stop > entry.line + 1 and not self._says(stop - 1):
            stop -= 1
        return start, stop

    def _is_comment(self, line: int, column: int) -> bool:
        written = self._lines[line - 1]
        return written.lstrip().startswith("#") and len(written) - len(written.lstrip()) == column - 1

    def _says(self, line: int) -> bool:
        written = self._lines[line - 1].strip()
        return bool(written) and not written.startswith("#")

    def _belongs(self, line: int, entry: YamlEntry) -> bool:
        written = self._lines[line - 1]
        indent = len(written) - len(written.lstrip())
        if not self._says(line) or indent >= entry.column:
            return True
        # Lists may stand at the column of their key.
        return indent == entry.column - 1 and written.lstrip().startswith("- ") and isinstance(entry.value, YamlList)

    def _renamed(self, entry: YamlEntry, name: str) -> list[str]:
        lines = list(self._lines)
        lines[entry.line - 1] = _with_key(lines[entry.line - 1], entry, name)
        return lines

    def _revalued(self, entry: YamlEntry, value: str) -> list[str]:
        node, lines = entry.value, list(self._lines)
        written = lines[node.line - 1]
        lines[node.line - 1] = written[: node.column - 1] + re.sub(r"^[\w-]+", value, written[node.column - 1 :])
        return lines

    def _without_member(self, mapping: YamlMapping, entry: YamlEntry) -> list[str]:
        """Out of braces that hold others as well, on one line."""
        lines = list(self._lines)
        line = lines[entry.line - 1]
        after = [other for other in mapping.entries if (other.line, other.column) > (entry.line, entry.column)]
        if after and after[0].line == entry.line:
            lines[entry.line - 1] = line[: entry.column - 1] + line[after[0].column - 1 :]
        elif not after and "}" in line[entry.column - 1 :]:
            before = line[: entry.column - 1].rstrip().rstrip(",")
            lines[entry.line - 1] = before + line[line.index("}", entry.column - 1) :]
        return lines

    def _inserted(self, lines: list[str], to: Keys, moved: list[str], column: int) -> tuple[list[str], int, int] | None:
        """The lines with ``moved`` at its new place, where that begins, and how many lines came in."""
        node: YamlNode = self._root
        depth, at, indent = 0, len(lines) + 1, 0
        for step in to[:-1]:
            entry = _entry(node, step)
            if entry is None or not isinstance(node, YamlMapping):
                break
            if not self._is_block(node):
                return None
            at, indent = self._range(entry)[1], entry.column - 1 + _INDENT
            if isinstance(entry.value, YamlMapping) and entry.value.entries:
                indent = entry.value.entries[0].column - 1
            else:
                lines = list(lines)
                lines[entry.line - 1] = re.sub(r":\s*(\{\s*\}|null|~)?\s*(#.*)?$", ":", lines[entry.line - 1])
            node, depth = entry.value, depth + 1
        new = []
        for step in to[depth:-1]:
            new.append(" " * indent + f"{step}:")
            indent += _INDENT
        new += [" " * (indent - column) + line if indent >= column else line[column - indent :] for line in moved]
        return [*lines[: at - 1], *new, *lines[at - 1 :]], at, len(new)


def _entry(node: YamlNode, key: str) -> YamlEntry | None:
    entries = node.entries if isinstance(node, YamlMapping) else ()
    return next((entry for entry in entries if entry.key == key), None)


def _with_key(line: str, entry: YamlEntry, name: str) -> str:
    before, after = line[: entry.column - 1], line[entry.column - 1 :]
    return before + re.sub(r"""^(["']?)[^"':]+\1""", lambda match: match[1] + name + match[1], after, count=1)


def _indented(lines: list[str], entry: YamlEntry, name: str) -> list[str]:
    """The entry's lines under its new name, still at their column."""
    column = entry.column - 1
    number = next(i for i, line in enumerate(lines) if not line.lstrip().startswith("#"))
    named = [*lines]
    named[number] = _with_key(lines[number], entry, name)
    return [line if line[:column].strip() == "" else " " * column + line.lstrip() for line in named]
