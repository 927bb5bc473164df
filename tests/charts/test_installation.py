"""On a real API server: what the chart and the overlays come to is accepted, installs, may run under the restricted
profile, and gives the controller the rights it needs and no others."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from configgen.operators import BY_NAME
from configgen.render.output import write
from configgen.render.targets import rendering
from configgen.targets import TARGETS
from tests.charts.conftest import Run
from tests.charts.manifests import CHART, RELEASE, ROOT, documents
from tools.controlplane import Cluster

VALUES = {
    "by default": (),
    "watching some namespaces": ("--set", "watchNamespaces={NAMESPACE}"),
    "two replicas with everything said": (
        "--set",
        "replicas=2,priorityClassName=system-cluster-critical,nodeSelector.pool=system,podLabels.team=ml",
        "--set-json",
        'tolerations=[{"key":"a","operator":"Exists"}]',
        "--set-json",
        'topologySpreadConstraints=[{"topologyKey":"zone","maxSkew":1,"whenUnsatisfiable":"DoNotSchedule",'
        '"labelSelector":{"matchLabels":{"a":"b"}}}]',
        "--set-json",
        'extraEnv=[{"name":"A","value":"b"}]',
    ),
    "all plugins": ("--set", "rbac.plugins={container,sidecar,spark,ray,dask,pytorch,tensorflow,mpi}"),
    "an account of one's own": ("--set", "serviceAccount.create=false,serviceAccount.name=default"),
}


@pytest.mark.parametrize("settings", VALUES.values(), ids=VALUES)
def test_the_api_server_accepts_the_chart(
    settings: tuple[str, ...], helm: Run, control_plane: Cluster, namespace: str
) -> None:
    arguments = [setting.replace("NAMESPACE", namespace) for setting in settings]
    printed = helm("template", RELEASE, CHART, "--namespace", namespace, "--include-crds", *arguments).stdout
    applied = control_plane.kubectl("apply", "--dry-run=server", "-f", "-", input=printed).stdout
    assert f"deployment.apps/{RELEASE} created (server dry run)" in applied


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_api_server_accepts_the_overlays(environment: str, kustomize: Run, control_plane: Cluster) -> None:
    printed = kustomize("build", ROOT / "kustomize/overlays" / environment).stdout
    manifests = documents(printed)
    control_plane.kubectl("create", "namespace", f"flyte-{environment}", check=False)
    applied = control_plane.kubectl("apply", "--dry-run=server", "-f", "-", input=printed).stdout
    assert applied.count("(server dry run)") == len(manifests)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All targets of the example."""
    out = tmp_path_factory.mktemp("everything")
    write(rendering(ROOT / "examples/configuration", targets=TARGETS), out)
    return out


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_api_server_accepts_what_every_target_renders(
    environment: str, everything: Path, helm: Run, kustomize: Run, control_plane: Cluster
) -> None:
    namespace = f"flyte-{environment}"
    control_plane.kubectl("create", "namespace", namespace, check=False)
    values = everything / "helm" / environment / "values.yaml"
    printed = {
        "helm": helm("template", RELEASE, CHART, "-n", namespace, "--include-crds", "--values", values).stdout,
        "kustomize": kustomize("build", everything / "kustomize/overlays" / environment).stdout,
        "configmap": (everything / "configmap" / environment / "configmap.yaml").read_text(),
    }
    for target, text in printed.items():
        applied = control_plane.kubectl("apply", "--dry-run=server", "-n", namespace, "-f", "-", input=text).stdout
        assert applied.count("(server dry run)") == len(documents(text)) > 0, target


FLYTE_CHARTS = {"flyte-core": "flyte-core", "flyte-binary": "flyte-binary"}
"""Targets for Flyte 1, and the folders of its charts below FLYTE_CHARTS."""


@pytest.mark.parametrize("target", FLYTE_CHARTS)
@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_api_server_accepts_flytes_charts_with_what_is_rendered(
    target: str, environment: str, everything: Path, helm: Run, control_plane: Cluster, tmp_path: Path
) -> None:
    charts = os.environ.get("FLYTE_CHARTS")
    if not charts:
        pytest.skip("NOT VALIDATED: set FLYTE_CHARTS to the folder charts/ of a checkout of Flyte")
    chart = _without_dependencies(Path(charts) / FLYTE_CHARTS[target], tmp_path)
    values, namespace = everything / target / environment / "values.yaml", f"flyte-{environment}"
    control_plane.kubectl("create", "namespace", namespace, check=False)
    printed = helm("template", "flyte", chart, "-n", namespace, "--values", values).stdout
    manifests = [one for one in documents(printed) if one["apiVersion"].partition("/")[0] in ("v1", "apps", "batch")]
    text = yaml.safe_dump_all(manifests)
    applied = control_plane.kubectl("apply", "--dry-run=server", "-n", namespace, "-f", "-", input=text).stdout
    assert applied.count("(server dry run)") == len(manifests) > 0
    said = "".join(str(one.get("data", "")) for one in manifests if one["kind"] == "ConfigMap")
    assert f"LOG_LEVEL: {'debug' if environment == 'dev' else 'info'}" in said


