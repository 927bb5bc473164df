"""``controller submit``: TaskExecutions from files to the cluster, checked before anything is sent."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controller.cli.connection import Connection, cluster_options, connect
from controller.cli.exits import EPILOG, FAILED, INTERRUPTED, SUCCEEDED, TIMED_OUT, InputError
from controller.cli.timeouts import timeout_option

if TYPE_CHECKING:
    from controller.cli.manifests import Manifest

JSON = dict[str, Any]


@click.command(epilog=EPILOG)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE…")
@click.option("--wait", is_flag=True, help="Print phases as they happen; end when all tasks have ended.")
@timeout_option
@click.option("--interruptible/--no-interruptible", default=None, help="Whether the tasks may be interrupted.")
@click.option("--output-prefix", metavar="URL", help="Where the tasks write their outputs.")
@click.option("--suspend", is_flag=True, help="Submit, but do not start yet.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but the names.")
@cluster_options
def submit(
    files: tuple[Path, ...],
    wait: bool,
    timeout: float | None,
    interruptible: bool | None,
    output_prefix: str | None,
    suspend: bool,
    quiet: bool,
    kubeconfig: Path | None,
    context: str | None,
    namespace: str | None,
) -> None:
    """Submit the tasks in FILE… (- is standard input).

    A file holds TaskExecutions, or bare task templates (flyteidl TaskTemplate as YAML or JSON), which get a generated
    name. All files are checked first: with a mistake in one of them nothing is submitted.

    \b
    Example:
      controller submit train.yaml --wait --timeout 1h
    """
    spec = {
        name: value
        for name, value in (
            ("interruptible", interruptible),
            ("outputPrefix", output_prefix),
            ("suspend", suspend or None),
        )
        if value is not None
    }
    manifests = [_finished(manifest, spec, namespace) for manifest in _read(files)]
    connection = connect(kubeconfig, context, namespace)
    created = [_create(connection, manifest, quiet=quiet) for manifest in manifests]
    if wait or timeout is not None:
        sys.exit(_wait(connection, created, timeout, quiet=quiet))


def _read(files: Iterable[Path]) -> list[Manifest]:
    from controller.cli.manifests import load, warnings

    manifests: list[Manifest] = []
    problems = []
    for path in files:
        try:
            text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise InputError(f"{path} can not be read: {reason}") from error
        found, wrong = load(path, text)
        manifests += found
        problems += wrong
    if problems:
        raise InputError("\n".join([*map(str, problems), "nothing was submitted"]))
    for problem in (problem for manifest in manifests for problem in warnings(manifest)):
        click.echo(f"controller: warning: {problem}", err=True)
    return manifests


def _finished(manifest: Manifest, spec: Mapping[str, Any], namespace: str | None) -> JSON:
    """The object to create: with what the options say, the label by which replicas share the work, and with our
    finalizer where it will be needed.

    What is set at creation costs nothing; setting a finalizer later costs the controller a write.
    """
    from pluginmachinery.api import names, shards

    wanted = manifest.object
    metadata = dict(wanted["metadata"])
    own = metadata.get("namespace")
    if namespace and own and own != namespace:
        problem = manifest.document.problem(("metadata", "namespace"), f"is {own}, but --namespace says {namespace}")
        raise InputError(str(problem))
    finalizers = list(metadata.get("finalizers") or ())
    if names.FINALIZER not in finalizers and _needs_finalizer(wanted["spec"] | spec):
        metadata["finalizers"] = [*finalizers, names.FINALIZER]
    # A name that the server is yet to generate can not be hashed: any bucket will do.
    bucket = shards.bucket(own or namespace or "", metadata.get("name") or uuid.uuid4().hex)
    metadata["labels"] = {names.SHARD: str(bucket), **(metadata.get("labels") or {})}
    return {**wanted, "metadata": metadata, "spec": wanted["spec"] | spec}


def _needs_finalizer(spec: Mapping[str, Any]) -> bool:
    """Could any plugin that runs such tasks leave something that owner references do not remove?

    What the controller enables is not known here: a finalizer too many costs one write at the end.
    """
    from pluginmachinery.core.plugins import AbortOverride
    from pluginmachinery.plugins.registry import BUILTIN, instance

    task_type, plugin = spec["template"]["type"], spec.get("plugin")
    candidates = [
        declaration
        for declaration in BUILTIN
        if declaration.implementation and (plugin or "").lower() in ("", declaration.id)
        if task_type in declaration.task_types
    ]
    return any(not one.resources or isinstance(instance(one), AbortOverride) for one in candidates)


def _create(connection: Connection, manifest: JSON, *, quiet: bool) -> JSON:
    created = connection.create(manifest)
    name, namespace = created["metadata"]["name"], created["metadata"]["namespace"]
    click.echo(name if quiet else f"taskexecution {name} created in namespace {namespace}")
    return created


def _wait(connection: Connection, tasks: list[JSON], timeout: float | None, *, quiet: bool) -> int:
    from controller.cli.following import follow, has_ended
    from controller.cli.progress import Progress

    deadline = None if timeout is None else time.monotonic() + timeout
    latest = {task["metadata"]["uid"]: task for task in tasks}
    progress = Progress([task["metadata"]["name"] for task in tasks])
    try:
        for task in follow(connection, tasks, deadline):
            if task is None:
                open_ones = [task["metadata"]["name"] for task in latest.values() if not has_ended(task)]
                click.echo(f"controller: not ended in time: {', '.join(open_ones)}; the tasks go on", err=True)
                return TIMED_OUT
            latest[task["metadata"]["uid"]] = task
            if not quiet:
                progress.tell(task)
    except KeyboardInterrupt:
        click.echo("controller: no longer waiting; the tasks go on (`controller get`, `controller abort`)", err=True)
        return INTERRUPTED
    succeeded = all((task.get("status") or {}).get("phase") == "Succeeded" for task in latest.values())
    return SUCCEEDED if succeeded else FAILED
