"""A Kubernetes control plane of our own on 127.0.0.1: etcd, API server, controllers, scheduler and simulated nodes.

    with ControlPlane() as cluster:
        cluster.kubectl("get", "nodes")

Ready in seconds, gone without a trace: whatever ends the `with` block – its end, an exception, Ctrl-C, SIGTERM – ends
the processes in reverse order and removes the data. `kill -9` of this process ends them too (tether.py), and the next
start removes the data that is left then (folders.py).
"""

from __future__ import annotations

import atexit
import json
import signal
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, Self

from tools.controlplane import audits, components, credentials, folders, kubeconfigs
from tools.controlplane.api import ApiClient
from tools.controlplane.audits import Request
from tools.controlplane.binaries import locate
from tools.controlplane.clusters import Cluster
from tools.controlplane.components import Component, Ports
from tools.controlplane.errors import ApiError, ControlPlaneError, PortTaken
from tools.controlplane.files import write_private
from tools.controlplane.ports import free_ports
from tools.controlplane.simulation.nodes import DEFAULT_NODES, SimulatedNode, is_registered
from tools.controlplane.supervision import Launch, Supervisor

START_ATTEMPTS = 5
READY_TIMEOUT = 60.0
"""Seconds; on an idle machine everything is ready in three, but a build machine may be busy."""
PROBE_TIMEOUT = 1.0
"""Seconds an answer to "are you ready?" may take before one asks again."""
STOP_GRACE = 3.0
"""Seconds a component has for its own shut-down; nothing of its data is needed afterwards."""

REPOSITORY = Path(__file__).parents[2]


