"""Namespaces: the controller's own, and those where tasks run."""

from __future__ import annotations

from collections.abc import Iterator

from configgen.checks.inspection import Inspection
from configgen.checks.results import Asked, Result, Status, error, listing, not_checked, ok
from configgen.cluster.connection import Unread, all_at_once
from configgen.layers.source import FILE


def check(inspection: Inspection) -> Iterator[Result]:
    home = Asked(f"environments.{inspection.environment.name}.namespace", FILE)
    yield _there(inspection, inspection.home, "the controller's namespace", home)
    watched = inspection.values.watch_namespaces
    spaces = inspection.task_namespaces
    if isinstance(spaces, Unread):
        yield not_checked("namespaces of tasks", spaces.reason, mend="name them with --namespace")
        return
    others = [name for name in spaces if name != inspection.home]
    all_at_once(lambda name: inspection.cluster.get(f"/api/v1/namespaces/{name}"), others)
    there: list[str] = []
    for name in others:
        asked = Asked()
        if name in watched:
            asked = inspection.asked_of_release("watchNamespaces", watched.index(name))
        result = _there(inspection, name, "a namespace of tasks", asked)
        if result.status is Status.OK:
            there.append(name)
        else:
            yield result
    if there:
        yield ok(f"{listing(there)}, where tasks run", "exists" if len(there) == 1 else "exist")


def _there(inspection: Inspection, name: str, what: str, asked: Asked) -> Result:
    wanted = f"{name}, {what}"
    found = inspection.cluster.get(f"/api/v1/namespaces/{name}")
    if isinstance(found, Unread):
        return not_checked(wanted, found.reason, asked)
    if found is None:
        return error(wanted, "does not exist", f"kubectl create namespace {name}", asked)
    if (found.get("status") or {}).get("phase") == "Terminating":
        return error(wanted, "is being deleted", "wait for its end and create it anew", asked)
    return ok(wanted, "exists", asked)
