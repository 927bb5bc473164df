"""Runs on a real API server and etcd, each giving figures. There is no scheduler and no node: the kubelet is ours
(:mod:`.load`), so that the machine is busy with the controller and its server. Requests are counted from the audit log.
"""

from __future__ import annotations

import asyncio
import statistics
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.controller.load import CONNECTIONS, NAMESPACE, Load
from benchmarks.controller.process import Busy, Controller, Watch
from controller.kube.client import ApiServer
from controller.kube.credentials import find
from pluginmachinery.api import names
from pluginmachinery.api.crd import custom_resource_definition
from pluginmachinery.api.rbac import controller_rules, leader_rules
from pluginmachinery.plugins.registry import declaration_of
from tools.controlplane import audits
from tools.controlplane.api import wait_until
from tools.controlplane.controlplanes import ControlPlane
from tools.controlplane.errors import ApiError

ACCOUNT = "system:serviceaccount:default:controller"
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "users": [ACCOUNT]}, {"level": "None"}],
}
CONFIG = """\
tasks: {task-plugins: {enabled-plugins: [container]}}
plugins: {k8s: {inject-finalizer: false, disable-inject-owner-references: %s}}
"""
"""Without owner references a TaskExecution needs a finalizer, which the load does not set: it has to be patched in."""
TASKS = "/apis/plugins.flyte.org/v1alpha1/namespaces/default/taskexecutions"
SETTLE = 1.0
"""Seconds until the answers to the last writes are in."""


@dataclass
class Run:
    """What one run of tasks came to; times in milliseconds, memory in MiB."""

    name: str
    tasks: int
    seconds: float
    busy: Busy
    sent: int
    """Writes of the load generator itself."""
    requests: Counter[Any] = field(default_factory=Counter)
    refused: int = 0
    """Writes of the controller that were refused: 404, 409, 429, 5xx."""
    cpu: float = 0.0
    idle_mib: float = 0.0
    mib: float = 0.0
    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.tasks / self.seconds

    @property
    def writes(self) -> float:
        return writes_of(self.requests).total() / self.tasks

    @property
    def reads(self) -> int:
        return sum(number for what, number in self.requests.items() if what.verb in ("get", "list"))

    @property
    def twice(self) -> int:
        """Pods beyond one a task, and pods that the controller deleted though nothing was aborted."""
        created = self.requests[audits.Request("create", "pods")]
        return max(0, created - self.tasks) + self.requests[audits.Request("delete", "pods")]

    def line(self) -> str:
        kinds = sorted(writes_of(self.requests).items())
        told = ", ".join(f"{what.verb} {what.resource} {number / self.tasks:.2f}" for what, number in kinds)
        ours = f"{self.cpu / self.tasks * 1000:.2f} CPU-ms, {self.writes:.2f} writes ({told})" if self.requests else ""
        head = f"  {self.name:<32}{self.tasks:>6} tasks {self.rate:>6.1f}/s  {self.busy}"
        return f"{head}, the load's writes {self.sent / self.tasks:.2f}  {ours}"


@dataclass
class Restart:
    """A controller with many running tasks, at rest and started again."""

    mib: float
    idle_mib: float
    at_rest: float
    """CPU-ms a second with nothing happening."""
    seconds: float
    cpu: float
    writes: Counter[audits.Request]


