"""``controller describe``: the story of a task – how it stands, why it waits, what happened when, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from controller.cli import printing
from controller.cli.connection import Connection, cluster_options, connect
from controller.cli.exits import EPILOG, ClusterError
from controller.cli.following import phase_of

Moment = tuple[str, str]
"""A time as text (RFC 3339) and what happened then."""


@click.command(epilog=EPILOG)
@click.argument("name")
@cluster_options
def describe(name: str, kubeconfig: Path | None, context: str | None, namespace: str | None) -> None:
    """Tell what happened to task NAME, and why it waits or failed."""
    connection = connect(kubeconfig, context, namespace)
    task = connection.get(name)
    pods = _or_nothing(lambda: connection.pods(name))
    _head(task)
    _section("Why", list(_why(task)))
    _section("What happened", _story(connection, task, pods))
    _section("Pods", [_pod(pod) for pod in pods])
    _section("Logs", [f"{link.get('name') or 'logs'}: {link.get('uri')}" for link in _status(task).get("logs") or ()])
    if _status(task).get("outputs"):
        click.echo("\nOutputs")
        printing.outputs(task)
    _section("What to do", list(_advice(task)))


def _head(task: Mapping[str, Any]) -> None:
    metadata, spec, status = task["metadata"], task["spec"], _status(task)
    failures = ", ".join(f"{count} {budget}" for budget, count in (status.get("failures") or {}).items())
    lines = {
        "Name": f"{metadata['name']} (namespace {metadata['namespace']})",
        "Type": spec["template"].get("type", ""),
        "Plugin": status.get("plugin", ""),
        "Phase": printing.phase_word(phase_of(task)),
        "Attempt": str(status["attempt"]) if "attempt" in status else "",
        "Failures": failures,
        "Created": f"{printing.day_and_clock(metadata.get('creationTimestamp'))}"
        f" ({printing.age(metadata.get('creationTimestamp'), printing.now())} ago)",
    }
    for title, text in lines.items():
        if text:
            click.echo(f"{title + ':':<10} {text}")


def _why(task: Mapping[str, Any]) -> Iterator[str]:
    status = _status(task)
    if not status:
        yield "no controller has seen it yet"
    if waiting := status.get("waiting"):
        yield f"waits since {printing.age(waiting['since'], printing.now())}: {waiting['reason']}"
    if errors := status.get("systemErrors"):
        again = printing.clock(errors["nextTryAt"])
        yield f"{errors['count']} errors in a row, next try at {again}: {errors['code']}: {errors['message']}"
    if pending := status.get("pending"):
        yield f"still to be done: {pending['step']}, then {pending['outcome']}"
    if error := status.get("error"):
        yield f"{error['code']} ({error['kind']}): {error['message']}"
    elif not status.get("waiting") and status.get("reason"):
        yield str(status["reason"])


def _story(connection: Connection, task: Mapping[str, Any], pods: list[Any]) -> list[str]:
    uids = [task["metadata"]["uid"], *(pod.metadata.uid for pod in pods)]
    events = _or_nothing(lambda: connection.events(uids))
    moments = sorted([*_moments(task), *(_event(event) for event in events)])
    return [f"{printing.day_and_clock(moment)}  {text}" for moment, text in moments]


def _moments(task: Mapping[str, Any]) -> Iterator[Moment]:
    status = _status(task)
    if created := task["metadata"].get("creationTimestamp"):
        yield created, "submitted"
    if accepted := status.get("acceptedAt"):
        yield accepted, "accepted"
    current = {name: status[name] for name in ("attempt", "startedAt", "runningAt") if name in status}
    records = list(status.get("attempts") or ())
    if "startedAt" in current and current["attempt"] not in {record["attempt"] for record in records}:
        records.append(current)
    for record in records:
        title = f"attempt {record['attempt']}" + (" (interruptible)" if record.get("interruptible") else "")
        if "startedAt" in record:
            yield record["startedAt"], f"{title} started"
        if "runningAt" in record:
            yield record["runningAt"], f"{title} runs"
        if "endedAt" in record:
            error = record.get("error")
            budget = f", spent a {record['budget']} retry" if "budget" in record else ""
            why = f": {error['code']}: {error['message']}" if error else ""
            yield record["endedAt"], f"{title} {record['phase'].lower()}{budget}{why}"
    if finished := status.get("finishedAt"):
        yield finished, f"ended: {status['phase']}"


def _event(event: Any) -> Moment:
    moment = event.last_timestamp or event.event_time or event.metadata.creation_timestamp
    times = f" (x{event.count})" if (event.count or 1) > 1 else ""
    about = f"{event.involved_object.kind} {event.involved_object.name}"
    return moment.isoformat(), f"{about}: {event.reason}: {event.message}{times}"


def _pod(pod: Any) -> str:
    status = pod.status
    where = f" on {pod.spec.node_name}" if pod.spec.node_name else ""
    unscheduled = next(
        (c.message for c in status.conditions or () if c.type == "PodScheduled" and c.status != "True"), ""
    )
    return f"{pod.metadata.name}: {status.phase}{where}" + (f": {unscheduled}" if unscheduled else "")


def _advice(task: Mapping[str, Any]) -> Iterator[str]:
    status, name = _status(task), task["metadata"]["name"]
    if not status:
        yield "is a controller running that follows this namespace? (`controller run`, or kubectl get pods -A)"
    elif status["phase"] == "Suspended":
        yield f'kubectl patch texec {name} --type merge -p \'{{"spec":{{"suspend":false}}}}\' resumes it'
    elif status["phase"] in ("Failed", "Running"):
        yield f"controller logs {name}"
    elif status["phase"] in ("WaitingForResources", "Queued"):
        yield f"controller abort {name} gives up waiting"


def _section(title: str, lines: list[str]) -> None:
    if lines:
        click.echo(f"\n{title}")
        for line in lines:
            click.echo("  " + line.replace("\n", "\n    "))


def _status(task: Mapping[str, Any]) -> Mapping[str, Any]:
    return task.get("status") or {}


def _or_nothing(ask: Any) -> list[Any]:
    """What a person may not see (events, pods) does not keep the rest from being shown."""
    try:
        found: list[Any] = ask()
    except ClusterError as error:
        click.echo(f"controller: {error.message}", err=True)
        return []
    return found
