"""``controller get``: a list of tasks, or one with its outputs."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import click

from controller.cli import printing
from controller.cli.completing import task_names
from controller.cli.connection import Connection, cluster_options, connect
from controller.cli.exits import EPILOG, InputError
from controller.cli.following import phase_of
from pluginmachinery.api import names

FORMS = ("table", "wide", "json", "yaml", "name")
Columns = Mapping[str, Callable[[Mapping[str, Any]], str]]


@click.command(epilog=EPILOG)
@click.argument("name", required=False, metavar="[NAME]", shell_complete=task_names)
@click.option("--outputs", is_flag=True, help="Print the outputs of NAME as plain values.")
@click.option("--all-namespaces", "-A", is_flag=True, help="List those of all namespaces.")
@click.option("--selector", "-l", metavar="LABELS", default="", help="Only those with these labels: team=ml,stage!=x.")
@click.option("--watch", "-w", is_flag=True, help="Go on, with a line for each change, until Ctrl-C.")
@click.option("--output", "-o", "form", type=click.Choice(FORMS), default="table", show_default=True)
@cluster_options
def get(
    name: str | None,
    outputs: bool,
    all_namespaces: bool,
    selector: str,
    watch: bool,
    form: str,
    kubeconfig: Path | None,
    context: str | None,
    namespace: str | None,
) -> None:
    """List tasks, or show NAME.

    \b
    Example:
      controller get --watch
      controller get train --outputs -o json
    """
    if outputs and name is None:
        raise InputError("--outputs needs the NAME of a task")
    if name is not None and (all_namespaces or selector):
        raise InputError("NAME does not go together with --all-namespaces or --selector")
    if watch and outputs:
        raise InputError("--outputs and --watch do not go together")
    connection = connect(kubeconfig, context, namespace)
    if name is not None:
        task = connection.get(name)
        if watch:
            _watch(connection, [task], form, everywhere=False, only=name)
        elif outputs:
            _print_outputs(task, form)
        else:
            _print(task, [task], form, all_namespaces)
        return
    tasks = connection.all(everywhere=all_namespaces, selector=selector)
    if watch:
        _watch(connection, tasks, form, everywhere=all_namespaces, selector=selector)
    elif not tasks and form in ("table", "wide"):
        where = "this cluster" if all_namespaces else f"namespace {connection.namespace}"
        click.echo(f"no tasks in {where}", err=True)
    else:
        _print({"apiVersion": "v1", "kind": "List", "items": tasks}, tasks, form, all_namespaces)


def _watch(
    connection: Connection,
    tasks: list[dict[str, Any]],
    form: str,
    *,
    everywhere: bool,
    selector: str = "",
    only: str = "",
) -> NoReturn:
    """What there is, then each change. A table's columns are as wide as its first rows asked for."""
    from controller.cli.following import changes

    columns = _columns(form, everywhere)
    rows = [[cell(task) for cell in columns.values()] for task in tasks]
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    if form in ("table", "wide"):
        printing.line(list(columns), widths)
    shown: dict[str, Any] = {}
    # Nothing has to be put in order at the end: Ctrl-C ends the process at once, wherever it is.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for task in changes(connection, everywhere=everywhere, selector=selector):
        if only and task["metadata"]["name"] != only:
            continue
        if form in ("table", "wide"):
            row = [cell(task) for cell in columns.values()]
            told = [cell for column, cell in zip(columns, row, strict=True) if column != "AGE"]
            if shown.get(task["metadata"]["uid"]) != told:
                printing.line(row, widths)
            shown[task["metadata"]["uid"]] = told
        else:
            _print(task, [task], form, everywhere)
    raise AssertionError("changes never end")


def _print(whole: Any, tasks: list[dict[str, Any]], form: str, with_namespace: bool) -> None:
    if form in ("table", "wide"):
        columns = _columns(form, with_namespace)
        printing.table(list(columns), [[cell(task) for cell in columns.values()] for task in tasks])
    elif form == "name":
        for task in tasks:
            click.echo(task["metadata"]["name"])
    else:
        for task in tasks:
            task["metadata"].pop("managedFields", None)  # long, and about nothing that a person asks
        printing.structured(whole, form)


def _columns(form: str, with_namespace: bool) -> Columns:
    """Title → what stands below it. REASON is last, because it is the one that may be cut."""
    wide: Columns = {
        "PLUGIN": lambda task: _status(task).get("plugin", ""),
        "FAILURES": _failures,
        "TOOK": _took,
        "RETRY OF": lambda task: (task["metadata"].get("labels") or {}).get(names.RETRY_OF, ""),
    }
    return {
        **({"NAMESPACE": lambda task: str(task["metadata"]["namespace"])} if with_namespace else {}),
        "NAME": lambda task: str(task["metadata"]["name"]),
        "TYPE": lambda task: str((task.get("spec") or {}).get("template", {}).get("type", "")),
        "PHASE": phase_of,
        "ATTEMPT": lambda task: str(_status(task).get("attempt", "")),
        "AGE": lambda task: printing.age(task["metadata"].get("creationTimestamp"), printing.now()),
        **(wide if form == "wide" else {}),
        "REASON": lambda task: " ".join((_status(task).get("reason") or "").split()),
    }


def _status(task: Mapping[str, Any]) -> Mapping[str, Any]:
    return task.get("status") or {}


def _failures(task: Mapping[str, Any]) -> str:
    return ",".join(f"{budget}:{count}" for budget, count in (_status(task).get("failures") or {}).items())


def _took(task: Mapping[str, Any]) -> str:
    """From when it was accepted to its end."""
    status = _status(task)
    if "acceptedAt" not in status or "finishedAt" not in status:
        return ""
    return printing.age(status["acceptedAt"], datetime.fromisoformat(status["finishedAt"]))


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
