"""Failures: which budget each one spends, how many attempts there are, what is on record."""

from __future__ import annotations

from typing import Any

import pytest

from pluginmachinery.api import names
from pluginmachinery.api.execution_phases import MAX_ATTEMPT_HISTORY, MAX_MESSAGE_LENGTH, MAX_REASON_LENGTH
from pluginmachinery.config import Configuration
from pluginmachinery.core import phases
from pluginmachinery.core.phases import ErrorKind
from tests.pluginmachinery.lifecycle.simulation import Cluster, Controller, PodLike, Scripted, execution, world

USER = phases.retryable_failure("Error", "exit 1")
UNKNOWN = phases.retryable_failure("Odd", "?", kind=ErrorKind.UNKNOWN)
SYSTEM = phases.retryable_failure("NodeGone", "node went away", kind=ErrorKind.SYSTEM)
INTERRUPTED = phases.retryable_failure("Interrupted", "preempted", kind=ErrorKind.SYSTEM)
PERMANENT = phases.permanent_failure("BadImage", "no such image")


def configured(**retries: Any) -> Configuration:
    return Configuration.model_validate({"plugin_manager": {"retries": retries}})


def retried(retries: int, **spec: Any) -> dict[str, Any]:
    return execution(template={"metadata": {"retries": {"retries": retries}}}, **spec)


def fail_on(task: dict[str, Any], failures: list[Any], config: Configuration | None = None) -> dict[str, Any]:
    """Play these failures, one an attempt, then success; the final status."""
    cluster = Cluster(task)
    Controller(world(Scripted([*failures, phases.success()]), config), cluster).run()
    return cluster.status


@pytest.mark.parametrize(
    ("task", "failures", "phase", "attempts", "spent"),
    [
        pytest.param(retried(0), [USER], "Failed", 1, {"user": 1}, id="no retries: the first user failure is final"),
        pytest.param(retried(2), [USER] * 2, "Succeeded", 3, {"user": 2}, id="two retries survive two user failures"),
        pytest.param(retried(2), [USER] * 3, "Failed", 3, {"user": 3}, id="the third one does not"),
        pytest.param(retried(1), [UNKNOWN] * 2, "Failed", 2, {"user": 2}, id="unknown failures count as the user's"),
        pytest.param(retried(0), [SYSTEM] * 3, "Succeeded", 4, {"system": 3}, id="three system failures are survived"),
        pytest.param(retried(0), [SYSTEM] * 4, "Failed", 4, {"system": 4}, id="the fourth is final"),
        pytest.param(
            retried(1),
            [SYSTEM, USER, SYSTEM],
            "Succeeded",
            4,
            {"user": 1, "system": 2},
            id="system failures leave the user's retries alone",
        ),
        pytest.param(
            retried(1), [SYSTEM, USER, USER], "Failed", 3, {"user": 2, "system": 1}, id="and the other way round"
        ),
        pytest.param(retried(5), [PERMANENT], "Failed", 1, {"user": 1}, id="a permanent failure ends it at once"),
        pytest.param(
            retried(0, maxAttempts=3), [USER] * 2, "Succeeded", 3, {"user": 2}, id="maxAttempts beats the template"
        ),
        pytest.param(
            retried(0),
            [INTERRUPTED] * 3,
            "Succeeded",
            4,
            {"system": 3},
            id="interrupted where it should not be: system",
        ),
        pytest.param(
            retried(0, interruptible=True),
            [INTERRUPTED, SYSTEM, INTERRUPTED],
            "Succeeded",
            4,
            {"interruptions": 2, "system": 1},
            id="interruptions are counted apart",
        ),
        pytest.param(
            retried(0, interruptible=True),
            [INTERRUPTED] * 4,
            "Failed",
            4,
            {"interruptions": 3, "system": 1},
            id="interruptions and system failures are limited together",
        ),
    ],
)
def test_budgets(task: Any, failures: list[Any], phase: str, attempts: int, spent: dict[str, int]) -> None:
    status = fail_on(task, failures)
    assert status["phase"] == phase
    assert status["attempt"] == attempts - 1
    assert status["failures"] == spent
    assert [record["attempt"] for record in status["attempts"]] == list(range(attempts))


