"""A bad way to the API server: refusals, broken and slow connections, watches that break, expire or fall silent."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.cluster.controllers import CONFIG, Controller, Tasks
from tests.cluster.faults.proxies import WRITES, Answer, Call, Fault, FaultyProxy, Gone, Plan, Reset, Silence, Slow
from tests.cluster.ledgers import Ledger
from tools.controlplane.api import wait_until
from tools.controlplane.clusters import Cluster
from tools.controlplane.controlplanes import ControlPlane

SUCCEEDS = [{"after": 0.1, "phase": "Running"}, {"after": 0.4, "phase": "Succeeded"}]
FAILS = [{"after": 0.1, "phase": "Failed", "containers": {"*": {"exitCode": 3}}}]
EAGER = {**CONFIG, "plugin-manager": {"coalesce": "0s"}}


@pytest.fixture(scope="module")
def way(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FaultyProxy, Tasks, Controller]]:
    """One controller, one proxy between it and the API server, one namespace for all plans."""
    if not isinstance(cluster, ControlPlane):
        pytest.skip("needs a control plane of our own")
    folder = tmp_path_factory.mktemp("way")
    namespace = f"bad-ways-{secrets.token_hex(3)}"
    cluster.api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
    account = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
    wait_until(lambda: cluster.api.find(account), what="the default service account")
    arguments = ("--namespace", namespace)
    with FaultyProxy(cluster, folder) as proxy:
        module, environment = "tests.cluster.faults.entry", {"SILENCE": "2"}
        with Controller(
            folder, proxy.kubeconfig, EAGER, arguments, module=module, environment=environment
        ) as controller:
            controller.ready()
            yield proxy, Tasks(cluster, namespace), controller
    cluster.api.delete(f"/api/v1/namespaces/{namespace}")


def every(nth: int, fault: Fault, *verbs: str) -> Plan:
    return lambda call: fault if call.verb in verbs and call.number % nth == 0 else None


def watches(fault: Fault) -> Plan:
    """The next watches of each kind, three in a row."""
    left = {"taskexecutions": 3, "pods": 3}

    def plan(call: Call) -> Fault | None:
        if call.verb != "watch" or not left.get(call.resource):
            return None
        left[call.resource] -= 1
        return fault

    return plan


PLANS: dict[str, tuple[Plan, bool]] = {
    "429 with Retry-After": (every(5, Answer(429, "TooManyRequests", retry_after=1), *WRITES), False),
    "409 for status writes": (every(3, Answer(409, "Conflict"), "update"), False),
    "500": (every(4, Answer(500, "InternalError"), *WRITES), False),
    "503": (every(3, Answer(503, "ServiceUnavailable"), *WRITES, "get", "list"), False),
    "resets before it was done": (every(3, Reset(), *WRITES), False),
    "resets after it was done": (every(3, Reset(done=True), *WRITES), False),
    "slow answers": (every(2, Slow(0.5), *WRITES, "list", "watch"), False),
    "watches cut within an event": (lambda _: None, True),
    "watches that expire": (watches(Gone()), True),
    "watches that fall silent": (watches(Silence()), True),
    "watches and lists refused": (every(2, Answer(500, "InternalError"), "watch", "list"), True),
}


@pytest.mark.parametrize("name", PLANS)
def test_tasks_through(name: str, way: tuple[FaultyProxy, Tasks, Controller]) -> None:
    proxy, tasks, controller = way
    plan, cut = PLANS[name]
    prefix = name.lower().replace(" ", "-")
    phases = {f"{prefix}-{number}": "Succeeded" for number in range(8)}
    attempts = {f"{prefix}-{number}": ["Failed", "Succeeded"] for number in (3, 6)}
    before = proxy.struck.total()
    with proxy.during(plan):
        for number, task in enumerate(phases):
            tasks.submit(task, [FAILS, SUCCEEDS] if task in attempts else SUCCEEDS)
            if cut and number in (3, 7):
                proxy.cut_watches()
        assert tasks.ended(*phases, timeout=90) == phases
    assert proxy.struck.total() > before, "no fault struck"
    Ledger(proxy.cluster, tasks).balance(phases, attempts)
    controller.ready()


def test_history_is_compacted_and_the_server_restarted_while_no_watch_is_open(
    way: tuple[FaultyProxy, Tasks, Controller],
) -> None:
    """What was missed can not be caught up with: the real server answers 410, and the lists are read again."""
    proxy, tasks, controller = way
    cluster = proxy.cluster
    phases = {f"compacted-{number}": "Succeeded" for number in range(6)}
    away: Plan = lambda call: Answer(503, "ServiceUnavailable") if call.verb in ("watch", "list") else None  # noqa: E731
    relists = _relists(controller)
    with proxy.during(away):
        for task in list(phases)[:3]:
            tasks.submit(task, SUCCEEDS)
        wait_until(lambda: len([name for name in tasks.pods() if name.startswith("compacted")]) == 3, what="pods")
        proxy.cut_watches()
        for task in list(phases)[3:]:
            tasks.submit(task, SUCCEEDS)
        wait_until(
            lambda: all(
                pod["status"].get("phase") == "Succeeded"
                for name, pod in tasks.pods().items()
                if name.startswith("compacted")
            ),
            what="ends that nobody watched",
        )
        cluster.compact()
        cluster.restart("kube-apiserver")
    assert tasks.ended(*phases, timeout=90) == phases
    assert _relists(controller) > relists
    Ledger(cluster, tasks).balance(phases)


def _relists(controller: Controller) -> float:
    lines = controller.get("/metrics")[1].splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if "watch_relists_total{" in line)
