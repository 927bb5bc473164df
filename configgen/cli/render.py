"""``configgen render``."""

from __future__ import annotations

from pathlib import Path

import click

from configgen.cli import completion
from configgen.cli.options import comma_separated, environment_names, problems_end_the_command, source_folder
from configgen.targets import TARGETS

STALE = 1


@click.command(short_help="Write what a cluster reads.")
@source_folder
@environment_names
@click.option("--all", "every", is_flag=True, help="All environments; also removes what former ones left behind.")
@click.option(
    "--target",
    "targets",
    multiple=True,
    callback=comma_separated,
    shell_complete=completion.targets,
    metavar="TARGET[,…]",
    help=f"What to write: {', '.join(TARGETS)}.  [default: the environment's targets]",
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write to.")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 and name the files if the folder is stale.")
@problems_end_the_command
def render(folder: Path, names: tuple[str, ...], every: bool, targets: tuple[str, ...], out: Path, check: bool) -> None:
    """Write what a cluster reads, below --out: kustomize/, helm/ENV/, configmap/ENV/; for Flyte's own charts
    flyte-core/ENV/, flyte-binary/ENV/, flyte2/ENV/ (docs/flyte-charts.md).

    The same source gives the same bytes. Files that did not change are not touched, files of earlier renders that are
    no longer wanted are removed, files that configgen did not write are left alone. What the source says and a target
    can not express is told as a warning; lint makes findings of it.

    \b
    Exit codes: 0 done (or up to date); 1 stale, with --check; 2 an error, nothing was written.

    \b
    Example:
      configgen -C examples/configuration render --all --out deploy
      configgen render --env prod --target helm --out deploy
      configgen render --all --out deploy --check        # in CI
    """
    from configgen.render import output
    from configgen.render.targets import rendering

    if bool(names) == every:
        raise click.UsageError("Give either --env or --all.")
    for target in targets:
        if target not in TARGETS:
            raise click.BadParameter(f"no target {target!r}; known: {', '.join(TARGETS)}", param_hint="--target")
    rendered = rendering(folder, names, targets)
    changes = output.compare(rendered, out) if check else output.write(rendered, out)
    for verb, paths in (("create", changes.created), ("update", changes.updated), ("remove", changes.removed)):
        for path in paths:
            click.echo(f"{'would ' if check else ''}{verb} {path}")
    for loss in rendered.losses:
        click.echo(f"warning: {loss}", err=True)
    new, updated, removed = len(changes.created), len(changes.updated), len(changes.removed)
    unchanged = len(rendered.files) - new - updated
    click.echo(f"{new} new, {updated} updated, {removed} removed, {unchanged} unchanged", err=True)
    if check and changes:
        click.echo(f"{out} is stale: run configgen render without --check", err=True)
        raise SystemExit(STALE)
