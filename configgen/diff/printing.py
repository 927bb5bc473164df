"""What all forms of a difference share: a value in a line, its place, an origin as data."""

from __future__ import annotations

from typing import Any

import orjson

from configgen.diff.comparing import MASK, Change, Said
from configgen.diff.secrets import Secrets
from configgen.layers.nodes import Origin

BUILT_IN = "built-in default"


def summary(count: int, before: str, after: str) -> str:
    """``22 differences between dev and prod.``"""
    if not count:
        return f"{before} and {after} come to the same."
    return f"{count} difference{'s' * (count != 1)} between {before} and {after}."


def value_line(said: Said | None, change: Change, secrets: Secrets) -> str:
    """One side of a change in one line."""
    if said is None:
        return "–"
    return MASK if change.secret else one_line(hidden(said.value, change, secrets))


def hidden(value: Any, change: Change, secrets: Secrets) -> Any:
    """The value without secrets."""
    return MASK if change.secret else secrets.hidden(value)


def one_line(value: Any) -> str:
    """A value in one line: texts as they are where that is clear, everything else as JSON."""
    if isinstance(value, str):
        return value if value and value == value.strip() and "\n" not in value else jsonable(value)
    if isinstance(value, list | dict | bool) or value is None:
        return jsonable(value)
    return str(value)


def jsonable(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()


def place(said: Said | None) -> str:
    """File, line and column of who said it; the name of a chart for what that says by itself."""
    if said is None:
        return ""
    if not said.origins:
        return BUILT_IN
    where = said.origins[0].place
    return str(where) if where.line else where.file or BUILT_IN


def origin_as_json(origin: Origin, *, secret: bool = False, secrets: Secrets | None = None) -> dict[str, Any]:
    """One word on a value: who, where, what."""
    value = origin.value if secrets is None else secrets.hidden(origin.value)
    return {
        "layer": origin.place.layer,
        "file": origin.place.file,
        "line": origin.place.line,
        "column": origin.place.column,
        "verb": origin.verb.value,
        "value": MASK if secret and origin.value is not None else value,
    }
