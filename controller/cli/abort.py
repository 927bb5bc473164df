"""``controller abort``: stop tasks and delete what was created for them; the TaskExecutions stay."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from controller.cli.connection import cluster_options, connect
from controller.cli.exits import EPILOG, FAILED, INTERRUPTED, SUCCEEDED, TIMED_OUT
from controller.cli.following import follow, has_ended, phase_of
from controller.cli.progress import Progress
from controller.cli.timeouts import timeout_option


@click.command(epilog=EPILOG)
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
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
        deadline = None if timeout is None else time.monotonic() + timeout
        progress = Progress([task["metadata"]["name"] for task in aborted])
        outcomes = []
        try:
            for state in follow(connection, aborted, deadline):
                if state is None:
                    click.echo("controller: not ended in time; is the controller running?", err=True)
                    sys.exit(TIMED_OUT)
                progress.tell(state)
                outcomes += [phase_of(state)] if has_ended(state) else []
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        sys.exit(SUCCEEDED if all(phase == "Aborted" for phase in outcomes) else FAILED)
