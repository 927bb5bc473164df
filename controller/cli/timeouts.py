"""Times on the command line, in the same form as in manifests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def timeout_option(command: F) -> F:
    """``--timeout``: a Go duration (``90s``, ``1h30m``) or a number of seconds; the value is in seconds."""
    text = "Wait no longer: 90s, 10m. Implies --wait."
    return click.option("--timeout", callback=_seconds, metavar="TIME", help=text)(command)


def _seconds(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    from pluginmachinery.config.durations import Duration

    if value is None:
        return None
    try:
        return float(value) if value.isdigit() else Duration.parse(value).seconds
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from error
