"""``configgen migrate``."""

from __future__ import annotations

from pathlib import Path

import click

from configgen.cli.options import environment_names, problems_end_the_command, show, show_data, source_folder

TOLD = 1


@click.command(short_help="Tell what a move to Flyte 2 changes, field by field, and do what can be done.")
@source_folder
@click.option(
    "--to", type=click.Choice(["flyte2"]), required=True, expose_value=False, help="The version of Flyte to move to."
)
@environment_names
@click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Look at this file instead: values of Flyte's charts, a ConfigMap, plain configuration.",
)
@click.option("--write", is_flag=True, help="Change the files in place, comments kept; tell what is left.")
@click.option(
    "-o", "output", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True, help="Form."
)
@problems_end_the_command
def migrate(folder: Path, names: tuple[str, ...], file: Path | None, write: bool, output: str) -> None:
    """Tell what a move to Flyte 2 changes for a source (default: all environments) or a foreign file: fields that are
    renamed, moved or dropped, defaults that are other ones, and what a person has to decide.

    --write renames, moves and takes out what it can, all files or none. In a source, a field that Flyte 2 dropped stays
    while an environment with other targets uses the layer: the target flyte2 leaves it out. Texts inside of
    texts (ConfigMaps), files with anchors and moves out of braces are left to people.

    \b
    Exit codes: 0 nothing to do, or nothing left after --write; 1 something is told; 2 an error, nothing was written.

    \b
    Example:
      configgen -C examples/configuration migrate --to flyte2
      configgen migrate --to flyte2 --file values.yaml -o json
      configgen migrate --to flyte2 --file values.yaml --write
    """
    from configgen.migration.migrating import of_file, of_source
    from configgen.migration.printing import as_list, as_text
    from configgen.source_files import replace_all

    if file is not None and names:
        raise click.UsageError("Give either --env or --file.")
    found = of_source(folder, names) if file is None else of_file(file)
    if write:
        replace_all(Path() if file else folder, found.changed)
        for name in sorted(found.changed):
            click.echo(f"write {name}", err=True)
    match output:
        case "json" | "yaml":
            import orjson

            show_data(orjson.dumps(as_list(found), option=orjson.OPT_INDENT_2).decode(), output)
        case _:
            show(as_text(found, written=write))
    if len(found.findings) > (len(found.done) if write else 0):
        raise SystemExit(TOLD)
