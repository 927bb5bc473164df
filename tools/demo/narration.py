"""What the person at the terminal sees: numbered chapters, the commands as they could be typed, a table at the end."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tools.demo.rows import Row


class Narrator:
    """Prints the story; spinners and colours only on a terminal."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console
        self._clock = clock
        self._chapter = 0

    def chapter(self, title: str) -> None:
        self._chapter += 1
        self.console.print(Text(f"\n{self._chapter}. {title}", style="bold"), soft_wrap=True)

    def say(self, text: str) -> None:
        self.console.print(Text(f"   {text}"), soft_wrap=True)

    def command(self, *commands: Sequence[object]) -> None:
        """A command; several are a pipe."""
        line = " | ".join(shlex.join(map(str, words)) for words in commands)
        self.console.print(Text(f"   $ {line}", style="cyan"), soft_wrap=True)

    def output(self, text: str) -> None:
        for line in text.rstrip("\n").splitlines():
            self.console.print(Text(f"     {line}", style="dim"), soft_wrap=True)

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Tell how long something took; while it takes, that it is going on."""
        started = self._clock()
        with self.console.status(what):
            yield
        self.say(f"{what}: {self._clock() - started:.1f} s")

    def table(self, rows: Sequence[Row]) -> None:
        table = Table(box=None, pad_edge=False, show_header=True, header_style="bold", padding=(0, 2, 0, 0))
        for column in ("", "where", "what", "should be", "was"):
            table.add_column(column, overflow="fold")
        for row in rows:
            mark = Text("✓", style="green") if row.holds else Text("✗", style="bold red")
            table.add_row(mark, row.where, row.what, row.expected, "" if row.holds else Text(row.seen, style="red"))
        self.console.print()
        self.console.print(table)
