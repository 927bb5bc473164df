"""``configgen init``."""

from __future__ import annotations

from pathlib import Path

import click

from configgen.cli.options import problems_end_the_command, source_folder


@click.command(short_help="Make a new source: base, dev, prod, and a workflow that posts diffs.")
@source_folder
@click.option(
    "--from",
    "origins",
    multiple=True,
    metavar="[NAME=]PATH",
    help="Begin with an existing install's values instead, as import takes them; repeatable.",
)
@problems_end_the_command
def init(folder: Path, origins: tuple[str, ...]) -> None:
    """Make a new source in the folder: a base, the environments dev and prod, schemas for editors, and a workflow for
    GitHub that posts what a pull request does to the pods of tasks. Asks nothing, and overwrites nothing.

    \b
    Exit codes: 0 done; 2 an error, such as a file that is there already; nothing was written.

    \b
    Example:
      configgen -C configuration init
      configgen -C configuration init --from dev=values-dev.yaml --from prod=values-prod.yaml
    """
    from configgen import starter
    from configgen.editor_schemas import with_schemas
    from configgen.importers.new_files import write_new

    files, notes = _imported(origins) if origins else (dict(starter.source()), [])
    files = {**with_schemas(files), **starter.workflow()}
    write_new(files, folder, "-C")
    for name in sorted(files):
        click.echo(f"create {folder / name}")
    for note in notes:
        click.echo(note, err=True)


def _imported(origins: tuple[str, ...]) -> tuple[dict[str, str], list[str]]:
    from configgen.importers.importing import run
    from configgen.importers.inputs import read_inputs

    result = run(read_inputs(origins))
    return dict(result.files), [str(note) for note in result.notes]
