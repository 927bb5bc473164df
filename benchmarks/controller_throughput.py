"""What the controller costs on a real API server, beside a generator that does only what can not be avoided.

API server and etcd are real; there is no scheduler and no node: the kubelet is ours (benchmarks/load.py), so that the
machine is busy with the controller and its server. Writes are counted from the audit log.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.load import Load
from controller.kube.client import ApiServer
from controller.kube.credentials import find
from pluginmachinery.api.crd import custom_resource_definition
from pluginmachinery.api.rbac import controller_rules, leader_rules
from pluginmachinery.plugins.registry import declaration_of
from tools.controlplane.api import wait_until
from tools.controlplane.controlplanes import ControlPlane
from tools.controlplane.errors import ApiError
from tools.controlplane.ports import free_ports

ACCOUNT = "system:serviceaccount:default:controller"
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "users": [ACCOUNT]}, {"level": "None"}],
}
CONFIG = "tasks: {task-plugins: {enabled-plugins: [container]}}\nplugins: {k8s: {inject-finalizer: false}}\n"
TASKS = "/apis/plugins.flyte.org/v1alpha1/namespaces/default/taskexecutions"
READS = frozenset({"get", "list", "watch"})


@dataclass
class Row:
    """One run's figures; a row of the table."""

    name: str
    tasks: int
    seconds: float
    counts: Counter[Any]
    cpu: float = 0.0
    idle_mib: float = 0.0
    peak_mib: float = 0.0
    latencies: str = ""

    def line(self) -> str:
        writes = {what: n for what, n in self.counts.items() if what.verb not in READS}
        reads = sum(n for what, n in self.counts.items() if what.verb in ("get", "list"))
        per_task = sum(writes.values()) / self.tasks
        kinds = ", ".join(f"{what.verb} {what.resource} {n / self.tasks:.2f}" for what, n in sorted(writes.items()))
        return (
            f"{self.name:<28}{self.tasks:>6}{self.tasks / self.seconds:>8.1f}/s{per_task:>8.2f}{reads:>7}"
            f"{self.cpu / self.tasks * 1000:>9.2f}{self.idle_mib:>8.0f}{self.peak_mib:>7.0f}  {self.latencies}  {kinds}"
        )


HEADER = (
    f"{'':<28}{'tasks':>6}{'rate':>10}{'writes':>8}{'reads':>7}{'CPU ms':>9}{'MiB':>8}{'peak':>7}"
    "  create→pod, done→status (p50/p99)"
)


