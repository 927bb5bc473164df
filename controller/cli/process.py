"""What ``run`` and ``webhook`` share, the commands that are processes of a cluster: options, and how they refuse."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

CAN_NOT_START = 2
"""Exit code when the process can not start as it was told to: nothing was done then."""


def reads_configuration(command: Command) -> Command:
    """``--config``, given to the command as ``folder``, ``--kubeconfig``, ``--context``."""
    return _with(
        command,
        click.option(
            "--config",
            "folder",
            type=click.Path(path_type=Path),
            required=True,
            metavar="DIR",
            help="Folder with the configuration: *.yaml files, merged in the order of their names.",
        ),
        click.option("--kubeconfig", type=click.Path(path_type=Path), metavar="FILE", help="Kubeconfig to use."),
        click.option("--context", metavar="NAME", help="Context of the kubeconfig. Default: its current one."),
    )


def is_watched(command: Command) -> Command:
    """``--listen``, ``--log-format``, ``--log-level``."""
    return _with(
        command,
        click.option(
            "--listen",
            default=":8080",
            show_default=True,
            metavar="HOST:PORT",
            help="Where /healthz, /readyz and /metrics are.",
        ),
        click.option(
            "--log-format", type=click.Choice(["json", "text"]), help="Default: text on a terminal, else json."
        ),
        click.option(
            "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
        ),
    )


def _with(command: Command, *options: Callable[[Command], Command]) -> Command:
    """As decorators in this order: the first is the first in the help."""
    for option in reversed(options):
        command = option(command)
    return command


def refuse(command: str, lines: Sequence[str]) -> NoReturn:
    """End a command that can not start: say why, a line for each problem."""
    for line in lines:
        click.echo(f"controller {command}: {line}", err=True)
    sys.exit(CAN_NOT_START)
