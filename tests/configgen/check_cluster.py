"""A cluster to check environments against: some nodes, some definitions, some operators, each in a known state.

There are no controllers and no kubelets: what a status says is what a test wrote there.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import yaml

from pluginmachinery.api.crd import custom_resource_definition
from tools.controlplane.api import Object, wait_until
from tools.controlplane.controlplanes import ControlPlane

CORE, APPS = "/api/v1", "/apis/apps/v1"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
RBAC = "/apis/rbac.authorization.k8s.io/v1"

NODES = {
    "cpu-0": ({"pool": "cpu"}, [], {}),
    "gpu-0": (
        {"k8s.amazonaws.com/accelerator": "a100", "pool": "gpu"},
        [{"key": "nvidia.com/gpu", "value": "present"}, {"key": "team", "value": "ml"}],
        {"nvidia.com/gpu": "8"},
    ),
    "spot-0": ({"capacity": "spot"}, [{"key": "spot", "value": "true"}], {}),
}
"""Name → labels, taints (NoSchedule), allocatable beyond 8 CPU and 32Gi."""


def furnish(cluster: ControlPlane) -> None:
    """Put everything there that is the same for all tests."""
    for name, (labels, taints, more) in NODES.items():
        add_node(cluster, name, labels, taints, more)
    cluster.api.create(DEFINITIONS, custom_resource_definition())
    add_definition(cluster, "sparkoperator.k8s.io", "SparkApplication", "v1beta2")
    add_definition(cluster, "kubernetes.dask.org", "DaskJob", "v2")
    # The kind is taken by another definition, so this one is never established.
    add_definition(cluster, "ray.io", "RayJob", "v1", plural="rayworks")
    wait_until(lambda: _condition(cluster, "rayworks.ray.io", "Established") == "True", what="rayworks")
    add_definition(cluster, "ray.io", "RayJob", "v1")
    wait_until(lambda: _condition(cluster, "rayjobs.ray.io", "NamesAccepted") == "False", what="a clash of names")
    for name in ("taskexecutions.plugins.flyte.org", "sparkapplications.sparkoperator.k8s.io"):
        wait_until(lambda name=name: _condition(cluster, name, "Established") == "True", what=name)
    cluster.api.create(f"{CORE}/namespaces", {"metadata": {"name": "operators"}})
    add_deployment(cluster, "operators", "spark-operator-controller", {"app.kubernetes.io/name": "spark-operator"}, 1)
    add_deployment(cluster, "operators", "anything", {"app.kubernetes.io/component": "kuberay-operator"}, 0)


def add_node(
    cluster: ControlPlane,
    name: str,
    labels: Mapping[str, str],
    taints: list[dict[str, str]],
    more: Mapping[str, str],
) -> None:
    spec = {"taints": [{**taint, "effect": "NoSchedule"} for taint in taints]}
    cluster.api.create(f"{CORE}/nodes", {"metadata": {"name": name, "labels": dict(labels)}, "spec": spec})
    allocatable = {"cpu": "8", "memory": "32Gi", "pods": "110", **more}
    status = {"status": {"allocatable": allocatable, "capacity": allocatable}}
    cluster.api.patch(f"{CORE}/nodes/{name}/status", status)


def add_definition(cluster: ControlPlane, group: str, kind: str, version: str, plural: str = "") -> None:
    plural = plural or f"{kind.lower()}s"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    spec = {
        "group": group,
        "scope": "Namespaced",
        "names": {"plural": plural, "singular": plural.removesuffix("s"), "kind": kind, "listKind": f"{plural}List"},
        "versions": [{"name": version, "served": True, "storage": True, "schema": schema}],
    }
    body = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": spec}
    # Groups of k8s.io are protected.
    annotations = {"api-approved.kubernetes.io": "unapproved, a test"}
    metadata = {"name": f"{plural}.{group}", "annotations": annotations}
    cluster.api.create(DEFINITIONS, {**body, "metadata": metadata})


def _condition(cluster: ControlPlane, name: str, kind: str) -> str:
    conditions = (cluster.api.get(f"{DEFINITIONS}/{name}").get("status") or {}).get("conditions") or ()
    return next((one["status"] for one in conditions if one["type"] == kind), "")


def add_deployment(
    cluster: ControlPlane, namespace: str, name: str, labels: Mapping[str, str], available: int, account: str = ""
) -> None:
    pod: Object = {"containers": [{"name": "main", "image": "example.org/image:1"}]}
    if account:
        pod["serviceAccountName"] = account
    template = {"metadata": {"labels": dict(labels)}, "spec": pod}
    spec = {"replicas": 1, "selector": {"matchLabels": dict(labels)}, "template": template}
    path = f"{APPS}/namespaces/{namespace}/deployments"
    cluster.api.create(path, {"metadata": {"name": name, "labels": dict(labels)}, "spec": spec})
    if available:
        status = {"availableReplicas": available, "readyReplicas": available, "replicas": available}
        cluster.api.patch(f"{path}/{name}/status", {"status": status})


def add_namespace(cluster: ControlPlane, name: str = "", labels: Mapping[str, str] | None = None) -> str:
    name = name or f"check-{secrets.token_hex(4)}"
    cluster.api.create(f"{CORE}/namespaces", {"metadata": {"name": name, "labels": dict(labels or {})}})
    return name


def add(cluster: ControlPlane, manifests: str, namespace: str) -> None:
    """Objects as YAML; ``NS`` stands for the namespace."""
    documents: list[dict[str, Any]] = list(yaml.safe_load_all(manifests.replace("NS", namespace)))
    for manifest in documents:
        group = manifest["apiVersion"]
        root = f"/apis/{group}" if "/" in group else f"/api/{group}"
        kind = manifest["kind"].lower()
        plural = f"{kind}es" if kind.endswith("s") else f"{kind}s"
        cluster_wide = kind.endswith("class") or kind.startswith("cluster")
        within = "" if cluster_wide else f"/namespaces/{namespace}"
        created = cluster.api.create(f"{root}{within}/{plural}", manifest)
        if "status" in manifest:
            path = f"{root}{within}/{plural}/{created['metadata']['name']}/status"
            cluster.api.patch(path, {"status": manifest["status"]})