@dataclass
class Bench:
    """Makes runs on one control plane; names of tasks never come twice."""

    cluster: ControlPlane
    folder: Path
    serial: int = 0

    async def bare(self, count: int) -> Run:
        """The load alone: what every task needs whoever runs it, over 16 connections. After :meth:`tasks`."""
        async with self._load(connections=CONNECTIONS, pattern=self._pattern()) as load:
            watch = self._watch()
            await load.bare(self._names(count))
            return Run("bare generator", count, watch.seconds, watch.busy(), load.sent)

    async def tasks(self, count: int, *, rate: float | None = None, finalizer: bool = False) -> Run:
        """Tasks as fast as the server takes them, or ``rate`` of them a second."""
        with self._controller(finalizer=finalizer) as controller:
            async with self._load() as load, load.playing():
                await controller.ready()
                await asyncio.sleep(1)
                idle, cpu, since = controller.mib(), controller.cpu(), datetime.now(UTC)
                watch, names = self._watch(), self._names(count)
                await (load.paced(names, rate) if rate else load.burst(names))
                await load.all_there(count)
                busy, seconds = watch.busy(), watch.seconds
                await asyncio.sleep(1)
                requests, refused = self._requests(since)
                starts, ends = _latencies(load)
                name = f"controller, {f'{rate:g}/s' if rate else 'burst'}{', finalizer' if finalizer else ''}"
                used = controller.cpu() - cpu
                return Run(
                    name, count, seconds, busy, load.sent, requests, refused, used, idle, controller.mib(), starts, ends
                )

    async def restart(self, count: int, rest: float = 10.0) -> Restart:
        """A controller meets its own running tasks again."""
        async with self._load(runs_after=0.0, runs_for=float("inf")) as load, load.playing():
            with self._controller() as controller:
                await controller.ready()
                idle = controller.mib()
                await load.burst(self._names(count))
                await load.all_there(count)
                await asyncio.sleep(SETTLE)
                cpu = controller.cpu()
                await asyncio.sleep(rest)
                at_rest, mib = (controller.cpu() - cpu) / rest * 1000, controller.mib()
            since = datetime.now(UTC)
            with self._controller() as controller:
                seconds = await controller.ready()
                await asyncio.sleep(2)
                requests, _ = self._requests(since)
                return Restart(mib, idle, at_rest, seconds, controller.cpu(), writes_of(requests))

    def _pattern(self) -> dict[str, Any]:
        """A pod that a controller has made here."""
        pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
        return self.cluster.api.items(pods, limit=1, labelSelector=f"{names.MANAGED}=true")[0]

    def _names(self, count: int) -> list[str]:
        self.serial += 1
        return [f"r{self.serial}-t{number}" for number in range(count)]

    def _watch(self) -> Watch:
        return Watch(self.cluster.pids.values())

    def _controller(self, *, finalizer: bool = False) -> Controller:
        config = CONFIG % str(finalizer).lower()
        return Controller(self.cluster.kubeconfig_for("controller", "default"), config, self.folder)

    def _requests(self, since: datetime) -> tuple[Counter[Any], int]:
        events = list(audits.events(self.cluster.audit_log))
        counts = audits.counts(events, user=ACCOUNT, since=since)
        refused = audits.counts((event for event in events if audits.is_refused(event)), user=ACCOUNT, since=since)
        return counts, writes_of(refused).total()

    @asynccontextmanager
    async def _load(self, *, connections: int = 64, **options: Any) -> AsyncIterator[Load]:
        api = ApiServer(find(self.cluster.kubeconfig), connections=connections, user_agent="load")
        try:
            yield Load(api, **options)
        finally:
            await api.close()


def writes_of(requests: Counter[audits.Request]) -> Counter[audits.Request]:
    return Counter({what: number for what, number in requests.items() if what.verb in audits.WRITES})


def _latencies(load: Load) -> tuple[list[float], list[float]]:
    done = [times for times in load.times.values() if times.pod_seen and times.pod_done and times.status_seen]
    starts = [(times.pod_seen - times.created) * 1000 for times in done]
    return starts, [(times.status_seen - times.pod_done) * 1000 for times in done]


def percentile(values: Iterable[float], share: float) -> float:
    ranked = sorted(values)
    return statistics.median(ranked) if share == 0.5 else ranked[int(len(ranked) * share)]


def install(cluster: ControlPlane) -> None:
    """The CRD, and the rights that the controller has in an installation."""
    api, rbac = cluster.api, "/apis/rbac.authorization.k8s.io/v1"
    api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", custom_resource_definition())
    api.create("/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "controller"}})
    rules = [*controller_rules(plugins=[declaration_of("container")]), *leader_rules()]
    api.create(f"{rbac}/clusterroles", {"metadata": {"name": "controller"}, "rules": rules})
    subject = {"kind": "ServiceAccount", "name": "controller", "namespace": "default"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "controller"}
    binding = {"metadata": {"name": "controller"}, "roleRef": role, "subjects": [subject]}
    api.create(f"{rbac}/clusterrolebindings", binding)

    def served() -> bool:
        try:
            return api.find(TASKS) is not None
        except ApiError:
            return False

    wait_until(served, what="TaskExecutions to be served")
