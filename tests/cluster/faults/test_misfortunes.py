"""What happens to clusters and processes: pods go, namespaces go, kinds come late, plugins misbehave, room runs out."""

from __future__ import annotations

import resource
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.controllers import Controller, Tasks
from tests.cluster.ledgers import Ledger
from tests.thirdparty.packages import make_package
from tools.controlplane.api import wait_until
from tools.controlplane.controlplanes import ControlPlane
from tools.controlplane.errors import ApiError

Run = Callable[..., Controller]

SUCCEEDS = [{"after": 0.1, "phase": "Running"}, {"after": 0.3, "phase": "Succeeded"}]
RUNS_ON = [{"after": 0.1, "phase": "Running"}, {"hang": True}]
ABORTED_AT_ONCE = 200
"""In CI; the soak aborts a thousand."""

GONE = {
    "evicted": [{"after": 0.1, "phase": "Failed", "reason": "Evicted", "message": "low on memory"}],
    "preempted": [
        {"after": 0.1, "phase": "Running"},
        {
            "after": 0.1,
            "phase": "Failed",
            "conditions": [{"type": "DisruptionTarget", "reason": "PreemptionByScheduler"}],
            "containers": {"*": {"exitCode": 137}},
        },
    ],
    "node-shut-down": [{"after": 0.1, "phase": "Failed", "reason": "Shutdown", "message": "node is shutting down"}],
    "node-gone": [
        {"after": 0.1, "phase": "Running"},
        {"after": 0.1, "phase": "Failed", "conditions": [{"type": "DisruptionTarget", "reason": "DeletionByPodGC"}]},
    ],
}


def test_pods_that_go_without_fault_of_their_own_spend_the_systems_budget(
    run: Run, tasks: Tasks, own_control_plane: ControlPlane
) -> None:
    run().ready()
    for name, script in GONE.items():
        tasks.submit(name, [script, SUCCEEDS], maxAttempts=1)
    assert tasks.ended() == dict.fromkeys(GONE, "Succeeded")
    assert {name: tasks.status(name)["failures"] for name in GONE} == {name: {"system": 1} for name in GONE}
    Ledger(own_control_plane, tasks).balance(
        dict.fromkeys(GONE, "Succeeded"), {key: ["Failed", "Succeeded"] for key in GONE}
    )


def test_pods_deleted_by_hand_while_the_controller_is_away(
    run: Run, tasks: Tasks, own_control_plane: ControlPlane
) -> None:
    first = run().ready()
    names = [f"t{number}" for number in range(6)]
    for name in names:
        tasks.submit(name, [RUNS_ON, SUCCEEDS])
    for name in names:
        tasks.until(name, "Running")
    first.kill()
    for name in names[:3]:
        tasks.api.delete(f"{tasks.pods_path}/{name}-0", gracePeriodSeconds=0)
    second = run().ready()
    for name in names[3:]:
        tasks.api.delete(f"{tasks.pods_path}/{name}-0", gracePeriodSeconds=0)
    phases = dict.fromkeys(names, "Succeeded")
    assert tasks.ended() == phases
    Ledger(own_control_plane, tasks).balance(phases, {key: ["Failed", "Succeeded"] for key in names})
    assert second.process.poll() is None


def test_a_pod_stuck_in_its_end_by_a_foreign_finalizer(run: Run, tasks: Tasks, own_control_plane: ControlPlane) -> None:
    """The attempt is over when the pod dies; the next one has a name of its own and does not wait for the corpse."""
    run().ready()
    tasks.submit("t", [RUNS_ON, SUCCEEDS])
    tasks.submit("stopped", RUNS_ON)
    for name in ("t", "stopped"):
        tasks.until(name, "Running")
        tasks.api.patch(f"{tasks.pods_path}/{name}-0", {"metadata": {"finalizers": ["example.com/stuck"]}})
    tasks.api.delete(f"{tasks.pods_path}/t-0", gracePeriodSeconds=0)
    tasks.api.patch(f"{tasks.path}/stopped", {"spec": {"abort": True}})
    assert tasks.ended() == {"t": "Succeeded", "stopped": "Aborted"}
    assert all(tasks.pods()[f"{name}-0"]["metadata"]["deletionTimestamp"] for name in ("t", "stopped"))
    for name in ("t", "stopped"):
        tasks.api.patch(f"{tasks.pods_path}/{name}-0", {"metadata": {"finalizers": None}})
    wait_until(lambda: sorted(tasks.pods()) == ["t-1"], what="the corpses to go")
    Ledger(own_control_plane, tasks).balance(
        {"t": "Succeeded", "stopped": "Aborted"}, {"t": ["Failed", "Succeeded"], "stopped": ["Aborted"]}
    )


