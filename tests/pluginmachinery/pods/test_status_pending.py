"""Pending pods: what they wait for, and when that is given up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pluginmachinery.config.durations import Duration
from pluginmachinery.core.phases import ErrorKind, Phase
from tests.pluginmachinery.pods.pod_objects import NOW, condition, phase_of, pod, running, waiting

MINUTE = timedelta(minutes=1)


def pending(*containers: Any, conditions: Any = (), **status: Any) -> dict[str, Any]:
    return pod("Pending", *containers, conditions=list(conditions), **status)


def unready(reason: str, *, ago: timedelta = timedelta()) -> dict[str, Any]:
    return pending(waiting(reason), conditions=[condition("Ready", "False", reason="NotReady", ago=ago)])


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        pytest.param([], "Demistify Pending", id="nothing is known yet"),
        pytest.param([condition("PodScheduled", "False")], "R:M", id="no node fits"),
        pytest.param([condition("Unschedulable", "True")], "R:M", id="the old condition of its own"),
        pytest.param([condition("PodScheduled", "True")], "Demistify Pending", id="scheduled, nothing else"),
        pytest.param([condition("Initialized", "False")], "Demistify Pending", id="other conditions say nothing"),
        pytest.param(
            [condition("PodScheduled", "False", reason="first"), condition("Unschedulable", "True", reason="second")],
            "first:M",
            id="the first that says something decides",
        ),
    ],
)
def test_a_pod_without_a_node_is_queued(conditions: list[Any], reason: str) -> None:
    info = phase_of(pending(conditions=conditions))
    assert (info.phase, info.reason, info.version) == (Phase.QUEUED, reason, 0)


@pytest.mark.parametrize("reason", ["ErrImagePull", "ContainerCreating", "PodInitializing"])
def test_what_passes_by_itself_is_initializing(reason: str) -> None:
    info = phase_of(unready(reason, ago=timedelta(days=1)))
    assert (info.phase, info.reason) == (Phase.INITIALIZING, f"[NotReady|{reason}]: M|msg")
    assert info.info.occurred_at == NOW - timedelta(days=1)


@pytest.mark.parametrize(
    ("reason", "setting", "failure"),
    [
        ("CreateContainerError", "create_container_error_grace_period", Phase.PERMANENT_FAILURE),
        ("CreateContainerConfigError", "create_container_config_error_grace_period", Phase.PERMANENT_FAILURE),
        ("ImagePullBackOff", "image_pull_backoff_grace_period", Phase.RETRYABLE_FAILURE),
    ],
)
def test_what_may_pass_gets_its_grace_period(reason: str, setting: str, failure: Phase) -> None:
    grace = {setting: Duration.of(minutes=2)}
    before = phase_of(unready(reason, ago=2 * MINUTE - timedelta(seconds=1)), **grace)
    after = phase_of(unready(reason, ago=2 * MINUTE), **grace)
    assert before.phase is Phase.INITIALIZING
    assert after.phase is failure
    assert after.cleanup_on_failure
    assert after.error is not None
    assert (after.error.code, after.error.kind) == (f"NotReady|{reason}", ErrorKind.USER)
    assert "2m0s" in after.error.message


def test_a_clock_that_lags_behind_the_kubelet_does_not_end_a_grace_period_of_nothing() -> None:
    info = phase_of(unready("ImagePullBackOff", ago=-MINUTE), image_pull_backoff_grace_period=Duration())
    assert info.phase is Phase.INITIALIZING


@pytest.mark.parametrize(
    ("reason", "failure", "kind"),
    [
        ("InvalidImageName", Phase.PERMANENT_FAILURE, ErrorKind.USER),
        ("CrashLoopBackOff", Phase.RETRYABLE_FAILURE, ErrorKind.SYSTEM),
        ("RunContainerError", Phase.RETRYABLE_FAILURE, ErrorKind.SYSTEM),
        ("", Phase.RETRYABLE_FAILURE, ErrorKind.SYSTEM),
    ],
)
def test_everything_else_fails_at_once_and_the_pod_is_removed(reason: str, failure: Phase, kind: ErrorKind) -> None:
    info = phase_of(unready(reason))
    assert info.error is not None
    assert (info.phase, info.error.kind, info.error.code) == (failure, kind, f"NotReady|{reason}")
    assert info.cleanup_on_failure


def test_a_missing_time_has_lasted_for_ever() -> None:
    timeless = condition("Ready", "False") | {"lastTransitionTime": None}
    assert phase_of(pending(waiting("ImagePullBackOff"), conditions=[timeless])).phase is Phase.RETRYABLE_FAILURE


def test_the_first_container_that_waits_decides_and_init_containers_do_not() -> None:
    stuck_init = waiting("ImagePullBackOff", name="init")
    ready_false = condition("Ready", "False", ago=timedelta(days=1))
    assert (
        phase_of(
            pending(waiting("PodInitializing"), conditions=[ready_false], initContainerStatuses=[stuck_init])
        ).phase
        is Phase.INITIALIZING
    )
    second = pending(running(), waiting("InvalidImageName", name="side"), conditions=[ready_false])
    assert phase_of(second).phase is Phase.PERMANENT_FAILURE


def test_a_container_that_is_ready_is_not_looked_at() -> None:
    ready = waiting("InvalidImageName") | {"ready": True}
    assert phase_of(pending(ready, conditions=[condition("Ready", "False")])).phase is Phase.QUEUED


@pytest.mark.parametrize(
    "conditions",
    [
        pytest.param([condition("PodScheduled", "False", ago=5 * MINUTE)], id="unschedulable"),
        pytest.param([condition("Initialized", "True", ago=5 * MINUTE)], id="the last condition counts"),
    ],
)
def test_a_pod_may_be_pending_only_so_long(conditions: list[Any]) -> None:
    in_time = phase_of(pending(conditions=conditions), pod_pending_timeout=Duration.of(minutes=6))
    too_late = phase_of(pending(conditions=conditions), pod_pending_timeout=Duration.of(minutes=5))
    assert in_time.phase is Phase.QUEUED
    assert too_late.phase is Phase.RETRYABLE_FAILURE
    assert too_late.error is not None
    assert (too_late.error.code, too_late.cleanup_on_failure) == ("PodPendingTimeout", True)
    assert too_late.info.occurred_at == NOW - 5 * MINUTE


def test_the_pending_timeout_leaves_a_failure_as_it_is() -> None:
    info = phase_of(unready("InvalidImageName", ago=5 * MINUTE), pod_pending_timeout=Duration.of(minutes=1))
    assert info.phase is Phase.PERMANENT_FAILURE


def test_without_conditions_a_pod_is_never_too_late() -> None:
    assert phase_of(pending(), pod_pending_timeout=Duration.of(seconds=1)).phase is Phase.QUEUED
