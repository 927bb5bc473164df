"""Stage *pod defaults*: what the platform sets in a pod spec that does not say it itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pluginmachinery.core.tasks import JSON, TaskContext, TaskMetadata
from pluginmachinery.pods import scheduling
from pluginmachinery.pods.merging import copied

if TYPE_CHECKING:
    from pluginmachinery.config.k8s import K8sPluginConfig


def with_pod_defaults(spec: Mapping[str, Any], task: TaskContext, resources: Sequence[JSON]) -> dict[str, Any]:
    """Restart policy, service account, scheduler, security, network, DNS, and where the pod may run.

    ``resources`` are those of the pod's containers, which decide about tolerations. The affinity is set in any case, if
    need be to an empty one. The reference's ``UpdatePod``.
    """
    config, metadata = task.config.plugins.k8s, task.metadata
    result = dict(spec)
    _set_if_empty(result, "restartPolicy", "Never")
    _set_if_empty(result, "serviceAccountName", metadata.service_account)
    _set_if_empty(result, "schedulerName", config.scheduler_name)
    _set_if_absent(result, "affinity", config.default_affinity)
    _set_if_absent(result, "securityContext", config.default_pod_security_context)
    _set_if_absent(result, "dnsConfig", config.default_pod_dns_config)
    _set_host_network(result, config)
    interruptible = metadata.interruptible
    tolerations = scheduling.tolerations(config, resources, interruptible=interruptible)
    if tolerations:
        result["tolerations"] = [*tolerations, *(result.get("tolerations") or ())]
    selector = scheduling.node_selector(config, result.get("nodeSelector") or {}, interruptible=interruptible)
    if selector:
        result["nodeSelector"] = selector
    result["affinity"] = scheduling.interruptible_affinity(config, result.get("affinity"), interruptible=interruptible)
    return result


def with_security_default(container: Mapping[str, Any], config: K8sPluginConfig) -> dict[str, Any]:
    """A (primary) container with the platform's security context unless it has one, be it empty."""
    result = dict(container)
    _set_if_absent(result, "securityContext", config.default_security_context)
    return result


def service_account(metadata: TaskMetadata) -> str:
    """The service account of the execution's security context, else the execution's own; empty if there is none."""
    security = metadata.security_context
    run_as: str = security.run_as.k8s_service_account if security is not None else ""
    return run_as or metadata.service_account


def _set_if_empty(spec: dict[str, Any], key: str, value: str) -> None:
    if value and not spec.get(key):
        spec[key] = value


def _set_if_absent(part: dict[str, Any], key: str, value: JSON | None) -> None:
    if value is not None and part.get(key) is None:
        part[key] = copied(value)


def _set_host_network(spec: dict[str, Any], config: K8sPluginConfig) -> None:
    if config.enable_host_networking_pod is None:
        return
    spec.pop("hostNetwork", None)
    if config.enable_host_networking_pod:
        spec["hostNetwork"] = True
