"""Differences for people and for programs.

Text is plain, one leaf a paragraph, and coloured where it goes to a terminal; JSON holds the same with the whole chain
of origins.
"""

from __future__ import annotations

from typing import Any

import click
import orjson

from configgen.diff.comparing import MASK, Change, Said
from configgen.diff.leaves import shown
from configgen.layers.nodes import Origin

BUILT_IN = "built-in default"


def as_text(changes: list[Change], before: str, after: str) -> str:
    """The paragraphs. ``before`` and ``after`` are the names of the two sides."""
    width = max(len(before), len(after))
    lines = []
    for change in changes:
        lines.append(click.style(shown(change.path), bold=True))
        sides = [(before, change.before, "red"), (after, change.after, "green")]
        values = max(len(_value(said, change)) for _, said, _ in sides)
        for name, said, colour in sides:
            text = click.style(f"{name:<{width}}  {_value(said, change)}", fg=colour)
            padding = " " * (values - len(_value(said, change)))
            place = _place(said)
            lines.append(f"  {text}{padding}  {click.style(place, dim=True)}" if place else f"  {text}")
        lines.append("")
    lines.append(_summary(changes, before, after))
    return "\n".join(lines)


def _summary(changes: list[Change], before: str, after: str) -> str:
    if not changes:
        return f"{before} and {after} come to the same."
    return f"{len(changes)} difference{'s' * (len(changes) != 1)} between {before} and {after}."


def _value(said: Said | None, change: Change) -> str:
    if said is None:
        return "–"
    return MASK if change.secret else one_line(said.value)


def one_line(value: Any) -> str:
    """A value in one line: texts as they are where that is clear, everything else as JSON."""
    if isinstance(value, str):
        return value if value and value == value.strip() and "\n" not in value else jsonable(value)
    if isinstance(value, list | dict | bool) or value is None:
        return jsonable(value)
    return str(value)


def jsonable(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()


def _place(said: Said | None) -> str:
    if said is None:
        return ""
    return str(said.origins[0].place) if said.origins and said.origins[0].place.line else BUILT_IN


def as_json(changes: list[Change], before: str, after: str) -> str:
    """``{"before": …, "after": …, "changes": [{path, before, after}]}``; each side null or ``{value, origins}``."""
    content = {
        "before": before,
        "after": after,
        "changes": [
            {
                "path": shown(change.path),
                "before": _side(change.before, change),
                "after": _side(change.after, change),
            }
            for change in changes
        ],
    }
    return orjson.dumps(content, default=str, option=orjson.OPT_INDENT_2).decode()


def _side(said: Said | None, change: Change) -> dict[str, Any] | None:
    if said is None:
        return None
    return {
        "value": MASK if change.secret else said.value,
        "origins": [origin_as_json(origin, secret=change.secret) for origin in said.origins],
    }


def origin_as_json(origin: Origin, *, secret: bool = False) -> dict[str, Any]:
    """One word on a value: who, where, what."""
    return {
        "layer": origin.place.layer,
        "file": origin.place.file,
        "line": origin.place.line,
        "column": origin.place.column,
        "verb": origin.verb.value,
        "value": MASK if secret and origin.value is not None else origin.value,
    }
