"""Options that several commands share, and how they end on an error."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from configgen.cli import ERROR, completion
from configgen.problems import SourceError

Function = TypeVar("Function", bound=Callable[..., Any])


def source_folder(command: Function) -> Function:
    """``-C DIR``, given to the command as ``folder``; falls back to the group's ``-C``, then to the working folder."""

    def resolve(ctx: click.Context, _: click.Parameter, value: Path | None) -> Path:
        return value or ctx.obj or Path()

    option = click.option(
        "-C",
        "folder",
        type=click.Path(path_type=Path),
        callback=resolve,
        metavar="DIR",
        help="Folder with configgen.yaml.  [default: here]",
    )
    return option(command)


def environment_names(command: Function) -> Function:
    """``--env ENV``, repeatable or with commas, given to the command as ``names``."""
    option = click.option(
        "--env",
        "names",
        multiple=True,
        callback=comma_separated,
        metavar="ENV",
        help="Environment; repeatable.",
        shell_complete=completion.environments,
    )
    return option(command)


def kubeconfig_option(command: Function) -> Function:
    """``--kubeconfig FILE``, for commands that can talk to a cluster."""
    option = click.option(
        "--kubeconfig",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Kubeconfig, for clusters.  [default: $KUBECONFIG, ~/.kube/config]",
    )
    return option(command)


def problems_end_the_command(function: Function) -> Function:
    """Print the problems of a source, one a line and sorted by place, and exit 2."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except SourceError as error:
            report(error)
            raise SystemExit(ERROR) from None

    return wrapper  # type: ignore[return-value] # same signature


def show(text: str) -> None:
    """Print a result: in colour on a terminal, unless NO_COLOR is set."""
    click.echo(text, color=False if os.environ.get("NO_COLOR") else None)


def show_data(data: str, output: str) -> None:
    """Print a result for scripts: JSON as it is, or (``output`` is yaml) the same as YAML."""
    if output == "yaml":
        import orjson

        from configgen.render.yaml_text import to_yaml

        data = to_yaml(orjson.loads(data)).rstrip("\n")
    show(data)


def report(error: SourceError) -> None:
    for problem in error.problems:
        click.echo(f"error: {problem}", err=True)
    if len(error.problems) > 1:
        click.echo(f"{len(error.problems)} problems", err=True)


def comma_separated(_: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """``--target a,b --target c`` → a, b, c, each once."""
    parts = [part.strip() for value in values for part in value.split(",")]
    if values and not all(parts):
        raise click.BadParameter("an empty name", param=parameter)
    return tuple(dict.fromkeys(parts))
