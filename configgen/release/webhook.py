"""The objects of the webhook that puts secrets into pods: ``controller webhook`` with its own account and rights.

It runs beside the controller and shares nothing with it but image and configuration, so that one fails, scales and
rolls out without the other. Its certificates lie in a secret that is installed without content: filling it takes rights
on that one secret, creating it would take rights on all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from configgen.release.manifests import (
    CONFIG_MOUNT,
    Manifest,
    config_volume,
    from_pod,
    http_probe,
    image,
    named,
    placement,
    pod_security,
    restricted_container,
)
from configgen.release.values import NAME, ReleaseValues
from pluginmachinery.api import rbac
from pluginmachinery.pods.secrets import LABEL, LABEL_VALUE

WEBHOOK: Final = f"{NAME}-webhook"
"""Name of all its objects."""
WEBHOOK_NAME: Final = "secrets.plugins.flyte.org"
PATH: Final = "/mutate--v1-pod"
_RBAC: Final = "rbac.authorization.k8s.io/v1"


def selector() -> dict[str, str]:
    """Not the controller's, or its Deployment and Service would take these pods for its own."""
    return {"app.kubernetes.io/name": WEBHOOK, "app.kubernetes.io/instance": NAME}


def webhook_objects(values: ReleaseValues, home: str, version: str, *, named_home: bool) -> Iterator[Manifest]:
    """All of them; nothing where it is not enabled. ``named_home`` as in :func:`.rights.rbac_objects`."""
    if not values.webhook.enabled:
        return
    namespace = {"namespace": home} if named_home and home else {}
    yield _ours("ServiceAccount", "v1", version)
    yield {**_ours("Secret", "v1", version), "type": "Opaque"}
    yield _service(values, version)
    yield _deployment(values, version)
    if values.webhook.replicas > 1:
        budget = {"maxUnavailable": 1, "selector": {"matchLabels": selector()}}
        yield {**_ours("PodDisruptionBudget", "policy/v1", version), "spec": budget}
    if values.service_monitor.enabled:
        yield _service_monitor(values, version)
    yield _registration(values, namespace, version)
    if values.rbac.create:
        account = {"kind": "ServiceAccount", "name": WEBHOOK, **namespace}
        yield from _granted("Role", rbac.certificate_rules(WEBHOOK), account, version)
        yield from _granted("ClusterRole", rbac.registration_rules(WEBHOOK), account, version)


def _ours(kind: str, api_version: str, version: str) -> Manifest:
    manifest = named(kind, api_version, WEBHOOK, version)
    manifest["metadata"]["labels"] = labels(version)
    return manifest


def labels(version: str) -> dict[str, str]:
    return {
        **selector(),
        "app.kubernetes.io/component": "webhook",
        "app.kubernetes.io/part-of": "flyte",
        "app.kubernetes.io/version": version,
    }


def _service(values: ReleaseValues, version: str) -> Manifest:
    ports = [
        {"name": "reviews", "port": 443, "targetPort": "reviews", "protocol": "TCP"},
        {"name": "http", "port": values.service.port, "targetPort": "http", "protocol": "TCP"},
    ]
    return {
        **_ours("Service", "v1", version),
        "spec": {"type": "ClusterIP", "selector": selector(), "ports": ports},
    }


def _deployment(values: ReleaseValues, version: str) -> Manifest:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    annotations = {"kubectl.kubernetes.io/default-container": "webhook", **values.pod_annotations}
    spec = {
        "replicas": values.webhook.replicas,
        "revisionHistoryLimit": 5,
        "strategy": rolling,
        "selector": {"matchLabels": selector()},
        "template": {
            "metadata": {"labels": {**values.pod_labels, **labels(version)}, "annotations": annotations},
            "spec": _pod_spec(values, version),
        },
    }
    return {**_ours("Deployment", "apps/v1", version), "spec": spec}


