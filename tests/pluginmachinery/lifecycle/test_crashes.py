"""The controller dies before every single effect in turn: nothing is lost, nothing done twice, budgets are right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pluginmachinery.api import names
from pluginmachinery.core.actions import OutputError, Outputs
from tests.pluginmachinery.lifecycle.simulation import (
    Cluster,
    Controller,
    Killed,
    PodLike,
    execution,
    later,
    world,
)

Event = Callable[[Cluster], None]
RETRIES = {"metadata": {"retries": {"retries": 1}}}


def pod(number: int, phase: str, **error: Any) -> Event:
    def happens(cluster: Cluster) -> None:
        if f"task-{number}" in cluster.pods:  # a story may have taken it away by then
            cluster.set_pod(f"task-{number}", phase, **error)

    return happens


def delete(cluster: Cluster) -> None:
    if cluster.execution is not None:
        cluster.delete_execution()


def abort(cluster: Cluster) -> None:
    assert cluster.execution is not None
    cluster.execution["spec"]["abort"] = True


def hours_pass(cluster: Cluster) -> None:
    later(cluster, 3600)


STORIES: dict[str, tuple[dict[str, Any], PodLike, list[Event]]] = {
    "success": ({"outputPrefix": "out"}, PodLike(), [pod(0, "Running"), pod(0, "Succeeded")]),
    "success, objects deleted on finalize": ({}, PodLike(delete_on_finalize=True), [pod(0, "Succeeded")]),
    "a failure, then success": ({"template": RETRIES}, PodLike(), [pod(0, "Failed"), pod(1, "Succeeded")]),
    "a failure that deletes its pod, then success": (
        {"template": RETRIES},
        PodLike(),
        [pod(0, "Failed", cleanup=True), pod(1, "Succeeded")],
    ),
    "retries run out": ({"template": RETRIES}, PodLike(), [pod(0, "Failed"), pod(1, "Failed", cleanup=True)]),
    "a timeout, then success": (
        {"template": RETRIES, "timeouts": {"execution": "30m"}},
        PodLike(),
        [pod(0, "Running"), hours_pass, pod(1, "Succeeded")],
    ),
    "outputs missing at first": (
        {"template": RETRIES, "outputPrefix": "wrong"},
        PodLike(delete_on_finalize=True),
        [pod(0, "Succeeded"), pod(1, "Succeeded")],
    ),
    "abort": ({}, PodLike(), [pod(0, "Running"), abort]),
    "deletion": ({}, PodLike(), [pod(0, "Running"), delete]),
    "inputs are written first": (
        {
            "template": {"container": {"image": "i", "args": ["{{.input}}"]}},
            "inputs": {"literals": {}},
            "inputPath": "in.pb",
        },
        PodLike(),
        [pod(0, "Succeeded")],
    ),
}


def play(spec: dict[str, Any], plugin: PodLike, events: list[Event], die_at: int | None) -> tuple[Cluster, bool]:
    """The story with a controller that dies before its n-th effect; whether it did."""
    task = execution(**spec)
    wrong = Outputs(None, OutputError("USER:Value", "bad", "USER", recoverable=True))
    cluster = Cluster(task, outputs={"wrong": wrong, "wrong/1": Outputs({"literals": {}})})
    controller = Controller(world(plugin), cluster, die_at)
    died = False
    for event in (lambda cluster: None, *events):
        event(cluster)
        try:
            controller.run()
        except Killed:
            died = True
            controller = Controller(world(plugin), cluster)
            controller.run()
    return cluster, died


def outcome(cluster: Cluster) -> dict[str, Any]:
    """What must not depend on crashes: times may."""
    left = {"pods": set(cluster.pods), "files": cluster.files, "gone": cluster.execution is None}
    if cluster.execution is None:
        return left
    status = cluster.status
    kept = {name: status.get(name) for name in ("phase", "attempt", "failures", "error", "outputs", "pending")}
    return left | kept | {"attempts": [(a["phase"], a.get("budget")) for a in status.get("attempts", ())]}


@pytest.mark.parametrize("story", STORIES)
def test_a_crash_before_any_effect_changes_nothing_in_the_end(story: str) -> None:
    spec, plugin, events = STORIES[story]
    undisturbed, _ = play(spec, plugin, events, None)
    assert undisturbed.execution is None or undisturbed.status["phase"] in {"Succeeded", "Failed", "Aborted"}
    effect, died = 0, True
    while died:
        cluster, died = play(spec, plugin, events, effect)
        assert outcome(cluster) == outcome(undisturbed), f"died before effect {effect}"
        assert len(cluster.created) == len(set(cluster.created)), f"created twice, died before effect {effect}"
        effect += 1
    assert effect > 3


def test_a_status_that_was_never_written_is_made_up_from_what_the_cluster_has() -> None:
    cluster = Cluster(execution(metadata={"finalizers": [names.FINALIZER]}))
    first = Controller(world(PodLike()), cluster)
    decision = first.turn()
    assert decision is not None
    for action in decision.actions:
        cluster.carry_out(action)  # and the controller is gone before it knows the answer
    Controller(world(PodLike()), cluster).run()
    assert cluster.created == ["task-0"]
    assert cluster.status["phase"] == "Queued"
