"""Attempts to get more out of an object than the platform gave, for every place where a pod can hide."""

from __future__ import annotations

from typing import Any

import pytest

from pluginmachinery.api.contexts import task_context
from pluginmachinery.config import Configuration
from pluginmachinery.config.k8s import K8sPluginConfig
from pluginmachinery.config.plugin_manager import PluginManagerConfig, PolicyConfig
from pluginmachinery.config.root import PluginsConfig
from pluginmachinery.policy.check import Verdict, verdict

CONTAINER = {"name": "main", "image": "i"}
HARDENED = {
    "name": "main",
    "image": "i",
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
        "capabilities": {"drop": ["ALL"]},
    },
}


def judged(
    manifest: dict[str, Any],
    *,
    policy: PolicyConfig | None = None,
    k8s: K8sPluginConfig | None = None,
    service_account: str = "",
) -> Verdict:
    config = Configuration(
        plugins=PluginsConfig(k8s=k8s or K8sPluginConfig()),
        plugin_manager=PluginManagerConfig(policy=policy or PolicyConfig()),
    )
    execution = {"namespace": "proj-dev", "generatedName": "t-0", "serviceAccount": service_account}
    return verdict(manifest, task_context({"type": "container"}, execution, config=config))


def denied(manifest: dict[str, Any], **kwargs: Any) -> list[tuple[str, str]]:
    return [(finding.check, finding.path) for finding in judged(manifest, **kwargs).denied]


def pod(spec: dict[str, Any] | None = None, container: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    spec = {"containers": [CONTAINER | (container or {})]} | (spec or {})
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "proj-dev", **metadata}, "spec": spec}


