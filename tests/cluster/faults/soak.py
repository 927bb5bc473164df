"""``python -m tests.cluster.faults.soak``: load and random faults for minutes, then a table; exit 1 on any violation.

Three replicas share six shards; tasks come all the time, some fail, some are aborted; every few seconds something goes
wrong: a replica is killed, frozen or told to end, the API server is killed, history is compacted, the way to it is bad,
pods are deleted. At the end all faults cease and every task has to be where its script leads it: nothing lost, nothing
twice, nothing left over, budgets right. What is random is drawn from ``--seed``.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from pluginmachinery.api.crd import custom_resource_definition
from tests.cluster.controllers import API, CONFIG, TERMINAL, Controller, Tasks
from tests.cluster.faults.proxies import WRITES, Answer, Fault, FaultyProxy, Plan, Reset, Slow
from tests.cluster.ledgers import Ledger
from tools.controlplane import ControlPlane
from tools.controlplane.api import wait_until
from tools.controlplane.errors import ApiError

REPLICAS = ("a", "b", "c")
NAMESPACE = "soak"
SUCCEEDS = [{"after": 0.2, "phase": "Running"}, {"after": 2, "phase": "Succeeded"}]
FAILS = [{"after": 0.2, "phase": "Failed", "containers": {"*": {"reason": "OOMKilled", "exitCode": 137}}}]
RUNS_ON = [{"after": 0.1, "phase": "Running"}, {"hang": True}]
STORIES: dict[str, tuple[Any, str, int]] = {
    "good": (SUCCEEDS, "Succeeded", 70),
    "again": ([FAILS, SUCCEEDS], "Succeeded", 15),
    "stopped": (RUNS_ON, "Aborted", 15),
}
"""Script, how it ends, how often it is told."""


@dataclass
class Soak:
    """What runs, and what was seen."""

    cluster: ControlPlane
    proxy: FaultyProxy
    folder: Path
    random: random.Random
    tasks: Tasks
    replicas: dict[str, Controller] = field(default_factory=dict)
    frozen: dict[str, float] = field(default_factory=dict)
    expected: dict[str, str] = field(default_factory=dict)
    robbed: set[str] = field(default_factory=set)
    """Tasks whose pod was deleted."""
    faults: Counter[str] = field(default_factory=Counter)
    restarts: int = 0

    def start(self, name: str) -> None:
        config = {**CONFIG, "plugin-manager": {"sharding": {"count": 6}, "retries": {"system": 5}}}
        elect = ("--leader-elect", "--leader-elect-namespace", NAMESPACE, "--namespace", NAMESPACE)
        self.replicas[name] = Controller(self.folder / name, self.proxy.kubeconfig, config, elect).__enter__()

    def look_after_replicas(self) -> None:
        """As the kubelet: what has ended is started again; what was frozen wakes at its time."""
        for name, until in list(self.frozen.items()):
            if time.monotonic() >= until:
                self.replicas[name].wake()
                del self.frozen[name]
        for name, replica in list(self.replicas.items()):
            if replica.process.poll() is not None:
                self.restarts += 1
                self.start(name)

    def submit(self) -> None:
        kinds = list(STORIES)
        (kind,) = self.random.choices(kinds, [STORIES[each][2] for each in kinds])
        name = f"{kind}-{len(self.expected)}"
        script, phase, _ = STORIES[kind]
        with_patience(lambda: self.tasks.submit(name, script, maxAttempts=2))
        self.expected[name] = phase

    def abort_what_runs(self) -> None:
        for name, phase in with_patience(self.tasks.phases).items():
            if name.startswith("stopped") and phase == "Running":
                with_patience(lambda name=name: self._abort(name))  # type: ignore[misc]

    def _abort(self, name: str) -> None:
        self.tasks.api.patch(f"{self.tasks.path}/{name}", {"spec": {"abort": True}})

    # faults

    def strike(self) -> None:
        fault = self.random.choice(FAULTS)
        self.faults[fault.__name__.replace("_", " ")] += 1
        fault(self)

    def _victim(self) -> str | None:
        awake = [name for name in self.replicas if name not in self.frozen]
        return self.random.choice(awake) if awake else None


def kill_a_replica(soak: Soak) -> None:
    if name := soak._victim():
        soak.replicas[name].kill()


def freeze_a_replica(soak: Soak) -> None:
    if name := soak._victim():
        soak.replicas[name].freeze()
        soak.frozen[name] = time.monotonic() + soak.random.choice([3, 8, 20])


def end_a_replica(soak: Soak) -> None:
    if name := soak._victim():
        soak.replicas[name].terminate()


def kill_the_api_server(soak: Soak) -> None:
    soak.cluster.kill("kube-apiserver")
    soak.cluster.restart("kube-apiserver")


def compact_history(soak: Soak) -> None:
    soak.proxy.cut_watches()
    soak.cluster.compact()


def cut_watches(soak: Soak) -> None:
    soak.proxy.cut_watches()


def delete_pods(soak: Soak) -> None:
    pods = [name for name in with_patience(soak.tasks.pods) if name.startswith("good") and name.endswith("-0")]
    for pod in soak.random.sample(pods, min(3, len(pods))):
        task = pod.rpartition("-")[0]
        soak.robbed.add(task)
        try:
            soak.tasks.api.delete(f"{soak.tasks.pods_path}/{pod}", gracePeriodSeconds=0)
        except (ApiError, OSError):
            continue


def make_the_way_bad(soak: Soak) -> None:
    fault: Fault = soak.random.choice(
        [
            Answer(429, "TooManyRequests", 1),
            Answer(500, "InternalError"),
            Answer(503, "Unavailable"),
            Reset(),
            Reset(True),
            Slow(1),
        ]
    )
    draw = random.Random(soak.random.random())
    plan: Plan = lambda call: fault if call.verb in WRITES and draw.random() < 0.3 else None  # noqa: E731
    soak.proxy.plan = plan


FAULTS: tuple[Callable[[Soak], None], ...] = (
    kill_a_replica,
    freeze_a_replica,
    end_a_replica,
    kill_the_api_server,
    compact_history,
    cut_watches,
    delete_pods,
    make_the_way_bad,
)


def with_patience(ask: Callable[[], Any]) -> Any:
    """The API server may be away for a moment; what it has done already is done."""
    for _ in range(100):
        try:
            return ask()
        except ApiError as error:
            if error.status == 409:
                return None
            time.sleep(0.2)
        except OSError:
            time.sleep(0.2)
    raise TimeoutError("the API server does not come back")


def run(soak: Soak, minutes: float, rate: float, every: float) -> None:
    ends = time.monotonic() + 60 * minutes
    next_task = next_fault = time.monotonic()
    while (now := time.monotonic()) < ends:
        soak.look_after_replicas()
        if now >= next_task:
            soak.submit()
            next_task = max(next_task + 1 / rate, now - 1)
        if now >= next_fault:
            soak.proxy.plan = lambda _: None
            soak.strike()
            soak.abort_what_runs()
            next_fault = time.monotonic() + every * soak.random.uniform(0.5, 1.5)
        time.sleep(0.01)


def abort_at_once(soak: Soak, count: int) -> None:
    """So many tasks run, and are all aborted in one go."""
    names = [f"atonce-{number}" for number in range(count)]
    for name in names:
        with_patience(lambda name=name: soak.tasks.submit(name, RUNS_ON))  # type: ignore[misc]
        soak.look_after_replicas()
    for name in names:
        with_patience(lambda name=name: soak._abort(name))  # type: ignore[misc]
    soak.expected |= dict.fromkeys(names, "Aborted")


def calm_down(soak: Soak, seconds: float) -> None:
    """No more faults: everything has to come to its end."""
    soak.proxy.plan = lambda _: None

    def ended() -> bool:
        soak.look_after_replicas()
        soak.abort_what_runs()
        return all(phase in TERMINAL for phase in with_patience(soak.tasks.phases).values())

    try:
        wait_until(ended, timeout=seconds, what="the end of all tasks")
    except TimeoutError as error:
        click.echo(str(error), err=True)


def violations(soak: Soak) -> list[str]:
    """Whatever is not as it has to be, a line each."""
    found = soak.tasks.all()
    pods = soak.tasks.pods()
    wrong = [f"lost: {name}" for name in soak.expected.keys() - found.keys()]
    attempts = 0
    for name, item in sorted(found.items()):
        status = item.get("status") or {}
        history = [each["phase"] for each in status.get("attempts", [])]
        attempts += len(history)
        if status.get("phase") != soak.expected.get(name):
            own = {pod: pods[pod]["status"].get("phase") for pod in pods if pod.rpartition("-")[0] == name}
            told = status.get("error") or status.get("reason")
            wrong.append(f"{name} is {status.get('phase')}, not {soak.expected.get(name)}: {told}; pods {own}")
        if sum((status.get("failures") or {}).values()) != history.count("Failed"):
            wrong.append(f"{name}: failures {status.get('failures')} for {history}")
        expected = 1 if name.startswith("again") else 0
        if history.count("Failed") > expected + (name in soak.robbed):
            wrong.append(f"{name} failed too often: {status.get('attempts')}")
    ledger = Ledger(soak.cluster, soak.tasks)
    created = ledger.pods_created()
    wrong += [f"made twice: {name} ({count})" for name, count in created.items() if count > 1]
    try:
        ledger.nothing_lives_on()
    except TimeoutError as error:
        wrong.append(f"left over: {error}")
    writes = sum(1 for event in ledger.writes() if event["objectRef"]["resource"] != "leases")
    _table(soak, found, attempts, created, writes)
    return wrong


def _table(soak: Soak, found: dict[str, Any], attempts: int, created: Counter[str], writes: int) -> None:
    ends = Counter((item.get("status") or {}).get("phase", "?") for item in found.values())
    rows: list[tuple[str, object]] = [
        ("tasks", len(soak.expected)),
        *((f"  {phase}", count) for phase, count in sorted(ends.items())),
        ("attempts", attempts),
        ("pods created", created.total()),
        ("writes per task", f"{writes / max(1, len(found)):.2f}"),
        ("restarts of replicas", soak.restarts),
        ("faults", soak.faults.total()),
        *((f"  {name}", count) for name, count in sorted(soak.faults.items())),
        ("requests struck on their way", soak.proxy.struck.total()),
    ]
    for name, value in rows:
        click.echo(f"{name:<32}{value:>8}")


@click.command()
@click.option("--minutes", default=10.0, show_default=True, help="How long faults strike.")
@click.option("--rate", default=4.0, show_default=True, help="Tasks a second.")
@click.option("--every", default=8.0, show_default=True, help="Seconds between faults, on average.")
@click.option("--abort", default=1000, show_default=True, help="Tasks that are aborted at once at the end.")
@click.option("--seed", default=1, show_default=True)
@click.option(
    "--logs", type=click.Path(path_type=Path), help="Folder for the replicas' logs. Default: a temporary one."
)
def main(minutes: float, rate: float, every: float, abort: int, seed: int, logs: Path | None) -> None:
    """Load and random faults, then a table; exit 1 on any violation."""
    with ExitStack() as stack:
        folder = logs or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        cluster = stack.enter_context(ControlPlane())
        _install(cluster)
        proxy = stack.enter_context(FaultyProxy(cluster, folder))
        soak = Soak(cluster, proxy, folder, random.Random(seed), Tasks(cluster, NAMESPACE))
        try:
            for name in REPLICAS:
                soak.start(name)
            run(soak, minutes, rate, every)
            soak.proxy.plan = lambda _: None
            abort_at_once(soak, abort)
            calm_down(soak, 300)
            wrong = violations(soak)
        finally:
            for replica in soak.replicas.values():
                replica.__exit__()
    for line in wrong:
        click.echo(line, err=True)
    click.echo(f"{len(wrong)} violations")
    sys.exit(1 if wrong else 0)


def _install(cluster: ControlPlane) -> None:
    cluster.api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", custom_resource_definition())
    cluster.api.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})

    def ready() -> bool:
        try:
            served = cluster.api.find(f"{API}/taskexecutions") is not None
            return served and cluster.api.find(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default") is not None
        except ApiError:
            return False

    wait_until(ready, what="TaskExecutions to be served")
    cluster.restart("kube-controller-manager")


if __name__ == "__main__":
    main()
