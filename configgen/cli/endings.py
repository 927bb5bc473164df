"""How a command ends when the world around it does not play along: output that nobody takes, a person who stops it,
characters that a terminal does not have."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click

from configgen.cli import ERROR

INTERRUPTED: Final = 128 + 2
"""As shells tell a process that SIGINT ended."""
UNREAD: Final = 128 + 13
"""As shells tell a process that SIGPIPE ended: `configgen … | head` is no error, and no answer either."""


@contextmanager
def ended_well() -> Iterator[None]:
    """No traceback, and the exit code that scripts expect."""
    _write_all_characters()
    try:
        yield
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        raise SystemExit(INTERRUPTED) from None
    except BrokenPipeError:
        _drop_output()
        raise SystemExit(UNREAD) from None
    except OSError as error:
        if error.filename is not None:  # a file that no command speaks of by itself
            from configgen.cli.options import report
            from configgen.layers.files import os_problem

            report(os_problem(error, str(error.filename)))
        else:
            _drop_output()
            click.echo(f"error: the output can not be written: {error.strerror or error}", err=True)
        raise SystemExit(ERROR) from error


def _write_all_characters() -> None:
    """Escapes for what the output's encoding does not have, in place of a failure in the middle of a result."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """What is still buffered is not to be tried again when the interpreter ends."""
    try:
        stream = sys.stdout.fileno()
    except (AttributeError, ValueError):  # closed, or held by whoever called the command from Python
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream)
    os.close(nothing)
