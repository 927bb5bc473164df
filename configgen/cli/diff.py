"""``configgen diff``."""

from __future__ import annotations

from pathlib import Path

import click

from configgen.cli.options import problems_end_the_command, show, source_folder

DIFFERENT = 1


@click.command(short_help="Show how the effective configuration of two environments differs.")
@source_folder
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("-o", "output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Form.")
@problems_end_the_command
def diff(folder: Path, before: str, after: str, output: str) -> None:
    """Show how the effective configuration of the environments A and B differs, leaf by leaf, and who said so.

    Order, spelling and form do not count: 1000m is 1, a map is the same map in both of its forms. Values of secrets are
    not shown.

    \b
    Exit codes: 0 the same; 1 different; 2 an error.

    \b
    Example:
      configgen -C examples/configuration diff dev prod
      configgen diff dev prod -o json | jq -r '.changes[].path'
    """
    from configgen.diff.comparing import compare
    from configgen.diff.printing import as_json, as_text
    from configgen.layers.environments import Source

    first, second = Source(folder).environments([before, after])
    changes = compare(first, second)
    printed = as_json if output == "json" else as_text
    show(printed(changes, before, after))
    if changes:
        raise SystemExit(DIFFERENT)
