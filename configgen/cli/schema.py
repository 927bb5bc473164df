"""``configgen schema``."""

from __future__ import annotations

from pathlib import Path

import click

from configgen.cli.options import problems_end_the_command, show, source_folder


@click.command(short_help="Write JSON Schemas, for completion in editors.")
@source_folder
@click.option(
    "--what",
    type=click.Choice(["source", "config", "release", "environments"]),
    default="source",
    show_default=True,
    help="A layer's documents, rendered documents, release.yaml, or configgen.yaml.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write all schemas into this folder, as init does; SOURCE/.schemas after an upgrade.",
)
@problems_end_the_command
def schema(folder: Path, what: str, out: Path | None) -> None:  # noqa: ARG001 - every command takes -C
    """Write a JSON Schema, with the meaning, default and range of every key, for completion and hints in editors.

    \b
    Exit codes: 0 done; 2 an error.

    \b
    Example:
      configgen schema --what config > config.schema.json
      configgen schema > source.schema.json
      configgen schema --out configuration/.schemas
    """
    import orjson

    from configgen.schema import SCHEMAS

    if out is not None:
        from configgen.editor_schemas import schema_files
        from configgen.source_files import replace_all

        files = schema_files()
        replace_all(out, files)
        for name in files:
            click.echo(f"write {out / name}")
        return
    show(orjson.dumps(SCHEMAS[what](), option=orjson.OPT_INDENT_2).decode())
