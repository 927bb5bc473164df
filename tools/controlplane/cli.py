"""The command line of the local control plane."""

from __future__ import annotations

import contextlib
import shlex
import sys
from pathlib import Path

import click

from tools.controlplane.errors import ControlPlaneError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def commands() -> None:
    """A real Kubernetes API server, scheduler and controllers on 127.0.0.1, built from published Go modules.

    \b
    Example:
      python -m tools.controlplane build
      python -m tools.controlplane up
    """


@commands.command()
@click.argument("names", nargs=-1)
def build(names: tuple[str, ...]) -> None:
    """Build what is missing (all, or NAMES); cached outside the checkout."""
    from tools.controlplane.binaries import BY_NAME, cache_folder
    from tools.controlplane.builds import build as build_missing
    from tools.controlplane.progress import report

    if unknown := [name for name in names if name not in BY_NAME]:
        raise click.UsageError(f"no such binary: {', '.join(unknown)} (there are: {', '.join(BY_NAME)})")
    with report() as lines:
        build_missing(lines, names or BY_NAME)
    click.echo(f"binaries are there ({cache_folder()})", err=True)


@commands.command()
def where() -> None:
    """Print where each binary comes from."""
    from tools.controlplane.binaries import BINARIES, find

    for binary in BINARIES:
        click.echo(f"{binary.name}\t{binary.version}\t{find(binary.name) or 'not built yet: run `make binaries`'}")


@commands.command()
@click.option("--controllers/--no-controllers", default=True, help="Run kube-controller-manager and kube-scheduler.")
@click.option("--nodes/--no-nodes", default=True, help="Simulate nodes: a plain, a GPU and a spot one.")
@click.option(
    "--output-root",
    type=click.Path(file_okay=False, resolve_path=True, path_type=Path),
    help="Folder below which simulated pods may write files.",
)
def up(controllers: bool, nodes: bool, output_root: Path | None) -> None:
    """Run a control plane in the foreground until Ctrl-C; prints the line that points kubectl at it.

    \b
    Example:
      python -m tools.controlplane up
      export KUBECONFIG=…            (in another terminal: the line that it printed)
    """
    from tools.controlplane.controlplanes import ControlPlane
    from tools.controlplane.simulation.nodes import DEFAULT_NODES

    plane = ControlPlane(nodes=DEFAULT_NODES if nodes else (), controllers=controllers, output_root=output_root)
    with contextlib.suppress(KeyboardInterrupt), plane:
        click.echo(f"export KUBECONFIG={shlex.quote(str(plane.kubeconfig))}")
        click.echo(f"{plane.server} is ready, logs are in {plane.folder / 'logs'}; Ctrl-C ends it", err=True)
        plane.wait()


def main() -> None:
    """Entry point: an expected error is one clear message and exit code 1, never a traceback."""
    try:
        commands(prog_name="python -m tools.controlplane")
    except ControlPlaneError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
