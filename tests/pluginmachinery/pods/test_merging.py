"""The laws of merging Kubernetes structures."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pluginmachinery.config.kubernetes_schema import coerce
from pluginmachinery.pods.merging import copied, merged

TEXTS = st.sampled_from(["", "a", "b"])
MAPS = st.dictionaries(st.sampled_from("klm"), TEXTS, max_size=3)
ENV = st.lists(st.fixed_dictionaries({"name": TEXTS}, optional={"value": TEXTS}), max_size=2)
AMOUNTS = st.dictionaries(st.sampled_from(["cpu", "memory"]), st.sampled_from(["0", "1", "2Gi"]))
CONTAINERS = st.fixed_dictionaries(
    {"name": TEXTS},
    optional={
        "image": TEXTS,
        "command": st.lists(TEXTS, max_size=2),
        "env": ENV,
        "resources": st.fixed_dictionaries({}, optional={"limits": AMOUNTS, "requests": AMOUNTS}),
        "securityContext": st.fixed_dictionaries(
            {}, optional={"privileged": st.booleans(), "runAsUser": st.integers(0, 2)}
        ),
        "livenessProbe": st.fixed_dictionaries(
            {"httpGet": st.fixed_dictionaries({"port": st.sampled_from([0, 80, "http"])})},
            optional={"periodSeconds": st.integers(0, 2)},
        ),
        "tty": st.booleans(),
    },
).map(lambda container: coerce("Container", container))
SPECS = st.fixed_dictionaries(
    {"containers": st.lists(CONTAINERS, max_size=2)},
    optional={
        "nodeSelector": MAPS,
        "hostNetwork": st.booleans(),
        "priority": st.integers(0, 2),
        "serviceAccountName": TEXTS,
        "tolerations": st.lists(st.fixed_dictionaries({"key": TEXTS}), max_size=2),
    },
).map(lambda spec: coerce("PodSpec", spec))


@pytest.mark.parametrize(
    ("base", "overlay", "expected"),
    [
        pytest.param({"image": "a"}, {"image": "b"}, {"image": "b"}, id="a text is the overlay's"),
        pytest.param({"image": "a"}, {"image": ""}, {"image": "a"}, id="unless that is empty"),
        pytest.param({"tty": True}, {"tty": False}, {"tty": True}, id="false says nothing"),
        pytest.param(
            {"securityContext": {"privileged": True, "runAsUser": 5}},
            {"securityContext": {"privileged": False, "runAsUser": 0}},
            {"securityContext": {"privileged": True, "runAsUser": 5}},
            id="nor does it where it was set on purpose",
        ),
        pytest.param(
            {"securityContext": {"runAsUser": 5}},
            {"securityContext": {"privileged": False}},
            {"securityContext": {"runAsUser": 5, "privileged": False}},
            id="a false that the base has not is kept; structures are merged",
        ),
        pytest.param({"args": ["a"]}, {"args": ["b"]}, {"args": ["a", "b"]}, id="lists are appended"),
        pytest.param(
            {"env": [{"name": "A", "value": "1"}]},
            {"env": [{"name": "A"}]},
            {"env": [{"name": "A", "value": "1"}, {"name": "A"}]},
            id="also lists of named things",
        ),
        pytest.param(
            {"resources": {"limits": {"cpu": "1", "memory": "1Gi"}}},
            {"resources": {"limits": {"cpu": "0"}}},
            {"resources": {"limits": {"cpu": "0", "memory": "1Gi"}}},
            id="maps are united, zeros included",
        ),
        pytest.param(
            {"livenessProbe": {"tcpSocket": {"port": 80}}},
            {"livenessProbe": {"tcpSocket": {"port": "http"}}},
            {"livenessProbe": {"tcpSocket": {"port": "http"}}},
            id="a port by name wins over a number",
        ),
        pytest.param(
            {"livenessProbe": {"tcpSocket": {"port": "http"}}},
            {"livenessProbe": {"tcpSocket": {"port": 80}}},
            {"livenessProbe": {"tcpSocket": {"port": "http"}}},
            id="and a number never over a name",
        ),
    ],
)
def test_merged(base: dict[str, Any], overlay: dict[str, Any], expected: dict[str, Any]) -> None:
    assert merged("Container", base, overlay) == expected


def test_empty_values_of_maps_count() -> None:
    assert merged("PodSpec", {"nodeSelector": {"a": "1"}}, {"nodeSelector": {"a": ""}}) == {"nodeSelector": {"a": ""}}


@given(SPECS)
def test_nothing_laid_over_a_spec_is_the_spec(spec: dict[str, Any]) -> None:
    assert merged("PodSpec", spec, {}) == spec
    assert merged("PodSpec", {}, spec) == spec


@given(SPECS, SPECS)
def test_lists_are_appended_and_maps_united(base: dict[str, Any], overlay: dict[str, Any]) -> None:
    result = merged("PodSpec", base, overlay)
    assert result["containers"] == base["containers"] + overlay["containers"]
    assert result.get("nodeSelector", {}) == base.get("nodeSelector", {}) | overlay.get("nodeSelector", {})


@given(CONTAINERS, CONTAINERS, CONTAINERS)
def test_merging_is_associative_but_for_ports(a: Any, b: Any, c: Any) -> None:
    """A chain of templates can be merged from either end, as long as no port changes between name and number."""
    for container in (a, b, c):
        container.pop("livenessProbe", None)
    left = merged("Container", merged("Container", a, b), c)
    assert left == merged("Container", a, merged("Container", b, c))


@given(SPECS, SPECS)
def test_what_was_given_is_neither_changed_nor_shared(base: dict[str, Any], overlay: dict[str, Any]) -> None:
    before = copy.deepcopy((base, overlay))
    result = merged("PodSpec", base, overlay)
    _spoil(result)
    assert (base, overlay) == before


@given(SPECS)
def test_a_copy_shares_nothing(spec: dict[str, Any]) -> None:
    before = copy.deepcopy(spec)
    duplicate = copied(spec)
    assert duplicate == spec
    _spoil(duplicate)
    assert spec == before


def _spoil(value: Any) -> None:
    """Change everything that can be changed."""
    if isinstance(value, dict):
        for item in value.values():
            _spoil(item)
        value.clear()
    elif isinstance(value, list):
        for item in value:
            _spoil(item)
        value.clear()