@pytest.mark.parametrize(
    ("config", "failures", "interruptible"),
    [
        pytest.param({}, [INTERRUPTED] * 3, [True, True, True, False], id="Flyte's default: all but the last"),
        pytest.param(
            {"interruptible_threshold": 1},
            [SYSTEM, USER],
            [True, False, False],
            id="threshold 1: one failure is enough",
        ),
        pytest.param(
            {"interruptible_threshold": 2}, [USER, USER, INTERRUPTED], [True] * 4, id="user failures do not count"
        ),
        pytest.param({"interruptible_threshold": 0}, [INTERRUPTED] * 3, [True] * 4, id="0: always interruptible"),
        pytest.param({"interruptible_threshold": -9}, [SYSTEM], [False, False], id="below the first attempt: never"),
        pytest.param({"system": 1}, [INTERRUPTED], [True, False], id="counted back from the configured retries"),
    ],
)
def test_the_last_attempts_are_not_interruptible(config: Any, failures: Any, interruptible: list[bool]) -> None:
    plugin = Scripted([*failures, phases.success()])
    cluster = Cluster(retried(2, interruptible=True))
    Controller(world(plugin, configured(**config)), cluster).run()
    assert [context.metadata.interruptible for context in plugin.contexts] == interruptible
    assert [record.get("interruptible", False) for record in cluster.status["attempts"]] == interruptible


@pytest.mark.parametrize(
    ("of_template", "of_spec", "wanted"),
    [(True, None, True), (True, False, False), (False, True, True), (False, None, False)],
)
def test_the_spec_decides_over_the_template_about_interruption(of_template: bool, of_spec: Any, wanted: bool) -> None:
    plugin = Scripted([phases.success()])
    spec = {} if of_spec is None else {"interruptible": of_spec}
    task = execution(template={"metadata": {"interruptible": of_template}}, **spec)
    Controller(world(plugin), Cluster(task)).run()
    assert plugin.contexts[0].metadata.interruptible is wanted


def test_one_budget_for_all_causes_where_flyte_is_told_so() -> None:
    config = Configuration.model_validate({"propeller": {"node_config": {"ignore_retry_cause": True}}})
    status = fail_on(retried(2, interruptible=True), [INTERRUPTED, USER, SYSTEM], config)
    assert status["phase"] == "Failed"
    assert status["attempt"] == 2
    assert [record.get("interruptible", False) for record in status["attempts"]] == [True, True, False]


def test_propellers_numbers_hold_where_ours_are_silent() -> None:
    flyte = {"max_node_retries_system_failures": 1, "interruptible_failure_threshold": -2, "default_max_attempts": 2}
    config = Configuration.model_validate({"propeller": {"node_config": flyte}})
    assert fail_on(retried(0), [SYSTEM] * 2, config)["attempt"] == 1
    assert fail_on(retried(0), [USER], config)["phase"] == "Succeeded"


def test_a_failure_is_told_with_its_history() -> None:
    status = fail_on(retried(1), [USER, PERMANENT])
    assert status["reason"] == "BadImage: no such image"
    assert status["error"] == {"kind": "USER", "code": "BadImage", "message": "no such image"}
    first, second = status["attempts"]
    assert first["error"]["code"] == "Error"
    assert first["budget"] == "user"
    assert second["phase"] == "Failed"
    assert {c["type"]: c["status"] for c in status["conditions"]} == {"Finished": "True", "Succeeded": "False"}


def test_success_after_failures_is_no_error() -> None:
    status = fail_on(retried(1), [USER])
    assert "error" not in status
    assert [record["phase"] for record in status["attempts"]] == ["Failed", "Succeeded"]


def test_the_history_is_bounded_and_the_counters_are_not() -> None:
    status = fail_on(retried(40), [USER] * 30)
    assert status["attempt"] == 30
    assert status["failures"] == {"user": 30}
    assert [record["attempt"] for record in status["attempts"]] == list(range(31 - MAX_ATTEMPT_HISTORY, 31))


