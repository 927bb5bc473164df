"""Live sides of diff and import: what a cluster runs with, found and read on a real API server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from configgen.cluster.installations import Address, parse
from configgen.problems import SourceError
from tests.configgen.conftest import Configgen, tree
from tools.controlplane.clusters import Cluster

CONTEXT = "local-control-plane"
CONFIG = """\
tasks: {task-plugins: {enabled-plugins: [container]}}
plugins: {k8s: {default-env-vars: {TOKEN: very-secret-1}, default-cpus: 100m}}
"""
PROPELLER = {
    "k8s.yaml": "plugins:\n  k8s:\n    default-cpus: 200m\n    default-env-vars:\n      - TOKEN: very-secret-2\n",
    "enabled_plugins.yaml": "tasks:\n  task-plugins:\n    enabled-plugins: [container, spark]\n",
    "README": "not a document",
}


@pytest.fixture
def source(make_source: Callable[..., Path], namespace: str) -> Path:
    """A source whose environment ``test`` is meant for the test's namespace."""
    folder = make_source({"layer": {"config/a.yaml": CONFIG, "release.yaml": f"watchNamespaces: [{namespace}]"}})
    definition = folder / "configgen.yaml"
    definition.write_text(definition.read_text().replace("flyte-test", namespace))
    return folder


@pytest.fixture
def kubeconfig(control_plane: Cluster, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig))
    return control_plane.kubeconfig


def deployment(name: str, volumes: list[dict[str, Any]], **labels: str) -> dict[str, Any]:
    pod = {"containers": [{"name": "main", "image": "example.org/image:1"}], "volumes": volumes}
    known = {f"app.kubernetes.io/{key}": value for key, value in {"name": name, **labels}.items()}
    template = {"metadata": {"labels": known}, "spec": pod}
    spec = {"replicas": 0, "selector": {"matchLabels": known}, "template": template}
    return {"metadata": {"name": name, "labels": known}, "spec": spec}


def install_propeller(cluster: Cluster, namespace: str) -> None:
    """FlytePropeller as its chart installs it: ConfigMap and Secret in one projected volume."""
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    cluster.api.create(maps, {"metadata": {"name": "flyte-propeller-config"}, "data": PROPELLER})
    sources = [{"configMap": {"name": "flyte-propeller-config"}}, {"secret": {"name": "not-read"}}]
    volumes = [{"name": "config-volume", "projected": {"sources": sources}}]
    created = deployment("flytepropeller", volumes)
    cluster.api.create(f"/apis/apps/v1/namespaces/{namespace}/deployments", created)


def install_ours(cluster: Cluster, source: Path, out: Path, configgen: Configgen) -> None:
    """What configgen renders, by real kustomize; the ConfigMap's name ends in a hash."""
    assert configgen("-C", source, "render", "--env", "test", "--target", "kustomize", "--out", out).exit_code == 0
    built = cluster.kustomize("build", out / "kustomize/overlays/test").stdout
    namespaced = [one for one in yaml.safe_load_all(built) if one["kind"] in ("ConfigMap", "Deployment")]
    cluster.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(namespaced))


def test_our_own_installation_is_what_was_rendered(
    control_plane: Cluster, kubeconfig: Path, source: Path, namespace: str, tmp_path: Path, configgen: Configgen
) -> None:
    install_ours(control_plane, source, tmp_path / "out", configgen)
    live = f"cluster:/{namespace}"
    result = configgen("-C", source, "diff", live, "test")
    assert (result.stdout, result.exit_code) == (f"{live} and test come to the same.\n", 0)
    (source / "layer/config/a.yaml").write_text(CONFIG.replace("100m", "300m"))
    changed = configgen("-C", source, "diff", live, "test", "-o", "json")
    assert changed.exit_code == 1
    (change,) = json.loads(changed.stdout)["changes"]
    values = change["before"]["value"], change["after"]["value"]
    assert (change["path"], *values) == ("plugins.k8s.default-cpus", "100m", "300m")


def test_a_new_configuration_is_looked_for_where_the_deployment_looks(
    control_plane: Cluster, kubeconfig: Path, source: Path, namespace: str, tmp_path: Path, configgen: Configgen
) -> None:
    install_ours(control_plane, source, tmp_path / "out", configgen)
    (source / "layer/config/a.yaml").write_text(CONFIG.replace("100m", "300m"))
    install_ours(control_plane, source, tmp_path / "out", configgen)
    maps = control_plane.api.items(f"/api/v1/namespaces/{namespace}/configmaps")
    assert len([one for one in maps if one["metadata"]["name"].startswith("flyte-plugin-manager-config-")]) == 2
    assert configgen("-C", source, "diff", f"cluster:{CONTEXT}/{namespace}", "test").exit_code == 0


