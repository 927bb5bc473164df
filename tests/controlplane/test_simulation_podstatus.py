"""From a script's step to a PodStatus: what follows from the phase, and what a script adds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tools.controlplane.simulation.podstatus import killed_step, next_status
from tools.controlplane.simulation.scripts import Step

START = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def pod(*names: str, inits: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {
        "metadata": {"uid": "u-1", "name": "p"},
        "spec": {
            "containers": [{"name": name, "image": "img:1"} for name in names or ("main",)],
            "initContainers": list(inits),
        },
        "status": {"phase": "Pending"},
    }


def play(which: dict[str, Any], *steps: dict[str, Any]) -> dict[str, Any]:
    """The status after the steps, one minute apart."""
    for number, step in enumerate(steps):
        status = next_status(
            which,
            Step.model_validate(step),
            now=START + timedelta(minutes=number),
            host_ip="10.0.0.1",
            pod_ip="100.64.0.1",
        )
        which = {**which, "status": {name: value for name, value in status.items() if value is not None}}
    return which


def states(which: dict[str, Any], field: str = "containerStatuses") -> dict[str, Any]:
    return {each["name"]: each["state"] for each in which["status"].get(field, [])}


def conditions(which: dict[str, Any]) -> dict[str, str]:
    return {each["type"]: each["status"] for each in which["status"]["conditions"]}


RUNNING = {"phase": "Running"}


def test_a_new_pod_creates_its_containers() -> None:
    new = play(pod(), {"phase": "Pending"})
    assert states(new) == {"main": {"waiting": {"reason": "ContainerCreating"}}}
    assert new["status"]["startTime"] == "2026-01-02T03:04:05Z"
    assert "podIP" not in new["status"]


def test_a_running_pod_is_ready() -> None:
    running = play(pod(), {"phase": "Pending"}, RUNNING)
    assert states(running) == {"main": {"running": {"startedAt": "2026-01-02T03:05:05Z"}}}
    assert set(conditions(running).values()) == {"True"}
    assert running["status"]["podIP"] == "100.64.0.1"
    (container,) = running["status"]["containerStatuses"]
    assert container["ready"]
    assert container["containerID"].startswith("containerd://")


def test_a_container_that_ends_has_run_since_it_started() -> None:
    done = play(pod(), RUNNING, {"phase": "Succeeded"})
    (container,) = done["status"]["containerStatuses"]
    ended = container["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (0, "Completed")
    assert (ended["startedAt"], ended["finishedAt"]) == ("2026-01-02T03:04:05Z", "2026-01-02T03:05:05Z")
    assert ended["containerID"] == container["containerID"]
    assert conditions(done)["Ready"] == "False"
    assert conditions(done)["Initialized"] == "True"


def test_a_condition_keeps_the_time_of_its_last_change() -> None:
    done = play(pod(), {"phase": "Pending"}, RUNNING, {"phase": "Succeeded"})
    times = {each["type"]: each["lastTransitionTime"] for each in done["status"]["conditions"]}
    assert times["Initialized"] == "2026-01-02T03:04:05Z"
    assert times["Ready"] == "2026-01-02T03:06:05Z"


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param([RUNNING, {"phase": "Failed"}], {"a": (1, "Error"), "b": (1, "Error")}, id="nobody named"),
        pytest.param(
            [RUNNING, {"phase": "Failed", "containers": {"a": {"exitCode": 3}}}],
            {"a": (3, "Error"), "b": (0, "Completed")},
            id="the others are not who failed",
        ),
        pytest.param(
            [RUNNING, {"phase": "Failed", "containers": {"*": {"reason": "OOMKilled"}}}],
            {"a": (137, "OOMKilled"), "b": (137, "OOMKilled")},
            id="every container",
        ),
        pytest.param(
            [RUNNING, {"containers": {"b": {"exitCode": 0}}}, {"phase": "Failed", "containers": {"a": {"signal": 9}}}],
            {"a": (137, "Error"), "b": (0, "Completed")},
            id="one ended before",
        ),
        pytest.param(
            [RUNNING, {"phase": "Failed", "reason": "Evicted"}],
            {"a": (137, "Error"), "b": (137, "Error")},
            id="evicted",
        ),
    ],
)
def test_who_fails_with_what(steps: list[dict[str, Any]], expected: dict[str, tuple[int, str]]) -> None:
    failed = play(pod("a", "b"), *steps)
    ended = {
        name: (state["terminated"]["exitCode"], state["terminated"]["reason"]) for name, state in states(failed).items()
    }
    assert ended == expected


def test_a_pod_that_its_node_refuses_has_no_containers() -> None:
    refused = play(pod(), {"phase": "Failed", "reason": "OutOfcpu", "message": "no room"})
    assert (refused["status"]["reason"], refused["status"]["message"]) == ("OutOfcpu", "no room")
    assert "containerStatuses" not in refused["status"]


def test_waiting_says_what_for() -> None:
    waiting = play(pod(), {"containers": {"main": {"waiting": "ImagePullBackOff"}}})
    assert states(waiting) == {
        "main": {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "img:1"'}}
    }
    assert waiting["status"]["phase"] == "Pending"


def test_a_restart_leaves_its_last_state() -> None:
    crashed = {"containers": {"main": {"exitCode": 2}}}
    again = play(pod(), RUNNING, crashed, {"containers": {"main": {"waiting": "CrashLoopBackOff", "restarts": 1}}})
    (container,) = again["status"]["containerStatuses"]
    assert container["restartCount"] == 1
    assert container["lastState"]["terminated"]["exitCode"] == 2


INITS = ({"name": "first", "image": "i"}, {"name": "second", "image": "i"})


def test_main_containers_wait_for_a_failed_init_container() -> None:
    failed = play(pod(inits=INITS), {"phase": "Failed", "initContainers": {"first": {"exitCode": 1}}})
    assert states(failed, "initContainerStatuses")["second"] == {"waiting": {"reason": "PodInitializing"}}
    assert states(failed) == {"main": {"waiting": {"reason": "PodInitializing"}}}
    assert conditions(failed)["Initialized"] == "False"


def test_init_containers_complete_before_the_pod_runs() -> None:
    running = play(pod(inits=INITS), {"phase": "Pending"}, RUNNING)
    assert [state["terminated"]["exitCode"] for state in states(running, "initContainerStatuses").values()] == [0, 0]
    assert "running" in states(running)["main"]


def test_a_sidecar_runs_as_long_as_the_pod() -> None:
    sidecar = {"name": "proxy", "image": "i", "restartPolicy": "Always"}
    running = play(pod(inits=(sidecar,)), RUNNING)
    assert "running" in states(running, "initContainerStatuses")["proxy"]
    done = play(running, {"phase": "Succeeded"})
    assert "terminated" in states(done, "initContainerStatuses")["proxy"]


def test_a_script_adds_conditions() -> None:
    disrupted = play(pod(), RUNNING, {"conditions": [{"type": "DisruptionTarget", "reason": "PreemptionByScheduler"}]})
    assert conditions(disrupted)["DisruptionTarget"] == "True"
    assert conditions(disrupted)["Ready"] == "True"


@pytest.mark.parametrize(
    ("before", "code", "phase", "state"),
    [
        pytest.param([RUNNING], 143, "Failed", "terminated", id="killed while it ran"),
        pytest.param([RUNNING], 0, "Succeeded", "terminated", id="ended well when asked to"),
        pytest.param([{"phase": "Pending"}], 143, "Failed", "waiting", id="never ran"),
    ],
)
def test_a_deleted_pod_ends(before: list[dict[str, Any]], code: int, phase: str, state: str) -> None:
    which = play(pod(), *before)
    ended = play(which, killed_step(which, code).model_dump(by_alias=True))
    assert ended["status"]["phase"] == phase
    assert state in states(ended)["main"]


def test_a_container_that_had_failed_keeps_its_exit_code_when_the_pod_is_deleted() -> None:
    which = play(pod("a", "b"), RUNNING, {"containers": {"a": {"exitCode": 7, "message": "m"}}})
    ended = play(which, killed_step(which, 0).model_dump(by_alias=True))
    assert ended["status"]["phase"] == "Failed"
    assert states(ended)["a"]["terminated"]["exitCode"] == 7
    assert states(ended)["b"]["terminated"]["exitCode"] == 0


def test_the_same_input_gives_the_same_status() -> None:
    assert play(pod(), RUNNING) == play(pod(), RUNNING)
