"""Pods that run, succeed and fail: what that means for the task, and whose fault a failure is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pluginmachinery.config.logs import dashboard_links
from pluginmachinery.core.phases import ErrorKind, Phase
from pluginmachinery.core.tasks import SavedPhase
from tests.pluginmachinery.pods.pod_objects import (
    FINISHED,
    NOW,
    STARTED,
    condition,
    ended,
    phase_of,
    pod,
    rfc3339,
    running,
    waiting,
)

USER, SYSTEM = ErrorKind.USER, ErrorKind.SYSTEM
SIDECAR = {"name": "copilot", "state": {"running": {"startedAt": rfc3339(STARTED)}}}


def outcome(pod_: dict[str, Any], **settings: Any) -> tuple[Any, ...]:
    info = phase_of(pod_, **settings)
    return (info.phase,) if info.error is None else (info.phase, info.error.code, info.error.kind)


# --- While the pod runs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        pytest.param([running()], (Phase.RUNNING,), id="it runs"),
        pytest.param([waiting("CrashLoopBackOff")], (Phase.RUNNING,), id="it waits to be restarted"),
        pytest.param([ended(0), running("side")], (Phase.SUCCESS,), id="it is done, the others go on"),
        pytest.param([ended(1, reason="Error")], (Phase.RETRYABLE_FAILURE, "Error", USER), id="it failed"),
        pytest.param([ended(137, reason="Error")], (Phase.RETRYABLE_FAILURE, "Error", SYSTEM), id="killed"),
        pytest.param([ended(247, reason="Error")], (Phase.RETRYABLE_FAILURE, "Error", SYSTEM), id="killed, unsigned"),
        pytest.param(
            [ended(137, reason="OOMKilled")], (Phase.RETRYABLE_FAILURE, "OOMKilled", USER), id="its own memory limit"
        ),
        pytest.param([running("side"), ended(0)], (Phase.SUCCESS,), id="wherever it stands"),
        pytest.param([{"name": "main", "state": {}}], (Phase.RUNNING,), id="no state yet"),
    ],
)
def test_the_primary_container_decides(containers: list[Any], expected: tuple[Any, ...]) -> None:
    assert outcome(pod("Running", *containers)) == expected


def test_a_primary_container_that_has_no_status_yet_runs() -> None:
    assert outcome(pod("Running") | {"spec": {"containers": [{"name": "main"}]}}) == (Phase.RUNNING,)


def test_a_primary_container_that_the_pod_does_not_have_is_a_failure_for_good() -> None:
    expected = (Phase.PERMANENT_FAILURE, "PrimaryContainerNotFound", USER)
    assert outcome(pod("Running", running("other"))) == expected


@pytest.mark.parametrize(
    ("containers", "init_containers", "expected"),
    [
        pytest.param([ended(0), ended(0, "side")], [], (Phase.SUCCESS,), id="all are done"),
        pytest.param([ended(0), running("side")], [], (Phase.RUNNING,), id="one still runs"),
        pytest.param([ended(0), ended(1, "side")], [], (Phase.RUNNING,), id="a failure is the pod's to report"),
        pytest.param([ended(0)], [SIDECAR], (Phase.RUNNING,), id="a native sidecar still runs"),
        pytest.param([ended(0)], [ended(0, "init")], (Phase.SUCCESS,), id="init containers are done"),
        pytest.param([], [], (Phase.RUNNING,), id="nothing is known of any"),
        pytest.param([ended(0, reason="OOMKilled")], [], (Phase.RETRYABLE_FAILURE, "OOMKilled", USER), id="killed"),
    ],
)
def test_without_a_primary_container_all_have_to_end_well(
    containers: list[Any], init_containers: list[Any], expected: tuple[Any, ...]
) -> None:
    whole = pod("Running", *containers, primary=None, initContainerStatuses=init_containers)
    assert outcome(whole) == expected


@pytest.mark.parametrize("phase", ["Running", "Unknown", ""])
def test_a_phase_that_is_none_of_kubernetes_ends_is_running(phase: str) -> None:
    assert outcome(pod(phase, running())) == (Phase.RUNNING,)


def test_the_phase_unschedulable_is_queued() -> None:
    assert phase_of(pod("Unschedulable")).reason == "pod unschedulable"


def test_running_has_version_1_with_log_links_and_0_without() -> None:
    assert phase_of(pod("Running", running())).version == 0
    assert phase_of(pod("Running", running()), logs=dashboard_links()).version == 1


# --- When the pod has ended ------------------------------------------------------------------------------------------


def test_a_pod_that_succeeded_is_a_success() -> None:
    assert outcome(pod("Succeeded", ended(0))) == (Phase.SUCCESS,)


@pytest.mark.parametrize("where", ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"])
def test_a_pod_that_succeeded_although_something_was_out_of_memory_failed(where: str) -> None:
    killed = pod("Succeeded") | {"status": {"phase": "Succeeded", where: [ended(0, reason="OOMKilled")]}}
    assert outcome(killed) == (Phase.RETRYABLE_FAILURE, "OOMKilled", USER)


@pytest.mark.parametrize(
    ("reason", "containers", "expected"),
    [
        pytest.param("", [], ("Interrupted", SYSTEM), id="no reason: the node was gone before it could say one"),
        pytest.param(
            "", [ended(1, reason="Error")], ("Interrupted", SYSTEM), id="a plain failure has no reason either"
        ),
        pytest.param("Evicted", [], ("Evicted", USER), id="evicted"),
        pytest.param("DeadlineExceeded", [ended(1)], ("DeadlineExceeded", USER), id="active deadline"),
        pytest.param("Shutdown", [], ("Interrupted", SYSTEM), id="node shut down"),
        pytest.param("Terminated", [], ("Interrupted", SYSTEM), id="node terminated"),
        pytest.param("NodeShutdown", [], ("Interrupted", SYSTEM), id="node shut down, newer"),
        pytest.param("NodeAffinity", [], ("Interrupted", SYSTEM), id="node not labelled yet"),
        pytest.param("", [ended(137, reason="OOMKilled")], ("OOMKilled", USER), id="out of memory"),
        pytest.param("", [ended(137, reason="Error")], ("Interrupted", SYSTEM), id="killed"),
        pytest.param("", [ended(1), ended(137, "side")], ("Interrupted", USER), id="killed, not the primary one"),
        pytest.param("Evicted", [ended(137)], ("Interrupted", SYSTEM), id="killed when evicted"),
        pytest.param("Shutdown", [ended(137, reason="OOMKilled")], ("Interrupted", SYSTEM), id="node first"),
    ],
)
def test_whose_fault_a_failed_pod_is(reason: str, containers: list[Any], expected: tuple[Any, ...]) -> None:
    assert outcome(pod("Failed", *containers, reason=reason)) == (Phase.RETRYABLE_FAILURE, *expected)


def test_how_a_container_ended_before_its_last_restart_counts_more() -> None:
    restarted = ended(1) | {"lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}
    assert outcome(pod("Failed", restarted)) == (Phase.RETRYABLE_FAILURE, "OOMKilled", USER)


def test_the_message_says_what_kubernetes_and_each_container_said() -> None:
    info = phase_of(pod("Failed", ended(3, reason="Error", message="boom"), reason="Evicted", message="low on disk"))
    assert info.error is not None
    assert info.error.message == "low on disk\ncontainer 'main' ended with exit code 3 (Error): boom"


# --- What is shown, and versions -------------------------------------------------------------------------------------


def test_the_last_start_or_end_of_a_container_is_when_it_occurred() -> None:
    later = FINISHED + timedelta(minutes=1)
    info = phase_of(pod("Running", ended(0), running("side"), initContainerStatuses=[ended(0, finished=later)]))
    assert info.info.occurred_at == info.info.reported_at == later


def test_nothing_started_yet_occurred_now() -> None:
    assert phase_of(pod("Running")).info.occurred_at == NOW


def test_completion_is_reported_when_the_pod_stopped_being_ready() -> None:
    done = [condition("Ready", "False", reason="PodCompleted", ago=timedelta(minutes=3))]
    assert phase_of(pod("Succeeded", ended(0), conditions=done)).info.reported_at == NOW - timedelta(minutes=3)


def test_only_a_new_reason_raises_the_version() -> None:
    unschedulable = pod("Pending", conditions=[condition("PodScheduled", "False")])
    assert phase_of(unschedulable, saved=SavedPhase("Queued", 2, "R:M")).version == 0
    assert phase_of(unschedulable, saved=SavedPhase("Queued", 2, "other")).version == 3
    assert phase_of(unschedulable, saved=SavedPhase("Initializing", 2, "other")).version == 0


def test_a_raised_version_forgets_that_the_pod_was_to_be_removed() -> None:
    stuck = pod("Pending", waiting("InvalidImageName"), conditions=[condition("Ready", "False")])
    info = phase_of(stuck, saved=SavedPhase("PermanentFailure", 0, "x"))
    assert (info.version, info.cleanup_on_failure) == (1, False)
