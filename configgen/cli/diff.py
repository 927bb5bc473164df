"""``configgen diff``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from configgen.cli import completion
from configgen.cli.options import kubeconfig_option, problems_end_the_command, show_data, source_folder

if TYPE_CHECKING:
    from configgen.diff.comparing import Comparison

DIFFERENT = 1
FORMS = ("text", "json", "yaml", "markdown", "html", "sarif")


@click.command(short_help="Show how two configurations differ, and what that does to the pods of tasks.")
@source_folder
@click.argument("names", nargs=-1, metavar="A B", shell_complete=completion.sides)
@click.option("--base", metavar="REV", help="Compare environments (all, or those named) with themselves at REV.")
@click.option("--effect/--no-effect", default=True, help="Whether to tell what happens to pods.  [default: effect]")
@click.option("-o", "output", type=click.Choice(FORMS), default="text", show_default=True, help="Form.")
@kubeconfig_option
@problems_end_the_command
def diff(
    folder: Path, names: tuple[str, ...], base: str | None, effect: bool, output: str, kubeconfig: Path | None
) -> None:
    """Show what A and B differ in, leaf by leaf and who said so, and how pods and operator objects of tasks change.

    A and B are environments, REV:ENV (an environment at a git revision), rendered folders, or files: a ConfigMap, such
    as kubectl get -o yaml prints it, values of our chart or of Flyte's charts, or a document of Flyte's configuration.
    What a cluster runs with is cluster:CONTEXT/NAMESPACE[/CONFIGMAP]; an empty context is the current one.

    Order, spelling and form do not count: 1000m is 1, a map is the same map in both of its forms. Secrets are not
    shown. The effect is that on representative tasks: built-in ones for every enabled plugin, and those in the source's
    folder tasks/.

    \b
    Exit codes: 0 the same; 1 different; 2 an error.

    \b
    Example:
      configgen -C examples/configuration diff dev prod
      configgen diff --base origin/main -o markdown >> "$GITHUB_STEP_SUMMARY"
      configgen diff cluster:prod-eu/flyte-prod prod
      configgen diff live.yaml prod -o json | jq -r '.changes[].path'
    """
    from configgen.diff.opening import against_base, compared, sides

    with sides(folder, kubeconfig) as opened:
        if base is not None:
            comparisons = against_base(opened, base, names, effects=effect)
        elif len(names) == 2:
            pair = opened.pair(*names)
            for note in (note for side in pair for note in side.notes):
                click.echo(f"warning: {note}", err=True)
            comparisons = [compared(*pair, folder=folder, effects=effect)]
        else:
            raise click.UsageError("Name two things to compare, or --base REV.")
    show_data(_form(output, folder, several=base is not None)(comparisons), output)
    if any(comparison.differs for comparison in comparisons):
        raise SystemExit(DIFFERENT)


def _form(output: str, folder: Path, *, several: bool) -> Callable[[list[Comparison]], str]:
    match output:
        case "json" | "yaml":
            from configgen.diff.json_form import as_json

            return lambda comparisons: as_json(comparisons, several=several)
        case "markdown":
            from configgen.diff.markdown import as_markdown

            return as_markdown
        case "html":
            from configgen.diff.html import as_html

            return as_html
        case "sarif":
            from configgen.diff.sarif import as_sarif

            return lambda comparisons: as_sarif(comparisons, folder)
    from configgen.diff.text import as_text

    return as_text
