"""The object store is away for a while: what has succeeded has succeeded, and is told when it can be read."""

from __future__ import annotations

import pytest

from pluginmachinery.core.actions import Action, ReadOutputs, Refused
from tests.pluginmachinery.lifecycle.simulation import Cluster, Controller, PodLike, execution, later, world


def _away(action: Action) -> Refused | None:
    return Refused("StoreUnavailable", "503") if isinstance(action, ReadOutputs) else None


@pytest.mark.parametrize("seconds", [10, 60, 120])
def test_the_store_is_away(seconds: int) -> None:
    cluster = Cluster(execution(outputPrefix="out"))
    controller = Controller(world(PodLike()), cluster)
    controller.run()
    cluster.set_pod("task-0", "Succeeded")
    cluster.refuse = _away
    for _ in range(seconds // 2):
        controller.run()
        assert cluster.status["phase"] != "Succeeded"
        later(cluster, 2)
    assert cluster.status["systemErrors"]["code"] == "OutputsNotReadable", "it says what it waits for"
    cluster.refuse = lambda _: None
    later(cluster, 80)  # the longest wait between two tries, with its jitter
    controller.run()
    assert (cluster.status["phase"], cluster.status.get("failures")) == ("Succeeded", None)
    assert cluster.created == ["task-0"]


def test_the_store_stays_away() -> None:
    """Ten tries in a row, over minutes, spend one system retry; and all of them together have an end."""
    cluster = Cluster(execution(outputPrefix="out"))
    controller = Controller(world(PodLike()), cluster)
    cluster.refuse = _away
    for _ in range(2000):
        controller.run()
        if cluster.status["phase"] == "Failed":
            break
        for name in cluster.pods:
            cluster.set_pod(name, "Succeeded")
        later(cluster, 10)
    assert cluster.status["phase"] == "Failed"
    assert cluster.status["error"]["code"] == "OutputsNotReadable"
    assert set(cluster.status["failures"]) == {"system"}
