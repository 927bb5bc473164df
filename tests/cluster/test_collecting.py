"""Ended tasks and orphans on a real API server: deleted by their time, by their number, and for want of a task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pluginmachinery.api import names
from pluginmachinery.manager.objects import FINALIZER
from tests.cluster.controllers import CONFIG, Controller, Tasks
from tools.controlplane.api import wait_until

Run = Callable[..., Controller]
RUNS_ON = [{"after": 0.1, "phase": "Running"}, {"hang": True}]


def collecting(**gc: Any) -> dict[str, Any]:
    return {**CONFIG, "plugin-manager": {"gc": {"interval": "1s", **gc}}}


def test_the_tasks_that_ended_last_are_kept(run: Run, tasks: Tasks) -> None:
    first = run().ready()
    for name in ("d", "c", "b", "a"):
        tasks.submit(name)
        tasks.ended(name)
    tasks.submit("runs", RUNS_ON)
    tasks.until("runs", "Running")
    assert first.terminate() == 0
    # A new process knows them from its first list only.
    run(config=collecting(**{"max-ended-per-namespace": 2}), folder="second").ready()
    wait_until(lambda: set(tasks.all()) == {"a", "b", "runs"}, timeout=30, what="the oldest to be gone")
    tasks.submit("e")
    wait_until(lambda: set(tasks.all()) == {"a", "e", "runs"}, timeout=30, what="the next one to be gone")


def test_a_task_goes_when_its_time_is_over(run: Run, tasks: Tasks) -> None:
    run(config=collecting(ttl="1s")).ready()
    tasks.submit("soon")
    tasks.submit("never", ttlSecondsAfterFinished=100_000)
    tasks.ended("never")
    wait_until(lambda: set(tasks.all()) == {"never"}, timeout=30, what="the expired one to be gone")
    wait_until(lambda: "soon-0" not in tasks.pods(), timeout=40, what="its pod to be gone")


def test_an_orphan_with_our_finalizer_does_not_stay_for_ever(run: Run, tasks: Tasks) -> None:
    owner = names.owner_reference({"metadata": {"name": "gone", "uid": "00000000-0000-0000-0000-000000000000"}})
    metadata = {
        "name": "orphan",
        "labels": names.object_labels("gone", 0),
        "ownerReferences": [owner],
        "finalizers": [FINALIZER],
    }
    containers = [{"name": "main", "image": "busybox"}]
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}}
    tasks.api.create(tasks.pods_path, body)
    run(config=collecting()).ready()
    wait_until(lambda: "orphan" not in tasks.pods(), timeout=60, what="the orphan to be gone")
