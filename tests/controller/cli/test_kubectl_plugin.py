"""``kubectl flyte``: the real kubectl finds the plugin, hands its arguments on and completes them."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from pluginmachinery.api import names
from tools.controlplane.binaries import locate
from tools.controlplane.clusters import Cluster

SCRIPTS = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]["scripts"]
Kubectl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def kubectl(cluster: Cluster, tmp_path: Path) -> Kubectl:
    """kubectl, with the package's own scripts on PATH."""
    for script in ("kubectl-flyte", "kubectl_complete-flyte"):
        module, _, function = SCRIPTS[script].partition(":")
        path = tmp_path / script
        path.write_text(f"#!{sys.executable}\nfrom {module} import {function}\n{function}()\n")
        path.chmod(0o755)
    environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "PATH": f"{tmp_path}:{os.environ['PATH']}"}

    def kubectl(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(locate(["kubectl"])["kubectl"]), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)

    return kubectl


@pytest.fixture
def task(cluster: Cluster, namespace: str) -> str:
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": "train"},
        "spec": {"template": {"type": "container", "container": {"image": "busybox"}}},
    }
    cluster.api.create(f"/apis/{names.API_VERSION}/namespaces/{namespace}/{names.PLURAL}", body)
    return "train"


def test_kubectl_knows_the_plugin(kubectl: Kubectl) -> None:
    assert "kubectl-flyte" in kubectl("plugin", "list").stdout
    assert kubectl("flyte", "--help").stdout.startswith("Usage: kubectl flyte [OPTIONS] COMMAND")


def test_arguments_and_exit_codes_go_through(kubectl: Kubectl, task: str, namespace: str) -> None:
    listed = kubectl("flyte", "get", "-n", namespace, "-o", "name")
    assert (listed.stdout, listed.returncode) == ("train\n", 0)
    missing = kubectl("flyte", "describe", "trian", "-n", namespace)
    assert missing.returncode == 4
    assert "did you mean train?" in missing.stderr


def test_the_controller_itself_is_not_for_kubectl(kubectl: Kubectl) -> None:
    assert "No such command 'run'" in kubectl("flyte", "run").stderr


@pytest.mark.parametrize(
    ("line", "offered"),
    [(["des"], "describe\t"), (["get", "--outp"], "--outputs\t"), (["abort", "-n", "{namespace}", "tr"], "train\n")],
    ids=["a command", "an option", "a task"],
)
def test_completion(kubectl: Kubectl, task: str, namespace: str, line: list[str], offered: str) -> None:
    done = kubectl("__complete", "flyte", *(word.format(namespace=namespace) for word in line))
    assert offered in done.stdout
    assert done.stdout.endswith(":4\n")