def test_long_messages_are_cut() -> None:
    status = fail_on(retried(0), [phases.retryable_failure("Error", "x" * 100_000)])
    assert len(status["error"]["message"]) == MAX_MESSAGE_LENGTH
    assert len(status["reason"]) == MAX_REASON_LENGTH


def test_each_attempt_has_a_pod_of_its_own_and_failed_pods_stay_for_their_logs() -> None:
    cluster = Cluster(retried(1, metadata={"finalizers": [names.FINALIZER]}))
    controller = Controller(world(PodLike()), cluster)
    controller.run()
    cluster.set_pod("task-0", "Failed")
    controller.run()
    assert cluster.created == ["task-0", "task-1"]
    assert cluster.pods.keys() == {"task-0", "task-1"}
    assert cluster.pods["task-1"]["metadata"]["labels"][names.ATTEMPT] == "1"
    assert cluster.status["phase"] == "Queued"


def test_a_pod_that_goes_on_trying_is_deleted_after_its_failure_is_on_record() -> None:
    cluster = Cluster(execution(metadata={"finalizers": [names.FINALIZER]}))
    controller = Controller(world(PodLike()), cluster)
    controller.run()
    cluster.set_pod("task-0", "Failed", code="ImagePullBackOff", cleanup=True)
    controller.run()
    assert cluster.writes[-3:] == ["status Failed", "delete task-0", "status Failed"]
    assert cluster.pods == {}
    assert "pending" not in cluster.status


def test_finalize_that_deletes_waits_for_the_record_too() -> None:
    cluster = Cluster(execution(metadata={"finalizers": [names.FINALIZER]}))
    controller = Controller(world(PodLike(delete_on_finalize=True)), cluster)
    controller.run()
    cluster.set_pod("task-0", "Succeeded")
    controller.run()
    assert cluster.writes[-3:] == ["status Succeeded", "delete task-0", "status Succeeded"]


@pytest.mark.parametrize(
    ("task", "code"),
    [
        pytest.param(execution(template={"type": "unknown"}), "PluginNotEnabled", id="a type that nobody runs"),
        pytest.param(execution(plugin="spark"), "PluginNotAvailable", id="a plugin that is not enabled"),
        pytest.param(execution(template={"container": {"image": 7}}), "BadTaskTemplate", id="a malformed template"),
        pytest.param(execution(securityContext={"runAs": 7}), "BadTaskExecution", id="a malformed member of spec"),
        pytest.param(execution(timeouts={"execution": "9" * 30 + "h"}), "BadTaskExecution", id="an endless timeout"),
    ],
)
def test_what_can_not_be_run_fails_at_once(task: dict[str, Any], code: str) -> None:
    plugin = Scripted([phases.success()])
    cluster = Cluster(task)
    Controller(world(plugin), cluster).run()
    assert cluster.status["phase"] == "Failed"
    assert cluster.status["error"]["code"] == code
    assert cluster.status["error"]["kind"] == "USER"
    assert cluster.writes == ["status Failed"]
    assert plugin.calls == []


def test_an_object_of_a_stranger_in_the_way_is_not_ours() -> None:
    cluster = Cluster(execution(), pods={"task-0": {"metadata": {"ownerReferences": [{"uid": "another"}]}}})
    Controller(world(PodLike()), cluster).run()
    assert cluster.status["failures"] == {"system": 1}
    assert cluster.status["attempts"][0]["error"]["code"] == "NameTaken"
    assert cluster.created == ["task-1"]


def test_too_many_versions_of_a_phase_end_it() -> None:
    config = Configuration.model_validate({"tasks": {"max_plugin_phase_versions": 3}})
    plugin = Scripted([phases.queued(str(version), version=version) for version in range(10)])
    cluster = Cluster(execution())
    controller = Controller(world(plugin, config), cluster)
    for _ in range(10):
        controller.run()
    assert cluster.status["error"]["code"] == "TooManyPluginPhaseVersions"
    assert plugin.calls.count("handle") == 5
    assert "abort" in plugin.calls