def test_a_namespace_is_deleted_while_its_tasks_run(run: Run, tasks: Tasks, own_control_plane: ControlPlane) -> None:
    doomed = Tasks(own_control_plane, f"doomed-{secrets.token_hex(3)}")
    doomed.api.create("/api/v1/namespaces", {"metadata": {"name": doomed.namespace}})
    account = f"/api/v1/namespaces/{doomed.namespace}/serviceaccounts/default"
    wait_until(lambda: doomed.api.find(account), what="the default service account")
    controller = run("--namespace", doomed.namespace).ready()
    for number in range(10):
        doomed.submit(f"d{number}", [RUNS_ON, RUNS_ON], template={"metadata": {"retries": {"retries": 3}}})
        tasks.submit(f"t{number}", SUCCEEDS)
    wait_until(lambda: len(doomed.pods()) == 10, what="pods")
    doomed.api.delete(f"/api/v1/namespaces/{doomed.namespace}")
    wait_until(
        lambda: doomed.api.find(f"/api/v1/namespaces/{doomed.namespace}") is None,
        timeout=60,
        what="the namespace to be gone",
    )
    phases = {f"t{number}": "Succeeded" for number in range(10)}
    assert tasks.ended() == phases
    controller.ready()
    Ledger(own_control_plane, tasks).balance(phases)
    wait_until(lambda: 'tasks{phase="Running"} 0.0' in _tasks_by_phase(controller), what="nothing to be remembered")
    assert [line["message"] for line in controller.lines() if line["level"] == "error"] == []


def _tasks_by_phase(controller: Controller) -> str:
    text = controller.get("/metrics")[1]
    return text if 'manager_tasks{phase="Running"}' in text else f'{text}\ntasks{{phase="Running"}} 0.0'


def test_two_hundred_tasks_are_aborted_at_once(run: Run, tasks: Tasks, own_control_plane: ControlPlane) -> None:
    run().ready()
    names = [f"t{number}" for number in range(ABORTED_AT_ONCE)]
    for name in names:
        tasks.submit(name, RUNS_ON)
    wait_until(lambda: len(tasks.pods()) == len(names), timeout=60, what="all pods")
    for name in names:
        tasks.api.patch(f"{tasks.path}/{name}", {"spec": {"abort": True}})
    phases = dict.fromkeys(names, "Aborted")
    assert tasks.ended(timeout=90) == phases
    Ledger(own_control_plane, tasks).balance(phases, {key: ["Aborted"] for key in names})


FAULTY = """
import time

from pluginmachinery.core import phases
from pluginmachinery.core.actions import ResourceKind
from pluginmachinery.core.plugins import PluginProperties
from pluginmachinery.core.transitions import Transition
from pluginmachinery.plugins.registry import PluginDeclaration

WIDGET = ResourceKind("{group}/v1", "Widget", "widgets")


class Faulty:
    def abort(self, task, state, observation):
        return Transition(phases.undefined(), state)

    finalize = abort


class Raises(Faulty):
    id = "raises"

    def handle(self, task, state, observation):
        raise KeyError("boom")


class Hangs(Faulty):
    id = "hangs"

    def handle(self, task, state, observation):
        while True:
            time.sleep(60)


class Junk(Faulty):
    id = "junk"

    def handle(self, task, state, observation):
        return ["what", 1, "this"]


class Widgets:
    id = "widgets"
    resource = WIDGET
    properties = PluginProperties()

    def build_resource(self, task):
        return {{"apiVersion": WIDGET.api_version, "kind": WIDGET.kind, "spec": {{}}}}

    def build_identity_resource(self, metadata):
        return {{"apiVersion": WIDGET.api_version, "kind": WIDGET.kind}}

    def get_task_phase(self, context, resource):
        done = (resource.get("status") or {{}}).get("done")
        return phases.success() if done else phases.queued("not yet")


PLUGIN = [
    PluginDeclaration(id="raises", task_types=("raises",), implementation="{module}:Raises"),
    PluginDeclaration(id="hangs", task_types=("hangs",), implementation="{module}:Hangs"),
    PluginDeclaration(id="junk", task_types=("junk",), implementation="{module}:Junk"),
    PluginDeclaration(id="widgets", task_types=("widgets",), implementation="{module}:Widgets", resources=(WIDGET,)),
]
"""


