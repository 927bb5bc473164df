"""What a cluster offers to tests, demo and benchmarks – one of our own, and an existing one, alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from tools.controlplane import Cluster, ControlPlane, ExistingCluster
from tools.controlplane.api import ApiClient, wait_until
from tools.controlplane.audits import Request
from tools.controlplane.binaries import BY_NAME
from tools.controlplane.errors import ApiError, CommandFailed


@pytest.fixture
def existing(control_plane: Cluster) -> Iterator[ExistingCluster]:
    """The session's cluster, as if it had been there before."""
    with ExistingCluster(str(control_plane.kubeconfig)) as cluster:
        yield cluster


@pytest.fixture(params=["own", "existing"])
def cluster(request: pytest.FixtureRequest, control_plane: Cluster) -> Cluster:
    return control_plane if request.param == "own" else request.getfixturevalue("existing")


def test_kubectl_helm_and_kustomize_are_the_pinned_ones(cluster: Cluster) -> None:
    assert "Server Version: v1.34.4" in cluster.kubectl("version").stdout
    assert cluster.helm("version", "--short").stdout.startswith(BY_NAME["helm"].version)
    assert cluster.kustomize("version").stdout.strip() == BY_NAME["kustomize"].version


def test_kubectl_reads_standard_input_and_api_sees_the_same(cluster: Cluster, namespace: str) -> None:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "b"}}
    cluster.kubectl("apply", "-n", namespace, "-f", "-", input=yaml.safe_dump(manifest))
    assert cluster.api.get(f"/api/v1/namespaces/{namespace}/configmaps/c")["data"] == {"a": "b"}


def test_a_command_that_fails_says_what_it_said(cluster: Cluster) -> None:
    with pytest.raises(CommandFailed, match=r"`kubectl get pods no-such` exited 1: .*\"no-such\" not found"):
        cluster.kubectl("get", "pods", "no-such")
    assert cluster.kubectl("get", "pods", "no-such", check=False).returncode == 1


def test_a_refused_request_says_why(cluster: Cluster) -> None:
    with pytest.raises(ApiError, match='404 NotFound: pods "no-such" not found'):
        cluster.api.get("/api/v1/namespaces/default/pods/no-such")


def test_helm_leaves_the_home_alone(
    control_plane: Cluster, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    chart = tmp_path / "chart"
    control_plane.helm("create", chart)
    control_plane.helm("install", "r", chart, "-n", namespace, "--wait")
    assert control_plane.helm("list", "-n", namespace, "--short").stdout.split() == ["r"]
    assert not (tmp_path / "home").exists()


def service_account(cluster: Cluster, namespace: str) -> ApiClient:
    """A client with the rights of an account that may list configmaps in its namespace, and nothing else."""
    for command in (
        "create serviceaccount worker",
        "create role reads --verb=list --resource=configmaps",
        f"create rolebinding reads --role=reads --serviceaccount={namespace}:worker",
    ):
        cluster.kubectl("-n", namespace, *command.split())
    document = yaml.safe_load(cluster.kubeconfig_for("worker", namespace).read_text())
    assert document["contexts"][0]["context"]["namespace"] == namespace
    ca_file = cluster.folder / "ca-of-worker.crt"
    assert cluster.ca is not None
    ca_file.write_bytes(cluster.ca)
    server = document["clusters"][0]["cluster"]["server"]
    return ApiClient(server, ca_file=ca_file, token=document["users"][0]["user"]["token"])


def test_a_local_process_runs_with_an_installed_accounts_rights(cluster: Cluster, namespace: str) -> None:
    worker = service_account(cluster, namespace)
    assert worker.items(f"/api/v1/namespaces/{namespace}/configmaps")
    with pytest.raises(ApiError, match=f'403 Forbidden: .*"system:serviceaccount:{namespace}:worker" cannot list'):
        worker.items(f"/api/v1/namespaces/{namespace}/secrets")


def test_requests_are_counted_per_user(own_control_plane: ControlPlane, namespace: str) -> None:
    worker = service_account(own_control_plane, namespace)
    user = f"system:serviceaccount:{namespace}:worker"
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    worker.items(path)
    since = datetime.now(UTC)
    for _ in range(3):
        worker.items(path)
    assert own_control_plane.audit_counts(user=user, since=since) == {Request("list", "configmaps"): 3}
    assert own_control_plane.audit_counts(user=user) == {Request("list", "configmaps"): 4}


def test_what_an_owner_owned_goes_with_it(control_plane: Cluster, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    owner = control_plane.api.create(path, {"metadata": {"name": "owner"}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    control_plane.api.create(path, {"metadata": {"name": "owned", "ownerReferences": [reference]}})
    control_plane.api.delete(f"{path}/owner")
    wait_until(lambda: control_plane.api.find(f"{path}/owned") is None, what="the garbage collector")


def test_a_quota_is_enforced(control_plane: Cluster, namespace: str) -> None:
    quotas = f"/api/v1/namespaces/{namespace}/resourcequotas"
    control_plane.api.create(quotas, {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "0"}}})
    wait_until(lambda: control_plane.api.get(f"{quotas}/q")["status"].get("hard"), what="the quota controller")
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "main", "image": "i"}]}}
    with pytest.raises(ApiError, match=r"403 Forbidden: .*exceeded quota: q"):
        control_plane.api.create(f"/api/v1/namespaces/{namespace}/pods", pod)
