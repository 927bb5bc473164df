"""``configgen fmt``."""

from __future__ import annotations

from pathlib import Path

import click

from configgen.cli.options import problems_end_the_command, source_folder

UNORDERED = 1


@click.command(short_help="Put the documents of all layers into one order, comments kept.")
@source_folder
@click.option("--check", is_flag=True, help="Write nothing; exit 1 and name the files that are not in order.")
@problems_end_the_command
def fmt(folder: Path, check: bool) -> None:
    """Put the documents of all layers and their release.yaml into one order: sections and fields as in the reference,
    free maps by their keys. Entries move with the comments above them; lists keep their order, and what is said does
    not change.

    \b
    Exit codes: 0 done (or in order); 1 not in order, with --check; 2 an error, nothing was written.

    \b
    Example:
      configgen -C examples/configuration fmt
      configgen fmt --check        # in CI, or before a commit
    """
    from configgen.formatting import formatted
    from configgen.source_files import layer_files, replace_all

    before = layer_files(folder)
    after = {name: formatted(file.text, name, file.kind) for name, file in before.items()}
    changed = {name: text for name, text in after.items() if text != before[name].text}
    if not check:
        replace_all(folder, changed)
    for name in sorted(changed):
        click.echo(f"{'would ' if check else ''}format {name}")
    if check and changed:
        raise SystemExit(UNORDERED)
