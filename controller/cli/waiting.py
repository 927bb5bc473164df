"""Waiting for tasks: what happens is printed, the exit code says how it ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
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
        for task in follow(connection, tasks, deadline):
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
