"""Waiting for room on a real API server: in order, told, woken when there is room, and hardly ever refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pluginmachinery.api.names import QUEUE
from tests.cluster.controllers import Controller, Tasks
from tests.cluster.ledgers import Ledger
from tests.cluster.test_controller import _account as account_of
from tools.controlplane.api import wait_until
from tools.controlplane.controlplanes import ControlPlane

Run = Callable[..., Controller]
Tree = dict[str, Any]

RUNS_A_WHILE = [{"after": 0.1, "phase": "Running"}, {"after": 0.3, "phase": "Succeeded"}]
RUNS_ON = [{"after": 0.1, "phase": "Running"}, {"hang": True}]


class Quota:
    """The one ResourceQuota of a namespace."""

    def __init__(self, tasks: Tasks, **hard: str) -> None:
        self.api = tasks.api
        self.path = f"/api/v1/namespaces/{tasks.namespace}/resourcequotas"
        self.api.create(self.path, {"metadata": {"name": "team"}, "spec": {"hard": _dotted(hard)}})
        self._wait_until_counted(_dotted(hard))

    def enlarge(self, **hard: str) -> None:
        self.api.patch(f"{self.path}/team", {"spec": {"hard": _dotted(hard)}})

    def _wait_until_counted(self, hard: Tree) -> None:
        """A quota refuses nothing, or everything, until the quota controller has counted what is used."""
        wait_until(
            lambda: set((self.api.get(f"{self.path}/team").get("status") or {}).get("used") or {}) >= set(hard),
            what="the quota to be counted",
        )


def _dotted(hard: dict[str, str]) -> Tree:
    return {name.replace("__", "."): amount for name, amount in hard.items()}


def container(cpu: str) -> Tree:
    amounts = [{"name": "CPU", "value": cpu}]
    return {"image": "busybox", "command": ["true"], "resources": {"requests": amounts, "limits": amounts}}


def submit(tasks: Tasks, name: str, cpu: str = "1", script: Any = RUNS_A_WHILE, **spec: Any) -> None:
    tasks.submit(name, script, template={"container": container(cpu)}, **spec)


class Requests:
    """What a controller has asked the API server for in this namespace."""

    def __init__(self, cluster: ControlPlane, tasks: Tasks) -> None:
        self._ledger = Ledger(cluster, tasks)

    def creations(self) -> list[int]:
        """The API server's answers to creations of pods."""
        return [event["responseStatus"]["code"] for event in self._creations()]

    def pods(self) -> list[str]:
        """The pods that were created, in their order."""
        return [event["objectRef"]["name"] for event in self._creations() if event["responseStatus"]["code"] == 201]

    def _creations(self) -> Iterator[Tree]:
        for event in self._ledger.writes():
            if event["verb"] == "create" and event["objectRef"]["resource"] == "pods":
                yield event

    def statuses(self) -> int:
        """Status writes."""
        return sum(1 for event in self._ledger.writes() if event["objectRef"].get("subresource") == "status")


NEVER_POLLS: Tree = {"base-second": 2, "max-duration": "1h"}
"""Who is refused, or expects to be, would not try again within the time of a test."""
CONFIG: Tree = {
    "tasks": {"task-plugins": {"enabled-plugins": ["container"]}},
    "task_resources": {"limits": {"cpu": 100}},
}
PATIENT: Tree = {**CONFIG, "tasks": {**CONFIG["tasks"], "backoff": NEVER_POLLS}}


@pytest.fixture
def start(run: Run, tasks: Tasks, own_control_plane: ControlPlane) -> Callable[..., Requests]:
    """Starts a controller with the rights of an installation; answers what it asks for."""

    def start(config: Tree = CONFIG) -> Requests:
        account_of(own_control_plane, tasks.namespace)
        kubeconfig = own_control_plane.kubeconfig_for("controller", tasks.namespace)
        run(kubeconfig=kubeconfig, config=config).ready()
        return Requests(own_control_plane, tasks)

    return start


Start = Callable[..., Requests]


def test_fifty_tasks_go_through_a_small_quota_and_are_hardly_ever_refused(tasks: Tasks, start: Start) -> None:
    requests = start()
    Quota(tasks, requests__cpu="4", pods="10")
    for number in range(50):
        submit(tasks, f"t{number}")
    ended = tasks.ended(timeout=120)
    assert ended == {f"t{number}": "Succeeded" for number in range(50)}
    creations = Counter(requests.creations())
    print("creations of pods:", creations, "status writes:", requests.statuses())
    assert creations[201] == 50
    assert creations[403] <= 10
    assert requests.statuses() <= 3 * 50


