"""Waiting for tasks: what happens is printed, the exit code says how it ended."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from controller.cli.connection import Connection
from controller.cli.exits import FAILED, INTERRUPTED, SUCCEEDED, TIMED_OUT
from controller.cli.following import follow, has_ended, phase_of
from controller.cli.progress import Progress

JSON = dict[str, Any]


def wait(
    connection: Connection,
    tasks: Sequence[JSON],
    timeout: float | None,
    *,
    quiet: bool = False,
    wanted: str = "Succeeded",
    hint: str = "the tasks go on",
) -> int:
    """Until all have ended, or ``timeout`` seconds are over; the exit code. ``wanted``: the phase that is success."""
    deadline = None if timeout is None else time.monotonic() + timeout
    latest = {task["metadata"]["uid"]: task for task in tasks}
    progress = Progress([task["metadata"]["name"] for task in tasks])
    try:
        for task in _shown(follow(connection, tasks, deadline), latest, quiet=quiet):
            if task is None:
                open_ones = [task["metadata"]["name"] for task in latest.values() if not has_ended(task)]
                click.echo(f"controller: not ended in time: {', '.join(open_ones)}; {hint}", err=True)
                return TIMED_OUT
            latest[task["metadata"]["uid"]] = task
            if not quiet:
                progress.tell(task)
    except KeyboardInterrupt:
        click.echo("controller: no longer waiting; the tasks go on (`controller get`, `controller abort`)", err=True)
        return INTERRUPTED
    return SUCCEEDED if all(phase_of(task) == wanted for task in latest.values()) else FAILED


def _shown(states: Iterator[JSON | None], latest: Mapping[str, JSON], *, quiet: bool) -> Iterator[JSON | None]:
    """The same states; on a terminal a line below tells meanwhile how many are open, and for how long."""
    if quiet or not sys.stdout.isatty():
        yield from states
        return
    from rich.progress import Progress as Line
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    line = Line(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), transient=True)
    waiting = line.add_task("waiting")
    try:
        for state in states:
            line.stop()  # it is not in the way of what is printed about the state
            yield state
            open_ones = [task for task in latest.values() if not has_ended(task)]
            what = open_ones[0]["metadata"]["name"] if len(open_ones) == 1 else f"{len(open_ones)} tasks"
            line.update(waiting, description=f"waiting for {what}")
            line.start()
    finally:
        line.stop()
