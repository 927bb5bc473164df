"""From the text of a file to its YAML documents, with the places of everything: templates, several documents, heredocs.

Nothing here fails. A document that does not parse has ``problems`` and no tree; the others of the same file are read.
Templates are never evaluated: an unquoted ``{{ … }}`` becomes the text that it is, a line that is nothing but a
template is left out and told in ``templates``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final

from pluginmachinery.config import yaml_text
from pluginmachinery.config.problems import Location, Path, Problem

_BOUNDARY: Final = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_HEREDOC: Final = re.compile(r"<<[-~]?\s*['\"]?([A-Za-z_]\w*)['\"]?[^\n]*\n(.*?)\n[ \t]*\1\b", re.DOTALL)
_TEMPLATE_LINE: Final = re.compile(r"^(\s*)(\{\{.*\}\}|%\{.*\}|\{%.*%\})\s*$")
_TEMPLATE_VALUE: Final = re.compile(r"^(\s*+(?:- )*+(?:[\w./\"'-]+:[ \t]+)?+)([^\s'\"#|>\[{][^\n]*\{\{.*|\{\{.*)$")
_TEMPLATE_IN_FLOW: Final = re.compile(
    r"(?:(?<=[\[,{])|(?<=[\[,{:] ))"
    r"([^\s'\"\[\]{},:]*(?:\$\{[^}]*\}|\{\{.*?\}\})(?:[^\s'\"\[\]{},]|\$\{[^}]*\})*)"
    r"(?=\s*[\],}])"
)
"""``[a, ${b}]``: braces mean something there."""
_OURS: Final = re.compile(
    r"^\s*(configmap|configuration|plugins|tasks|task_resources|enabled_plugins|flyte[\w-]*):", re.MULTILINE
)
_CODE: Final = {
    **dict.fromkeys((".ts", ".tsx", ".mts"), "TypeScript"),
    **dict.fromkeys((".js", ".jsx", ".mjs", ".cjs"), "JavaScript"),
    ".py": "Python",
    ".go": "Go",
    ".java": "Java",
    ".cs": "C#",
    ".kt": "Kotlin",
}
"""Programs that people set values in (CDK, Pulumi), by the ends of their names."""
_BLOCK: Final = re.compile(r"[:-]\s+[|>][-+0-9]*\s*(#.*)?$")
_MARKER: Final = re.compile(
    r"\{\{.*?\}\}|\$\{[^}]*\}|\$\([A-Z_]+\)|%\{.*?\}|\{%.*?%\}|^<[A-Za-z][\w. -]*>$|^__\w+__$", re.S
)


@dataclass(frozen=True, slots=True)
class Text:
    """One YAML document. ``tree`` is None where there is none, or where it does not parse."""

    tree: Any
    locations: Mapping[Path, Location] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    templates: tuple[Location, ...] = ()
    """Lines that are nothing but a template, and are left out."""
    remarks: tuple[Problem, ...] = ()
    """What is not looked at, though nothing is wrong with it."""


def is_template(value: Any) -> bool:
    """Whether a text holds a template or a placeholder, whose value nobody knows here."""
    return isinstance(value, str) and bool(_MARKER.search(value))


def documents(text: str, file: str) -> list[Text]:
    """The documents of a file, in its order."""
    read = [document for line, chunk in _chunks(text) if (document := _document(chunk, file, line)) is not None]
    if any(isinstance(document.tree, (dict, list)) for document in read):
        return read
    inner = [
        found
        for line, chunk, indentation in _heredocs(text)
        if (found := _document(chunk, file, line, indentation)) is not None
        and (isinstance(found.tree, dict) or (found.problems and _OURS.search(chunk)))
    ]
    if inner:
        return [Text(None, remarks=(_heredocs_only(file),)), *inner]
    if language := _CODE.get(PurePath(file).suffix.lower()):
        return [Text(None, problems=(_code(file, language),))]
    if any(isinstance(document.tree, str) for document in read):
        return [Text(None, problems=(_no_yaml(file),))]
    return read


def inner(text: str, file: str, place: Location, raw: str | None = None) -> Text:
    """A document inside a string of another one, ``place`` being where the string's key stands. ``raw``: the text of
    the file, for the columns."""
    indentation = _block_indentation(text, place, raw)
    if indentation is not None:
        return _document(text, file, place.line, indentation) or Text(None)
    read = _document(text, file, 0) or Text(None)
    # A quoted string has no lines of its own.
    here = Location(file, place.line, place.column)
    problems = tuple(Problem(here, problem.key_path, problem.message, problem.mend) for problem in read.problems)
    return Text(read.tree, dict.fromkeys(read.locations, here), problems, tuple(here for _ in read.templates))


def _block_indentation(text: str, place: Location, raw: str | None) -> int | None:
    """By how much the lines of a block are indented in the file; None where the text is no block."""
    lines = raw.splitlines() if raw is not None and place.line else []
    first = text.split("\n", 1)[0]
    if place.line >= len(lines) or not first.strip() or lines[place.line].strip() != first.strip():
        return None
    return lines[place.line].index(first.strip()) - first.index(first.strip())


def _chunks(text: str) -> Iterator[tuple[int, str]]:
    """The documents with the number of lines before each."""
    start = 0
    for boundary in [*(match.start() for match in _BOUNDARY.finditer(text)), len(text)]:
        chunk = text[start:boundary]
        if chunk.strip():
            yield text.count("\n", 0, start), chunk
        start = boundary


def _heredocs(text: str) -> Iterator[tuple[int, str, int]]:
    """The texts in a script or in Terraform, with the number of lines before each and by how much it was indented."""
    import textwrap

    for match in _HEREDOC.finditer(text):
        written, dedented = match.group(2), textwrap.dedent(match.group(2))
        indentation = next(
            (len(old) - len(new) for old, new in zip(written.split("\n"), dedented.split("\n"), strict=True) if new), 0
        )
        yield text.count("\n", 0, match.start(2)), dedented, indentation


def _document(chunk: str, file: str, lines_before: int, indentation: int = 0) -> Text | None:
    parsed, left_out = yaml_text.parse(file, chunk), list[int]()
    if parsed.problems and _MARKER.search(chunk):
        readable, left_out = _opaque(chunk)
        parsed = yaml_text.parse(file, readable)
    if parsed.tree is None and not parsed.problems:
        return None
    locations = {path: _moved(place, lines_before, indentation) for path, place in parsed.locations.items()}
    problems = tuple(
        Problem(_moved(problem.location, lines_before, indentation), problem.key_path, problem.message, problem.mend)
        for problem in parsed.problems
    )
    templates = tuple(Location(file, lines_before + line, 1) for line in left_out)
    return Text(parsed.tree, locations, problems, templates)


def _moved(place: Location, lines: int, columns: int) -> Location:
    column = place.column + columns if place.column else 0
    return Location(place.file, place.line + lines, column) if place.line else place


def _opaque(chunk: str) -> tuple[str, list[int]]:
    """The text with its templates made harmless, line by line so that places stay; and the lines left out."""
    lines: list[str] = []
    left_out: list[int] = []
    block: int | None = None
    for number, line in enumerate(chunk.split("\n"), 1):
        indentation = len(line) - len(line.lstrip())
        if block is not None and (not line.strip() or indentation > block):
            lines.append(line)
            continue
        block = indentation if _BLOCK.search(line) else None
        if match := _TEMPLATE_LINE.match(line):
            left_out.append(number)
            lines.append(f"{match.group(1)}#")
        elif match := _TEMPLATE_VALUE.match(line):
            quoted = match.group(2).rstrip().replace("'", "''")
            lines.append(f"{match.group(1)}'{quoted}'")
        else:
            lines.append(_TEMPLATE_IN_FLOW.sub(_quoted, line))
    return "\n".join(lines), left_out


def _quoted(match: re.Match[str]) -> str:
    text = match.group(1).replace("'", "''")
    return f"'{text}'"


def _code(file: str, language: str) -> Problem:
    message = f"this is {language}, no YAML: what it sets is known only when it runs"
    mend = "give what it makes: the values (helm get values RELEASE -o yaml) or the ConfigMap of the cluster"
    return Problem(Location(file), (), message, mend)


def _no_yaml(file: str) -> Problem:
    message = "this is no YAML, and there is no YAML in it that could be taken out"
    return Problem(Location(file), (), message, "give the rendered values, or the ConfigMap of the cluster")


def _heredocs_only(file: str) -> Problem:
    message = "this is no YAML: only its heredocs, --set of helm and set blocks of Terraform are read"
    return Problem(Location(file), (), message, "check what the rest of the file sets")
