"""Waiting for room on a real API server: in order, told, woken when there is room, and hardly ever refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

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


def submit(tasks: Tasks, name: str, cpu: str = "1", script: Any = RUNS_A_WHILE, **spec: Any) -> None:
    amounts = [{"name": "CPU", "value": cpu}]
    resources = {"requests": amounts, "limits": amounts}
    container = {"image": "busybox", "command": ["true"], "resources": resources}
    tasks.submit(name, script, template={"container": container}, **spec)


class Requests:
    """What a controller has asked the API server for in this namespace."""

    def __init__(self, cluster: ControlPlane, tasks: Tasks) -> None:
        self._ledger = Ledger(cluster, tasks)

    def creations(self) -> list[int]:
        """The API server's answers to creations of pods."""
        return [
            event["responseStatus"]["code"]
            for event in self._ledger.writes()
            if event["verb"] == "create" and event["objectRef"]["resource"] == "pods"
        ]

    def statuses(self) -> int:
        """Status writes."""
        return sum(1 for event in self._ledger.writes() if event["objectRef"].get("subresource") == "status")


CONFIG: Tree = {
    "tasks": {"task-plugins": {"enabled-plugins": ["container"]}},
    "task_resources": {"limits": {"cpu": 100}},
}


@pytest.fixture
def requests(run: Run, tasks: Tasks, own_control_plane: ControlPlane) -> Requests:
    """Those of a controller that runs, with just the rights of an installation."""
    account_of(own_control_plane, tasks.namespace)
    run(kubeconfig=own_control_plane.kubeconfig_for("controller", tasks.namespace), config=CONFIG).ready()
    return Requests(own_control_plane, tasks)


def test_fifty_tasks_go_through_a_small_quota_and_are_hardly_ever_refused(tasks: Tasks, requests: Requests) -> None:
    Quota(tasks, requests__cpu="4", pods="10")
    for number in range(50):
        submit(tasks, f"t{number}")
    ended = tasks.ended(timeout=120)
    assert ended == {f"t{number}": "Succeeded" for number in range(50)}
    creations = Counter(requests.creations())
    print("creations of pods:", creations, "status writes:", requests.statuses())
    assert creations[201] == 50
    assert creations[403] <= 5
