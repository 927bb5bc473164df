"""A task that is made anew under the name of one that is still going away, on a real API server."""

from __future__ import annotations

from collections.abc import Callable

from tests.cluster.controllers import Controller, Tasks
from tools.controlplane.api import wait_until

Run = Callable[..., Controller]
GOES_SLOWLY = [{"after": 0.1, "phase": "Running"}, {"onDelete": {"after": 3, "exitCode": 0}}, {"hang": True}]


def test_the_dying_pod_of_an_earlier_task_is_not_taken_for_the_new_ones(run: Run, tasks: Tasks) -> None:
    run().ready()
    tasks.submit("t", GOES_SLOWLY)
    tasks.until("t", "Running")
    earlier = tasks.pods()["t-0"]["metadata"]["uid"]
    tasks.api.delete(f"{tasks.path}/t", propagationPolicy="Background")
    wait_until(lambda: not tasks.all(), what="the earlier task to be gone")
    tasks.submit("t")
    tasks.until("t", "Succeeded", timeout=60)
    status = tasks.status("t")
    pods = {pod["metadata"]["uid"] for pod in tasks.pods().values()}
    assert pods - {earlier}
    # It got around the name, by the budget of the platform, or waited for it; the earlier pod's end is not its own.
    assert "user" not in (status.get("failures") or {})
    assert [attempt["phase"] for attempt in status["attempts"]][-1] == "Succeeded"
    owners = {
        pod["metadata"]["ownerReferences"][0]["uid"]
        for pod in tasks.pods().values()
        if pod["metadata"]["uid"] != earlier
    }
    assert owners == {tasks.get("t")["metadata"]["uid"]}
