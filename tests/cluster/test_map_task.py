"""Map tasks on a real API server: a pod for each sub-task, so many at a time, tried again one by one, put together."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from flyteidl.core.literals_pb2 import Literal, LiteralMap
from google.protobuf.json_format import MessageToDict, ParseDict

from tests.cluster.controllers import SCRIPT, Controller, Tasks
from tools.controlplane.api import wait_until
from tools.controlplane.controlplanes import ControlPlane

Run = Callable[..., Controller]

CONFIG = {
    "tasks": {
        "task-plugins": {
            "enabled-plugins": ["container", "k8s-array"],
            "default-for-task-types": [{"container_array": "k8s-array"}],
        }
    }
}
RUNNING = {"after": 0.1, "phase": "Running"}
RUNS_ON = [RUNNING, {"hang": True}]
FAILS = [RUNNING, {"after": 0.1, "phase": "Failed", "containers": {"*": {"exitCode": 3, "message": "boom"}}}]


def integer(value: int) -> dict[str, Any]:
    return {"scalar": {"primitive": {"integer": str(value)}}}


def succeeds(value: int | None = None, *, after: float = 0.3) -> list[dict[str, Any]]:
    """A script of a sub-task that leaves this output."""
    left = LiteralMap(literals={} if value is None else {"o": ParseDict(integer(value), Literal())})
    writes = {"outputs.pb": base64.b64encode(left.SerializeToString()).decode()}
    return [RUNNING, {"after": after, "phase": "Succeeded", "writes": writes}]


def submit(tasks: Tasks, name: str, size: int, script: Mapping[str, Any], **custom: Any) -> None:
    """A map task over so many numbers; ``script`` is by index."""
    tasks.submit(
        name,
        template={
            "type": "container_array",
            "taskTypeVersion": 1,
            "container": {
                "image": "x",
                "args": ["map", "--inputs", "{{.input}}", "--output-prefix", "{{.outputPrefix}}"],
            },
            "custom": {"minSuccessRatio": 1.0, **custom},
            "interface": {"outputs": {"variables": {"o": {"type": {"collectionType": {"simple": "INTEGER"}}}}}},
        },
        inputs={"literals": {"x": {"collection": {"literals": [integer(number) for number in range(size)]}}}},
        annotations={SCRIPT: json.dumps(script)},
        maxAttempts=2,
    )


def data_root(own_control_plane: ControlPlane) -> str:
    root = own_control_plane.output_root
    assert root is not None
    return str(root)


def alive(tasks: Tasks) -> int:
    """Pods that have not ended and are not being deleted."""
    pods = [pod for pod in tasks.pods().values() if "deletionTimestamp" not in pod["metadata"]]
    return sum(pod["status"].get("phase") in ("Pending", "Running") for pod in pods)


def test_sub_tasks_take_turns_and_are_tried_again_one_by_one(
    run: Run, tasks: Tasks, own_control_plane: ControlPlane
) -> None:
    """20 sub-tasks, 5 at a time. One is deleted twice, one fails twice; that is one too many."""
    run("--data-root", data_root(own_control_plane), config=CONFIG).ready()
    script = {str(index): succeeds(index) for index in range(20)}
    submit(tasks, "m", 20, script | {"3": RUNS_ON, "7": FAILS}, parallelism="5", minSuccessRatio=0.95)
    most = 0

    def look() -> bool:
        nonlocal most
        most = max(most, alive(tasks))
        return True

    def runs(name: str) -> bool:
        return look() and (tasks.pods().get(name, {}).get("status") or {}).get("phase") == "Running"

    for name in ("m-0-3", "m-0-3-1"):
        wait_until(partial(runs, name), timeout=30, what=f"{name} to run")
        tasks.api.delete(f"{tasks.pods_path}/{name}")
    wait_until(lambda: look() and tasks.phase("m") in ("Failed", "Succeeded"), timeout=60, what="the end")
    assert 0 < most <= 5
    status = tasks.status("m")
    assert status["phase"] == "Failed"
    assert status["error"]["code"] == "SubTasksFailed"
    assert "[7]" in status["error"]["message"]
    assert "[3]" in status["error"]["message"]
    assert status["customInfo"]["subTasks"]["failed"] == 2
    assert {"m-0-3-2", "m-0-7-2"}.isdisjoint(tasks.pods())
    wait_until(lambda: not alive(tasks), timeout=40, what="the others to be stopped")


def test_outputs_are_lists_and_what_failed_is_left_out(run: Run, tasks: Tasks, own_control_plane: ControlPlane) -> None:
    root = data_root(own_control_plane)
    run("--data-root", root, config=CONFIG).ready()
    script = {str(index): succeeds(index * index) for index in range(8)}
    submit(tasks, "squares", 8, script | {"2": FAILS}, minSuccessRatio=0.8, parallelism="3")
    assert tasks.ended() == {"squares": "Succeeded"}
    status = tasks.status("squares")
    written = LiteralMap.FromString(
        (Path(status["outputs"]["prefix"].removeprefix("file://")) / "outputs.pb").read_bytes()
    )
    values = [MessageToDict(literal) for literal in written.literals["o"].collection.literals]
    nothing: dict[str, Any] = {"scalar": {"noneType": {}}}
    assert values == [nothing if index == 2 else integer(index * index) for index in range(8)]
    assert status["customInfo"]["subTasks"] == {"total": 8, "succeeded": 7, "failed": 1}
    pods = tasks.pods()
    assert {name for name in pods if name.startswith("squares-0-2")} == {"squares-0-2", "squares-0-2-1"}
    variables = {one["name"]: one.get("value") for one in pods["squares-0-5"]["spec"]["containers"][0]["env"]}
    assert variables["FLYTE_K8S_ARRAY_INDEX"] == "5"
    assert variables["BATCH_JOB_ARRAY_INDEX_VAR_NAME"] == "FLYTE_K8S_ARRAY_INDEX"


def test_an_abort_deletes_every_pod(run: Run, tasks: Tasks, own_control_plane: ControlPlane) -> None:
    run("--data-root", data_root(own_control_plane), config=CONFIG).ready()
    submit(tasks, "m", 12, {"*": RUNS_ON})
    tasks.until("m", "Running")
    wait_until(lambda: len(tasks.pods()) == 12, what="all pods")
    tasks.api.patch(f"{tasks.path}/m", {"spec": {"abort": True}})
    assert tasks.ended() == {"m": "Aborted"}
    wait_until(lambda: not tasks.pods(), timeout=40, what="all pods to be gone")


def test_kill_9_makes_no_sub_task_twice(run: Run, tasks: Tasks, own_control_plane: ControlPlane) -> None:
    root = data_root(own_control_plane)
    first = run("--data-root", root, config=CONFIG).ready()
    submit(tasks, "m", 30, {str(index): succeeds(index, after=1.0) for index in range(30)}, parallelism="10")
    seen: dict[str, set[str]] = {}

    def look() -> bool:
        for name, pod in tasks.pods().items():
            seen.setdefault(name, set()).add(pod["metadata"]["uid"])
        return bool(seen)

    wait_until(look, timeout=30, what="the first pods")
    first.kill()
    run("--data-root", root, config=CONFIG).ready()
    wait_until(lambda: look() and tasks.phase("m") in ("Failed", "Succeeded"), timeout=60, what="the end")
    look()
    assert tasks.phase("m") == "Succeeded"
    assert {name: len(uids) for name, uids in seen.items()} == {f"m-0-{index}": 1 for index in range(30)}
