"""ResourceQuotas: which pods they count, and what of them is left."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pluginmachinery.core.actions import ResourceKind
from pluginmachinery.manager.demands import POD, Demand
from pluginmachinery.manager.resource_quotas import RECOUNT, SETTLING, Account, ResourceQuota
from tests.pluginmachinery.manager.crowds import START, pod, quota

JOB = ResourceKind("kubeflow.org/v1", "PyTorchJob", "pytorchjobs")
AFFINE = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"namespaces": ["other"]}]}}
BEST_EFFORT, BURSTABLE = pod(), pod(1)
URGENT = pod(1, priorityClassName="urgent")


def selector(scope: str, operator: str, *values: str) -> dict[str, Any]:
    return {"scopeSelector": {"matchExpressions": [{"scopeName": scope, "operator": operator, "values": [*values]}]}}


@pytest.mark.parametrize(
    ("scope", "manifest", "counts"),
    [
        pytest.param({}, BEST_EFFORT, True, id="without scopes all count"),
        pytest.param({"scopes": ["BestEffort"]}, BEST_EFFORT, True, id="nothing asked for is best effort"),
        pytest.param({"scopes": ["BestEffort"]}, BURSTABLE, False, id="a request is not"),
        pytest.param({"scopes": ["NotBestEffort"]}, BURSTABLE, True, id="not best effort"),
        pytest.param({"scopes": ["BestEffort"]}, pod("0"), True, id="nothing of cpu is nothing"),
        pytest.param({"scopes": ["Terminating"]}, pod(1, activeDeadlineSeconds=5), True, id="it has a deadline"),
        pytest.param({"scopes": ["Terminating"]}, BURSTABLE, False, id="it has none"),
        pytest.param({"scopes": ["NotTerminating"]}, BURSTABLE, True, id="without a deadline"),
        pytest.param({"scopes": ["NotTerminating", "BestEffort"]}, BURSTABLE, False, id="every scope has to hold"),
        pytest.param({"scopes": ["PriorityClass"]}, URGENT, True, id="some priority class"),
        pytest.param({"scopes": ["PriorityClass"]}, BURSTABLE, False, id="no priority class"),
        pytest.param(selector("PriorityClass", "In", "urgent"), URGENT, True, id="this class"),
        pytest.param(selector("PriorityClass", "In", "idle"), URGENT, False, id="another class"),
        pytest.param(selector("PriorityClass", "NotIn", "idle"), URGENT, True, id="not that class"),
        pytest.param(selector("PriorityClass", "NotIn", "idle"), BURSTABLE, True, id="no class is not that class"),
        pytest.param(selector("PriorityClass", "Exists"), URGENT, True, id="a class"),
        pytest.param(selector("PriorityClass", "DoesNotExist"), BURSTABLE, True, id="no class wanted"),
        pytest.param(selector("BestEffort", "Exists"), BEST_EFFORT, True, id="a selector of another scope"),
        pytest.param(selector("CrossNamespacePodAffinity", "Exists"), pod(affinity=AFFINE), True, id="affinity"),
        pytest.param(selector("CrossNamespacePodAffinity", "Exists"), BURSTABLE, False, id="no affinity"),
    ],
)
def test_scopes(scope: dict[str, Any], manifest: dict[str, Any], counts: bool) -> None:
    read = ResourceQuota.of(quota({"pods": 1}, **scope))
    assert read.counts(Demand.of(POD, manifest)) is counts


def test_an_operators_object_counts_as_one_of_its_kind_and_for_no_scope() -> None:
    demand = Demand.of(JOB, {"spec": {}})
    assert {name: str(amount) for name, amount in demand.amounts.items()} == {"count/pytorchjobs.kubeflow.org": "1"}
    account = Account(
        ResourceQuota.of(quota({"count/pytorchjobs.kubeflow.org": 1}, {"count/pytorchjobs.kubeflow.org": 1}))
    )
    assert [short.resource for short in account.shortages(demand, START)] == ["count/pytorchjobs.kubeflow.org"]
    for scope in ({"scopes": ["NotTerminating"]}, selector("PriorityClass", "DoesNotExist")):
        assert not ResourceQuota.of(quota({"pods": 1}, **scope)).counts(demand)


def test_a_quota_that_was_not_counted_yet_limits_nothing() -> None:
    account = Account(ResourceQuota.of({"metadata": {"name": "q"}, "spec": {"hard": {"pods": "0"}}}))
    assert list(account.shortages(Demand.of(POD, pod(1)), START)) == []


GPU = {"spec": {"containers": [{"name": "c", "resources": {"limits": {"nvidia.com/gpu": "2", "memory": "1Gi"}}}]}}


@pytest.mark.parametrize(
    ("hard", "used", "short"),
    [
        ({"requests.nvidia.com/gpu": "4"}, {"requests.nvidia.com/gpu": "2"}, []),
        (
            {"requests.nvidia.com/gpu": "4"},
            {"requests.nvidia.com/gpu": "3"},
            ["requests.nvidia.com/gpu 2 of 1 free (4 in all)"],
        ),
        ({"memory": "2Gi"}, {"memory": "1536Mi"}, ["memory 1Gi of 512Mi free (2Gi in all)"]),
        ({"limits.memory": "1Gi"}, {"limits.memory": "1Gi"}, ["limits.memory 1Gi of 0 free (1Gi in all)"]),
        (
            {"pods": "1", "count/pods": "5"},
            {"pods": "2", "count/pods": "5"},
            ["pods 1 of 0 free (1 in all)", "count/pods 1 of 0 free (5 in all)"],
        ),
        ({"services": "0", "limits.cpu": "0"}, {}, []),
    ],
)
def test_shortages(hard: dict[str, str], used: dict[str, str], short: list[str]) -> None:
    account = Account(ResourceQuota.of(quota(hard, used)))
    assert [str(each) for each in account.shortages(Demand.of(POD, GPU), START)] == short


# --- Promises --------------------------------------------------------------------------------------------------------

ONE = Demand.of(POD, pod(1))


class Told:
    """An account of four cpus, and the versions in which it is heard of."""

    def __init__(self) -> None:
        self.account = Account(ResourceQuota.of(quota({"cpu": 4})))

    def hear(self, used: int, version: int = 0) -> None:
        body = quota({"cpu": 4}, {"cpu": used})
        body["metadata"]["resourceVersion"] = str(version)
        self.account.hear(ResourceQuota.of(body))

    def free(self, seconds: float = 0) -> int:
        wanted = Demand.of(POD, pod(100))
        (short,) = self.account.shortages(wanted, START + timedelta(seconds=seconds))
        assert short.free is not None
        return short.free.ceil()


def test_what_is_under_way_takes_room_until_it_is_released() -> None:
    told = Told()
    told.account.promise("a", ONE)
    told.account.promise("a", ONE)
    assert told.free(1000) == 3
    told.account.release("a")
    assert told.free() == 4


def test_what_grows_explains_a_promise() -> None:
    told = Told()
    for uid in "ab":
        told.account.promise(uid, ONE)
    told.hear(used=1)
    assert told.free() == 2
    told.hear(used=2)
    assert told.free() == 2


def test_a_newer_quota_has_what_was_created_before() -> None:
    told = Told()
    told.hear(used=3, version=5)
    told.account.promise("a", ONE)
    told.account.keep_promise("a", START, version=7)
    told.hear(used=3, version=6)
    assert told.free() == 0
    told.hear(used=3, version=8)  # another one ended
    assert told.free() == 1


def test_a_promise_settles_by_itself() -> None:
    told = Told()
    told.hear(used=2)
    told.account.promise("a", ONE)
    told.account.keep_promise("a", START, version=7)
    assert told.account.settles_at() == START + SETTLING
    assert (told.free(0), told.free(SETTLING.total_seconds())) == (1, 2)


def test_what_we_hold_is_in_use_whatever_is_heard() -> None:
    told = Told()
    for uid in "abc":
        told.account.promise(uid, ONE)
        told.account.keep_promise(uid, START, version=1)
    told.hear(used=3, version=2)
    told.hear(used=0, version=3)  # the quota controller counts anew and has not seen them all
    assert told.free() == 1
    told.account.release("a")
    assert told.free() == 2


def test_what_is_heard_for_long_is_right() -> None:
    told = Told()
    told.account.promise("a", ONE)
    told.account.keep_promise("a", START, version=1)
    told.hear(used=0, version=2)  # it went, and nobody has told us
    assert (told.free(0), told.free(RECOUNT.total_seconds())) == (3, 4)
