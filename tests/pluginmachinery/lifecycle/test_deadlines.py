"""Deadlines of an attempt."""

from __future__ import annotations

from typing import Any

import pytest

from pluginmachinery.api import names
from pluginmachinery.config import Configuration, Duration
from pluginmachinery.config.propeller import DefaultDeadlines, NodeConfig, PropellerConfig
from pluginmachinery.core.actions import Create, Refused
from tests.pluginmachinery.lifecycle.simulation import Cluster, Controller, PodLike, execution, later, world

OURS = {"finalizers": [names.FINALIZER]}


def started(**spec: Any) -> tuple[Cluster, Controller]:
    cluster = Cluster(execution(**({"metadata": OURS} | spec)))
    controller = Controller(world(PodLike()), cluster)
    controller.run()
    return cluster, controller


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"timeouts": {"execution": "90s"}}, id="of the spec"),
        pytest.param({"template": {"metadata": {"timeout": "90s"}}}, id="of the template"),
        pytest.param(
            {"timeouts": {"execution": "1m30s"}, "template": {"metadata": {"timeout": "5s"}}}, id="the spec's wins"
        ),
    ],
)
def test_an_attempt_that_takes_too_long_fails_and_its_pod_is_deleted(spec: dict[str, Any]) -> None:
    cluster, controller = started(**spec)
    cluster.set_pod("task-0", "Running")
    later(cluster, 60)
    controller.run()
    assert controller.wake_at is not None
    assert (controller.wake_at - cluster.now).total_seconds() == 30
    later(cluster, 29)
    controller.run()
    assert cluster.status["phase"] == "Running"
    later(cluster, 1)
    controller.run()
    assert cluster.status["phase"] == "Failed"
    assert cluster.status["error"] == {
        "kind": "USER",
        "code": "TimeoutExpired",
        "message": "the attempt took longer than its execution timeout of 1m30s",
    }
    assert cluster.pods == {}


def test_the_execution_timeout_spends_a_retry_and_each_attempt_has_its_own() -> None:
    template = {"metadata": {"retries": {"retries": 1}}}
    cluster, controller = started(timeouts={"execution": "1m"}, template=template)
    later(cluster, 60)
    controller.run()
    assert cluster.pods.keys() == {"task-1"}
    assert cluster.status["failures"] == {"user": 1}
    cluster.set_pod("task-1", "Running")
    later(cluster, 59)
    controller.run()
    assert cluster.status["phase"] == "Running"


def test_the_failure_is_on_record_before_the_pod_goes() -> None:
    cluster, controller = started(timeouts={"execution": "1m"})
    later(cluster, 60)
    controller.run()
    assert cluster.writes[-3:] == ["status Failed", "delete task-0", "status Failed"]


def test_a_pod_that_ended_in_time_is_not_late_when_it_is_seen_later() -> None:
    cluster, controller = started(timeouts={"execution": "1m"})
    cluster.set_pod("task-0", "Succeeded")
    later(cluster, 3600)
    controller.run()
    assert cluster.status["phase"] == "Succeeded"


def test_the_queued_timeout_is_final_and_does_not_hold_for_what_runs() -> None:
    template = {"metadata": {"retries": {"retries": 3}}}
    cluster, controller = started(timeouts={"queued": "1m"}, template=template)
    later(cluster, 60)
    controller.run()
    assert cluster.status["phase"] == "Failed"
    assert cluster.status["error"]["code"] == "QueuedTimeoutExpired"
    assert cluster.pods == {}

    cluster, controller = started(timeouts={"queued": "1m"})
    cluster.set_pod("task-0", "Running")
    controller.run()
    assert controller.wake_at is None
    later(cluster, 3600)
    controller.run()
    assert cluster.status["phase"] == "Running"


