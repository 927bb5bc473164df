"""What a test of faults ends with: nothing lost, nothing twice, nothing left over, budgets right.

The API server's audit log is the witness: it has every request that was answered, whoever lived or died afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tests.cluster.controllers import TERMINAL, Tasks
from tools.controlplane import audits
from tools.controlplane.api import wait_until
from tools.controlplane.controlplanes import ControlPlane

AGENT = "flyte-plugin-manager"


class Ledger:
    """What controllers have done in the namespace of these tasks."""

    def __init__(self, cluster: ControlPlane, tasks: Tasks) -> None:
        self._cluster = cluster
        self._tasks = tasks

    def writes(self, user: str | None = None) -> Iterator[audits.Event]:
        """Every write of a controller (of this account) that was answered."""
        for event in audits.events(self._cluster.audit_log):
            what = event.get("objectRef") or {}
            if (
                event["verb"] in audits.WRITES
                and what.get("namespace") == self._tasks.namespace
                and event.get("userAgent", "").startswith(AGENT)
                and user in (None, event["user"].get("username"))
            ):
                yield event

    def pods_created(self) -> Counter[str]:
        """How often a pod of each name was created."""
        return Counter(
            event["objectRef"]["name"]
            for event in self.writes()
            if event["verb"] == "create"
            and event["objectRef"]["resource"] == "pods"
            and event.get("responseStatus", {}).get("code") == 201
        )

    def balance(self, phases: Mapping[str, str], attempts: Mapping[str, list[str]] | None = None) -> None:
        """Each of these has ended as it should, each attempt had one pod, and nothing lives on."""
        found = {name: item for name, item in self._tasks.all().items() if name in phases}
        assert {name: _status(item).get("phase") for name, item in found.items()} == phases, "lost, or wrong"
        expected = attempts or {}
        pods: Counter[str] = Counter()
        for name, item in found.items():
            status = _status(item)
            history = [each["phase"] for each in status.get("attempts", [])]
            assert history == expected.get(name, ["Succeeded"]), (name, status)
            failed = history.count("Failed")
            assert sum(value for value in (status.get("failures") or {}).values()) == failed, (name, status)
            pods.update(f"{name}-{number}" for number in range(len(history)))
        created = Counter(
            {name: count for name, count in self.pods_created().items() if name.rpartition("-")[0] in phases}
        )
        assert {name: count for name, count in created.items() if count > 1} == {}, "made twice"
        assert set(created) <= set(pods), "made for no attempt"
        self.nothing_lives_on()

    def nothing_lives_on(self) -> None:
        """No pod runs whose task has ended or is gone."""

        def left_over() -> list[str]:
            running = {
                item["metadata"]["uid"]
                for item in self._tasks.all().values()
                if _status(item).get("phase") not in TERMINAL
            }
            return [
                name
                for name, pod in self._tasks.pods().items()
                if pod["metadata"]["ownerReferences"][0]["uid"] not in running
                and pod["status"].get("phase") not in ("Succeeded", "Failed")
            ]

        wait_until(lambda: not left_over(), timeout=40, what="all pods to have ended")


def _status(item: Mapping[str, Any]) -> dict[str, Any]:
    status: dict[str, Any] = item.get("status") or {}
    return status
