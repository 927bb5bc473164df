"""``configgen check``."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import click

from configgen.cli import completion
from configgen.cli.options import (
    comma_separated,
    kubeconfig_option,
    problems_end_the_command,
    show,
    show_data,
    source_folder,
)

FOUND = 1
_PATIENCE = 1.0
"""Seconds before one is told what takes so long."""


@click.command(short_help="Hold an environment against a live cluster.")
@source_folder
@click.option(
    "--env", "name", required=True, metavar="ENV", help="Environment.", shell_complete=completion.environments
)
@click.option("--context", metavar="NAME", default="", help="Context of the kubeconfig.  [default: the current one]")
@kubeconfig_option
@click.option(
    "--namespace",
    "namespaces",
    multiple=True,
    callback=comma_separated,
    metavar="NS",
    help="Where tasks run; repeatable.  [default: watchNamespaces, else where TaskExecutions are]",
)
@click.option(
    "-o", "output", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True, help="Form."
)
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning"]),
    default="error",
    show_default=True,
    help="The least that makes the command exit 1.",
)
@problems_end_the_command
def check(
    folder: Path,
    name: str,
    context: str,
    kubeconfig: Path | None,
    namespaces: tuple[str, ...],
    output: str,
    fail_on: str,
) -> None:
    """Hold the configuration of an environment against a live cluster: is there what it needs?

    API server, namespaces, custom resource definitions, operators, rights of this user and of the controller, nodes for
    every selector and toleration, objects that are named, storage, quotas and limits, pod security. Nothing is written,
    no Secret is read, and nobody but the API server is spoken to. What this user may not see is "not checked".

    It takes pip install 'flyte-plugin-manager[cluster]'.

    \b
    Exit codes: 0 nothing at or above --fail-on; 1 something; 2 it could not be checked.

    \b
    Example:
      configgen -C examples/configuration check --env prod --context prod-eu
      configgen check --env prod --namespace flytesnacks-production -o json
    """
    from configgen.checks.checking import check as run
    from configgen.checks.results import Status
    from configgen.cluster.kubeconfigs import connect

    with _Progress() as progress:
        report = run(folder, name, lambda: connect(context, kubeconfig), namespaces, progress.begin)
    if output == "text":
        from configgen.checks.printing import as_text

        show(as_text(report))
    else:
        import orjson

        from configgen.checks.printing import as_mapping

        show_data(orjson.dumps(as_mapping(report), option=orjson.OPT_INDENT_2).decode(), output)
    if report.count(Status.ERROR) or (fail_on == "warning" and report.count(Status.WARNING)):
        raise SystemExit(FOUND)


class _Progress:
    """A line on the terminal that tells what is looked at, once a second has passed; gone at the end."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._what = ""
        self._patient = True
        self._lock = threading.Lock()
        self._timer = threading.Timer(_PATIENCE, self._lose_patience)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        if self._shown:
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            self._shown, tell = False, self._shown and not self._patient
        if tell:
            click.echo("\r\x1b[K", nl=False, err=True)

    def begin(self, what: str) -> None:
        with self._lock:
            self._what = what
            self._tell()

    def _lose_patience(self) -> None:
        with self._lock:
            self._patient = False
            self._tell()

    def _tell(self) -> None:
        if self._shown and not self._patient:
            click.echo(f"\r\x1b[Kchecking {self._what} …", nl=False, err=True)
