"""Abort, deletion, suspension and expiry: what people and the clock do to a task."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from pluginmachinery.api import names
from pluginmachinery.config import Configuration
from pluginmachinery.core import phases
from pluginmachinery.core.actions import Delete, Refused
from tests.pluginmachinery.lifecycle.simulation import (
    Cluster,
    Controller,
    Killed,
    PodLike,
    Scripted,
    execution,
    later,
    world,
)

OURS = {"finalizers": [names.FINALIZER]}


def started(phase: str = "Running", **spec: Any) -> tuple[Cluster, Controller]:
    """A task whose pod is in this phase."""
    cluster = Cluster(execution(**({"metadata": OURS} | spec)))
    controller = Controller(world(PodLike()), cluster)
    controller.run()
    cluster.set_pod("task-0", phase)
    controller.run()
    cluster.writes.clear()
    return cluster, controller


def set_spec(cluster: Cluster, **members: Any) -> None:
    assert cluster.execution is not None
    cluster.execution["spec"] |= members
    cluster.execution["metadata"]["generation"] += 1


def delete(cluster: Cluster) -> None:
    assert cluster.execution is not None
    cluster.delete_execution()


def test_abort_deletes_the_pod_and_keeps_the_object() -> None:
    cluster, controller = started()
    set_spec(cluster, abort=True)
    controller.run()
    assert cluster.writes == ["delete task-0", "status Aborted"]
    assert cluster.status["reason"] == "aborted by spec.abort"
    assert cluster.status["attempts"][0]["phase"] == "Aborted"
    assert cluster.status["observedGeneration"] == 2
    controller.run()
    assert cluster.writes == ["delete task-0", "status Aborted"]


def test_abort_before_anything_was_done() -> None:
    cluster = Cluster(execution(abort=True))
    Controller(world(PodLike()), cluster).run()
    assert cluster.status["phase"] == "Aborted"
    assert cluster.writes == ["status Aborted"]
    assert "attempts" not in cluster.status


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_abort_comes_too_late(phase: str) -> None:
    cluster, controller = started(phase)
    set_spec(cluster, abort=True)
    controller.run()
    assert cluster.status["phase"] == phase
    assert cluster.writes == []


def test_abort_between_two_attempts_spends_no_more_and_starts_no_more() -> None:
    plugin = Scripted([phases.retryable_failure("Error", "exit 1")])
    cluster = Cluster(execution(template={"metadata": {"retries": {"retries": 5}}}))
    controller = Controller(world(plugin), cluster)
    controller.turn()
    set_spec(cluster, abort=True)
    controller.run()
    assert cluster.status["phase"] == "Aborted"
    assert cluster.status["failures"] == {"user": 1}
    assert plugin.calls.count("handle") == 1


def test_abort_while_a_creation_is_on_its_way_deletes_what_it_made() -> None:
    cluster = Cluster(execution(metadata=OURS))
    controller = Controller(world(PodLike()), cluster)
    launch = controller.turn()
    assert launch is not None
    results = tuple((action, cluster.carry_out(action)) for action in launch.actions)
    set_spec(cluster, abort=True)
    decision = controller.turn(results)
    assert decision is not None
    assert [type(action) for action in decision.actions] == [Delete]
    controller.run()
    assert cluster.pods == {}
    assert cluster.status["phase"] == "Aborted"


def test_deletion_aborts_and_lets_go_with_two_writes() -> None:
    cluster, controller = started()
    delete(cluster)
    controller.run()
    assert cluster.execution is None
    assert cluster.writes == ["delete task-0", "finalizers"]


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_deletion_of_what_has_ended_only_lets_go(phase: str) -> None:
    cluster, controller = started(phase)
    delete(cluster)
    controller.run()
    assert cluster.execution is None
    assert cluster.writes == ["finalizers"]


def test_deletion_of_what_never_started() -> None:
    cluster = Cluster(execution(metadata=OURS | {"deletionTimestamp": "2026-01-01T00:00:00Z"}))
    Controller(world(PodLike()), cluster).run()
    assert cluster.execution is None
    assert cluster.writes == ["finalizers"]


def test_finalizers_of_others_are_kept_and_nothing_runs_on_meanwhile() -> None:
    cluster, controller = started(metadata={"finalizers": ["example.org/audit", names.FINALIZER]})
    delete(cluster)
    controller.run()
    assert cluster.pods == {}
    assert cluster.execution is not None
    assert cluster.execution["metadata"]["finalizers"] == ["example.org/audit"]
    assert cluster.status["phase"] == "Aborted"
    assert cluster.writes == ["delete task-0", "finalizers", "status Aborted"]
    controller.run()
    assert len(cluster.writes) == 3


def test_a_deleted_task_that_only_others_hold_is_stopped_once() -> None:
    cluster, controller = started(metadata={"finalizers": ["foregroundDeletion", names.FINALIZER]})
    assert cluster.execution is not None
    cluster.execution["metadata"]["finalizers"] = ["foregroundDeletion"]
    delete(cluster)
    for _ in range(3):
        controller.run()
    assert cluster.writes == ["delete task-0", "status Aborted"]


def test_deletion_during_a_clean_up_finishes_it() -> None:
    cluster, controller = started()
    cluster.set_pod("task-0", "Failed", cleanup=True)
    cluster.refuse = lambda action: Refused("InternalError", "", 500) if isinstance(action, Delete) else None
    controller.run()
    assert cluster.status["pending"] == {"step": "Abort", "outcome": "Failed", "recorded": True}
    cluster.refuse = lambda action: None
    delete(cluster)
    controller.run()
    assert cluster.execution is None
    assert cluster.pods == {}


@pytest.mark.parametrize("act", [lambda c: set_spec(c, abort=True), delete], ids=["abort", "delete"])
def test_outputs_that_wait_to_be_read_do_not_hold_up_an_end(act: Callable[[Cluster], None]) -> None:
    cluster, controller = started(outputPrefix="s3://b/o", metadata=OURS)
    cluster.outputs["s3://b/o"] = Refused("StoreUnavailable", "500")
    cluster.set_pod("task-0", "Succeeded")
    controller.run()
    act(cluster)
    controller.run()
    assert cluster.execution is None or cluster.status["phase"] == "Aborted"


def test_suspension_holds_the_launch_and_resuming_starts_the_clock() -> None:
    cluster = Cluster(execution(suspend=True, timeouts={"queued": "1m"}))
    controller = Controller(world(PodLike()), cluster)
    controller.run()
    assert cluster.status["phase"] == "Suspended"
    assert cluster.status["waiting"]["reason"] == "spec.suspend is true"
    assert cluster.writes == ["status Suspended"]
    later(cluster, 3600)
    controller.run()
    assert cluster.writes == ["status Suspended"]
    set_spec(cluster, suspend=False)
    controller.run()
    assert cluster.created == ["task-0"]
    assert cluster.status["phase"] == "Queued"
    assert "waiting" not in cluster.status


def test_suspension_takes_back_what_runs_and_spends_no_budget() -> None:
    cluster, controller = started(metadata=OURS)
    set_spec(cluster, suspend=True)
    controller.run()
    assert (cluster.status["phase"], cluster.pods) == ("Suspended", {})
    assert [attempt["phase"] for attempt in cluster.status["attempts"]] == ["Suspended"]
    assert "failures" not in cluster.status
    writes = list(cluster.writes)
    controller.run()
    assert cluster.writes == writes
    set_spec(cluster, suspend=False)
    controller.run()
    assert cluster.created == ["task-0", "task-1"]
    cluster.set_pod("task-1", "Succeeded")
    controller.run()
    assert cluster.status["phase"] == "Succeeded"


def test_what_is_taken_back_is_on_record_before_it_is_deleted() -> None:
    cluster, controller = started(metadata=OURS)
    cluster.writes.clear()
    set_spec(cluster, suspend=True)
    controller.run()
    assert cluster.writes == ["status Suspended", "delete task-0", "status Suspended"]


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_suspension_does_not_undo_what_has_ended(phase: str) -> None:
    cluster, controller = started(metadata=OURS, maxAttempts=1)
    set_spec(cluster, suspend=True)
    cluster.set_pod("task-0", phase)
    controller.run()
    assert cluster.status["phase"] == phase


def test_suspension_holds_the_next_attempt() -> None:
    cluster, controller = started(template={"metadata": {"retries": {"retries": 1}}}, metadata=OURS)
    set_spec(cluster, suspend=True)
    cluster.set_pod("task-0", "Failed")
    controller.run()
    assert (cluster.status["phase"], cluster.status["attempt"]) == ("Suspended", 1)
    set_spec(cluster, suspend=False)
    controller.run()
    assert cluster.created == ["task-0", "task-1"]


def test_suspension_finds_the_pod_whose_creator_died_before_saying_so() -> None:
    cluster = Cluster(execution(metadata=OURS))
    with contextlib.suppress(Killed):
        Controller(world(PodLike()), cluster, die_at=1).run()
    assert cluster.created == ["task-0"]
    set_spec(cluster, suspend=True)
    Controller(world(PodLike()), cluster).run()
    assert (cluster.status["phase"], cluster.pods) == ("Suspended", {})


def test_a_task_that_is_resumed_while_it_is_taken_back_goes_on_with_another_attempt() -> None:
    cluster, controller = started(metadata=OURS)
    set_spec(cluster, suspend=True)
    cluster.refuse = lambda action: Refused("InternalError", "", 500) if isinstance(action, Delete) else None
    controller.run()
    set_spec(cluster, suspend=False)
    cluster.refuse = lambda action: None
    later(cluster, 10)
    controller.run()
    assert (cluster.status["phase"], cluster.created) == ("Queued", ["task-0", "task-1"])


def test_suspension_holds_what_waits_for_a_quota() -> None:
    cluster = Cluster(execution(metadata=OURS))
    cluster.refuse = lambda action: Refused("Forbidden", "exceeded quota", 403)
    controller = Controller(world(PodLike()), cluster)
    controller.run()
    assert cluster.status["phase"] == "WaitingForResources"
    set_spec(cluster, suspend=True)
    controller.run()
    assert cluster.status["phase"] == "Suspended"
    cluster.refuse = lambda action: None
    controller.run()
    assert cluster.created == []
    set_spec(cluster, suspend=False)
    controller.run()
    assert cluster.created == ["task-0"]


def test_a_suspended_task_can_be_aborted() -> None:
    cluster = Cluster(execution(suspend=True))
    controller = Controller(world(PodLike()), cluster)
    controller.run()
    set_spec(cluster, abort=True)
    controller.run()
    assert cluster.status["phase"] == "Aborted"


@pytest.mark.parametrize(
    ("spec", "configured"),
    [({"ttlSecondsAfterFinished": 60}, None), ({}, "60s"), ({"ttlSecondsAfterFinished": 60}, "1s")],
    ids=["of the task", "of the configuration", "the task's wins"],
)
def test_a_finished_task_expires(spec: dict[str, Any], configured: str | None) -> None:
    config = Configuration.model_validate({"plugin_manager": {"gc": {"ttl": configured}}})
    cluster = Cluster(execution(metadata=OURS, **spec))
    controller = Controller(world(PodLike(), config), cluster)
    controller.run()
    cluster.set_pod("task-0", "Succeeded")
    controller.run()
    assert controller.wake_at is not None
    assert (controller.wake_at - cluster.now).total_seconds() == 60
    later(cluster, 59)
    controller.run()
    assert cluster.execution is not None
    later(cluster, 1)
    controller.run()
    controller.run()
    assert cluster.execution is None
    assert cluster.pods == {}
    assert cluster.writes[-2:] == ["delete task", "finalizers"]


def test_expiry_that_is_refused_is_tried_again_later() -> None:
    cluster = Cluster(execution(ttlSecondsAfterFinished=0, abort=True))
    cluster.refuse = lambda action: Refused("Forbidden", "no", 403)
    controller = Controller(world(PodLike()), cluster)
    controller.run()
    assert cluster.execution is not None
    assert controller.wake_at is not None
    cluster.refuse = lambda action: None
    cluster.now = controller.wake_at
    controller.run()
    assert cluster.execution is None


def test_a_task_without_ttl_stays() -> None:
    cluster, controller = started("Succeeded")
    later(cluster, 10**8)
    controller.run()
    assert controller.wake_at is None
    assert cluster.execution is not None
