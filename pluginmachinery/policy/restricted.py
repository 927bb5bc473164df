"""The restricted level: hardened pods, as the Kubernetes Pod Security Standards have it (beyond baseline)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pluginmachinery.policy.findings import Allowed, Finding
from pluginmachinery.policy.places import Pod

VOLUMES = frozenset({
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret", "image",
})  # fmt: skip


def volume_types(pod: Pod, allowed: Allowed) -> Iterator[Finding]:  # noqa: ARG001 -- one signature for all checks
    for index, volume in enumerate(pod.spec.get("volumes") or ()):
        if isinstance(volume, Mapping):
            for kind in sorted(set(volume) - VOLUMES - {"name"}):
                yield Finding("volume-types", f"{pod.path}.volumes[{index}].{kind}", "is not a restricted volume type")


def privilege_escalation(pod: Pod, allowed: Allowed) -> Iterator[Finding]:  # noqa: ARG001
    for path, context in pod.container_contexts:
        if context.get("allowPrivilegeEscalation") is not False:
            yield Finding("privilege-escalation", f"{path}.allowPrivilegeEscalation", "must be false")


def run_as_non_root(pod: Pod, allowed: Allowed) -> Iterator[Finding]:  # noqa: ARG001
    by_pod = pod.security_context.get("runAsNonRoot")
    for path, context in pod.container_contexts:
        if context.get("runAsNonRoot", by_pod) is not True:
            yield Finding("run-as-non-root", f"{path}.runAsNonRoot", "must be true")


def run_as_user(pod: Pod, allowed: Allowed) -> Iterator[Finding]:  # noqa: ARG001
    if pod.security_context.get("runAsUser") == 0:
        yield Finding("run-as-user", f"{pod.security_context_path}.runAsUser", "must not be 0")
    for path, context in pod.container_contexts:
        if context.get("runAsUser") == 0:
            yield Finding("run-as-user", f"{path}.runAsUser", "must not be 0")


def seccomp_profile(pod: Pod, allowed: Allowed) -> Iterator[Finding]:  # noqa: ARG001
    by_pod = (pod.security_context.get("seccompProfile") or {}).get("type")
    for path, context in pod.container_contexts:
        if (context.get("seccompProfile") or {}).get("type", by_pod) not in ("RuntimeDefault", "Localhost"):
            yield Finding("seccomp-profile", f"{path}.seccompProfile.type", "must be RuntimeDefault or Localhost")


def dropped_capabilities(pod: Pod, allowed: Allowed) -> Iterator[Finding]:  # noqa: ARG001
    for path, context in pod.container_contexts:
        capabilities = context.get("capabilities") or {}
        if "ALL" not in (capabilities.get("drop") or ()):
            yield Finding("dropped-capabilities", f"{path}.capabilities.drop", "must contain ALL")
        for capability in capabilities.get("add") or ():
            if capability != "NET_BIND_SERVICE":
                yield Finding("dropped-capabilities", f"{path}.capabilities.add", f"must not add {capability}")


CHECKS = (volume_types, privilege_escalation, run_as_non_root, run_as_user, seccomp_profile, dropped_capabilities)
"""In the order in which findings are reported."""
