"""Quotas: what a refusal says, and what a pod counts for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pluginmachinery.config.quantities import Quantity
from pluginmachinery.manager.demands import pod_usage
from pluginmachinery.manager.quotas import never_fits_as_flyte_reads, parse_refusal

REFUSAL = (
    'pods "p" is forbidden: exceeded quota: team-a, requested: limits.cpu=7,requests.nvidia.com/gpu=2, '
    "used: limits.cpu=249,requests.nvidia.com/gpu=8, limited: limits.cpu=250,requests.nvidia.com/gpu=8"
)


def texts(amounts: Any) -> dict[str, str]:
    return {name: str(amount) for name, amount in amounts.items()}


def test_a_refusal_is_read_with_all_its_amounts() -> None:
    refusal = parse_refusal(REFUSAL)
    assert refusal is not None
    assert refusal.quota == "team-a"
    assert texts(refusal.requested) == {"limits.cpu": "7", "requests.nvidia.com/gpu": "2"}
    assert texts(refusal.used) == {"limits.cpu": "249", "requests.nvidia.com/gpu": "8"}
    assert texts(refusal.limited) == {"limits.cpu": "250", "requests.nvidia.com/gpu": "8"}
    assert refusal.never_fitting == ()
    assert str(refusal) == (
        "quota team-a: limits.cpu 7 of 1 free (250 in all), requests.nvidia.com/gpu 2 of 0 free (8 in all)"
    )


@pytest.mark.parametrize(
    ("requested", "limited", "never"),
    [
        ("limits.cpu=10", "limits.cpu=10", ()),
        ("limits.cpu=10001m", "limits.cpu=10", ("limits.cpu",)),
        ("limits.memory=2Gi", "limits.memory=2000Mi", ("limits.memory",)),
        ("pods=1", "pods=0", ("pods",)),
        ("limits.cpu=1,requests.cpu=9", "limits.cpu=2,requests.cpu=5", ("requests.cpu",)),
        ("limits.cpu=9", "requests.cpu=1", ()),
    ],
)
def test_what_never_fits(requested: str, limited: str, never: tuple[str, ...]) -> None:
    refusal = parse_refusal(f"exceeded quota: q, requested: {requested}, used: pods=0, limited: {limited}")
    assert refusal is not None
    assert refusal.never_fitting == never


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("exceeded quota: q", "quota q"),
        ("exceeded quota: q, requested: limits.cpu=x", "quota q"),
        ("exceeded quota: q, requested: limits.cpu=1", "quota q: limits.cpu 1"),
        (
            "exceeded quota: q, requested: pods=1, used: pods=9, limited: pods=5",
            "quota q: pods 1 of 0 free (5 in all)",
        ),
        ("pods is forbidden: no", None),
    ],
)
def test_words_that_are_not_quite_as_expected(message: str, shown: str | None) -> None:
    refusal = parse_refusal(message)
    assert (None if refusal is None else str(refusal)) == shown


@given(st.text(alphabet="exceeded quota:,=requestedusedlimited.cpu 019mGi", max_size=120))
def test_any_words_are_read(words: str) -> None:
    for message in (words, f"exceeded quota: {words}", f"exceeded quota: q, requested: {words}, limited: {words}"):
        refusal = parse_refusal(message)
        never_fits_as_flyte_reads(message)
        if refusal is not None:
            assert str(refusal).startswith("quota ")


@pytest.mark.parametrize(
    ("requested", "limited", "never"),
    [
        pytest.param("limits.cpu=10", "limits.cpu=10", True, id="as much is too much"),
        pytest.param("limits.cpu=9,limits.memory=2Gi", "limits.cpu=10,limits.memory=1Gi", True, id="one of two"),
        pytest.param("limits.cpu=1,requests.cpu=9", "limits.cpu=9,requests.cpu=5", False, id="only the leading sort"),
        pytest.param("requests.cpu=9,limits.cpu=1", "requests.cpu=5,limits.cpu=9", True, id="whichever that is"),
        pytest.param("pods=1", "pods=0", False, id="counts are not read"),
        pytest.param("requests.nvidia.com/gpu=9", "requests.nvidia.com/gpu=1", False, id="nor longer names"),
    ],
)
def test_how_flyte_reads_them(requested: str, limited: str, never: bool) -> None:
    message = f"exceeded quota: q, requested: {requested}, used: x=1, limited: {limited}"
    assert never_fits_as_flyte_reads(message) is never


# --- What a pod counts for -------------------------------------------------------------------------------------------


def container(limits: Any = None, requests: Any = None, **fields: Any) -> dict[str, Any]:
    return {"resources": {"limits": limits or {}, "requests": requests or {}}, **fields}


@pytest.mark.parametrize(
    ("spec", "usage"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param(
            {"containers": [container({"cpu": "1"}), container({"cpu": "500m"})]},
            {"limits.cpu": "1500m", "requests.cpu": "1500m", "cpu": "1500m"},
            id="containers add up; limits stand in for requests",
        ),
        pytest.param(
            {"containers": [container({"cpu": "2"}, {"cpu": "1"})]},
            {"limits.cpu": "2", "requests.cpu": "1", "cpu": "1"},
            id="requests and limits apart",
        ),
        pytest.param(
            {"containers": [container({"cpu": "1"})], "initContainers": [container({"cpu": "3"}), container()]},
            {"limits.cpu": "3", "requests.cpu": "3", "cpu": "3"},
            id="a large init container runs alone",
        ),
        pytest.param(
            {
                "containers": [container(requests={"cpu": "1"})],
                "initContainers": [
                    container(requests={"cpu": "2"}, restartPolicy="Always"),
                    container(requests={"cpu": "4"}),
                ],
            },
            {"requests.cpu": "6", "cpu": "6"},
            id="an init container runs beside the sidecars before it",
        ),
        pytest.param(
            {
                "containers": [container(requests={"cpu": "5"})],
                "initContainers": [container(requests={"cpu": "2"}, restartPolicy="Always")],
            },
            {"requests.cpu": "7", "cpu": "7"},
            id="sidecars go on beside the containers",
        ),
        pytest.param(
            {"containers": [container(requests={"cpu": "1"})], "overhead": {"cpu": "250m"}},
            {"limits.cpu": "250m", "requests.cpu": "1250m", "cpu": "1250m"},
            id="overhead",
        ),
    ],
)
def test_what_a_pod_counts_for(spec: Any, usage: dict[str, str]) -> None:
    counted = pod_usage({"spec": spec})
    assert (counted.pop("pods"), counted.pop("count/pods")) == (Quantity.of(1), Quantity.of(1))
    assert counted == {name: Quantity.parse(amount) for name, amount in usage.items()}
