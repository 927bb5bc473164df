"""The baseline level: no known privilege escalation.

The checks are those of the Kubernetes Pod Security Standards (level *baseline*, Kubernetes 1.34), and three of our own
for what a task could borrow from the controller: a service account that the platform did not give it, a node picked
past the scheduler, an object in somebody else's namespace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pluginmachinery.policy.findings import Allowed, Finding
from pluginmachinery.policy.places import Pod, is_mapping

CAPABILITIES = frozenset({
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
})  # fmt: skip
SELINUX_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
SYSCTLS = frozenset({
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_wmem",
})  # fmt: skip
APPARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"
SECCOMP_ANNOTATION = "seccomp.security.alpha.kubernetes.io/"


def host_namespaces(pod: Pod, allowed: Allowed) -> Iterator[Finding]:
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.spec.get(key) and not (key == "hostNetwork" and allowed.host_network):
            yield Finding("host-namespaces", f"{pod.path}.{key}", "shares a namespace of the node")


def host_paths(pod: Pod, allowed: Allowed) -> Iterator[Finding]:  # noqa: ARG001 -- one signature for all checks
    for index, volume in enumerate(pod.spec.get("volumes") or ()):
        if is_mapping(volume) and volume.get("hostPath") is not None:
            yield Finding("host-paths", f"{pod.path}.volumes[{index}].hostPath", "mounts the node's file system")


def host_ports(pod: Pod, allowed: Allowed) -> Iterator[Finding]:  # noqa: ARG001
    for container in pod.containers:
        for index, port in enumerate(container.spec.get("ports") or ()):
            if is_mapping(port) and port.get("hostPort"):
                yield Finding("host-ports", f"{container.path}.ports[{index}].hostPort", "takes a port of the node")


def privileged(pod: Pod, allowed: Allowed) -> Iterator[Finding]:
    for path, context in pod.container_contexts:
        if context.get("privileged") and not allowed.security_context.get("privileged"):
            yield Finding("privileged", f"{path}.privileged", "is privileged")


def capabilities(pod: Pod, allowed: Allowed) -> Iterator[Finding]:
    configured = set((allowed.security_context.get("capabilities") or {}).get("add") or ())
    for path, context in pod.container_contexts:
        for capability in _mapping(context.get("capabilities")).get("add") or ():
            if capability not in CAPABILITIES and capability not in configured:
                yield Finding("capabilities", f"{path}.capabilities.add", f"adds the capability {capability}")


def host_process(pod: Pod, allowed: Allowed) -> Iterator[Finding]:
    for path, context, configured in all_contexts(pod, allowed):
        if _mapping(context.get("windowsOptions")).get("hostProcess") and not _same(
            context, configured, "windowsOptions"
        ):
            yield Finding("host-process", f"{path}.windowsOptions.hostProcess", "runs as a process of the host")


def selinux(pod: Pod, allowed: Allowed) -> Iterator[Finding]:
    for path, context, configured in all_contexts(pod, allowed):
        options = _mapping(context.get("seLinuxOptions"))
        if _same(context, configured, "seLinuxOptions"):
            continue
        if options.get("type", "") not in SELINUX_TYPES:
            yield Finding("selinux", f"{path}.seLinuxOptions.type", f"takes the SELinux type {options['type']}")
        for key in ("user", "role"):
            if options.get(key):
                yield Finding("selinux", f"{path}.seLinuxOptions.{key}", f"takes an SELinux {key}")


def proc_mount(pod: Pod, allowed: Allowed) -> Iterator[Finding]:
    for path, context in pod.container_contexts:
        if context.get("procMount") not in (None, "", "Default") and not _same(
            context, allowed.security_context, "procMount"
        ):
            yield Finding("proc-mount", f"{path}.procMount", "unmasks /proc")


def seccomp(pod: Pod, allowed: Allowed) -> Iterator[Finding]:
    for path, context, configured in all_contexts(pod, allowed):
        profile = _mapping(context.get("seccompProfile"))
        if profile.get("type") == "Unconfined" and not _same(context, configured, "seccompProfile"):
            yield Finding("seccomp", f"{path}.seccompProfile.type", "runs without seccomp")
    for key, value in _annotations(pod, SECCOMP_ANNOTATION):
        if value == "unconfined":
            yield Finding("seccomp", f"{pod.metadata_path}.annotations[{key}]", "runs without seccomp")


def apparmor(pod: Pod, allowed: Allowed) -> Iterator[Finding]:
    for path, context, configured in all_contexts(pod, allowed):
        profile = _mapping(context.get("appArmorProfile"))
        if profile.get("type") == "Unconfined" and not _same(context, configured, "appArmorProfile"):
            yield Finding("apparmor", f"{path}.appArmorProfile.type", "runs without AppArmor")
    for key, value in _annotations(pod, APPARMOR_ANNOTATION):
        if not (value in ("", "runtime/default") or str(value).startswith("localhost/")):
            yield Finding("apparmor", f"{pod.metadata_path}.annotations[{key}]", "runs without AppArmor")


def sysctls(pod: Pod, allowed: Allowed) -> Iterator[Finding]:
    configured = allowed.pod_security_context.get("sysctls") or ()
    for index, sysctl in enumerate(pod.security_context.get("sysctls") or ()):
        if _mapping(sysctl).get("name") not in SYSCTLS and sysctl not in configured:
            yield Finding("sysctls", f"{pod.security_context_path}.sysctls[{index}]", "sets an unsafe sysctl")


def host_probes(pod: Pod, allowed: Allowed) -> Iterator[Finding]:  # noqa: ARG001
    for container in pod.containers:
        for name, handler in _handlers(container.spec):
            for action in ("httpGet", "tcpSocket"):
                if _mapping(_mapping(handler).get(action)).get("host"):
                    yield Finding("host-probes", f"{container.path}.{name}.{action}.host", "probes another host")


def _handlers(container: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key in ("livenessProbe", "readinessProbe", "startupProbe"):
        if key in container:
            yield key, container[key]
    if "lifecycle" in container:
        lifecycle = _mapping(container["lifecycle"])
        yield from ((f"lifecycle.{key}", lifecycle.get(key)) for key in ("postStart", "preStop"))


def service_accounts(pod: Pod, allowed: Allowed) -> Iterator[Finding]:
    for key in ("serviceAccountName", "serviceAccount"):
        name = pod.spec.get(key)
        if name and not allowed.service_account(str(name)):
            yield Finding("service-accounts", f"{pod.path}.{key}", f"takes the service account {name}")


def node_names(pod: Pod, allowed: Allowed) -> Iterator[Finding]:  # noqa: ARG001
    if pod.spec.get("nodeName"):
        yield Finding("node-names", f"{pod.path}.nodeName", "picks its node past the scheduler")


CHECKS = (
    host_namespaces,
    host_paths,
    host_ports,
    privileged,
    capabilities,
    host_process,
    selinux,
    proc_mount,
    seccomp,
    apparmor,
    sysctls,
    host_probes,
    service_accounts,
    node_names,
)
"""In the order in which findings are reported."""


def all_contexts(pod: Pod, allowed: Allowed) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Every security context that says anything – the pod's first – with its path and what the platform configured for
    its like. One that says nothing has nothing that is forbidden."""
    if pod.security_context:
        yield pod.security_context_path, pod.security_context, allowed.pod_security_context
    for path, context in pod.container_contexts:
        if context:
            yield path, context, allowed.security_context


def _annotations(pod: Pod, prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in _mapping(pod.metadata.get("annotations")).items():
        if key.startswith(prefix):
            yield key, value


def _same(context: Mapping[str, Any], configured: Mapping[str, Any], key: str) -> bool:
    return key in configured and context.get(key) == configured[key]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if is_mapping(value) else {}
