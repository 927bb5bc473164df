"""``controller logs``: what the task's own container wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from controller.cli.completing import task_names
from controller.cli.connection import Connection, cluster_options, connect, mended_errors
from controller.cli.exits import EPILOG, ClusterError

PRIMARY_CONTAINER = "primary_container_name"
"""Annotation of a pod: the container that is the task."""


@click.command(epilog=EPILOG)
@click.argument("name", shell_complete=task_names)
@click.option("--attempt", type=click.IntRange(min=0), help="Attempt, counted from 0. Default: the last.")
@click.option("--container", "-c", metavar="NAME", help="Container. Default: the task's own.")
@click.option("--follow", "-f", is_flag=True, help="Go on as the container writes.")
@click.option("--tail", type=click.IntRange(min=0), metavar="N", help="Only the last N lines.")
@cluster_options
def logs(
    name: str,
    attempt: int | None,
    container: str | None,
    follow: bool,
    tail: int | None,
    kubeconfig: Path | None,
    context: str | None,
    namespace: str | None,
) -> None:
    """Print the logs of the pod of task NAME."""
    connection = connect(kubeconfig, context, namespace)
    task = connection.get(name)
    wanted = (task.get("status") or {}).get("attempt", 0) if attempt is None else attempt
    pod = _pod(connection, task, wanted)
    chosen = container or (pod.metadata.annotations or {}).get(PRIMARY_CONTAINER) or pod.spec.containers[0].name
    _print(connection, pod.metadata.name, chosen, follow, tail)


def _pod(connection: Connection, task: Mapping[str, Any], attempt: int) -> Any:
    pods = connection.pods(task["metadata"]["name"], attempt)
    if pods:
        return pods[0]
    links = [link for link in (task.get("status") or {}).get("logs") or () if link.get("uri")]
    if links:
        shown = "\n".join(f"{link.get('name') or 'logs'}: {link['uri']}" for link in links)
        raise ClusterError(f"attempt {attempt} has no pod here; its logs are elsewhere:\n{shown}")
    phase = (task.get("status") or {}).get("phase") or "not accepted yet"
    raise ClusterError(f"attempt {attempt} has no pod: the task is {phase}; `controller describe` tells more")


def _print(connection: Connection, pod: str, container: str, follow: bool, tail: int | None) -> None:
    more = {} if tail is None else {"tail_lines": tail}
    with mended_errors(f"the log of container {container} of pod {pod}"):
        answer = connection.core().read_namespaced_pod_log(
            pod, connection.namespace, container=container, follow=follow, _preload_content=False, **more
        )
        try:
            for chunk in answer.stream():
                click.echo(chunk.decode("utf-8", "replace"), nl=False)
        except KeyboardInterrupt:
            return
        finally:
            answer.release_conn()
