"""What the manager adds to built objects is what a real API server takes: secrets in pods, variables once in jobs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.controllers import Controller, Tasks
from tests.pluginmachinery.plugins import operator_crds
from tools.controlplane.api import wait_until
from tools.controlplane.clusters import Cluster
from tools.controlplane.errors import ApiError

Run = Callable[..., Controller]

SECRETS = {
    "securityContext": {
        "secrets": [
            {"group": "db", "key": "password", "mountRequirement": "ENV_VAR", "envVar": "PASSWORD"},
            {"group": "db", "key": "Certificate", "mountRequirement": "FILE"},
            {"group": "db", "key": "other", "mountRequirement": "ANY"},
        ]
    }
}
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def test_a_pod_has_its_secrets_without_a_webhook(run: Run, tasks: Tasks) -> None:
    run().ready()
    tasks.submit("t", template=SECRETS)
    assert tasks.ended() == {"t": "Succeeded"}
    (container,) = tasks.pods()["t-0"]["spec"]["containers"]
    variables = {variable["name"]: variable for variable in container["env"]}
    assert variables["PASSWORD"]["valueFrom"]["secretKeyRef"] == {"name": "db", "key": "password", "optional": True}
    assert "/etc/flyte/secrets/db" in [mount["mountPath"] for mount in container["volumeMounts"]]
    volumes = [volume["secret"]["items"] for volume in tasks.pods()["t-0"]["spec"]["volumes"] if "secret" in volume]
    assert volumes == [[{"key": "Certificate", "path": "certificate"}, {"key": "other", "path": "other"}]]


KINDS = [
    pytest.param("pytorch", operator_crds.PYTORCH, {"workers": 1}, id="pytorch"),
    pytest.param("tensorflow", operator_crds.TENSORFLOW, {"workers": 1}, id="tensorflow"),
    pytest.param("mpi", operator_crds.MPI, {"numWorkers": 1, "numLauncherReplicas": 1, "slots": 1}, id="mpi"),
    pytest.param("ray", operator_crds.RAY, {"rayCluster": {"workerGroupSpec": [{"groupName": "w"}]}}, id="ray"),
    pytest.param("dask", operator_crds.DASK, {"workers": {"numberOfWorkers": 1}}, id="dask"),
    pytest.param(
        "spark",
        operator_crds.SPARK,
        {"applicationType": "PYTHON", "mainApplicationFile": "local:///main.py"},
        id="spark",
    ),
]


@pytest.mark.parametrize(("plugin", "crd", "custom"), KINDS)
def test_an_operators_object_with_a_variable_from_two_sides_is_taken(
    plugin: str, crd: str, custom: dict[str, Any], run: Run, tasks: Tasks, cluster: Cluster
) -> None:
    objects = _serve(cluster, operator_crds.path_of(crd), tasks.namespace)
    config = {
        "tasks": {"task-plugins": {"enabled-plugins": ["container", plugin]}},
        "plugins": {"k8s": {"default-env-vars": [{"MODE": "platform"}]}},
    }
    controller = run(config=config).ready()
    container = {"image": "i", "args": ["a"], "env": [{"key": "MODE", "value": "task"}]}
    tasks.submit("t", template={"type": plugin, "custom": custom, "container": container, **SECRETS})
    (made,) = wait_until(lambda: tasks.api.items(objects) or _ended(tasks), what="the object to be taken")
    assert made["metadata"]["name"] == "t-0"
    values = {item["value"] for item in _variables(made) if item["name"] == "MODE"}
    assert values == {"platform"}
    assert "PASSWORD" in {item["name"] for item in _variables(made)}
    tasks.until("t", "Queued", "Initializing", "Running")
    controller.terminate()


def _serve(cluster: Cluster, path: Path, namespace: str) -> str:
    """Install the operator's CRD and wait for its kind; the path of its objects."""
    definition = yaml.safe_load(path.read_text())
    definition.pop("status", None)
    names, version = definition["spec"]["names"], definition["spec"]["versions"][0]["name"]
    if cluster.api.find(f"{DEFINITIONS}/{definition['metadata']['name']}") is None:
        cluster.api.create(DEFINITIONS, definition)
    objects = f"/apis/{definition['spec']['group']}/{version}/namespaces/{namespace}/{names['plural']}"

    def served() -> bool:
        try:
            return cluster.api.find(objects) is not None
        except ApiError:  # 429: the storage of a new kind is being prepared
            return False

    wait_until(served, what=f"{names['plural']} to be served")
    return objects


def _ended(tasks: Tasks) -> None:
    assert tasks.phase("t") not in ("Failed", "Aborted"), tasks.status("t")


def _variables(value: Any) -> list[dict[str, Any]]:
    """All entries of all ``env``."""
    if isinstance(value, list):
        return [found for item in value for found in _variables(item)]
    if not isinstance(value, dict):
        return []
    own = value["env"] if isinstance(value.get("env"), list) else []
    return own + [found for key, item in value.items() if key != "env" for found in _variables(item)]