def _without_dependencies(chart: Path, folder: Path) -> Path:
    """Charts that others publish are not there, and not needed to see what becomes of the values."""
    copy = folder / chart.name
    shutil.copytree(chart, copy, ignore=shutil.ignore_patterns("Chart.lock", "charts"))
    definition = yaml.safe_load((copy / "Chart.yaml").read_text())
    definition.pop("dependencies", None)
    (copy / "Chart.yaml").write_text(yaml.safe_dump(definition))
    return copy


def test_the_pods_are_admitted_by_the_restricted_profile(helm: Run, control_plane: Cluster, namespace: str) -> None:
    restricted = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    control_plane.api.patch(f"/api/v1/namespaces/{namespace}", restricted)
    manifests = documents(helm("template", RELEASE, CHART, "--namespace", namespace).stdout)
    (deployment,) = [manifest for manifest in manifests if manifest["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]
    pod["spec"]["serviceAccountName"] = "default"
    body = {"apiVersion": "v1", "kind": "Pod", **pod, "metadata": {"name": "controller", **pod["metadata"]}}
    created = control_plane.api.create(f"/api/v1/namespaces/{namespace}/pods", body)
    assert created["metadata"]["name"] == "controller"


@pytest.fixture
def installed(
    helm: Run, control_plane: Cluster, namespace: str, make_source: Callable[..., Path], tmp_path: Path
) -> str:
    """The chart, installed with what configgen renders for an environment that watches its own namespace only."""
    config = "tasks: {task-plugins: {enabled-plugins: [container, spark]}}"
    source = make_source(config, f"watchNamespaces: [{namespace}]", namespace)
    write(rendering(source, targets=["helm"]), tmp_path / "out")
    values = tmp_path / "out/helm/test/values.yaml"
    control_plane.helm("install", RELEASE, CHART, "--namespace", namespace, "--values", values)
    return namespace


TASKS, SPARK, RAY = "plugins.flyte.org", "sparkoperator.k8s.io", "ray.io"
MAY: dict[tuple[str, str, str], bool] = {
    ("list", TASKS, "taskexecutions"): True,
    ("update", TASKS, "taskexecutions/status"): True,
    ("create", "", "pods"): True,
    ("delete", "", "pods"): True,
    ("create", SPARK, "sparkapplications"): True,
    ("update", "coordination.k8s.io", "leases"): True,
    ("create", RAY, "rayjobs"): False,
    ("create", TASKS, "taskexecutions"): False,
    ("get", "", "secrets"): False,
    ("create", "", "pods/exec"): False,
    ("get", "", "nodes"): False,
    ("create", "rbac.authorization.k8s.io", "roles"): False,
}
"""(verb, group, resource) → whether a controller with the plugins container and spark may do it where it watches."""


def test_the_rights_are_those_of_the_enabled_plugins_in_the_watched_namespace(
    control_plane: Cluster, installed: str
) -> None:
    def may(question: tuple[str, str, str], namespace: str) -> bool:
        verb, group, resource = question
        name, _, subresource = resource.partition("/")
        attributes = {
            "namespace": namespace,
            "verb": verb,
            "group": group,
            "resource": name,
            "subresource": subresource,
        }
        spec = {"user": f"system:serviceaccount:{installed}:{RELEASE}", "resourceAttributes": attributes}
        review = control_plane.api.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": spec})
        return bool(review["status"]["allowed"])

    assert {question: may(question, installed) for question in MAY} == MAY
    assert not any(may(question, "default") for question in MAY)


def test_what_is_installed_holds_the_rendered_documents(control_plane: Cluster, installed: str) -> None:
    config = control_plane.api.get(f"/api/v1/namespaces/{installed}/configmaps/{RELEASE}-config")
    plugins = yaml.safe_load(config["data"]["enabled_plugins.yaml"])["tasks"]["task-plugins"]["enabled-plugins"]
    assert plugins == ["container", "spark"]


def test_kustomize_installs_for_real(kustomize: Run, control_plane: Cluster, namespace: str, tmp_path: Path) -> None:
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    (tmp_path / "kustomize").symlink_to(ROOT / "kustomize")
    (overlay / "kustomization.yaml").write_text(
        f"namespace: {namespace}\nresources: [../kustomize/base]\ncomponents: [../kustomize/components/crd]\n"
    )
    printed = kustomize("build", overlay, "--load-restrictor=LoadRestrictionsNone").stdout
    manifests: list[dict[str, Any]] = [found for found in documents(printed) if not found["kind"].startswith("Cluster")]
    text = yaml.safe_dump_all(manifests)
    control_plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=text)
    deployment = control_plane.api.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{RELEASE}")
    mounted = deployment["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"]
    config = control_plane.api.get(f"/api/v1/namespaces/{namespace}/configmaps/{mounted}")
    assert "k8s.yaml" in config["data"]


def test_the_notes_tell_of_operators_that_are_not_there(helm: Run, control_plane: Cluster, namespace: str) -> None:
    def notes(plugins: str) -> str:
        arguments = ("--namespace", namespace, "--dry-run=server", "--set", f"rbac.plugins={{{plugins}}}")
        return control_plane.helm("install", RELEASE, CHART, *arguments).stdout.partition("NOTES:")[2]

    assert "The cluster has no" not in notes("container")
    told = notes("container,mpi,pytorch,spark")
    assert "no spark-operator: tasks of spark will not run" in told
    assert "no training-operator: tasks of mpi, pytorch will not run" in told
    assert BY_NAME["spark-operator"].install_command in told
    assert "kuberay" not in told
