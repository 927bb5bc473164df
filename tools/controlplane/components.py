"""The command lines of the components, as data: what each is started with, and why.

Everything listens on 127.0.0.1 only. Nothing is tuned away that a test might rest on (admission, RBAC, priority and
fairness); what is left out is what a machine without real nodes and clouds cannot use.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tools.controlplane.credentials import Credentials
from tools.controlplane.files import write_private

Component = Literal["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "nodes"]

CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "daemonset-controller",
    "deployment-controller",
    "disruption-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "pod-garbage-collector-controller",
    "replicaset-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "statefulset-controller",
    # Evicts from a node that gets a NoExecute taint. The node-lifecycle controller, which taints nodes that stop
    # sending heartbeats, is left out: simulated nodes have nothing to say, and silence must not evict their pods.
    "taint-eviction-controller",
    "ttl-after-finished-controller",
    "validatingadmissionpolicy-status-controller",
)


@dataclass(frozen=True)
class Ports:
    """One port per listener."""

    etcd: int
    etcd_peers: int
    apiserver: int
    controller_manager: int
    scheduler: int


def etcd(binary: Path, folder: Path, ports: Ports, name: str) -> list[str]:
    """One member; its data is thrown away, so nothing waits for the disk.

    Args:
        name: of the member, unique: by it the owner knows that who answers at the port is this one.
    """
    clients, peers = f"http://127.0.0.1:{ports.etcd}", f"http://127.0.0.1:{ports.etcd_peers}"
    return [
        str(binary),
        f"--name={name}",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster={name}={peers}",
        "--unsafe-no-fsync",
        # A lone member waits for no other one before it elects itself.
        "--heartbeat-interval=20",
        "--election-timeout=200",
        "--log-level=warn",
    ]


def apiserver(
    binary: Path, ports: Ports, credentials: Credentials, *, controllers: bool, extra: Sequence[str]
) -> list[str]:
    """RBAC, service accounts and the default admission plugins, as in any cluster.

    Args:
        controllers: whether a controller-manager runs; without one nothing makes the default service accounts, and pods
            could not be created while the ServiceAccount admission plugin insists on them.
        extra: further flags, after these: the last one wins.
    """
    return [
        str(binary),
        f"--etcd-servers=http://127.0.0.1:{ports.etcd}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",  # or a machine without a network cannot start it
        f"--secure-port={ports.apiserver}",
        f"--tls-cert-file={credentials.server_certificate}",
        f"--tls-private-key-file={credentials.server_key}",
        f"--token-auth-file={credentials.token_file}",
        "--authorization-mode=RBAC",
        "--allow-privileged=true",
        f"--service-account-issuer=https://127.0.0.1:{ports.apiserver}",
        f"--service-account-key-file={credentials.service_account_key}",
        f"--service-account-signing-key-file={credentials.service_account_key}",
        "--service-cluster-ip-range=10.96.0.0/16",
        # The `kubernetes` service would need an address that is not a loopback one; nobody here asks for it.
        "--endpoint-reconciler-type=none",
        "--profiling=false",
        *([] if controllers else ["--disable-admission-plugins=ServiceAccount"]),
        *extra,
    ]


def controller_manager(binary: Path, kubeconfig: Path, ports: Ports, credentials: Credentials) -> list[str]:
    return [
        str(binary),
        f"--kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={ports.controller_manager}",
        f"--tls-cert-file={credentials.server_certificate}",
        f"--tls-private-key-file={credentials.server_key}",
        "--leader-elect=false",
        f"--controllers={','.join(CONTROLLERS)}",
        f"--root-ca-file={credentials.ca_file}",
        f"--service-account-private-key-file={credentials.service_account_key}",
        # The defaults (20 and 30) make namespaces of a test run take their turns.
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--concurrent-namespace-syncs=20",
        "--concurrent-serviceaccount-token-syncs=10",
        "--profiling=false",
    ]


def scheduler(binary: Path, folder: Path, kubeconfig: Path, ports: Ports, credentials: Credentials) -> list[str]:
    settings = {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "leaderElection": {"leaderElect": False},
        "clientConnection": {"kubeconfig": str(kubeconfig), "qps": 1000, "burst": 2000},
        # A pod that did not fit is looked at again soon after something changed: tests wait for it.
        "podInitialBackoffSeconds": 1,
        "podMaxBackoffSeconds": 1,
        "enableProfiling": False,
    }
    config = write_private(folder / "scheduler.json", json.dumps(settings, indent=1).encode())
    return [
        str(binary),
        f"--config={config}",
        "--bind-address=127.0.0.1",
        f"--secure-port={ports.scheduler}",
        f"--tls-cert-file={credentials.server_certificate}",
        f"--tls-private-key-file={credentials.server_key}",
    ]


def audit_flags(folder: Path, log: Path, policy: str | Mapping[str, Any]) -> list[str]:
    """Flags that have every request written to `log` before its answer is sent, so that counting is exact.

    Args:
        policy: a level for all requests (`Metadata`, `Request`, `RequestResponse`), or a whole policy document.
    """
    if isinstance(policy, str):
        policy = {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": [{"level": policy}],
        }
    file = write_private(folder / "audit-policy.json", json.dumps(policy, indent=1).encode())
    return [
        f"--audit-policy-file={file}",
        f"--audit-log-path={log}",
        "--audit-log-mode=blocking",
        "--audit-log-maxsize=4000",  # MiB; the default starts a new file at 100
    ]
