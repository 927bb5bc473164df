"""A task that succeeds: its phases, what is written for it, what its status says in the end."""

from __future__ import annotations

from pluginmachinery.api import names
from pluginmachinery.core import phases
from pluginmachinery.core.actions import Found, ObjectRef, Observation, Outputs
from pluginmachinery.core.transitions import Transition
from pluginmachinery.lifecycle.advance import advance
from tests.pluginmachinery.lifecycle.simulation import (
    NAMESPACE,
    POD,
    START,
    Cluster,
    Controller,
    PodLike,
    Scripted,
    execution,
    later,
    world,
)


def test_a_pod_from_submission_to_success() -> None:
    cluster = Cluster(execution("train", metadata={"finalizers": [names.FINALIZER]}))
    controller = Controller(world(PodLike()), cluster)
    controller.run()
    assert cluster.status["phase"] == "Queued"
    assert cluster.status["reason"] == "task submitted to K8s"
    cluster.set_pod("train-0", "Running")
    later(cluster, 5)
    controller.run()
    assert cluster.status["phase"] == "Running"
    assert cluster.status["runningAt"] == "2026-01-01T00:00:05.000Z"
    cluster.set_pod("train-0", "Succeeded")
    later(cluster, 60)
    controller.run()
    status = cluster.status
    assert status["phase"] == "Succeeded"
    assert status["finishedAt"] == "2026-01-01T00:01:05.000Z"
    assert {c["type"]: c["status"] for c in status["conditions"]} == {"Finished": "True", "Succeeded": "True"}
    assert not {"pluginState", "pending", "error", "failures", "waiting"} & status.keys()
    assert cluster.writes == ["create train-0", "status Queued", "status Running", "status Succeeded"]


def test_a_task_that_ends_before_anything_is_written_costs_two_writes() -> None:
    cluster = Cluster(execution("quick", metadata={"finalizers": [names.FINALIZER]}))
    controller = Controller(world(PodLike()), cluster)
    launch = controller.turn()
    assert launch is not None
    controller.turn(tuple((action, cluster.carry_out(action)) for action in launch.actions))  # queued, coalesced
    cluster.set_pod("quick-0", "Succeeded")
    controller.run()
    assert cluster.writes == ["create quick-0", "status Succeeded"]


def test_only_final_phases_are_urgent() -> None:
    cluster = Cluster(execution())
    controller = Controller(world(PodLike()), cluster)
    controller.run()
    urgent = {}
    for phase in ("Pending", "Running", "Succeeded"):
        cluster.set_pod("task-0", phase)
        decision = controller.turn()
        assert decision is not None
        urgent[phase] = decision.urgent
    assert urgent == {"Pending": False, "Running": False, "Succeeded": True}


def test_what_is_created_can_be_found_again_and_is_owned() -> None:
    name = "a" * 80
    cluster = Cluster(execution(name))
    Controller(world(PodLike()), cluster).run()
    metadata = cluster.pods[f"{name}-0"]["metadata"]
    assert metadata["labels"] == names.object_labels(name, 0)
    assert len(metadata["labels"][names.TASK_EXECUTION]) <= 63
    assert metadata["ownerReferences"] == [names.owner_reference(cluster.execution or {})]


def test_seeing_the_same_again_changes_nothing() -> None:
    cluster = Cluster(execution())
    controller = Controller(world(PodLike()), cluster)
    controller.run()
    for phase in ("Pending", "Running", "Succeeded"):
        cluster.set_pod("task-0", phase)
        controller.run()
        writes = list(cluster.writes)
        later(cluster, 10)
        controller.run()
        assert cluster.writes == writes, phase


def test_an_unchanged_status_is_the_very_same_object() -> None:
    cluster = Cluster(execution())
    Controller(world(PodLike()), cluster).run()
    assert cluster.execution is not None
    found = {ObjectRef(POD, NAMESPACE, "task-0"): Found(cluster.pods["task-0"])}
    cluster.set_pod("task-0", "Pending")
    first = advance(world(PodLike()), cluster.execution, Observation(START, found))
    again = advance(world(PodLike()), {**cluster.execution, "status": first.status}, Observation(START, found))
    assert again.status is first.status


def test_links_and_custom_info_are_shown_and_kept() -> None:
    link = {"uri": "https://logs/x", "name": "Kubernetes"}
    running = phases.running(info=phases.TaskInfo(logs=(link,), custom_info={"ui": "https://ray"}))
    cluster = Cluster(execution())
    Controller(world(Scripted([running])), cluster).run()
    Controller(world(Scripted([phases.success()])), cluster).run()
    assert cluster.status["logs"] == [link]
    assert cluster.status["customInfo"] == {"ui": "https://ray"}


def test_waiting_says_by_what_and_since_when() -> None:
    plugin = Scripted([phases.waiting_for_resources("quota q: cpu"), phases.waiting_for_resources("quota q: memory")])
    cluster = Cluster(execution())
    controller = Controller(world(plugin), cluster)
    controller.run()
    assert cluster.status["phase"] == "WaitingForResources"
    later(cluster, 30)
    controller.run()
    assert cluster.status["waiting"] == {"reason": "quota q: memory", "since": "2026-01-01T00:00:00.000Z"}
    plugin.script[:] = [phases.queued("submitted")]
    controller.run()
    assert "waiting" not in cluster.status


def test_a_plugin_that_needs_its_state_gets_it_in_the_next_turn() -> None:
    states: list[object] = []

    class Counting(Scripted):
        def handle(self, task: object, state: object, observation: object) -> Transition:  # type: ignore[override]
            states.append(state)
            return Transition(phases.queued(""), {"count": len(states)})

    cluster = Cluster(execution())
    controller = Controller(world(Counting([])), cluster)
    controller.run()
    controller.run()
    assert states == [None, {"count": 1}]
    assert cluster.status["pluginState"] == {"version": 1, "state": {"count": 2}}


def test_outputs_of_a_task_without_an_output_prefix_are_not_looked_for() -> None:
    cluster = Cluster(execution(), outputs={"": Outputs()})
    Controller(world(Scripted([phases.success()])), cluster).run()
    assert cluster.status["phase"] == "Succeeded"
    assert "outputs" not in cluster.status