class Process:
    """The controller, and what it has used."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        import psutil

        (folder / "config").mkdir(parents=True, exist_ok=True)
        (folder / "config" / "plugins.yaml").write_text(CONFIG)
        self.port = free_ports(1)[0]
        self._log = (folder / "controller.log").open("ab")
        self.started = time.perf_counter()
        command = [sys.executable, "-m", "controller", "run", "--config", str(folder / "config")]
        command += ["--kubeconfig", str(kubeconfig), "--listen", f"127.0.0.1:{self.port}", "--log-format", "json"]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        self._usage = psutil.Process(self._process.pid)

    async def ready(self) -> float:
        """Seconds until it was ready."""
        import aiohttp

        async with aiohttp.ClientSession() as session, asyncio.timeout(60):
            while True:
                try:
                    async with session.get(f"http://127.0.0.1:{self.port}/readyz") as answer:
                        if answer.status == 200:
                            return time.perf_counter() - self.started
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.02)

    def cpu(self) -> float:
        times = self._usage.cpu_times()
        return float(times.user + times.system)

    def mib(self) -> float:
        return float(self._usage.memory_info().rss) / 2**20

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        finally:
            self._process.kill()
            self._log.close()


@dataclass
class Bench:
    cluster: ControlPlane
    folder: Path
    serial: int = 0

    def names(self, count: int) -> list[str]:
        self.serial += 1
        return [f"r{self.serial}-t{number}" for number in range(count)]

    @asynccontextmanager
    async def load(self, **options: Any) -> AsyncIterator[Load]:
        api = ApiServer(find(self.cluster.kubeconfig), connections=64, user_agent="load")
        try:
            yield Load(api, **options)
        finally:
            await api.close()

    async def bare(self, count: int) -> Row:
        async with self.load() as load:
            started = time.perf_counter()
            await load.bare(self.names(count))
            return Row("bare generator", count, time.perf_counter() - started, Counter())

    async def tasks(self, count: int, rate: float | None = None) -> Row:
        with self._controller() as process:
            return await self._tasks(process, count, rate)

    async def _tasks(self, process: Process, count: int, rate: float | None) -> Row:
        async with self.load() as load, load.playing():
            await process.ready()
            idle, cpu, since = process.mib(), process.cpu(), datetime.now(UTC)
            started = time.perf_counter()
            names = self.names(count)
            await (load.paced(names, rate) if rate else load.burst(names))
            await load.all_ended(count)
            seconds = time.perf_counter() - started
            counts = self.cluster.audit_counts(user=ACCOUNT, since=since)
            name = f"controller, {rate:g}/s" if rate else "controller, burst"
            return Row(name, count, seconds, counts, process.cpu() - cpu, idle, process.mib(), _latencies(load))

    async def restart(self, count: int) -> str:
        """A controller is started with so many tasks running."""
        async with self.load(runs_after=0.0, runs_for=float("inf")) as load, load.playing():
            with self._controller() as process:
                await process.ready()
                await load.burst(self.names(count))
                await load.all_running(count)
                await asyncio.sleep(7)
                cpu, peak = process.cpu(), process.mib()
                await asyncio.sleep(5)
                at_rest = (process.cpu() - cpu) / 5 * 1000
            since = datetime.now(UTC)
            with self._controller() as process:
                seconds = await process.ready()
                await asyncio.sleep(2)
                counts = self.cluster.audit_counts(user=ACCOUNT, since=since)
                writes = sum(number for what, number in counts.items() if what.verb not in READS)
                return (
                    f"{count} running: {peak:.0f} MiB, {at_rest:.1f} CPU-ms/s at rest; started again: "
                    f"ready in {seconds:.2f} s, {process.cpu():.2f} CPU-s, {writes} writes, {process.mib():.0f} MiB"
                )

    def _controller(self) -> Process:
        return Process(self.cluster.kubeconfig_for("controller", "default"), self.folder)


def _latencies(load: Load) -> str:
    done = [times for times in load.times.values() if times.pod_seen and times.pod_done and times.status_seen]
    starts = [(times.pod_seen - times.created) * 1000 for times in done]
    ends = [(times.status_seen - times.pod_done) * 1000 for times in done]
    return f"{_percentiles(starts)}  {_percentiles(ends)}"


def _percentiles(values: Iterable[float]) -> str:
    ranked = sorted(values)
    return f"{statistics.median(ranked):.0f}/{ranked[int(len(ranked) * 0.99)]:.0f} ms"


def _install(cluster: ControlPlane) -> None:
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


async def _measure(bench: Bench, options: argparse.Namespace) -> None:
    print(HEADER)
    shares = []
    for _ in range(options.pairs):
        bare = await bench.bare(options.tasks)
        print(bare.line(), flush=True)
        burst = await bench.tasks(options.tasks)
        print(burst.line(), flush=True)
        shares.append((burst.tasks / burst.seconds) / (bare.tasks / bare.seconds))
    print((await bench.tasks(options.paced, rate=25)).line(), flush=True)
    print(await bench.restart(options.running), flush=True)
    print(f"share of the bare generator's rate: {statistics.median(shares):.0%} (median of {options.pairs})")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.controller_throughput", description=__doc__)
    parser.add_argument("--tasks", type=int, default=2000, help="tasks in a burst")
    parser.add_argument("--paced", type=int, default=500, help="tasks at 25 a second")
    parser.add_argument("--running", type=int, default=5000, help="tasks that run when the controller is restarted")
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args([] if arguments is None else arguments)
    print("starting a control plane …", flush=True)
    with tempfile.TemporaryDirectory() as folder, ControlPlane(nodes=(), controllers=False, audit=AUDIT) as cluster:
        _install(cluster)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_measure(Bench(cluster, Path(folder)), options))


def _loop_factory() -> Any:
    import uvloop

    return uvloop.new_event_loop


if __name__ == "__main__":
    main(sys.argv[1:])
