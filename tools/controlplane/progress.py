"""Telling a person how a build goes: moving lines on a terminal, plain ones elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tools.controlplane.binaries import Binary
from tools.controlplane.builds import Report


class PlainLines:
    """One line when a binary's build starts and one when it ends."""

    def say(self, text: str) -> None:
        print(f"controlplane: {text}", file=sys.stderr, flush=True)

    def started(self, binary: Binary) -> None:
        self.say(f"building {binary.name} {binary.version} …")

    def finished(self, binary: Binary, seconds: float) -> None:
        self.say(f"built {binary.name} {binary.version} in {seconds:.0f} s")


class MovingLines:
    """A line per binary with a spinner and the time it has taken so far."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = SpinnerColumn(finished_text="[green]✓[/]"), TextColumn("{task.description}"), TimeElapsedColumn()
        self.display = Progress(*columns, console=Console(stderr=True))
        self._tasks: dict[str, int] = {}

    def say(self, text: str) -> None:
        self.display.console.print(text, markup=False, highlight=False)

    def started(self, binary: Binary) -> None:
        self._tasks[binary.name] = self.display.add_task(f"{binary.name} {binary.version}", total=None)

    def finished(self, binary: Binary, seconds: float) -> None:  # noqa: ARG002 -- the display has its own clock
        from rich.progress import TaskID

        self.display.update(TaskID(self._tasks[binary.name]), total=1, completed=1)


@contextmanager
def report() -> Iterator[Report]:
    """The one that suits standard error."""
    if not sys.stderr.isatty():
        yield PlainLines()
        return
    lines = MovingLines()
    with lines.display:
        yield lines
