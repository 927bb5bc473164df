"""``controller abort``: stop tasks and delete what was created for them; the TaskExecutions stay."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from controller.cli.completing import task_names
from controller.cli.connection import cluster_options, connect
from controller.cli.exits import EPILOG
from controller.cli.following import has_ended, phase_of
from controller.cli.timeouts import timeout_option


@click.command(epilog=EPILOG)
@click.argument("names", nargs=-1, required=True, metavar="NAME…", shell_complete=task_names)
@click.option("--wait", is_flag=True, help="End when they have ended.")
@timeout_option
@cluster_options
def abort(
    names: tuple[str, ...],
    wait: bool,
    timeout: float | None,
    kubeconfig: Path | None,
    context: str | None,
    namespace: str | None,
) -> None:
    """Abort the tasks NAME….

    What was created for them is deleted, the tasks themselves are kept with the phase Aborted. A task that has ended
    already stays as it is.
    """
    connection = connect(kubeconfig, context, namespace)
    aborted = []
    for name in names:
        task = connection.get(name)
        if has_ended(task):
            click.echo(f"{name} has ended already: {phase_of(task)}")
            continue
        aborted.append(connection.patch(name, {"spec": {"abort": True}}))
        click.echo(f"aborting {name}")
    if aborted and (wait or timeout is not None):
        from controller.cli.waiting import wait as wait_for

        hint = "is the controller running?"
        sys.exit(wait_for(connection, aborted, timeout, wanted="Aborted", hint=hint))
