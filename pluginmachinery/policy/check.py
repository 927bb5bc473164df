"""The check itself: a built object against the configured levels.

A level forbids what it names and all that the levels before it forbid. Findings of the ``deny`` level fail the task
(permanent failure ``PolicyDenied``), those of the ``warn`` level are only told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pluginmachinery.config.plugin_manager import PolicyConfig, PolicyLevel
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.core.values import value_class
from pluginmachinery.policy import baseline, restricted, spark
from pluginmachinery.policy.findings import Allowed, Finding
from pluginmachinery.policy.places import places_in

POLICY_DENIED = "PolicyDenied"
"""The code of the permanent failure."""
ALWAYS_ALLOWED = frozenset({"", "default"})
"""Service accounts that every pod may name: none, and the namespace's powerless one."""


@value_class
class Verdict:
    """What is forbidden (the task fails) and what is only frowned upon, in the order of the object."""

    denied: tuple[Finding, ...] = ()
    warned: tuple[Finding, ...] = ()

    @property
    def message(self) -> str:
        """The denied fields, one a line, for the task's error."""
        return "the policy does not allow\n" + "\n".join(f"  {finding}" for finding in self.denied)


def verdict(manifest: Mapping[str, Any], task: TaskContext) -> Verdict:
    """Check the finished object of a task against ``plugin-manager.policy``."""
    policy = task.config.plugin_manager.policy
    if policy.deny == policy.warn == "privileged":
        return Verdict()
    allowed = allowed_by_platform(task, policy)
    denied = tuple(findings(manifest, policy.deny, allowed))
    if policy.warn == policy.deny:
        return Verdict(denied)
    known = set(denied)
    return Verdict(denied, tuple(f for f in findings(manifest, policy.warn, allowed) if f not in known))


def findings(manifest: Mapping[str, Any], level: PolicyLevel, allowed: Allowed) -> Iterator[Finding]:
    """All that a level forbids in this object."""
    if level == "privileged":
        return
    checks = baseline.CHECKS + (restricted.CHECKS if level == "restricted" else ())
    places = places_in(manifest)
    for pod in places.pods:
        for check in checks:
            yield from check(pod, allowed)
    yield from spark.findings(manifest, allowed)
    for path, metadata in places.metadata:
        if metadata.get("namespace") not in (None, "", allowed.namespace):
            message = f"reaches into the namespace {metadata['namespace']}"
            yield Finding("foreign-namespaces", f"{path}.namespace", message)


def allowed_by_platform(task: TaskContext, policy: PolicyConfig) -> Allowed:
    """What the platform's own configuration, or the execution, asked for."""
    k8s = task.config.plugins.k8s
    return Allowed(
        namespace=task.metadata.namespace,
        host_network=bool(k8s.enable_host_networking_pod),
        service_accounts=ALWAYS_ALLOWED | _service_accounts(task) | set(policy.service_accounts),
        security_context=k8s.default_security_context or {},
        pod_security_context=k8s.default_pod_security_context or {},
    )


def _service_accounts(task: TaskContext) -> set[str]:
    names = {task.metadata.service_account, "spark", task.config.plugins.ray.service_account}
    for context in (task.metadata.security_context, task.template.security_context):
        if context is not None:
            names.add(context.run_as.k8s_service_account)
    return names
