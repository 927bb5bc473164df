"""Whether nodes take pods, as Kubernetes decides it: requirements, taints, and what a configuration demands."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configgen.lint.node_demands import Demand, offer
from configgen.lint.node_pools import NodePool, meets, tolerates

LABELS = {"pool": "gpu", "size": "8"}
REQUIREMENTS = {
    "in the values": ({"key": "pool", "operator": "In", "values": ["cpu", "gpu"]}, True),
    "not in them": ({"key": "pool", "operator": "In", "values": ["cpu"]}, False),
    "NotIn holds without the label": ({"key": "zone", "operator": "NotIn", "values": ["a"]}, True),
    "exists": ({"key": "pool", "operator": "Exists"}, True),
    "does not exist": ({"key": "pool", "operator": "DoesNotExist"}, False),
    "greater": ({"key": "size", "operator": "Gt", "values": ["4"]}, True),
    "equal is not greater": ({"key": "size", "operator": "Gt", "values": ["8"]}, False),
    "less": ({"key": "size", "operator": "Lt", "values": ["16"]}, True),
    "no number": ({"key": "pool", "operator": "Gt", "values": ["4"]}, False),
    "greater without the label": ({"key": "zone", "operator": "Lt", "values": ["4"]}, False),
    "greater than nothing": ({"key": "size", "operator": "Gt"}, False),
}


@pytest.mark.parametrize(("requirement", "met"), REQUIREMENTS.values(), ids=REQUIREMENTS)
def test_requirements(requirement: dict[str, Any], met: bool) -> None:
    assert meets(requirement, LABELS) is met


TAINT = {"key": "team", "value": "ml", "effect": "NoSchedule"}
TOLERATIONS = {
    "key and value": ({"key": "team", "value": "ml"}, True),
    "another value": ({"key": "team", "value": "web"}, False),
    "no value": ({"key": "team"}, False),
    "any value": ({"key": "team", "operator": "Exists"}, True),
    "the effect": ({"key": "team", "operator": "Exists", "effect": "NoSchedule"}, True),
    "another effect": ({"key": "team", "operator": "Exists", "effect": "NoExecute"}, False),
    "another key": ({"key": "crew", "operator": "Exists"}, False),
    "everything": ({"operator": "Exists"}, True),
    "an empty one": ({}, False),
}


@pytest.mark.parametrize(("toleration", "covers"), TOLERATIONS.values(), ids=TOLERATIONS)
def test_tolerations(toleration: dict[str, Any], covers: bool) -> None:
    assert tolerates(toleration, TAINT) is covers


def test_a_taint_without_a_value_is_covered_by_an_equal_one() -> None:
    assert tolerates({"key": "team"}, {"key": "team", "effect": "NoSchedule"})


LABELLED = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["1", "2"]), max_size=2)
POOLS = st.lists(
    st.builds(
        NodePool,
        st.just("pool"),
        LABELLED,
        taints=st.lists(st.sampled_from([TAINT, {"key": "x", "effect": "NoExecute"}]), max_size=2).map(tuple),
        resources=st.none() | st.frozensets(st.sampled_from(["gpu", "cpu"])),
    ),
    max_size=4,
)
DEMANDS = st.builds(
    Demand,
    st.just(("key",)),
    st.just("pods"),
    LABELLED.map(lambda labels: (tuple({"key": k, "operator": "In", "values": [v]} for k, v in labels.items()),)),
    st.lists(st.sampled_from([{"operator": "Exists"}, {"key": "team", "value": "ml"}]), max_size=1).map(tuple),
    st.sampled_from(["", "gpu"]),
)


@given(DEMANDS, POOLS)
def test_a_node_is_a_taker_or_misses_in_one_way(demand: Demand, pools: list[NodePool]) -> None:
    found = offer(demand, pools)
    fitting = [pool for pool in pools if demand.is_met_by(pool.labels)]
    assert len(found.takers) + len(found.tainted) + len(found.without_resource) == len(fitting)


@given(DEMANDS, POOLS)
def test_more_tolerations_never_cost_a_node(demand: Demand, pools: list[NodePool]) -> None:
    tolerant = Demand(demand.path, demand.pods, demand.alternatives, ({"operator": "Exists"},), demand.resource)
    assert set(map(id, offer(demand, pools).takers)) <= set(map(id, offer(tolerant, pools).takers))
    assert not offer(tolerant, pools).tainted