def _pod_spec(values: ReleaseValues, version: str) -> Manifest:
    return {
        "serviceAccountName": WEBHOOK,
        "securityContext": pod_security(values),
        "terminationGracePeriodSeconds": values.termination_grace_period_seconds,
        "containers": [_container(values, version)],
        "volumes": [*config_volume(), *values.webhook.extra_volumes],
        **placement(values),
    }


def _container(values: ReleaseValues, version: str) -> Manifest:
    return {
        "name": "webhook",
        "image": image(values, version),
        "imagePullPolicy": values.image.pull_policy,
        "args": arguments(values),
        "env": [from_pod("POD_NAME", "name"), from_pod("POD_NAMESPACE", "namespace"), *values.webhook.extra_env],
        "ports": [
            {"name": "reviews", "containerPort": values.webhook.port, "protocol": "TCP"},
            {"name": "http", "containerPort": values.service.port, "protocol": "TCP"},
        ],
        "livenessProbe": {**http_probe("/healthz"), "periodSeconds": 10, "failureThreshold": 6},
        "readinessProbe": {**http_probe("/readyz"), "periodSeconds": 5},
        "resources": dict(values.webhook.resources),
        "securityContext": restricted_container(),
        "volumeMounts": [
            {"name": "config", "mountPath": CONFIG_MOUNT, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - an emptyDir of the pod's own
            *values.webhook.extra_volume_mounts,
        ],
    }


def arguments(values: ReleaseValues) -> list[str]:
    """What follows ``controller`` on the command line."""
    return [
        "webhook",
        f"--config={CONFIG_MOUNT}",
        f"--service={WEBHOOK}",
        f"--secret={WEBHOOK}",
        f"--registration={WEBHOOK}",
        f"--serve=0.0.0.0:{values.webhook.port}",
        f"--listen=0.0.0.0:{values.service.port}",
        f"--log-format={values.log_format}",
    ]


def _registration(values: ReleaseValues, namespace: dict[str, str], version: str) -> Manifest:
    webhook: dict[str, Any] = {
        "name": WEBHOOK_NAME,
        "clientConfig": {"service": {"name": WEBHOOK, **namespace, "path": PATH, "port": 443}},
        "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
        "objectSelector": {"matchLabels": {LABEL: LABEL_VALUE}},
        "failurePolicy": values.webhook.failure_policy,
        "reinvocationPolicy": "IfNeeded",
        "sideEffects": "None",
        "timeoutSeconds": values.webhook.timeout_seconds,
        "admissionReviewVersions": ["v1"],
    }
    if chosen := _namespace_selector(values):
        webhook["namespaceSelector"] = chosen
    return {**_ours("MutatingWebhookConfiguration", "admissionregistration.k8s.io/v1", version), "webhooks": [webhook]}


def _namespace_selector(values: ReleaseValues) -> Manifest:
    """What is said, else the watched namespaces, else all."""
    if values.webhook.namespace_selector or not values.watch_namespaces:
        return dict(values.webhook.namespace_selector)
    name = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": list(values.watch_namespaces)}
    return {"matchExpressions": [name]}


def _service_monitor(values: ReleaseValues, version: str) -> Manifest:
    manifest = _ours("ServiceMonitor", "monitoring.coreos.com/v1", version)
    manifest["metadata"]["labels"] = {**values.service_monitor.labels, **labels(version)}
    endpoint = {"port": "http", "path": "/metrics", "interval": values.service_monitor.interval}
    return {**manifest, "spec": {"selector": {"matchLabels": selector()}, "endpoints": [endpoint]}}


def _granted(kind: str, rules: list[rbac.Rule], account: dict[str, str], version: str) -> Iterator[Manifest]:
    yield {**_ours(kind, _RBAC, version), "rules": rules}
    reference = {"apiGroup": _RBAC.partition("/")[0], "kind": kind, "name": WEBHOOK}
    yield {**_ours(f"{kind}Binding", _RBAC, version), "roleRef": reference, "subjects": [account]}
