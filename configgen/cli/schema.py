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
@problems_end_the_command
def schema(folder: Path, what: str) -> None:  # noqa: ARG001 - every command takes -C; this one reads no source
    """Write a JSON Schema, with the meaning and default of every key, for completion and hints in editors.

    \b
    Exit codes: 0 done; 2 an error.

    \b
    Example:
      configgen schema --what config > config.schema.json
      configgen schema > source.schema.json
    """
    import orjson

    from configgen.schema import SCHEMAS

    show(orjson.dumps(SCHEMAS[what](), option=orjson.OPT_INDENT_2).decode())
