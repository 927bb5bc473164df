"""``configgen catalog``."""

from __future__ import annotations

from pathlib import Path

import click

from configgen.cli import completion
from configgen.cli.options import problems_end_the_command, show, show_data, source_folder

NOTHING = 1


@click.command(short_help="List every plugin: ID, task types, objects, rights, section.")
@source_folder
@click.argument("word", default="", shell_complete=completion.plugins)
@click.option(
    "--env",
    "name",
    metavar="ENV",
    help="Tell as well which plugins run in this environment.",
    shell_complete=completion.environments,
)
@click.option(
    "-o",
    "output",
    type=click.Choice(["text", "json", "yaml", "markdown", "html"]),
    default="text",
    show_default=True,
    help="Form; html is one page to search in, without a server.",
)
@problems_end_the_command
def catalog(folder: Path, word: str, name: str | None, output: str) -> None:
    """List every plugin: ID, task types, the objects that it creates with their CRDs and versions, rights, section of
    the configuration, operator, versions of Flyte. With WORD those that mention it.

    \b
    Exit codes: 0 done; 1 no plugin mentions WORD; 2 an error.

    \b
    Example:
      configgen catalog RayJob
      configgen -C examples/configuration catalog --env prod -o json
      configgen catalog -o html > plugins.html
    """
    from configgen.catalog import as_json, as_markdown, as_text
    from configgen.catalog import catalog as entries_of

    enabled = None
    if name is not None:
        from configgen.layers.environments import Source

        enabled = {plugin.id for plugin in Source(folder).environment(name).plugins}
    entries = entries_of(word, enabled)
    match output:
        case "json" | "yaml":
            show_data(as_json(entries), output)
        case "markdown":
            show(as_markdown(entries))
        case "html":
            from configgen.catalog_page import as_html

            show(as_html(entries))
        case _:
            show(as_text(entries))
    if not entries:
        raise SystemExit(NOTHING)
