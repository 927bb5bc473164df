"""Tables and lines: for a terminal with colours, for anything else plain text that tools can cut."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import click

_COLOURS = {
    "Succeeded": "green",
    "Failed": "red",
    "Aborted": "yellow",
    "Running": "cyan",
    "Retrying": "yellow",
    "WaitingForResources": "yellow",
    "Suspended": "yellow",
}


def colours_wanted() -> bool:
    """A terminal, and nobody said NO_COLOR."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def phase_word(phase: str, width: int = 0) -> str:
    """The phase, coloured where that is wanted, padded to a width."""
    padded = phase.ljust(width)
    return click.style(padded, fg=_COLOURS.get(phase)) if colours_wanted() and phase in _COLOURS else padded


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns side by side, the last one as long as it is; on a terminal lines are cut at the edge."""
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        line(row, widths)


def line(cells: Sequence[str], widths: Sequence[int]) -> None:
    """One row of a table; phases are coloured where that is wanted."""
    left = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    shown = []
    for cell, width in zip(cells, [*widths[:-1], 0], strict=True):
        padded = cell.ljust(width) + "  "
        if left is not None:
            padded = padded if len(padded.rstrip()) <= left else f"{padded[: max(left - 1, 0)]}…"[:left]
            left = max(left - len(padded), 0)
        shown.append(click.style(padded, fg=_COLOURS[cell]) if colours_wanted() and cell in _COLOURS else padded)
    click.echo("".join(shown).rstrip())


def structured(value: Any, form: str) -> None:
    """Print as JSON or YAML."""
    if form == "json":
        import orjson

        click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
    else:
        import yaml

        click.echo(yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip())


def age(since: str | None, now: datetime) -> str:
    """How long ago, in one unit or two: 45s, 3m20s, 5h, 12d."""
    if not since:
        return ""
    return span(now - datetime.fromisoformat(since))


def span(time: timedelta) -> str:
    seconds = max(int(time.total_seconds()), 0)
    for size, unit, smaller, small_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if seconds >= size:
            rest = seconds % size // smaller
            return f"{seconds // size}{unit}" + (f"{rest}{small_unit}" if rest and seconds < 10 * size else "")
    return f"{seconds}s"


def clock(moment: str | datetime | None) -> str:
    """A time of day with milliseconds, in the person's time zone."""
    if moment is None:
        return ""
    parsed = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return parsed.astimezone().strftime("%H:%M:%S.%f")[:-3]


def day_and_clock(moment: str | datetime | None) -> str:
    if moment is None:
        return ""
    parsed = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return parsed.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def now() -> datetime:
    return datetime.now(UTC)


def outputs(task: Mapping[str, Any]) -> None:
    """The outputs of a task as lines ``name = value (type)``."""
    import orjson

    from controller.cli.literals import plain, type_of

    left = (task.get("status") or {}).get("outputs") or {}
    if left.get("omitted"):
        click.echo(f"  outputs are too large to stand here: {left['prefix']}/outputs.pb")
    for name, literal in sorted((left.get("literals") or {}).items()):
        click.echo(f"  {name} = {orjson.dumps(plain(literal)).decode()}  ({type_of(literal)})")