class ControlPlane(Cluster):
    """A control plane that belongs to this process.

    Args:
        nodes: the simulated nodes; none: pods stay unbound, and no kubelet runs.
        controllers: whether kube-controller-manager and kube-scheduler run. Without them there is no garbage
            collection and no binding, and the ServiceAccount admission plugin is off.
        audit: level of the audit log, a whole policy document, or None for no log.
        apiserver_flags: further flags of kube-apiserver.
        output_root: folder below which simulated pods may write files (simulation/outputs.py); nowhere when absent.
        ready_timeout: seconds each component has until it is ready.

    Raises:
        BinaryMissing: (on start) binaries have to be built first.
        StartFailed: (on start) a component ended or did not become ready; the message has the tail of its log.
    """

    credentials: credentials.Credentials
    ports: Ports

    def __init__(
        self,
        *,
        nodes: Sequence[SimulatedNode] = DEFAULT_NODES,
        controllers: bool = True,
        audit: str | Mapping[str, Any] | None = "Metadata",
        apiserver_flags: Sequence[str] = (),
        output_root: Path | None = None,
        ready_timeout: float = READY_TIMEOUT,
    ) -> None:
        self.nodes = tuple(nodes)
        self.controllers = controllers
        self.audit = audit
        self.apiserver_flags = tuple(apiserver_flags)
        self.output_root = output_root
        self.ready_timeout = ready_timeout
        self._supervisor: Supervisor | None = None
        self._data: folders.DataFolder | None = None
        self._sigterm_is_ours = False

    def start(self) -> Self:
        binaries = locate(self._binary_names())
        folders.remove_abandoned()
        self._take_sigterm()
        atexit.register(self.stop)
        try:
            self._start_with_free_ports(binaries)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        self._discard()
        self._give_sigterm_back()
        atexit.unregister(self.stop)

    # ---- what is asked of a running one

    @property
    def ca(self) -> bytes:
        return self.ca_file.read_bytes()

    @property
    def ca_file(self) -> Path:
        return self.credentials.ca_file

    @property
    def admin_token(self) -> str:
        return self.credentials.tokens[credentials.ADMIN]

    @property
    def pids(self) -> dict[Component, int]:
        """Process id of each component, in the order of their start."""
        return self._running.pids

    def log(self, name: Component) -> Path:
        """The component's log file."""
        return self._running.log(name)

    def kill(self, name: Component) -> None:
        """Ends a component at once, as a crash would (SIGKILL)."""
        self._running.kill(name)

    def restart(self, name: Component) -> None:
        """Starts a component again as it was – same ports, same data – and waits until it is ready.

        One that still runs is killed first. Restarting kube-controller-manager after CRDs were installed makes its
        garbage collector know them at once; by itself it looks for new resources every 30 seconds.
        """
        self._running.restart(name)

    def compact(self) -> None:
        """Makes etcd forget the history up to now: a watch that goes on from before is refused with 410 Gone.

        The API server has a history of its own in memory; restart it as well.
        """
        members = ApiClient(f"http://127.0.0.1:{self.ports.etcd}")
        revision = members.create("/v3/maintenance/status", {})["header"]["revision"]
        members.create("/v3/kv/compaction", {"revision": revision, "physical": True})

    def wait(self) -> None:
        """Blocks while everything runs.

        Raises:
            StartFailed: a component has ended by itself; with the tail of its log.
        """
        self._running.wait()

    @property
    def audit_log(self) -> Path:
        """The audit log: one JSON event a line."""
        return self.folder / "logs" / "audit.jsonl"

    def audit_counts(self, *, user: str | None = None, since: datetime | None = None) -> Counter[Request]:
        """How often each (verb, resource) was asked for; see `audits.counts`."""
        if self.audit is None:
            raise ControlPlaneError("this control plane was started without an audit log (audit=None)")
        return audits.counts(audits.events(self.audit_log), user=user, since=since)

    # ---- starting

    def _binary_names(self) -> list[str]:
        return ["etcd", "kube-apiserver", *(["kube-controller-manager", "kube-scheduler"] if self.controllers else [])]

    def _start_with_free_ports(self, binaries: Mapping[str, Path]) -> None:
        for attempts_left in reversed(range(START_ATTEMPTS)):
            try:
                return self._start_once(binaries)
            except PortTaken:
                if not attempts_left:
                    raise
                self._discard()
        return None

    def _start_once(self, binaries: Mapping[str, Path]) -> None:
        self._data = folders.DataFolder()
        self.folder = self._data.path
        self.ports = Ports(*free_ports(5))
        self.credentials = credentials.create(self.folder / "keys")
        self.server = f"https://127.0.0.1:{self.ports.apiserver}"
        self.api = ApiClient(self.server, ca_file=self.ca_file, token=self.admin_token)
        self.kubeconfig = self._kubeconfig(credentials.ADMIN)
        self._supervisor = Supervisor(self.folder / "logs", ready_timeout=self.ready_timeout, grace=STOP_GRACE)
        self._supervisor.start([("etcd", self._etcd(binaries["etcd"]))])
        self._supervisor.start([("kube-apiserver", self._apiserver(binaries["kube-apiserver"]))])
        rest: list[tuple[Component, Launch]] = []
        if self.controllers:
            rest.append(("kube-controller-manager", self._controller_manager(binaries["kube-controller-manager"])))
            rest.append(("kube-scheduler", self._scheduler(binaries["kube-scheduler"])))
        if self.nodes:
            rest.append(("nodes", self._simulated_nodes()))
        self._supervisor.start(rest)

    def _etcd(self, binary: Path) -> Launch:
        name = self.folder.name  # unique on this machine
        members = ApiClient(f"http://127.0.0.1:{self.ports.etcd}", timeout=PROBE_TIMEOUT)

        def is_ready() -> bool:
            """It answers, has a leader, and is ours: a stranger's etcd at that port would be a disaster."""
            try:
                return [each["name"] for each in members.create("/v3/cluster/member/list", {})["members"]] == [name]
            except (ApiError, OSError, KeyError, ValueError):
                return False

        return Launch(components.etcd(binary, self.folder, self.ports, name), is_ready)

    def _apiserver(self, binary: Path) -> Launch:
        flags = [*self.apiserver_flags]
        if self.audit is not None:
            flags = components.audit_flags(self.folder, self.audit_log, self.audit) + flags
        command = components.apiserver(binary, self.ports, self.credentials, controllers=self.controllers, extra=flags)
        return Launch(command, self._probe(self.ports.apiserver).is_ready)

    def _controller_manager(self, binary: Path) -> Launch:
        kubeconfig = self._kubeconfig(credentials.CONTROLLER_MANAGER)
        health = self._probe(self.ports.controller_manager)

        def is_ready() -> bool:
            """Pods can be created when the default namespace has its account: the controllers are at work then."""
            return health.is_healthy() and self.api.find(DEFAULT_ACCOUNT) is not None

        return Launch(components.controller_manager(binary, kubeconfig, self.ports, self.credentials), is_ready)

    def _scheduler(self, binary: Path) -> Launch:
        command = components.scheduler(
            binary, self.folder, self._kubeconfig(credentials.SCHEDULER), self.ports, self.credentials
        )
        return Launch(command, self._probe(self.ports.scheduler).is_ready)

    def _simulated_nodes(self) -> Launch:
        settings = {
            "server": self.server,
            "ca_file": str(self.ca_file),
            "token": self.credentials.tokens[credentials.NODE_SIMULATOR],
            "output_root": str(self.output_root) if self.output_root else None,
            "nodes": [node.model_dump(mode="json") for node in self.nodes],
        }
        file = write_private(self.folder / "nodes.json", json.dumps(settings, indent=1).encode())
        names = {node.name for node in self.nodes}

        def are_ready() -> bool:
            return names <= {
                each["metadata"]["name"] for each in self.api.items("/api/v1/nodes") if is_registered(each)
            }

        command = [sys.executable, "-m", "tools.controlplane.simulation", str(file)]
        return Launch(command, are_ready, folder=REPOSITORY)

    def _probe(self, port: int) -> ApiClient:
        """Asks a component whether it is ready; a stranger at its port, who has no certificate of ours, never is."""
        return ApiClient(
            f"https://127.0.0.1:{port}", ca_file=self.ca_file, token=self.admin_token, timeout=PROBE_TIMEOUT
        )

    def _kubeconfig(self, user: str) -> Path:
        return kubeconfigs.write(
            self.folder / f"{user.replace(':', '-')}.kubeconfig",
            server=self.server,
            ca=self.ca,
            user=user,
            token=self.credentials.tokens[user],
        )

    # ---- ending

    @property
    def _running(self) -> Supervisor:
        if self._supervisor is None:
            raise ControlPlaneError("the control plane is not running: use it inside `with`, or call start()")
        return self._supervisor

    def _discard(self) -> None:
        if self._supervisor is not None:
            self._supervisor.stop()
            self._supervisor = None
        if self._data is not None:
            self._data.remove()
            self._data = None

    def _take_sigterm(self) -> None:
        """Lets SIGTERM unwind the `with` block, as Ctrl-C does – unless somebody has decided about it already."""
        if _in_main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _exit)
            self._sigterm_is_ours = True

    def _give_sigterm_back(self) -> None:
        if self._sigterm_is_ours and _in_main_thread():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self._sigterm_is_ours = False


DEFAULT_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"


def _in_main_thread() -> bool:
    """Only there may signal handlers be set."""
    return threading.current_thread() is threading.main_thread()


def _exit(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
