"""``configgen import``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from configgen.cli.options import kubeconfig_option, problems_end_the_command, show, show_data, source_folder

if TYPE_CHECKING:
    from configgen.importers.importing import Import


@click.command("import", short_help="Make a source of an existing install's values, ConfigMaps or files.")
@source_folder
@click.argument("paths", nargs=-1, required=True, metavar="[NAME=]PATH…")
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the new source."
)
@click.option(
    "-o", "output", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True, help="Form."
)
@kubeconfig_option
@problems_end_the_command
def import_(folder: Path, paths: tuple[str, ...], into: Path | None, output: str, kubeconfig: Path | None) -> None:
    """Make a layered source of what an install is configured with today.

    PATH is a values file of flyte-core or flyte-binary (umbrella charts and Flyte 2 too), a ConfigMap (kubectl get -o
    yaml), a patch, a plain configuration file, a folder of these, or - for the standard input. Each values file is an
    environment; several files of one environment are given one name: prod=values.yaml prod=values-prod.yaml. What a
    cluster runs with is cluster:CONTEXT/NAMESPACE[/CONFIGMAP]; an empty context is the current one.

    What all environments share goes to base, the rest to a layer for each; what equals the chart's default is dropped.
    What was not understood, or could not go over as it was, is told with its line.

    \b
    Exit codes: 0 done, whatever there was to tell; 2 an error, nothing was written.

    \b
    Example:
      configgen import dev=values-dev.yaml prod=values-prod.yaml --into configuration
      configgen import prod=cluster:prod-eu/flyte --into configuration
      kubectl get configmap flyte-propeller-config -o yaml | configgen import - --into configuration
    """
    from configgen.importers.importing import run
    from configgen.importers.inputs import read_inputs
    from configgen.importers.new_files import write_new

    into = into or folder
    result = run(read_inputs(paths, kubeconfig))
    write_new(result.files, into, "--into")
    if output == "text":
        show(_text(result, into))
    else:
        show_data(_json(result), output)
    if output == "text":
        for note in result.notes:
            click.echo(str(note), err=True)


def _text(result: Import, into: Path) -> str:
    lines = [f"create {into / name}" for name in result.files]
    for one in result.environments:
        lines.append(f"environment {one.name}: {one.form}, from {', '.join(one.files)}")
        lines.append(f"  layers {', '.join(one.layers)}")
    return "\n".join(lines)


def _json(result: Import) -> str:
    import orjson

    content = {
        "files": list(result.files),
        "environments": {
            one.name: {"form": one.form, "files": one.files, "layers": one.layers} for one in result.environments
        },
        "notes": [
            {
                "severity": note.severity.value,
                "file": note.problem.file,
                "line": note.problem.line,
                "column": note.problem.column,
                "path": note.problem.path,
                "message": note.problem.message,
                "mend": note.problem.mend,
            }
            for note in result.notes
        ],
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()
