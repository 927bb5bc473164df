"""``controller submit``: TaskExecutions from files to the cluster, checked before anything is sent."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from controller.cli.connection import Connection, cluster_options, connect
from controller.cli.exits import EPILOG, InputError
from controller.cli.timeouts import timeout_option

if TYPE_CHECKING:
    from controller.cli.manifests import Manifest

JSON = dict[str, Any]


@click.command(epilog=EPILOG)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE…")
@click.option("--task", "wanted", metavar="NAME", help="Which task of a package or folder.")
@click.option("--input", "-i", "pairs", multiple=True, metavar="NAME=VALUE", help="An input; repeatable.")
@click.option("--inputs", "file", type=click.Path(path_type=Path), metavar="FILE", help="Inputs, as YAML or JSON.")
@click.option("--wait", is_flag=True, help="Print phases as they happen; end when all tasks have ended.")
@timeout_option
@click.option("--interruptible/--no-interruptible", default=None, help="Whether the tasks may be interrupted.")
@click.option("--output-prefix", metavar="URL", help="Where the tasks write their outputs.")
@click.option("--suspend", is_flag=True, help="Submit, but do not start yet.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but the names.")
@cluster_options
def submit(
    files: tuple[Path, ...],
    wanted: str | None,
    pairs: tuple[str, ...],
    file: Path | None,
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

    A file holds TaskExecutions, or bare task templates (flyteidl TaskTemplate as YAML, JSON or protobuf), which get a
    generated name. What flytekit serializes is taken too: a package of `pyflyte package`, or the folder that it came
    from. All files are checked first: with a mistake in one of them nothing is submitted.

    \b
    Example:
      controller submit train.yaml --wait --timeout 1h
      controller submit flyte-package.tgz --task train -i rows=1000
    """
    spec: JSON = {
        name: value
        for name, value in (
            ("interruptible", interruptible),
            ("outputPrefix", output_prefix),
            ("suspend", suspend or None),
        )
        if value is not None
    }
    from controller.cli.serialized import is_serialized

    read = _read(files, wanted)
    if pairs or file or any(map(is_serialized, files)):
        from controller.cli.inputs import given

        spec["inputs"] = _inputs(read, given(pairs, file))
    manifests = [_finished(manifest, spec, namespace) for manifest in read]
    connection = connect(kubeconfig, context, namespace)
    created = [_create(connection, manifest, quiet=quiet) for manifest in manifests]
    if wait or timeout is not None:
        from controller.cli.waiting import wait as wait_for

        sys.exit(wait_for(connection, created, timeout, quiet=quiet))


def _inputs(manifests: list[Manifest], values: Mapping[str, Any]) -> JSON:
    from controller.cli.inputs import literals

    if len(manifests) != 1:
        raise InputError(f"inputs are for one task, and there are {len(manifests)}: choose one with --task")
    (manifest,) = manifests
    return literals(manifest.object["spec"]["template"], values, where=manifest.document.file)


def _read(files: Iterable[Path], wanted: str | None) -> list[Manifest]:
    from controller.cli.manifests import load, warnings

    manifests: list[Manifest] = []
    problems = []
    for path in files:
        for name, text in _texts(path, wanted):
            found, wrong = load(name, text)
            manifests += found
            problems += wrong
    if problems:
        raise InputError("\n".join([*map(str, problems), "nothing was submitted"]))
    for problem in (problem for manifest in manifests for problem in warnings(manifest)):
        click.echo(f"controller: warning: {problem}", err=True)
    return manifests


def _texts(path: Path, wanted: str | None) -> Iterator[tuple[Path, str]]:
    """The text of a file, or that of the chosen task where flytekit serialized it."""
    from controller.cli import serialized

    if serialized.is_serialized(path):
        task = serialized.chosen(serialized.read(path), wanted, where=str(path))
        yield Path(task.file), orjson.dumps(task.template).decode()
        return
    try:
        yield path, sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise InputError(f"{path} can not be read: {reason}") from error


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
