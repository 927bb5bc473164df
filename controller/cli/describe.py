"""``controller describe``: the story of a task – how it stands, why it waits, what happened when, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from controller.cli import printing
from controller.cli.completing import task_names
from controller.cli.connection import Connection, cluster_options, connect
from controller.cli.exits import EPILOG, ClusterError
from controller.cli.following import phase_of
from pluginmachinery.api import names

_LAST = 1 << 30


@dataclass(frozen=True, order=True)
class Moment:
    """Something that happened. Clocks differ and Kubernetes tells whole seconds: within one, the story's order holds.

    ``attempt`` is -1 before the first, ``rank`` the place within an attempt.
    """

    second: datetime
    attempt: int
    rank: int
    text: str


@click.command(epilog=EPILOG)
@click.argument("name", shell_complete=task_names)
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
    _section("Deck", [deck] if (deck := _status(task).get("deck")) else [])
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
        "Retry of": (metadata.get("labels") or {}).get(names.RETRY_OF, ""),
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
    attempts = {pod.metadata.uid: int((pod.metadata.labels or {}).get(names.ATTEMPT, -1)) for pod in pods}
    uids = [task["metadata"]["uid"], *attempts]
    events = _or_nothing(lambda: connection.events(uids))
    moments = [*_moments(task), *(_event(event, attempts.get(event.involved_object.uid, -1)) for event in events)]
    return [f"{printing.day_and_clock(moment.second)}  {moment.text}" for moment in sorted(moments)]


def _moments(task: Mapping[str, Any]) -> Iterator[Moment]:
    status = _status(task)
    if created := task["metadata"].get("creationTimestamp"):
        yield _moment(created, -1, 0, "submitted")
    if accepted := status.get("acceptedAt"):
        yield _moment(accepted, -1, 1, "accepted")
    for record in _attempts(status):
        yield from _moments_of_attempt(record)
    if finished := status.get("finishedAt"):
        yield _moment(finished, _LAST, 0, f"ended: {status['phase']}")


def _attempts(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The attempts that have ended, and the one that has not."""
    records = list(status.get("attempts") or ())
    current = {name: status[name] for name in ("attempt", "startedAt", "runningAt") if name in status}
    if "startedAt" in current and current["attempt"] not in {record["attempt"] for record in records}:
        records.append(current)
    return records


def _moments_of_attempt(record: Mapping[str, Any]) -> Iterator[Moment]:
    number = record["attempt"]
    title = f"attempt {number}" + (" (interruptible)" if record.get("interruptible") else "")
    if "startedAt" in record:
        yield _moment(record["startedAt"], number, 0, f"{title} started")
    if "runningAt" in record:
        yield _moment(record["runningAt"], number, 2, f"{title} runs")
    if "endedAt" in record:
        error = record.get("error")
        budget = f", spent a {record['budget']} retry" if "budget" in record else ""
        why = f": {error['code']}: {error['message']}" if error else ""
        yield _moment(record["endedAt"], number, 3, f"{title} {record['phase'].lower()}{budget}{why}")


def _event(event: Any, attempt: int) -> Moment:
    moment = event.last_timestamp or event.event_time or event.metadata.creation_timestamp
    times = f" (x{event.count})" if (event.count or 1) > 1 else ""
    about = f"{event.involved_object.kind} {event.involved_object.name}"
    return _moment(moment.isoformat(), attempt, 1, f"{about}: {event.reason}: {event.message}{times}")


def _moment(text: str, attempt: int, rank: int, what: str) -> Moment:
    return Moment(datetime.fromisoformat(text).replace(microsecond=0), attempt, rank, what)


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
    elif status["phase"] == "Failed":
        yield f"controller logs {name} shows what it wrote, controller retry {name} runs it once more"
    elif status["phase"] == "Aborted":
        yield f"controller retry {name} runs it once more"
    elif status["phase"] == "Running":
        yield f"controller logs {name} --follow"
    elif status["phase"] in ("WaitingForResources", "Queued"):
        for quota in dict.fromkeys(each["quota"] for each in (status.get("waiting") or {}).get("resources", ())):
            yield f"kubectl describe resourcequota {quota} -n {task['metadata']['namespace']} shows what is used"
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
