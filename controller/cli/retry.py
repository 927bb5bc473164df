"""``controller retry``: a task once more, as a new object; the earlier one stays as it is."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import click

from controller.cli.completing import task_names
from controller.cli.connection import cluster_options, connect
from controller.cli.exits import EPILOG, InputError
from controller.cli.following import has_ended, phase_of
from controller.cli.timeouts import timeout_option
from pluginmachinery.api import names

JSON = dict[str, Any]

_COUNTED = re.compile(r"(?P<base>.+)-retry-(?P<number>\d+)")
_LONGEST_BASE = 240
"""Names of TaskExecutions go up to 253 characters."""
_OF_THE_ATTEMPT = ("outputPrefix", "rawOutputPrefix", "checkpointPrefix")
_NOT_COPIED = ("abort", "suspend", "generatedName")
"""What stopped the earlier one, and what would give its objects the same names."""


@click.command(epilog=EPILOG)
@click.argument("names", nargs=-1, required=True, metavar="NAME…", shell_complete=task_names)
@click.option("--force", is_flag=True, help="Also while the earlier one goes on, or after it has succeeded.")
@click.option("--wait", is_flag=True, help="Print phases as they happen; end when all tasks have ended.")
@timeout_option
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but the names.")
@cluster_options
def retry(
    names: tuple[str, ...],
    force: bool,
    wait: bool,
    timeout: float | None,
    quiet: bool,
    kubeconfig: Path | None,
    context: str | None,
    namespace: str | None,
) -> None:
    """Submit the tasks NAME… once more.

    Each becomes a new task NAME-retry-1, -2, … with the same spec and a label that says whose retry it is. Paths that
    the spec names get a folder of their own beneath; checkpoints of the earlier one are found.
    """
    connection = connect(kubeconfig, context, namespace)
    earlier = [connection.get(name) for name in names]
    refused = [problem for task in earlier if (problem := _refusal(task, force=force))]
    if refused:
        raise InputError("\n".join([*refused, "nothing was submitted"]))
    taken = {task["metadata"]["name"] for task in connection.all()}
    created = []
    for task in earlier:
        manifest = retried(task, taken)
        taken.add(manifest["metadata"]["name"])
        created.append(connection.create(manifest))
        name = manifest["metadata"]["name"]
        click.echo(name if quiet else f"taskexecution {name} created: {task['metadata']['name']} once more")
    if wait or timeout is not None:
        from controller.cli.waiting import wait as wait_for

        sys.exit(wait_for(connection, created, timeout, quiet=quiet))


def retried(task: Mapping[str, Any], taken: Collection[str]) -> JSON:
    """The manifest of the retry; ``taken`` are the names that are in use."""
    metadata = task["metadata"]
    name = _next_name(metadata["name"], taken)
    labels = {**(metadata.get("labels") or {}), names.RETRY_OF: names.task_execution_label(metadata["name"])}
    head: JSON = {"name": name, "namespace": metadata["namespace"], "labels": labels}
    annotations = {
        key: value
        for key, value in (metadata.get("annotations") or {}).items()
        if key != "kubectl.kubernetes.io/last-applied-configuration"
    }
    if annotations:
        head["annotations"] = annotations
    if names.FINALIZER in (metadata.get("finalizers") or ()):
        head["finalizers"] = [names.FINALIZER]
    return {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": head, "spec": _spec(task["spec"], name)}


def _spec(spec: Mapping[str, Any], name: str) -> JSON:
    """What is written goes into a folder of its own: an error of the earlier one must not be read as this one's."""
    copied = {key: value for key, value in spec.items() if key not in _NOT_COPIED}
    if spec.get("checkpointPrefix"):
        copied["previousCheckpointPrefix"] = spec["checkpointPrefix"]
    return copied | {key: f"{spec[key].rstrip('/')}/{name}" for key in _OF_THE_ATTEMPT if spec.get(key)}


def _next_name(name: str, taken: Collection[str]) -> str:
    """``train`` → ``train-retry-1``, ``train-retry-1`` → ``train-retry-2``."""
    counted = _COUNTED.fullmatch(name)
    base = (counted["base"] if counted else name)[:_LONGEST_BASE].rstrip("-.")
    number = int(counted["number"]) + 1 if counted else 1
    while f"{base}-retry-{number}" in taken:
        number += 1
    return f"{base}-retry-{number}"


def _refusal(task: Mapping[str, Any], *, force: bool) -> str:
    name, phase = task["metadata"]["name"], phase_of(task)
    if force:
        return ""
    if not has_ended(task):
        return f"{name} is {phase} and goes on: abort it first, or give --force to run both"
    return f"{name} has succeeded: give --force to run it once more" if phase == "Succeeded" else ""
