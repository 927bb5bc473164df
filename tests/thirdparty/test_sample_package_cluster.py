"""The sample plugin in the controller, on a real API server, with the rights that follow from its declaration."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pluginmachinery.api.rbac import controller_rules, leader_rules
from pluginmachinery.plugins.registry import declaration_of, discover
from tests.cluster.conftest import cluster, run, tasks  # noqa: F401  fixtures
from tests.cluster.controllers import SCRIPT, Controller, Tasks
from tests.thirdparty.packages import make_package
from tools.controlplane.api import wait_until
from tools.controlplane.controlplanes import ControlPlane

Run = Callable[..., Controller]

CONFIG = {
    "tasks": {"task-plugins": {"enabled-plugins": ["container", "batch-job", "lost"]}},
    "plugins": {"batch-job": {"backoff-limit": 0}},
    "plugin-manager": {"optional-plugins": ["lost"]},
}
FAILS = [{"after": 0.1, "phase": "Running"}, {"after": 0.1, "phase": "Failed", "containers": {"*": {"exitCode": 3}}}]


@pytest.fixture
def controller(
    run: Run,  # noqa: F811
    tasks: Tasks,  # noqa: F811
    own_control_plane: ControlPlane,
    installed_sample: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Controller:
    """Runs with the sample plugin, and with an optional one that is broken."""
    lost = make_package(tmp_path / "lost", "a-lost-package", "raise RuntimeError('boom')\n", plugin="lost")
    monkeypatch.setenv("PYTHONPATH", f"{installed_sample}:{lost}")
    monkeypatch.syspath_prepend(str(installed_sample))
    _account(own_control_plane, tasks.namespace)
    return run(config=CONFIG, kubeconfig=own_control_plane.kubeconfig_for("controller", tasks.namespace)).ready()


def _account(control_plane: ControlPlane, namespace: str) -> None:
    core, rbac = f"/api/v1/namespaces/{namespace}", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    (batch_job,) = discover().declarations
    rules = [*controller_rules(plugins=[declaration_of("container"), batch_job]), *leader_rules()]
    control_plane.api.create(f"{core}/serviceaccounts", {"metadata": {"name": "controller"}})
    control_plane.api.create(f"{rbac}/roles", {"metadata": {"name": "controller"}, "rules": rules})
    subject = {"kind": "ServiceAccount", "name": "controller", "namespace": namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "controller"}
    control_plane.api.create(
        f"{rbac}/rolebindings", {"metadata": {"name": "controller"}, "roleRef": role, "subjects": [subject]}
    )


def test_its_tasks_run_and_what_is_missing_is_told(controller: Controller, tasks: Tasks) -> None:  # noqa: F811
    tasks.submit("two-pods", template={"type": "batch-job", "custom": {"completions": 2, "parallelism": 2}})
    tasks.submit("bad", template={"type": "batch-job", "custom": {"completions": "many"}})
    tasks.submit("fails", FAILS, template={"type": "batch-job"}, maxAttempts=1)
    assert tasks.ended() == {"two-pods": "Succeeded", "bad": "Failed", "fails": "Failed"}
    job = tasks.api.get(f"/apis/batch/v1/namespaces/{tasks.namespace}/jobs/two-pods-0")
    assert job["status"]["succeeded"] == 2
    assert "custom.completions" in tasks.status("bad")["error"]["message"]
    assert tasks.status("fails")["error"]["code"] == "JobFailed"
    figures = controller.get("/metrics")[1]
    assert 'flyte_plugin_manager_plugin_running{plugin="batch-job"} 1.0' in figures
    assert 'flyte_plugin_manager_plugin_running{plugin="lost"} 0.0' in figures
    assert "plugin lost" in controller.get("/readyz")[1]
    warnings = [line["message"] for line in controller.lines() if line["level"] == "warning"]
    assert any("lost" in text and "boom" in text for text in warnings)


def test_a_deleted_task_takes_its_job_and_pods_with_it(controller: Controller, tasks: Tasks) -> None:  # noqa: F811
    runs_on = [{"after": 0.1, "phase": "Running"}, {"hang": True}]
    tasks.submit("endless", template={"type": "batch-job"}, annotations={SCRIPT: json.dumps(runs_on)})
    tasks.until("endless", "Running")
    tasks.api.delete(f"{tasks.path}/endless")
    jobs = f"/apis/batch/v1/namespaces/{tasks.namespace}/jobs"
    gone = lambda: not (tasks.all() or tasks.api.items(jobs) or tasks.pods())  # noqa: E731
    wait_until(gone, timeout=60, what="task, job and pod to be gone")
