"""Pod templates on a real API server: as the cluster has them now, of the task's namespace before the controller's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cluster.controllers import Controller, Tasks
from tools.controlplane.api import wait_until
from tools.controlplane.clusters import Cluster

Run = Callable[..., Controller]
NAME = "gpu-nodes"


def template(marked: str) -> dict[str, Any]:
    containers = [{"name": "default", "image": "x"}]
    pod = {"metadata": {"labels": {"marked": marked}}, "spec": {"containers": containers}}
    return {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": NAME}, "template": pod}


def path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/podtemplates"


@pytest.fixture
def home(cluster: Cluster) -> Iterator[str]:
    """The controller's own namespace."""
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "home-"}}
    name = cluster.api.create("/api/v1/namespaces", body)["metadata"]["name"]
    yield name
    cluster.api.delete(f"/api/v1/namespaces/{name}")


def test_a_template_is_looked_up_where_the_task_runs_and_then_at_home(
    run: Run, tasks: Tasks, cluster: Cluster, namespace: str, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = cluster.api
    api.create(path(home), template("home"))
    api.create(path(namespace), template("here"))
    monkeypatch.setenv("POD_NAMESPACE", home)
    controller = run().ready()

    def mark_of(task: str) -> str:
        tasks.submit(task, template={"metadata": {"podTemplateName": NAME}})
        tasks.ended(task)
        return str(tasks.pods()[f"{task}-0"]["metadata"]["labels"].get("marked"))

    def heard(events: int) -> None:
        """Whatever the controller knows next, it knows after so many changes of templates."""

        def told() -> bool:
            lines = controller.get("/metrics")[1].splitlines()
            counts = [
                float(line.split()[-1])
                for line in lines
                if line.startswith("flyte_plugin_manager_watch_events_total") and "podtemplates" in line
            ]
            return sum(counts) >= events

        wait_until(told, what="the change to be heard of")

    assert mark_of("first") == "here"
    api.patch(f"{path(namespace)}/{NAME}", template("changed"))
    heard(1)
    assert mark_of("second") == "changed"
    api.delete(f"{path(namespace)}/{NAME}")
    heard(2)
    assert mark_of("third") == "home"
    api.delete(f"{path(home)}/{NAME}")
    heard(3)
    tasks.submit("fourth", template={"metadata": {"podTemplateName": NAME}})
    tasks.ended("fourth")
    failed = tasks.status("fourth")
    assert failed["phase"] == "Failed"
    assert NAME in failed["error"]["message"]