def test_deadlines_hold_while_a_quota_is_waited_for_and_while_errors_are() -> None:
    for reason, phase in (("Forbidden", "WaitingForResources"), ("InternalError", "Accepted")):
        cluster = Cluster(execution(timeouts={"queued": "500ms"}, metadata=OURS))
        cluster.refuse = lambda action, r=reason: Refused(r, "no") if isinstance(action, Create) else None  # type: ignore[misc]
        controller = Controller(world(PodLike()), cluster)
        controller.run()
        assert cluster.status["phase"] == phase
        assert controller.wake_at is not None
        assert (controller.wake_at - cluster.now).total_seconds() <= 1.3
        later(cluster, 0.5)
        controller.run()
        assert cluster.status["error"]["code"] == "QueuedTimeoutExpired"


def test_a_timeout_beyond_all_time_never_expires() -> None:
    cluster, controller = started(timeouts={"execution": "2562047h"})
    cluster.set_pod("task-0", "Running")
    controller.run()
    assert cluster.status["phase"] == "Running"
    huge, controller = started(template={"metadata": {"timeout": "315576000000s"}})
    assert huge.status["phase"] == "Queued"


RETRIED = {"metadata": {"retries": {"retries": 9}}}


def test_the_active_timeout_is_for_all_attempts_together_and_final() -> None:
    cluster, controller = started(timeouts={"active": "100s", "execution": "40s"}, template=RETRIED)
    for _ in range(2):
        later(cluster, 40)
        controller.run()
    assert cluster.status["attempt"] == 2
    assert cluster.status["failures"] == {"user": 2}
    cluster.set_pod("task-2", "Running")
    later(cluster, 19)
    controller.run()
    assert cluster.status["phase"] == "Running"
    later(cluster, 1)
    controller.run()
    assert cluster.status["phase"] == "Failed"
    assert cluster.status["error"]["code"] == "ActiveTimeoutExpired"
    assert cluster.status["failures"] == {"user": 3}
    assert cluster.pods == {}


def test_time_in_suspension_is_not_active() -> None:
    cluster, controller = started(timeouts={"active": "100s"}, template=RETRIED)
    later(cluster, 90)
    cluster.execution["spec"]["suspend"] = True
    controller.run()
    assert cluster.status["phase"] == "Suspended"
    later(cluster, 3600)
    cluster.execution["spec"]["suspend"] = False
    controller.run()
    later(cluster, 99)
    controller.run()
    assert cluster.status["phase"] == "Queued"
    later(cluster, 1)
    controller.run()
    assert cluster.status["error"]["code"] == "ActiveTimeoutExpired"


@pytest.mark.parametrize(
    ("deadlines", "spec", "code", "seconds"),
    [
        ({"node_execution_deadline": "30s"}, {}, "TimeoutExpired", 30),
        ({"node_active_deadline": "30s"}, {}, "ActiveTimeoutExpired", 30),
        ({"node_execution_deadline": "30s"}, {"timeouts": {"execution": "50s"}}, "TimeoutExpired", 50),
        ({"node_execution_deadline": "30s"}, {"template": {"metadata": {"timeout": "50s"}}}, "TimeoutExpired", 50),
        ({"node_active_deadline": "30s"}, {"timeouts": {"active": "50s"}}, "ActiveTimeoutExpired", 50),
    ],
)
def test_propellers_default_deadlines_hold_where_a_task_names_none(
    deadlines: dict[str, str], spec: dict[str, Any], code: str, seconds: int
) -> None:
    node_config = NodeConfig(
        default_deadlines=DefaultDeadlines(**{name: Duration.parse(text) for name, text in deadlines.items()})
    )
    config = Configuration(propeller=PropellerConfig(node_config=node_config))
    cluster = Cluster(execution(metadata=OURS, **spec))
    controller = Controller(world(PodLike(), config=config), cluster)
    controller.run()
    later(cluster, seconds - 1)
    controller.run()
    assert cluster.status["phase"] == "Queued"
    later(cluster, 1)
    controller.run()
    assert cluster.status["error"]["code"] == code


def test_one_attempt_alone_says_nothing_of_active_time() -> None:
    cluster, _ = started(timeouts={"active": "100s"})
    assert "activeSince" not in cluster.status