def test_the_status_says_for_what_and_where_and_a_larger_quota_wakes_without_polling(
    tasks: Tasks, start: Start
) -> None:
    requests = start(PATIENT)
    quota = Quota(tasks, requests__cpu="4")
    submit(tasks, "runs", "2", RUNS_ON)
    tasks.until("runs", "Running")
    submit(tasks, "big", "3", RUNS_ON)
    status = tasks.until("big", "WaitingForResources")
    submit(tasks, "behind", "3", RUNS_ON)
    behind = tasks.until("behind", "WaitingForResources")
    where = f"in namespace {tasks.namespace}"
    short = f"waiting for quota team: requests.cpu 3 of 2 free (4 in all) {where}"
    assert status["waiting"]["reason"] == f"{short}; 1st in line"
    assert status["waiting"]["resources"] == [
        {"quota": "team", "resource": "requests.cpu", "requested": "3", "hard": "4"}
    ]
    assert behind["waiting"]["reason"] == f"{short}; 2nd in line"
    assert behind["waiting"]["position"] == 2
    assert behind["reason"] == behind["waiting"]["reason"]
    submit(tasks, "small", "1", RUNS_ON)  # may pass, because it is smaller than all that does not fit
    tasks.until("small", "Running")
    quota.enlarge(requests__cpu="9")
    for name in ("big", "behind"):
        assert "waiting" not in tasks.until(name, "Running")
    assert requests.creations() == [201, 201, 201, 201]


def test_who_is_woken_goes_by_priority_then_age(tasks: Tasks, start: Start) -> None:
    requests = start(PATIENT)
    quota = Quota(tasks, requests__cpu="1")
    submit(tasks, "first", script=RUNS_ON)
    tasks.until("first", "Running")
    for name, priority in (("old", 0), ("young", 0), ("urgent", 7)):
        submit(tasks, name, script=RUNS_ON, priority=priority)
        tasks.until(name, "WaitingForResources")
    for hard in (2, 3, 4):
        quota.enlarge(requests__cpu=str(hard))
        wait_until(lambda hard=hard: len(tasks.pods()) == hard, what=f"{hard} pods")
    assert requests.pods() == ["first-0", "urgent-0", "old-0", "young-0"]


def test_what_can_never_fit_fails_at_once_whoever_waits(tasks: Tasks, start: Start) -> None:
    requests = start(PATIENT)
    Quota(tasks, requests__cpu="2")
    submit(tasks, "runs", "2", RUNS_ON)
    tasks.until("runs", "Running")
    submit(tasks, "waits", "2")
    tasks.until("waits", "WaitingForResources")
    submit(tasks, "never", "3")
    error = tasks.until("never", "Failed")["error"]
    assert error["code"] == "ResourceRequestsExceedLimits"
    assert requests.creations() == [201, 403]


def test_what_a_limit_range_never_admits_is_told_with_what_to_do(tasks: Tasks, start: Start) -> None:
    start()
    bounds = {"type": "Container", "max": {"cpu": "2"}, "default": {"cpu": "1"}, "defaultRequest": {"cpu": "1"}}
    ranges = f"/api/v1/namespaces/{tasks.namespace}/limitranges"
    tasks.api.create(ranges, {"metadata": {"name": "bounds"}, "spec": {"limits": [bounds]}})
    submit(tasks, "too-big", "3", maxAttempts=1)
    error = tasks.until("too-big", "Failed")["error"]
    assert error["code"] == "RuntimeFailure"
    assert "never admits this: LimitRange bounds: container" in error["message"]
    assert f"kubectl describe limitrange -n {tasks.namespace}" in error["message"]


def test_who_may_not_see_quotas_learns_by_being_refused(
    tasks: Tasks, start: Start, own_control_plane: ControlPlane, run: Run
) -> None:
    account_of(own_control_plane, tasks.namespace)
    roles = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{tasks.namespace}/roles/controller"
    rules = [rule for rule in tasks.api.get(roles)["rules"] if "resourcequotas" not in rule["resources"]]
    tasks.api.patch(roles, {"rules": rules})
    run(kubeconfig=own_control_plane.kubeconfig_for("controller", tasks.namespace), config=CONFIG).ready()
    requests = Requests(own_control_plane, tasks)
    Quota(tasks, requests__cpu="2")
    for number in range(6):
        submit(tasks, f"t{number}")
    assert set(tasks.ended(timeout=60).values()) == {"Succeeded"}
    creations = Counter(requests.creations())
    assert creations[201] == 6
    assert creations[403] >= 1


def test_a_suspended_task_gives_its_room_back_and_goes_on_where_it_may(tasks: Tasks, start: Start) -> None:
    start()
    Quota(tasks, requests__cpu="1")
    task = tasks.submit("holds", [RUNS_ON, RUNS_A_WHILE], template={"container": container("1")})
    queue = {"metadata": {"labels": {QUEUE: "team-a"}}}
    tasks.until("holds", "Running")
    submit(tasks, "waits", script=RUNS_ON)
    tasks.until("waits", "WaitingForResources")
    path = f"{tasks.path}/{task['metadata']['name']}"
    tasks.api.patch(path, {**queue, "spec": {"suspend": True}})
    tasks.until("holds", "Suspended")
    tasks.until("waits", "Running")
    tasks.api.patch(path, {"spec": {"suspend": False}})
    tasks.until("holds", "WaitingForResources")
    tasks.api.delete(f"{tasks.path}/waits")
    status = tasks.until("holds", "Succeeded")
    assert [attempt["phase"] for attempt in status["attempts"]] == ["Suspended", "Succeeded"]
    assert "failures" not in status
    assert tasks.pods()["holds-1"]["metadata"]["labels"][QUEUE] == "team-a"