@pytest.fixture
def faulty(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """How to run a controller with a package of plugins as nobody should write them."""
    group = f"g{secrets.token_hex(3)}.example.com"

    def options(*plugins: str) -> dict[str, Any]:
        module = FAULTY.format(group=group, module="a_faulty_package")
        folder = make_package(tmp_path / "faulty", "a-faulty-package", module, plugin="faulty")
        settings = {"plugin-timeout": "500ms", "retries": {"system": 1}}
        config = {
            "tasks": {"task-plugins": {"enabled-plugins": ["container", *plugins]}},
            "plugin-manager": settings,
        }
        return {"config": config, "environment": {"PYTHONPATH": str(folder), "GROUP": group}}

    return options


def test_plugins_that_raise_hang_and_return_junk(
    run: Run, tasks: Tasks, own_control_plane: ControlPlane, faulty: Callable[..., dict[str, Any]]
) -> None:
    kinds = ("raises", "hangs", "junk")
    controller = run(**faulty(*kinds)).ready()
    for kind in kinds:
        tasks.submit(kind, template={"type": kind})
    phases = {f"t{number}": "Succeeded" for number in range(10)}
    for name in phases:
        tasks.submit(name, SUCCEEDS)
    assert tasks.ended() == {**phases, **dict.fromkeys(kinds, "Failed")}
    for kind, told in zip(kinds, ("raised KeyError", "no answer in 0.5 s", "answered list"), strict=True):
        status = tasks.status(kind)
        assert told in status["error"]["message"], status
        assert status["failures"] == {"system": 2}
    assert controller.get("/healthz")[0] == 200
    Ledger(own_control_plane, tasks).balance(phases)
    broken_off = [line for line in controller.lines() if "is broken off" in line["message"]]
    assert {line["task"]["name"] for line in broken_off} == {"hangs"}


def test_the_kind_of_a_plugin_comes_later(
    run: Run, tasks: Tasks, own_control_plane: ControlPlane, faulty: Callable[..., dict[str, Any]]
) -> None:
    options = faulty("widgets")
    group = options["environment"]["GROUP"]
    controller = run(**options).ready()
    assert "not served by this cluster" in controller.get("/readyz")[1]
    tasks.submit("widget", template={"type": "widgets"})
    tasks.submit("pod", SUCCEEDS)
    assert tasks.ended("pod") == {"pod": "Succeeded"}
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    definition = {
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
    tasks.api.create(definitions, definition)
    try:
        path = f"/apis/{group}/v1/namespaces/{tasks.namespace}/widgets/widget-0"
        wait_until(lambda: _find(tasks, path), timeout=60, what="the object, once its kind is there")
        tasks.api.patch(path, {"status": {"done": True}})
        assert tasks.ended("widget") == {"widget": "Succeeded"}
    finally:
        tasks.api.delete(f"{definitions}/widgets.{group}")


def _find(tasks: Tasks, path: str) -> Any:
    try:
        return tasks.api.find(path)
    except ApiError:
        return None


def test_a_full_disk(run: Run, tasks: Tasks, own_control_plane: ControlPlane) -> None:
    """Neither the log nor inputs can be written: tasks wait, and go on when there is room again."""
    root = own_control_plane.output_root
    assert root is not None
    controller = run("--data-root", str(root)).ready()
    unlimited = resource.prlimit(controller.process.pid, resource.RLIMIT_FSIZE, (controller.log.stat().st_size, -1))
    template = {"container": {"image": "x", "args": ["run", "--inputs", "{{.input}}"]}}
    value = {"scalar": {"primitive": {"stringValue": "x" * 20_000}}}
    tasks.submit("needs-room", SUCCEEDS, template=template, inputs={"literals": {"text": value}})
    tasks.submit("needs-none", SUCCEEDS)
    assert tasks.ended("needs-none") == {"needs-none": "Succeeded"}
    waits = wait_until(lambda: tasks.status("needs-room").get("systemErrors"), what="the reason why it waits")
    assert "File too large" in waits["message"]
    resource.prlimit(controller.process.pid, resource.RLIMIT_FSIZE, unlimited)
    phases = {"needs-room": "Succeeded", "needs-none": "Succeeded"}
    assert tasks.ended() == phases
    Ledger(own_control_plane, tasks).balance(phases)
    controller.ready()


def test_memory_runs_out(run: Run, tasks: Tasks, own_control_plane: ControlPlane) -> None:
    """The process ends with one clear message, and the next one finishes what it has begun."""
    controller = run().ready()
    tasks.submit("before", RUNS_ON)
    tasks.until("before", "Running")
    pages = int(Path(f"/proc/{controller.process.pid}/statm").read_text().split()[0])
    size = pages * resource.getpagesize()
    resource.prlimit(controller.process.pid, resource.RLIMIT_AS, (size + 4 * 2**20, -1))
    value = {"scalar": {"primitive": {"stringValue": "x" * 200_000}}}
    names = [f"t{number}" for number in range(30)]
    for name in names:
        tasks.submit(name, SUCCEEDS, inputs={"literals": {"text": value}})
    assert wait_until(lambda: controller.process.poll(), timeout=60, what="the end") == 1
    assert any("out of memory" in line["message"] for line in controller.lines())
    run().ready()
    tasks.api.patch(f"{tasks.path}/before", {"spec": {"abort": True}})
    phases = {"before": "Aborted"} | dict.fromkeys(names, "Succeeded")
    assert tasks.ended(timeout=90) == phases
    Ledger(own_control_plane, tasks).balance(phases, {"before": ["Aborted"]})
