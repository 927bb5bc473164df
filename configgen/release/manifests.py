"""The Kubernetes objects of a release, as plain dicts.

What kustomize installs is made here; the chart's templates make the same objects from the same values (tests/charts
compares the two for many sets of values). Namespaces are left to kustomize and helm, except where an object belongs
into another namespace than the controller's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from configgen.release.values import NAME, ReleaseValues

Manifest = dict[str, Any]

CONFIG_MOUNT: Final = "/etc/flyte-plugin-manager/config"
CONFIG_MAP: Final = f"{NAME}-config"
USER: Final = 65532
"""The user that the image runs as; numeric, so that runAsNonRoot can be checked."""


def labels(version: str) -> dict[str, str]:
    return {
        **selector(),
        "app.kubernetes.io/component": "controller",
        "app.kubernetes.io/part-of": "flyte",
        "app.kubernetes.io/version": version,
    }


def selector() -> dict[str, str]:
    return {"app.kubernetes.io/name": NAME, "app.kubernetes.io/instance": NAME}


def objects(values: ReleaseValues, version: str) -> Iterator[Manifest]:
    """Everything but ConfigMap, rights and CRD."""
    if values.service_account.create:
        yield _service_account(values, version)
    yield _service(values, version)
    yield _deployment(values, version)
    if values.pod_disruption_budget.enabled and values.replicas > 1:
        yield _pod_disruption_budget(values, version)
    if values.service_monitor.enabled:
        yield _service_monitor(values, version)


def service_account_name(values: ReleaseValues) -> str:
    return values.service_account.name or NAME


def image(values: ReleaseValues, version: str) -> str:
    """The image's reference: by digest if there is one, else by tag."""
    if values.image.digest:
        return f"{values.image.repository}@{values.image.digest}"
    return f"{values.image.repository}:{values.image.tag or version}"


def named(kind: str, api_version: str, name: str, version: str, **metadata: Any) -> Manifest:
    """The head of an object: kind, name, our labels."""
    head = {"name": name, **metadata, "labels": labels(version)}
    return {"apiVersion": api_version, "kind": kind, "metadata": head}


def _service_account(values: ReleaseValues, version: str) -> Manifest:
    manifest = named("ServiceAccount", "v1", service_account_name(values), version)
    if values.service_account.annotations:
        manifest["metadata"]["annotations"] = dict(values.service_account.annotations)
    return manifest


def _service(values: ReleaseValues, version: str) -> Manifest:
    port = {"name": "http", "port": values.service.port, "targetPort": "http", "protocol": "TCP"}
    spec = {"type": "ClusterIP", "selector": selector(), "ports": [port]}
    return {**named("Service", "v1", NAME, version), "spec": spec}


def _deployment(values: ReleaseValues, version: str) -> Manifest:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    spec = {
        "replicas": values.replicas,
        "revisionHistoryLimit": 5,
        "strategy": rolling if values.leader_election else {"type": "Recreate"},
        "selector": {"matchLabels": selector()},
        "template": {
            "metadata": {
                "labels": {**values.pod_labels, **labels(version)},
                "annotations": {"kubectl.kubernetes.io/default-container": "controller", **values.pod_annotations},
            },
            "spec": _pod_spec(values, version),
        },
    }
    return {**named("Deployment", "apps/v1", NAME, version), "spec": spec}


def _pod_spec(values: ReleaseValues, version: str) -> Manifest:
    """A pod that the restricted profile of the pod security standards admits."""
    return {
        "serviceAccountName": service_account_name(values),
        "securityContext": pod_security(values),
        "terminationGracePeriodSeconds": values.termination_grace_period_seconds,
        "containers": [_container(values, version)],
        "volumes": [*config_volume(), *values.extra_volumes],
        **placement(values),
    }


def pod_security(values: ReleaseValues) -> Manifest:
    """The pod's security context: what the restricted profile asks for has the last word."""
    restricted = {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return {**values.pod_security_context, **restricted}


def config_volume() -> list[Manifest]:
    """The volumes of every pod: configuration, and a place for passing files."""
    return [
        {"name": "config", "configMap": {"name": CONFIG_MAP}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
    ]


def placement(values: ReleaseValues) -> Manifest:
    """Where pods run and how their image is pulled, as far as something is said."""
    optional = {
        "imagePullSecrets": list(values.image_pull_secrets),
        "nodeSelector": dict(values.node_selector),
        "tolerations": list(values.tolerations),
        "affinity": dict(values.affinity),
        "topologySpreadConstraints": list(values.topology_spread_constraints),
        "priorityClassName": values.priority_class_name,
    }
    return {key: value for key, value in optional.items() if value}


def _container(values: ReleaseValues, version: str) -> Manifest:
    return {
        "name": "controller",
        "image": image(values, version),
        "imagePullPolicy": values.image.pull_policy,
        "args": arguments(values),
        "env": [from_pod("POD_NAME", "name"), from_pod("POD_NAMESPACE", "namespace"), *values.extra_env],
        "ports": [{"name": "http", "containerPort": values.service.port, "protocol": "TCP"}],
        "livenessProbe": {**http_probe("/healthz"), "periodSeconds": 10, "failureThreshold": 6},
        "readinessProbe": {**http_probe("/readyz"), "periodSeconds": 5},
        "resources": dict(values.resources),
        "securityContext": restricted_container(),
        "volumeMounts": [
            {"name": "config", "mountPath": CONFIG_MOUNT, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - an emptyDir of the pod's own
            *values.extra_volume_mounts,
        ],
    }


def restricted_container() -> Manifest:
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def arguments(values: ReleaseValues) -> list[str]:
    """What follows ``controller`` on the command line."""
    return [
        "run",
        f"--config={CONFIG_MOUNT}",
        f"--listen=0.0.0.0:{values.service.port}",
        f"--log-format={values.log_format}",
        *([f"--data-root={values.data_root}"] if values.data_root else []),
        *(["--leader-elect"] if values.leader_election else []),
        *(f"--namespace={namespace}" for namespace in values.watch_namespaces),
    ]


def from_pod(name: str, field: str) -> Manifest:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": f"metadata.{field}"}}}


def http_probe(path: str) -> Manifest:
    return {"httpGet": {"path": path, "port": "http"}}


def _pod_disruption_budget(values: ReleaseValues, version: str) -> Manifest:
    spec = {
        "maxUnavailable": values.pod_disruption_budget.max_unavailable,
        "selector": {"matchLabels": selector()},
    }
    return {**named("PodDisruptionBudget", "policy/v1", NAME, version), "spec": spec}


def _service_monitor(values: ReleaseValues, version: str) -> Manifest:
    manifest = named("ServiceMonitor", "monitoring.coreos.com/v1", NAME, version)
    manifest["metadata"]["labels"] = {**values.service_monitor.labels, **labels(version)}
    endpoint = {"port": "http", "path": "/metrics", "interval": values.service_monitor.interval}
    return {**manifest, "spec": {"selector": {"matchLabels": selector()}, "endpoints": [endpoint]}}


def key(manifest: Mapping[str, Any]) -> tuple[str, str, str]:
    """What an object is found by: kind, namespace (mostly left open), name."""
    metadata = manifest["metadata"]
    return manifest["kind"], metadata.get("namespace", ""), metadata["name"]