ATTEMPTS = {
    "host network": (pod({"hostNetwork": True}), "host-namespaces", "spec.hostNetwork"),
    "host pid": (pod({"hostPID": True}), "host-namespaces", "spec.hostPID"),
    "host ipc": (pod({"hostIPC": True}), "host-namespaces", "spec.hostIPC"),
    "the node's disk": (
        pod({"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "hostPath": {"path": "/"}}]}),
        "host-paths",
        "spec.volumes[1].hostPath",
    ),
    "a port of the node": (
        pod(container={"ports": [{"containerPort": 1, "hostPort": 1}]}),
        "host-ports",
        "spec.containers[0].ports[0].hostPort",
    ),
    "a privileged container": (
        pod(container={"securityContext": {"privileged": True}}),
        "privileged",
        "spec.containers[0].securityContext.privileged",
    ),
    "a privileged init container": (
        pod({"initContainers": [{"name": "i", "securityContext": {"privileged": True}}]}),
        "privileged",
        "spec.initContainers[0].securityContext.privileged",
    ),
    "an added capability": (
        pod(container={"securityContext": {"capabilities": {"add": ["CHOWN", "SYS_ADMIN"]}}}),
        "capabilities",
        "spec.containers[0].securityContext.capabilities.add",
    ),
    "a process of a windows host": (
        pod({"securityContext": {"windowsOptions": {"hostProcess": True}}}),
        "host-process",
        "spec.securityContext.windowsOptions.hostProcess",
    ),
    "another selinux type": (
        pod({"securityContext": {"seLinuxOptions": {"type": "spc_t"}}}),
        "selinux",
        "spec.securityContext.seLinuxOptions.type",
    ),
    "unmasked proc": (
        pod(container={"securityContext": {"procMount": "Unmasked"}}),
        "proc-mount",
        "spec.containers[0].securityContext.procMount",
    ),
    "no seccomp": (
        pod({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}),
        "seccomp",
        "spec.securityContext.seccompProfile.type",
    ),
    "no seccomp, by annotation": (
        pod(annotations={"seccomp.security.alpha.kubernetes.io/pod": "unconfined"}),
        "seccomp",
        "metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]",
    ),
    "no apparmor, by annotation": (
        pod(annotations={"container.apparmor.security.beta.kubernetes.io/main": "unconfined"}),
        "apparmor",
        "metadata.annotations[container.apparmor.security.beta.kubernetes.io/main]",
    ),
    "an unsafe sysctl": (
        pod({"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}),
        "sysctls",
        "spec.securityContext.sysctls[0]",
    ),
    "a probe of another host": (
        pod(container={"livenessProbe": {"httpGet": {"host": "169.254.169.254", "port": 80}}}),
        "host-probes",
        "spec.containers[0].livenessProbe.httpGet.host",
    ),
    "somebody's service account": (
        pod({"serviceAccountName": "cluster-admin"}),
        "service-accounts",
        "spec.serviceAccountName",
    ),
    "a node of its choice": (pod({"nodeName": "control-plane-0"}), "node-names", "spec.nodeName"),
    "a ray head": (
        {"kind": "RayJob", "spec": {"rayClusterSpec": {"headGroupSpec": {"template": pod({"hostNetwork": True})}}}},
        "host-namespaces",
        "spec.rayClusterSpec.headGroupSpec.template.spec.hostNetwork",
    ),
    "a ray worker in another namespace": (
        {
            "kind": "RayJob",
            "metadata": {"namespace": "proj-dev"},
            "spec": {"rayClusterSpec": {"workerGroupSpecs": [{"template": pod() | {"metadata": {"namespace": "b"}}}]}},
        },
        "foreign-namespaces",
        "spec.rayClusterSpec.workerGroupSpecs[0].template.metadata.namespace",
    ),
    "a dask worker": (
        {"kind": "DaskJob", "spec": {"cluster": {"spec": {"worker": pod({"nodeName": "n"})}}}},
        "node-names",
        "spec.cluster.spec.worker.spec.nodeName",
    ),
    "a pytorch replica": (
        {
            "kind": "PyTorchJob",
            "spec": {"pytorchReplicaSpecs": {"Worker": {"template": pod(container={"ports": [{"hostPort": 22}]})}}},
        },
        "host-ports",
        "spec.pytorchReplicaSpecs.Worker.template.spec.containers[0].ports[0].hostPort",
    ),
    "a spark driver": (
        {"kind": "SparkApplication", "spec": {"driver": {"securityContext": {"privileged": True}}}},
        "privileged",
        "spec.driver.securityContext.privileged",
    ),
    "a spark executor's sidecar": (
        {"kind": "SparkApplication", "spec": {"executor": {"sidecars": [{"securityContext": {"privileged": True}}]}}},
        "privileged",
        "spec.executor.sidecars[0].securityContext.privileged",
    ),
    "a spark driver's pod template": (
        {"kind": "SparkApplication", "spec": {"driver": {"template": pod({"hostPID": True})}}},
        "host-namespaces",
        "spec.driver.template.spec.hostPID",
    ),
    "a spark volume": (
        {"kind": "SparkApplication", "spec": {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}},
        "host-paths",
        "spec.volumes[0].hostPath",
    ),
    "a spark setting that mounts the node": (
        {
            "kind": "SparkApplication",
            "spec": {"sparkConf": {"spark.kubernetes.executor.volumes.hostPath.x.mount.path": "/"}},
        },
        "host-paths",
        "spec.sparkConf[spark.kubernetes.executor.volumes.hostPath.x.mount.path]",
    ),
    "a spark setting that changes the namespace": (
        {"kind": "SparkApplication", "spec": {"sparkConf": {"spark.kubernetes.namespace": "kube-system"}}},
        "foreign-namespaces",
        "spec.sparkConf[spark.kubernetes.namespace]",
    ),
    "a spark setting that borrows an account": (
        {
            "kind": "SparkApplication",
            "spec": {"sparkConf": {"spark.kubernetes.authenticate.driver.serviceAccountName": "root"}},
        },
        "service-accounts",
        "spec.sparkConf[spark.kubernetes.authenticate.driver.serviceAccountName]",
    ),
}


@pytest.mark.parametrize(("manifest", "check", "path"), ATTEMPTS.values(), ids=ATTEMPTS.keys())
def test_the_default_denies_what_baseline_forbids(manifest: dict[str, Any], check: str, path: str) -> None:
    assert denied(manifest) == [(check, path)]


@pytest.mark.parametrize(("manifest", "check", "path"), ATTEMPTS.values(), ids=ATTEMPTS.keys())
def test_privileged_forbids_nothing(manifest: dict[str, Any], check: str, path: str) -> None:
    assert judged(manifest, policy=PolicyConfig(deny="privileged", warn="privileged")) == Verdict()


def test_warnings_are_told_and_deny_nothing() -> None:
    result = judged(pod({"hostPID": True}), policy=PolicyConfig(deny="privileged", warn="baseline"))
    assert result.denied == ()
    assert [finding.path for finding in result.warned] == ["spec.hostPID"]


def test_a_plain_pod_is_fine() -> None:
    assert judged(pod()) == Verdict()


def test_restricted_wants_a_hardened_pod() -> None:
    policy = PolicyConfig(deny="restricted")
    assert denied(pod({"containers": [HARDENED]}), policy=policy) == []
    assert {check for check, _ in denied(pod(), policy=policy)} == {
        "privilege-escalation",
        "run-as-non-root",
        "seccomp-profile",
        "dropped-capabilities",
    }


def test_restricted_takes_the_word_of_the_pod_for_its_containers() -> None:
    context = HARDENED["securityContext"]
    own = {key: context[key] for key in ("allowPrivilegeEscalation", "capabilities")}
    spec = {
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [CONTAINER | {"securityContext": own}],
    }
    assert denied(pod(spec), policy=PolicyConfig(deny="restricted")) == []


def hardened(**context: Any) -> dict[str, Any]:
    """A container that restricted takes, but for this."""
    return {"securityContext": {**HARDENED["securityContext"], **context}}


@pytest.mark.parametrize(
    ("manifest", "check", "path"),
    [
        pytest.param(
            pod({"volumes": [{"name": "v", "emptyDir": {}}, {"name": "n", "nfs": {}}]}, hardened()),
            "volume-types",
            "spec.volumes[1].nfs",
            id="a volume from the network",
        ),
        pytest.param(
            pod({"securityContext": {"runAsUser": 0}}, hardened()),
            "run-as-user",
            "spec.securityContext.runAsUser",
            id="a pod of root",
        ),
        pytest.param(
            pod(container=hardened(runAsUser=0)),
            "run-as-user",
            "spec.containers[0].securityContext.runAsUser",
            id="a container of root",
        ),
        pytest.param(
            pod(container=hardened(capabilities={"drop": ["ALL"], "add": ["CHOWN"]})),
            "dropped-capabilities",
            "spec.containers[0].securityContext.capabilities.add",
            id="a capability that baseline allows",
        ),
    ],
)
def test_restricted_denies_more_than_baseline(manifest: dict[str, Any], check: str, path: str) -> None:
    assert denied(manifest) == []
    assert denied(manifest, policy=PolicyConfig(deny="restricted")) == [(check, path)]


def test_restricted_lets_containers_listen_below_1024() -> None:
    manifest = pod(container=hardened(capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}))
    assert denied(manifest, policy=PolicyConfig(deny="restricted")) == []


@pytest.mark.parametrize(
    ("k8s", "manifest"),
    [
        pytest.param(K8sPluginConfig(enable_host_networking_pod=True), pod({"hostNetwork": True}), id="host network"),
        pytest.param(
            K8sPluginConfig(default_security_context={"privileged": True}),
            pod(container={"securityContext": {"privileged": True}}),
            id="privileged",
        ),
        pytest.param(
            K8sPluginConfig(default_security_context={"capabilities": {"add": ["SYS_PTRACE"]}}),
            pod(container={"securityContext": {"capabilities": {"add": ["SYS_PTRACE"]}}}),
            id="capability",
        ),
        pytest.param(
            K8sPluginConfig(default_pod_security_context={"seccompProfile": {"type": "Unconfined"}}),
            pod({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}),
            id="seccomp",
        ),
    ],
)
def test_what_the_platform_configured_is_allowed(k8s: K8sPluginConfig, manifest: dict[str, Any]) -> None:
    assert denied(manifest) != []
    assert denied(manifest, k8s=k8s) == []


def test_service_accounts_of_the_execution_and_of_the_policy_are_allowed() -> None:
    manifest = pod({"serviceAccountName": "team-a-runner"})
    assert denied(manifest, service_account="team-a-runner") == []
    assert denied(manifest, policy=PolicyConfig(service_accounts=("team-a-*",))) == []
    assert denied(manifest, policy=PolicyConfig(service_accounts=("team-b-*",))) != []


def test_words_of_the_user_are_not_configuration() -> None:
    manifest = pod(container={"env": [{"name": "hostPath", "value": "x"}], "args": ["hostNetwork"]})
    assert judged(manifest) == Verdict()


def test_the_message_names_every_field() -> None:
    message = judged(pod({"hostPID": True, "nodeName": "n"})).message
    assert "spec.hostPID: shares a namespace of the node (host-namespaces)" in message
    assert "spec.nodeName: picks its node past the scheduler (node-names)" in message
