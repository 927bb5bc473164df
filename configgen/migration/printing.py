"""A migration as text, for people, and as data, for scripts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from configgen.migration.facts import Change
from configgen.migration.findings import Finding
from configgen.migration.migrating import Migration

_COLOURS: Final = {Change.DROPPED: "yellow", Change.WARNING: "red", Change.DEFAULT: "cyan"}


def as_text(migration: Migration, *, written: bool) -> str:
    """One finding a paragraph – place, what happens, path, why; the mend –, then how many. ``written``: what was
    settled is not told again."""
    import click

    lines: list[str] = []
    told = [one for one in migration.findings if not (written and one in migration.done)]
    for one in told:
        change = click.style(one.change.value, fg=_COLOURS.get(one.change, "green"))
        subject = f"{one.path}: " if one.path else ""
        lines.append(f"{one.place}: {change}: {subject}{one.message}")
        lines.append(f"    {one.mend}")
    return "\n".join([*lines, _count(migration, told, written=written)])


def _count(migration: Migration, told: Sequence[Finding], *, written: bool) -> str:
    if not migration.findings:
        return "nothing to do"
    counts = Counter(one.change for one in told)
    text = ", ".join(f"{counts[change]} {change.value}" for change in Change if counts[change]) or "nothing left to do"
    if written:
        return f"{text}; {len(migration.done)} done"
    return f"{text}; {len(migration.done)} can be done with --write"


def as_list(migration: Migration) -> list[dict[str, Any]]:
    """The findings as plain data; ``writable``: whether ``--write`` settles it."""
    return [
        {
            "change": one.change.value,
            "file": one.file,
            "line": one.line,
            "column": one.column,
            "path": one.path,
            "to": one.to,
            "message": one.message,
            "mend": one.mend,
            "writable": one in migration.done,
        }
        for one in migration.findings
    ]
