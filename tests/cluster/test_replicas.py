"""Several controllers on one cluster: they share, take over, hand over, and what was frozen writes nothing more."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.runtime.application import FAILED, LEASE
from controller.runtime.holding import DURATION, RETRY
from controller.runtime.memberships import ROSTER
from controller.runtime.rosters import parse
from pluginmachinery.api.rbac import controller_rules, leader_rules
from pluginmachinery.plugins.registry import declaration_of
from tests.cluster.controllers import CONFIG, Controller, Tasks
from tests.cluster.ledgers import Ledger
from tools.controlplane.api import wait_until
from tools.controlplane.controlplanes import ControlPlane

Replica = Callable[..., Controller]

RUNS_A_WHILE = [{"after": 0.2, "phase": "Running"}, {"after": 0.8, "phase": "Succeeded"}]
RUNS_ON = [{"after": 0.1, "phase": "Running"}, {"hang": True}]
FAILS_ONCE = [[{"after": 0.1, "phase": "Failed", "containers": {"*": {"exitCode": 3}}}], RUNS_A_WHILE]
RBAC = "/apis/rbac.authorization.k8s.io/v1"


@pytest.fixture
def replica(run: Callable[..., Controller], tasks: Tasks, own_control_plane: ControlPlane) -> Replica:
    """Starts a replica with an account of its own, which the audit log tells apart; the rights are the chart's."""
    rules = [*controller_rules(plugins=[declaration_of("container")]), *leader_rules()]
    roles = f"{RBAC}/namespaces/{tasks.namespace}"
    tasks.api.create(f"{roles}/roles", {"metadata": {"name": "controller"}, "rules": rules})

    def start(name: str, count: int) -> Controller:
        tasks.api.create(f"/api/v1/namespaces/{tasks.namespace}/serviceaccounts", {"metadata": {"name": name}})
        subject = {"kind": "ServiceAccount", "name": name, "namespace": tasks.namespace}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "controller"}
        tasks.api.create(f"{roles}/rolebindings", {"metadata": {"name": name}, "roleRef": role, "subjects": [subject]})
        kubeconfig: Path = own_control_plane.kubeconfig_for(name, tasks.namespace)
        config = {**CONFIG, "plugin-manager": {"sharding": {"count": count}}}
        elect = ("--leader-elect", "--leader-elect-namespace", tasks.namespace)
        return run(*elect, kubeconfig=kubeconfig, config=config, folder=name)

    return start


def shards_of(replica: Controller) -> list[int]:
    """The shards it says it has."""
    found = re.search(r"membership shards ([\d, ]+) of", replica.get("/readyz")[1])
    return [int(number) for number in found[1].split(", ")] if found else []


def beats(tasks: Tasks) -> dict[str, int]:
    """How often each replica on the roster has had its turn."""
    lease = tasks.api.get(f"/apis/coordination.k8s.io/v1/namespaces/{tasks.namespace}/leases/{LEASE}")
    roster = parse(lease["metadata"]["annotations"][ROSTER])
    assert roster is not None
    return dict(roster.beats)


def shared(*replicas: Controller) -> bool:
    """Every shard is somebody's, and all have as many."""
    held = [shards_of(replica) for replica in replicas]
    return sorted(number for each in held for number in each) == list(range(6)) and len({*map(len, held)}) == 1


def test_three_replicas_share_six_shards_through_hand_over_freeze_and_death(
    replica: Replica, tasks: Tasks, own_control_plane: ControlPlane
) -> None:
    a, b, c = (replica(name, 6).ready() for name in "abc")
    wait_until(lambda: shared(a, b, c), what="even shares")
    names = [f"t{number}" for number in range(60)]
    for name in names[:30]:
        tasks.submit(name, FAILS_ONCE if name.endswith("7") else RUNS_A_WHILE)
    assert a.terminate() == 0
    wait_until(lambda: shared(b, c), what="the shards of the one that went")
    d = replica("d", 6).ready()
    wait_until(lambda: shared(b, c, d), what="shares for the one that came")
    for name in names[30:45]:
        tasks.submit(name, RUNS_A_WHILE)
    b.freeze()
    c.kill()
    struck = beats(tasks)
    for name in names[45:]:
        tasks.submit(name, FAILS_ONCE if name.endswith("7") else RUNS_A_WHILE)
    wait_until(lambda: shards_of(d) == list(range(6)), timeout=60, what="all shards at the last one")
    # Counted in the survivor's turns, because a busy machine stretches time: the duration, and one at either end.
    (survivor,) = beats(tasks)
    assert beats(tasks)[survivor] - struck[survivor] <= DURATION / RETRY + 3
    tasks.ended(timeout=60)
    account = f"system:serviceaccount:{tasks.namespace}:b"
    before = len(list(Ledger(own_control_plane, tasks).writes(account)))
    b.wake()
    assert b.process.wait(timeout=30) == FAILED
    ledger = Ledger(own_control_plane, tasks)
    assert len(list(ledger.writes(account))) == before, "it wrote after it had been frozen"
    twice = {name: ["Failed", "Succeeded"] for name in (*names[:30], *names[45:]) if name.endswith("7")}
    ledger.balance(dict.fromkeys(names, "Succeeded"), twice)


def test_a_leader_that_was_frozen_writes_nothing_when_it_wakes(
    replica: Replica, tasks: Tasks, own_control_plane: ControlPlane
) -> None:
    first = replica("first", 1).ready()
    wait_until(lambda: "] leadership leading" in first.get("/readyz")[1], what="a leader")
    second = replica("second", 1).ready()
    tasks.submit("before", RUNS_ON)
    tasks.until("before", "Running")
    first.freeze()
    tasks.submit("after", RUNS_A_WHILE)
    assert tasks.ended("after") == {"after": "Succeeded"}
    account = f"system:serviceaccount:{tasks.namespace}:first"
    ledger = Ledger(own_control_plane, tasks)
    before = len(list(ledger.writes(account)))
    tasks.api.patch(f"{tasks.path}/before", {"spec": {"abort": True}})
    first.wake()
    assert first.process.wait(timeout=30) == FAILED
    assert tasks.ended() == {"before": "Aborted", "after": "Succeeded"}
    assert len(list(ledger.writes(account))) == before
    assert "leading" in second.get("/readyz")[1]
    ledger.balance({"before": "Aborted", "after": "Succeeded"}, {"before": ["Aborted"]})


def test_a_release_with_another_number_of_shards_waits_for_the_old_one(
    replica: Replica, tasks: Tasks, own_control_plane: ControlPlane
) -> None:
    old = replica("old", 1).ready()
    tasks.submit("before", RUNS_A_WHILE)
    new = [replica(name, 6).ready() for name in ("new-a", "new-b")]
    assert all("standing by until" in each.get("/readyz")[1] for each in new), "ready, or the roll-out would stop"
    tasks.submit("while", RUNS_A_WHILE)
    tasks.ended()
    assert old.terminate() == 0
    for number in range(6):
        tasks.submit(f"after-{number}", RUNS_A_WHILE)
    names = ["before", "while", *(f"after-{number}" for number in range(6))]
    assert tasks.ended() == dict.fromkeys(names, "Succeeded")
    wait_until(lambda: shared(*new), what="even shares")
    Ledger(own_control_plane, tasks).balance(dict.fromkeys(names, "Succeeded"))
