"""``controller get``: a list of tasks, or one with its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from controller.cli import printing
from controller.cli.connection import cluster_options, connect
from controller.cli.exits import EPILOG, InputError
from controller.cli.following import phase_of


@click.command(epilog=EPILOG)
@click.argument("name", required=False, metavar="[NAME]")
@click.option("--outputs", is_flag=True, help="Print the outputs of NAME as plain values.")
@click.option("--all-namespaces", "-A", is_flag=True, help="List those of all namespaces.")
@click.option("--output", "-o", "form", type=click.Choice(["table", "json", "yaml", "name"]), default="table")
@cluster_options
def get(
    name: str | None,
    outputs: bool,
    all_namespaces: bool,
    form: str,
    kubeconfig: Path | None,
    context: str | None,
    namespace: str | None,
) -> None:
    """List tasks, or show NAME.

    \b
    Example:
      controller get
      controller get train --outputs -o json
    """
    if outputs and name is None:
        raise InputError("--outputs needs the NAME of a task")
    if all_namespaces and name is not None:
        raise InputError("NAME and --all-namespaces do not go together")
    connection = connect(kubeconfig, context, namespace)
    if name is not None:
        task = connection.get(name)
        _print_outputs(task, form) if outputs else _print(task, [task], form, all_namespaces)
        return
    tasks = connection.all(everywhere=all_namespaces)
    if not tasks and form == "table":
        where = "this cluster" if all_namespaces else f"namespace {connection.namespace}"
        click.echo(f"no tasks in {where}", err=True)
        return
    _print({"apiVersion": "v1", "kind": "List", "items": tasks}, tasks, form, all_namespaces)


def _print(whole: Any, tasks: list[dict[str, Any]], form: str, with_namespace: bool) -> None:
    if form == "table":
        namespace = ["NAMESPACE"] if with_namespace else []
        rows = [_row(task, with_namespace) for task in tasks]
        printing.table([*namespace, "NAME", "TYPE", "PHASE", "ATTEMPT", "AGE", "REASON"], rows)
    elif form == "name":
        for task in tasks:
            click.echo(task["metadata"]["name"])
    else:
        for task in tasks:
            task["metadata"].pop("managedFields", None)  # long, and about nothing that a person asks
        printing.structured(whole, form)


def _row(task: Mapping[str, Any], with_namespace: bool) -> list[str]:
    metadata, status = task["metadata"], task.get("status") or {}
    return [
        *([metadata["namespace"]] if with_namespace else []),
        metadata["name"],
        task["spec"]["template"].get("type", ""),
        phase_of(task),
        str(status.get("attempt", "")),
        printing.age(metadata.get("creationTimestamp"), printing.now()),
        status.get("reason") or "",
    ]


def _print_outputs(task: Mapping[str, Any], form: str) -> None:
    """Outputs by name: values alone for machines, with their types for people."""
    from controller.cli.literals import plain, type_of

    left = (task.get("status") or {}).get("outputs") or {}
    if left.get("omitted"):
        raise InputError(f"the outputs are too large to stand in the status: read {left['prefix']}/outputs.pb")
    literals = dict(sorted((left.get("literals") or {}).items()))
    if form in ("json", "yaml"):
        printing.structured({name: plain(literal) for name, literal in literals.items()}, form)
        return
    if not literals:
        click.echo(f"{task['metadata']['name']} is {phase_of(task)} and has no outputs", err=True)
        return
    rows = [[name, type_of(literal), _shown(plain(literal))] for name, literal in literals.items()]
    printing.table(["NAME", "TYPE", "VALUE"], rows)


def _shown(value: Any) -> str:
    import orjson

    return value if isinstance(value, str) else orjson.dumps(value).decode()
