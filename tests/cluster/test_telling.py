"""What the controller tells through Kubernetes: events about tasks, and reasons from events about their pods."""

from __future__ import annotations

from collections.abc import Callable

from tests.cluster.controllers import CONFIG, Controller, Tasks
from tools.controlplane.api import wait_until

Run = Callable[..., Controller]

FAILS = [{"after": 0.1, "phase": "Running"}, {"after": 0.1, "phase": "Failed", "containers": {"*": {"exitCode": 3}}}]
RUNS_ON = [{"after": 0.1, "phase": "Running"}, {"hang": True}]


def told(tasks: Tasks) -> dict[tuple[str, str], str]:
    """(task, reason) of the events about tasks, as kubectl lists them → their type."""
    events = tasks.api.get(f"/api/v1/namespaces/{tasks.namespace}/events")["items"]
    return {
        (event["involvedObject"]["name"], event["reason"]): event["type"]
        for event in events
        if event["involvedObject"]["kind"] == "TaskExecution"
    }


def test_trouble_becomes_events_and_what_goes_well_makes_none(run: Run, tasks: Tasks) -> None:
    controller = run().ready()
    tasks.submit("good")
    tasks.submit("bad", FAILS)
    tasks.submit("unwanted", RUNS_ON)
    tasks.until("unwanted", "Running")
    tasks.api.patch(f"{tasks.path}/unwanted", {"spec": {"abort": True}})
    assert tasks.ended() == {"good": "Succeeded", "bad": "Failed", "unwanted": "Aborted"}
    expected = {("bad", "AttemptFailed"): "Warning", ("bad", "Failed"): "Warning", ("unwanted", "Aborted"): "Normal"}
    wait_until(lambda: told(tasks) == expected, what=f"the events {expected}")
    writes = [line for line in controller.get("/metrics")[1].splitlines() if 'kind="events"' in line]
    assert writes, "they are counted as writes"
    assert all('code="20' in line for line in writes), "and each of them was useful"


def test_what_kubernetes_says_about_a_pod_becomes_reasons(run: Run, tasks: Tasks) -> None:
    run(config={**CONFIG, "plugins": {"k8s": {"send-object-events": True}}}).ready()
    tasks.submit("t", RUNS_ON)
    wait_until(lambda: tasks.status("t").get("reasons"), what="reasons")
    status = tasks.status("t")
    assert any("Successfully assigned" in each["reason"] for each in status["reasons"])
    assert status["phaseVersion"] >= 1