def test_flyte_propeller_is_compared_with_masked_secrets(
    control_plane: Cluster, kubeconfig: Path, source: Path, namespace: str, configgen: Configgen
) -> None:
    install_propeller(control_plane, namespace)
    result = configgen("-C", source, "diff", f"cluster:{CONTEXT}/{namespace}", "test", "--kubeconfig", kubeconfig)
    assert result.exit_code == 1
    assert "200m" in result.stdout
    assert f"cluster:{CONTEXT}/{namespace}#k8s.yaml:3" in result.stdout
    assert "very-secret" not in result.output


def test_import_of_a_live_installation(
    control_plane: Cluster, kubeconfig: Path, namespace: str, tmp_path: Path, configgen: Configgen
) -> None:
    install_propeller(control_plane, namespace)
    into = tmp_path / "imported"
    live = f"cluster:/{namespace}"
    result = configgen("import", f"prod={live}", "--into", into)
    assert result.exit_code == 0, result.output
    assert list(yaml.safe_load((into / "configgen.yaml").read_text())["environments"]) == ["prod"]
    assert "very-secret" not in result.output
    assert "default-cpus: 200m" in "".join(tree(into).values())
    assert configgen("-C", into, "diff", live, "prod").exit_code == 0


def test_a_user_who_may_only_read_config_maps(
    control_plane: Cluster, source: Path, namespace: str, configgen: Configgen
) -> None:
    install_propeller(control_plane, namespace)
    rules = ["--verb=get", "--resource=configmaps"]
    control_plane.kubectl("create", "role", "reader", *rules, "-n", namespace)
    control_plane.kubectl(
        "create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={namespace}:default", "-n", namespace
    )
    kubeconfig = control_plane.kubeconfig_for("default", namespace)
    call = ("-C", source, "diff", "--kubeconfig", kubeconfig)
    assert configgen(*call, "cluster:", "test").exit_code == 1
    assert configgen(*call, f"cluster:/{namespace}/flyte-propeller-config", "test").exit_code == 1
    refused = configgen(*call, "cluster:/kube-system/coredns", "test")
    assert refused.exit_code == 2
    assert "the ConfigMap coredns can not be read: User" in refused.stderr


NOT_FOUND = {
    "no installation": ("cluster:/NS", "neither our controller nor FlytePropeller nor flyte-binary runs"),
    "no such ConfigMap": ("cluster:/NS/none", "there is no ConfigMap none in the namespace"),
    "a ConfigMap without documents": ("cluster:/NS/words", "no YAML in words"),
    "an unknown context": (
        f"cluster:{CONTEXT[:-1]}/NS",
        f"there is no context '{CONTEXT[:-1]}'; did you mean {CONTEXT}?",
    ),
    "too many parts": ("cluster:/NS/a/b", "has too many parts"),
}


@pytest.mark.parametrize(("name", "message"), NOT_FOUND.values(), ids=NOT_FOUND)
def test_what_is_not_there_is_told(
    name: str,
    message: str,
    control_plane: Cluster,
    kubeconfig: Path,
    source: Path,
    namespace: str,
    configgen: Configgen,
) -> None:
    words = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "words"}, "data": {"a.txt": "b"}}
    control_plane.api.create(f"/api/v1/namespaces/{namespace}/configmaps", words)
    result = configgen("-C", source, "diff", name.replace("NS", namespace), "test")
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_several_installations_have_to_be_named(
    control_plane: Cluster, kubeconfig: Path, source: Path, namespace: str, configgen: Configgen
) -> None:
    install_propeller(control_plane, namespace)
    volumes = [{"name": "config", "configMap": {"name": "flyte-binary-config"}}]
    created = deployment("flyte-binary", volumes, component="flyte-binary")
    control_plane.api.create(f"/apis/apps/v1/namespaces/{namespace}/deployments", created)
    result = configgen("-C", source, "diff", f"cluster:/{namespace}", "test")
    assert result.exit_code == 2
    assert "flyte-binary mounts flyte-binary-config; flytepropeller mounts flyte-propeller-config" in result.stderr


EKS = "arn:aws:eks:eu-west-1:1234:cluster/prod"
ADDRESSES = {
    "everything current": ("cluster:", Address("", "", "")),
    "a namespace of the current context": ("cluster:/flyte", Address("", "flyte", "")),
    "a context": ("cluster:dev", Address("dev", "", "")),
    "a ConfigMap": ("cluster:dev/flyte/config", Address("dev", "flyte", "config")),
    "a context with slashes": (f"cluster:{EKS}/flyte", Address(EKS, "flyte", "")),
    "the longest context that fits": ("cluster:dev/eu/flyte", Address("dev/eu", "flyte", "")),
    "an unknown context": ("cluster:other/flyte", Address("other", "flyte", "")),
}


@pytest.mark.parametrize(("name", "address"), ADDRESSES.values(), ids=ADDRESSES)
def test_addresses(name: str, address: Address) -> None:
    assert parse(name, ["dev", "dev/eu", EKS]) == address


def test_an_address_with_too_many_parts() -> None:
    with pytest.raises(SourceError, match="write cluster:CONTEXT/NAMESPACE/CONFIGMAP"):
        parse("cluster:dev/a/b/c", ["dev"])
