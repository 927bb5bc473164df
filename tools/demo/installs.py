"""Installing an environment with helm or kustomize, and running the controller of what was installed.

Nothing here knows the configuration: documents, arguments and account are read back from the cluster, so what runs is
what was installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.controlplane.clusters import Cluster
from tools.controlplane.ports import free_ports
from tools.demo.processes import ControllerProcess

NAME = "flyte-plugin-manager"
CHART = Path(__file__).parents[2] / "charts" / NAME


@dataclass(frozen=True, slots=True)
class Installed:
    """An installation as the cluster has it."""

    namespace: str
    config_map: str
    documents: dict[str, str]
    arguments: tuple[str, ...]
    service_account: str


def helm_install(namespace: str, values: Path) -> list[str]:
    """The words after ``helm``."""
    return ["install", NAME, str(CHART), "--namespace", namespace, "--create-namespace", "--values", str(values)]


def read_back(cluster: Cluster, namespace: str) -> Installed:
    """What the Deployment in this namespace would run, and with what."""
    deployment = cluster.api.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{NAME}")
    pod = deployment["spec"]["template"]["spec"]
    volumes: list[dict[str, Any]] = pod["volumes"]
    config_map = next(volume["configMap"]["name"] for volume in volumes if volume["name"] == "config")
    documents = cluster.api.get(f"/api/v1/namespaces/{namespace}/configmaps/{config_map}")["data"]
    return Installed(namespace, config_map, documents, tuple(pod["containers"][0]["args"]), pod["serviceAccountName"])


def controller(cluster: Cluster, installed: Installed, folder: Path, data: Path) -> ControllerProcess:
    """The installed controller as a local process: its ConfigMap, its arguments, its service account's token."""
    config = folder / "config"
    config.mkdir(parents=True)
    for name, text in installed.documents.items():
        (config / name).write_text(text)
    port = free_ports(1)[0]
    local = {
        "--config": str(config),
        "--listen": f"127.0.0.1:{port}",
        "--kubeconfig": str(cluster.kubeconfig_for(installed.service_account, installed.namespace)),
        "--data-root": str(data),
        "--log-format": "json",
    }
    kept = [argument for argument in installed.arguments if argument.partition("=")[0] not in local]
    arguments = [*kept, *(f"{name}={value}" for name, value in local.items())]
    env = {"POD_NAME": f"demo-{installed.namespace}", "POD_NAMESPACE": installed.namespace, "KUBECONFIG": ""}
    return ControllerProcess(arguments, port=port, log=folder / "controller.log", env=env)
