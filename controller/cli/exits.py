"""Exit codes, and errors that end a command with one line instead of a traceback."""

from __future__ import annotations

from typing import IO, Any

import click

SUCCEEDED = 0
FAILED = 1
"""A task failed or was aborted."""
BAD_INPUT = 2
"""Options or files are wrong; nothing was done. It is click's own code for wrong options."""
TIMED_OUT = 3
"""The time to wait is over; the task goes on."""
NO_CLUSTER = 4
"""The cluster can not be reached, or does not do what was asked."""
INTERRUPTED = 130

EPILOG = "Exit codes: 0 succeeded, 1 failed or aborted, 2 wrong input, 3 timed out, 4 trouble with the cluster."


class CommandError(click.ClickException):
    """Ends the command with lines on stderr."""

    def show(self, file: IO[Any] | None = None) -> None:
        for line in self.message.splitlines():
            click.echo(f"controller: {line}", err=True, file=file)


class InputError(CommandError):
    """What the person gave can not be used."""

    exit_code = BAD_INPUT


class ClusterError(CommandError):
    """The cluster can not be reached, or does not do what was asked."""

    exit_code = NO_CLUSTER
