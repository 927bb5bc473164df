"""``configgen explain``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from configgen.cli import completion
from configgen.cli.options import problems_end_the_command, show, show_data, source_folder

if TYPE_CHECKING:
    from configgen.explain import Explanation


@click.command(short_help="Tell what a key means, its value, and which layer set it.")
@source_folder
@click.argument("path", shell_complete=completion.keys)
@click.option(
    "--env", "name", required=True, metavar="ENV", help="Environment.", shell_complete=completion.environments
)
@click.option(
    "-o", "output", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True, help="Form."
)
@problems_end_the_command
def explain(folder: Path, path: str, name: str, output: str) -> None:
    """Tell what the key PATH means, what it is set to in an environment, and the whole chain of layers that set it.

    Elements of lists are named by what identifies them: tasks.task-plugins.enabled-plugins[spark].

    \b
    Exit codes: 0 done; 2 an error, such as a key that does not exist.

    \b
    Example:
      configgen -C examples/configuration explain plugins.k8s.default-env-vars --env prod
      configgen explain task_resources.limits.cpu --env prod -o json
    """
    from configgen.explain import explain as answer
    from configgen.layers.environments import Source

    explanation = answer(Source(folder).environment(name), path)
    if output == "text":
        show(_text(explanation))
    else:
        show_data(_json(explanation), output)


def _text(explanation: Explanation) -> str:
    from configgen.diff.comparing import MASK
    from configgen.diff.printing import BUILT_IN, one_line

    lines = [click.style(explanation.path, bold=True), f"  type     {explanation.type}"]
    if explanation.meaning:
        lines.append(f"  meaning  {explanation.meaning}")
    lines += [f"  note     {remark}" for remark in explanation.remarks]
    if explanation.default is not None and not explanation.section:
        lines.append(f"  default  {one_line(explanation.default)}")
    lines.append("")
    for found in explanation.values:
        lines.append(f"{found.path} = {one_line(found.value)}")
        for index, origin in enumerate(found.origins):
            # The value that holds stands in the line above.
            told = index > 0 and origin.value is not None
            said = f" {MASK if found.secret else one_line(origin.value)}" if told else ""
            place = origin.place if origin.place.line else BUILT_IN
            lines.append(f"  {'set by  ' if index == 0 else 'over    '} {place}  {origin.verb.value}{said}")
        if not found.origins:
            lines.append(f"  set by   {BUILT_IN}")
    if not explanation.values:
        lines.append("Nothing is set here.")
    return "\n".join(lines)


def _json(explanation: Explanation) -> str:
    import orjson

    from configgen.diff.printing import origin_as_json

    content = {
        "path": explanation.path,
        "type": explanation.type,
        "meaning": explanation.meaning,
        "notes": explanation.remarks,
        "default": explanation.default,
        "values": [
            {
                "path": found.path,
                "value": found.value,
                "origins": [origin_as_json(origin, secret=found.secret) for origin in found.origins],
            }
            for found in explanation.values
        ],
    }
    return orjson.dumps(content, default=str, option=orjson.OPT_INDENT_2).decode()
