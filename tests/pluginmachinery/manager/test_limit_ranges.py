"""LimitRanges: what they fill in, and what they never admit."""

from __future__ import annotations

from typing import Any

import pytest

from pluginmachinery.manager import limit_ranges
from pluginmachinery.manager.demands import POD
from pluginmachinery.manager.limit_ranges import LimitRange
from pluginmachinery.manager.namespaces import LIMIT_RANGES, RESOURCE_QUOTAS, Namespaces
from tests.pluginmachinery.manager.crowds import NAMESPACE, START, limit_range, pod, quota


def container(requests: Any = None, limits: Any = None, name: str = "main") -> dict[str, Any]:
    return {"name": name, "resources": {"requests": requests or {}, "limits": limits or {}}}


def of(*containers: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"containers": list(containers)}}


def read(*limits: dict[str, Any]) -> list[LimitRange]:
    return [LimitRange.of(limit_range(*limits))]


DEFAULTS = {"type": "Container", "default": {"cpu": "2"}, "defaultRequest": {"cpu": "1"}}


@pytest.mark.parametrize(
    ("given", "filled"),
    [
        pytest.param(container(), ({"cpu": "1"}, {"cpu": "2"}), id="nothing is given"),
        pytest.param(container({"cpu": "500m"}), ({"cpu": "500m"}, {"cpu": "2"}), id="a request is kept"),
        pytest.param(container(None, {"cpu": "4"}), ({"cpu": "4"}, {"cpu": "4"}), id="a limit is the request too"),
        pytest.param(
            container({"memory": "1Gi"}), ({"cpu": "1", "memory": "1Gi"}, {"cpu": "2"}), id="others are left alone"
        ),
    ],
)
def test_defaults(given: dict[str, Any], filled: tuple[dict[str, str], dict[str, str]]) -> None:
    pod_seen = limit_ranges.with_defaults(of(given), read(DEFAULTS))
    resources = pod_seen["spec"]["containers"][0]["resources"]
    assert (resources["requests"], resources["limits"]) == filled


def test_defaults_count_in_quotas() -> None:
    namespaces = Namespaces()
    namespaces.hear(RESOURCE_QUOTAS, quota({"requests.cpu": 4}, {"requests.cpu": 4}))
    namespace = namespaces.find(NAMESPACE)
    assert namespace is not None
    demand = namespace.demand(POD, pod())
    assert demand is not None
    assert namespace.shortages(demand, START) == ()
    namespaces.hear(LIMIT_RANGES, limit_range(DEFAULTS))
    demand = namespace.demand(POD, pod())
    assert demand is not None
    (short,) = namespace.shortages(demand, START)
    assert str(short.wanted) == "1"


@pytest.mark.parametrize(
    ("limits", "given", "why"),
    [
        pytest.param(
            {"type": "Container", "max": {"cpu": "1"}},
            of(container({"cpu": "2"}, {"cpu": "2"})),
            ["LimitRange bounds: container main has cpu 2, at most 1 is allowed"],
            id="a container has more than the most",
        ),
        pytest.param(
            {"type": "Container", "max": {"cpu": "1"}},
            of(container({"cpu": "1"})),
            ["LimitRange bounds: container main has no limit of cpu, at most 1 is allowed"],
            id="a container has no limit",
        ),
        pytest.param({"type": "Container", "max": {"cpu": "2"}}, of(container(None, {"cpu": "2"})), [], id="as much"),
        pytest.param(
            {"type": "Container", "min": {"memory": "1Gi"}},
            of(container({"memory": "512Mi"})),
            ["LimitRange bounds: container main has memory 512Mi, at least 1Gi is asked for"],
            id="less than the least",
        ),
        pytest.param(
            {"type": "Container", "min": {"memory": "1Gi"}},
            of(container()),
            ["LimitRange bounds: container main says nothing of memory, at least 1Gi is asked for"],
            id="nothing where a least is asked for",
        ),
        pytest.param(
            {"type": "Container", "maxLimitRequestRatio": {"cpu": "2"}},
            of(container({"cpu": "1"}, {"cpu": "3"})),
            ["LimitRange bounds: container main has cpu 1 … 3, the limit may be at most 2 times the request"],
            id="the limit is too far from the request",
        ),
        pytest.param(
            {"type": "Container", "maxLimitRequestRatio": {"cpu": "2"}},
            of(container({"cpu": "1"}, {"cpu": "2"})),
            [],
            id="not too far",
        ),
        pytest.param(
            {"type": "Pod", "max": {"cpu": "3"}},
            of(container(None, {"cpu": "2"}), container(None, {"cpu": "2"}, "side")),
            ["LimitRange bounds: the pod has cpu 4, at most 3 is allowed"],
            id="all containers together",
        ),
        pytest.param({"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}, of(container()), [], id="of others"),
    ],
)
def test_what_is_never_admitted(limits: dict[str, Any], given: dict[str, Any], why: list[str]) -> None:
    assert list(limit_ranges.violations(given, read(limits))) == why


@pytest.mark.parametrize(
    ("message", "is_one"),
    [
        ('pods "p" is forbidden: maximum cpu usage per Container is 1, but limit is 2', True),
        ('pods "p" is forbidden: [minimum memory usage per Pod is 1Gi, but request is 5Mi, x]', True),
        (
            'pods "p" is forbidden: cpu max limit to request ratio per Container is 2, but provided is 3.0',
            True,
        ),
        ("pods is forbidden: exceeded quota: q", False),
    ],
)
def test_the_api_servers_words(message: str, is_one: bool) -> None:
    assert limit_ranges.is_refusal(message) is is_one


def test_what_is_gone_is_known_no_longer() -> None:
    namespaces = Namespaces()
    namespaces.hear(RESOURCE_QUOTAS, quota({"pods": 1}))
    namespaces.hear(LIMIT_RANGES, limit_range(DEFAULTS))
    namespaces.lose(RESOURCE_QUOTAS, NAMESPACE, "team")
    assert namespaces.find(NAMESPACE) is not None
    namespaces.lose(LIMIT_RANGES, NAMESPACE, "bounds")
    namespaces.lose(LIMIT_RANGES, NAMESPACE, "bounds")
    assert namespaces.find(NAMESPACE) is None
