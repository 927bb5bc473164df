"""The chart by itself: linted, strict about its values, restricted, and rolled out when its configuration changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.charts.conftest import Run
from tests.charts.manifests import CHART, RELEASE, ROOT, documents

ENVIRONMENTS = ("dev", "prod")


def template(helm: Run, *arguments: str) -> dict[str, dict[str, Any]]:
    """Manifests by kind; of several of one kind the last."""
    printed = helm("template", RELEASE, CHART, "--namespace", "flyte", *arguments).stdout
    return {manifest["kind"]: manifest for manifest in documents(printed)}


def test_the_chart_is_clean(helm: Run) -> None:
    assert "1 chart(s) linted, 0 chart(s) failed" in helm("lint", "--strict", CHART).stdout


@pytest.mark.parametrize(
    "settings",
    [
        "replicas=3",
        "watchNamespaces={a,b}",
        "rbac.plugins={container,spark,ray}",
        "serviceMonitor.enabled=true",
        "webhook.enabled=true",
        "shippedConfig=false,config.mine\\.yaml=plugins: {}",
    ],
)
def test_the_chart_is_clean_with_other_values(helm: Run, settings: str) -> None:
    helm("lint", "--strict", CHART, "--set", settings)


REFUSALS = {
    "a misspelt value": ("replicsa=2", "additional properties 'replicsa' not allowed"),
    "a misspelt value further down": ("image.tagg=x", "additional properties 'tagg' not allowed"),
    "a number as a text": ("replicas=two", "got string, want integer"),
    "a word that is none of the choices": ("logFormat=xml", "value must be one of 'json', 'text'"),
    "no digest": ("image.digest=latest", "does not match pattern"),
    "a plugin that does not exist": ("rbac.plugins={sparc}", 'rbac.plugins: no plugin "sparc"; known: '),
    "no configuration at all": ("shippedConfig=false", "the controller would have nothing to read"),
    "two replicas that both act": ("replicas=2,leaderElection=false", "tasks would be handled twice"),
}


@pytest.mark.parametrize(("settings", "message"), REFUSALS.values(), ids=REFUSALS)
def test_values_that_are_wrong_are_refused(helm: Run, settings: str, message: str) -> None:
    done = helm("template", RELEASE, CHART, "--set", settings, check=False)
    assert done.returncode != 0
    assert message in done.stderr


def test_a_change_of_the_configuration_rolls_the_pods_out(helm: Run) -> None:
    def checksum(*settings: str) -> str:
        pod = template(helm, *settings)["Deployment"]["spec"]["template"]
        return str(pod["metadata"]["annotations"]["checksum/config"])

    assert checksum() == checksum("--set", "replicas=2")
    assert checksum() != checksum("--set", "config.mine\\.yaml=plugins: {}")


def test_documents_of_the_values_stand_beside_the_shipped_ones_or_replace_them(helm: Run) -> None:
    shipped = {path.name for path in (CHART / "files/config").iterdir()}
    mine = ("--set", "config.k8s\\.yaml=plugins: {}", "--set", "config.zz\\.yaml.plugins.k8s.scheduler-name=mine")
    data = template(helm, *mine)["ConfigMap"]["data"]
    assert set(data) == shipped | {"zz.yaml"}
    assert data["k8s.yaml"] == "plugins: {}"
    assert yaml.safe_load(data["zz.yaml"]) == {"plugins": {"k8s": {"scheduler-name": "mine"}}}
    assert set(template(helm, "--set", "shippedConfig=false", *mine)["ConfigMap"]["data"]) == {"k8s.yaml", "zz.yaml"}


def test_an_empty_text_takes_a_shipped_document_out(helm: Run) -> None:
    data = template(helm, "--set-json", 'config={"task_logs.yaml": ""}')["ConfigMap"]["data"]
    assert "task_logs.yaml" not in data


def test_the_pod_is_restricted(helm: Run) -> None:
    pod = template(helm)["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["resources"]["limits"]["memory"]


def test_the_restricted_profile_can_not_be_weakened_by_values(helm: Run) -> None:
    settings = ("--set", "podSecurityContext.runAsUser=0,podSecurityContext.runAsNonRoot=false")
    context = template(helm, *settings)["Deployment"]["spec"]["template"]["spec"]["securityContext"]
    assert (context["runAsUser"], context["runAsNonRoot"]) == (65532, True)


def test_watching_some_namespaces_creates_nothing_cluster_wide(helm: Run) -> None:
    everywhere = template(helm)
    assert "ClusterRole" in everywhere
    within = template(helm, "--set", "watchNamespaces={team-a}")
    assert not {"ClusterRole", "ClusterRoleBinding"} & set(within)


def test_versions_agree() -> None:
    from importlib.metadata import version

    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == chart["version"] == version("flyte-plugin-manager")


@pytest.mark.parametrize("folder", ["base", *(f"overlays/{name}" for name in ENVIRONMENTS)])
def test_kustomize_builds_offline(kustomize: Run, folder: str) -> None:
    environment_without_network = kustomize("build", ROOT / "kustomize" / folder).stdout
    assert "kind: Deployment" in environment_without_network


def test_there_is_an_overlay_for_every_example_environment() -> None:
    folders: list[Path] = sorted((ROOT / "kustomize/overlays").iterdir())
    assert [folder.name for folder in folders] == list(ENVIRONMENTS)
