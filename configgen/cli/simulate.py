"""``configgen simulate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from configgen.cli import completion
from configgen.cli.options import problems_end_the_command, show, show_data, source_folder

if TYPE_CHECKING:
    from configgen.diff.secrets import Secrets
    from configgen.diff.sides import Side
    from configgen.effects.building import Built
    from configgen.effects.representatives import RepresentativeTask

NO_OBJECT = DIFFERENT = 1


@click.command(short_help="Show the object that the controller would create for a task.")
@source_folder
@click.option(
    "--task",
    required=True,
    metavar="TASK",
    help="A file with a task, or the name of a representative task.",
    shell_complete=completion.tasks,
)
@click.option("--env", "name", metavar="ENV", help="Environment, or REV:ENV.", shell_complete=completion.environments)
@click.option("--file", type=click.Path(path_type=Path), metavar="PATH", help="A ConfigMap file or rendered folder.")
@click.option(
    "--against",
    metavar="ENV",
    help="Show the difference to this environment (or REV:ENV, file, folder).",
    shell_complete=completion.sides,
)
@click.option(
    "-o", "output", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True, help="Form."
)
@problems_end_the_command
def simulate(folder: Path, task: str, name: str | None, file: Path | None, against: str | None, output: str) -> None:
    """Show the object that the controller would create for a task under the configuration of an environment, after the
    policy. Nothing is sent anywhere. Secrets are not shown.

    TASK is a file with a task template (flyteidl's TaskTemplate) or a TaskExecution, YAML or JSON; or the name of a
    built-in representative task (container, gpu, spark, …) or of a file in the source's folder tasks/.

    \b
    Exit codes: 0 an object, or with --against no difference; 1 the task would fail, or a difference; 2 an error.

    \b
    Example:
      configgen -C examples/configuration simulate --task gpu --env prod
      configgen simulate --task train.yaml --env dev --against prod
      configgen simulate --task spark --file live-configmap.yaml -o json
    """
    from configgen.diff.opening import sides
    from configgen.effects.representatives import find

    if (name is None) == (file is None):
        raise click.UsageError("Name either --env or --file.")
    with sides(folder) as opened:
        representative = _collected(lambda: find(task, folder))
        named = str(file) if file is not None else name or ""
        if file is not None:
            from configgen.diff.foreign import read_side

            opening = [lambda: read_side(file, named, environment=against or "")]
        else:
            opening = [lambda: opened.open(named, environment=against or "")]
        if against is not None:
            opening.append(lambda: opened.open(against, environment=name or ""))
        found = [_collected(attempt) for attempt in opening]
    problems = [problem for one in (representative, *found) for problem in getattr(one, "problems", ())]
    if problems:
        from configgen.problems import SourceError

        raise SourceError(problems)
    for note in (note for side in found for note in side.notes):
        click.echo(f"warning: {note}", err=True)
    if against is None:
        _show_object(representative, found[0], output)
    else:
        _show_difference(representative, found[0], found[1], output)


def _collected(attempt: Any) -> Any:
    """The answer, or the SourceError: what is wrong with the other arguments is to be told with it."""
    from configgen.problems import SourceError

    try:
        return attempt()
    except SourceError as error:
        return error


def _built(task: RepresentativeTask, side: Side) -> Built:
    from configgen.effects.building import build, world_of
    from configgen.layers.plugin_checks import discovered
    from configgen.problems import Problem, SourceError
    from pluginmachinery.plugins.enabling import EnablingError

    try:
        return build(world_of(side.configuration, discovered()), task)
    except EnablingError as error:
        problem = Problem(side.name, 0, 0, "tasks.task-plugins", error.message, error.mend)
        raise SourceError([problem]) from error


def _show_object(task: RepresentativeTask, side: Side, output: str) -> None:
    from configgen.diff.secrets import Secrets

    built = _built(task, side)
    secrets = Secrets.of(side.effective(), side.said, task.execution)
    if built.warning:
        click.echo(f"warning: the policy warns of {secrets.text(built.warning)}", err=True)
    if built.failure:
        click.echo(f"the controller would fail this task: {secrets.text(built.failure)}", err=True)
        if output != "text":
            show_data(_json({"plugin": built.plugin, "failure": secrets.text(built.failure)}), output)
        raise SystemExit(NO_OBJECT)
    if not built.objects:
        click.echo(f"the plugin {built.plugin} creates no object for this task", err=True)
    _print([secrets.hidden(manifest) for manifest in built.objects], output)


def _print(objects: list[dict[str, Any]], output: str) -> None:
    if output == "json":
        several = {"apiVersion": "v1", "kind": "List", "items": objects}
        show(_json(objects[0] if len(objects) == 1 else several))
    elif objects:
        from configgen.render.yaml_text import to_yaml_documents

        show(to_yaml_documents(objects).rstrip("\n"))


def _show_difference(task: RepresentativeTask, first: Side, second: Side, output: str) -> None:
    from configgen.diff.secrets import Secrets
    from configgen.effects.comparing import differences
    from configgen.effects.wording import sentence

    changes = differences(_built(task, first), _built(task, second))
    secrets = Secrets.of(first.effective(), second.effective(), first.said, second.said, task.execution)
    if output != "text":
        shown = [
            {"role": role, **_hidden(change, secrets), "text": sentence(change, secrets)} for role, change in changes
        ]
        show_data(_json({"task": task.name, "before": first.name, "after": second.name, "changes": shown}), output)
    elif not changes:
        show(f"{task.name} comes to the same under {first.name} and {second.name}.")
    else:
        lines = [f"{task.name} under {first.name} → {second.name}:"]
        lines += [
            f"  {role}: {sentence(change, secrets)}" if role else f"  {sentence(change, secrets)}"
            for role, change in changes
        ]
        show("\n".join(lines))
    if changes:
        raise SystemExit(DIFFERENT)


def _hidden(change: Any, secrets: Secrets) -> dict[str, Any]:
    key = change.path[-1]
    values = {"before": secrets.hidden(change.before, key=key), "after": secrets.hidden(change.after, key=key)}
    return {"path": change.path, **values}


def _json(content: Any) -> str:
    import orjson

    return orjson.dumps(content, default=str, option=orjson.OPT_INDENT_2).decode()
