"""Kubernetes structures: decoded and encoded again as Go does it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pluginmachinery.config import kubernetes_schema
from pluginmachinery.config.kubernetes_schema import SchemaError, coerce, flat_fields
from tools import generate_kubernetes_schema

KEPT = {
    "unknown fields are dropped, at every depth": (
        "Container",
        {"name": "a", "nonsense": 1, "ports": [{"containerPort": 80, "more": True}]},
        {"name": "a", "ports": [{"containerPort": 80}]},
    ),
    "null is as if absent": ("Toleration", {"key": None, "tolerationSeconds": None}, {}),
    "a null element of a list is an empty one": ("[]Toleration", [None], [{}]),
    "false and empty are left out where Kubernetes does so": (
        "PodSpec",
        {"containers": None, "hostNetwork": False, "nodeName": "", "volumes": []},
        {"containers": None},
    ),
    "a pointer keeps false and zero": (
        "SecurityContext",
        {"privileged": False, "runAsUser": 0},
        {"privileged": False, "runAsUser": 0},
    ),
    "an empty structure behind a pointer stays": (
        "Volume",
        {"name": "v", "emptyDir": {}},
        {"name": "v", "emptyDir": {}},
    ),
    "fields that have to be there are written out": (
        "PreferredSchedulingTerm",
        {"preference": {"matchFields": []}},
        {"weight": 0, "preference": {}},
    ),
    "embedded structs are in place": (
        "EnvVarSource",
        {"secretKeyRef": {"name": "s", "key": "k"}},
        {"secretKeyRef": {"name": "s", "key": "k"}},
    ),
    "amounts come back in Kubernetes' form": (
        "ResourceRequirements",
        {"limits": {"memory": "1024Mi", "cpu": 0.5}, "requests": {"cpu": 2}},
        {"limits": {"memory": "1Gi", "cpu": "500m"}, "requests": {"cpu": "2"}},
    ),
    "ports by number and by name": (
        "Probe",
        {"httpGet": {"port": 80.0}, "tcpSocket": {"port": "http"}},
        {"httpGet": {"port": 80}, "tcpSocket": {"port": "http"}},
    ),
    "a float without a fraction is whole, for protobuf knows no other numbers": (
        "Toleration",
        {"tolerationSeconds": 5.0},
        {"tolerationSeconds": 5},
    ),
    "times in UTC": (
        "ObjectMeta",
        {"deletionTimestamp": "2020-01-02T03:04:05.5+02:00"},
        {"deletionTimestamp": "2020-01-02T01:04:05Z"},
    ),
}


@pytest.mark.parametrize(("type_name", "given_value", "wanted"), KEPT.values(), ids=KEPT)
def test_what_fits_comes_back_as_kubernetes_writes_it(type_name: str, given_value: Any, wanted: Any) -> None:
    before = json.dumps(given_value)
    got = coerce(type_name, given_value)
    assert got == wanted
    assert json.dumps(given_value) == before


REFUSED = {
    "a number for a text": ("Container", {"name": 5}, "name", "a text is needed, not a number"),
    "a text for a number": ("Toleration", {"tolerationSeconds": "5"}, "tolerationSeconds", "whole number"),
    "a truth value for a number": ("Toleration", {"tolerationSeconds": True}, "tolerationSeconds", "whole number"),
    "a fraction": ("ContainerPort", {"containerPort": 1.5}, "containerPort", "whole number"),
    "a number that is too large": ("ContainerPort", {"containerPort": 1 << 31}, "containerPort", "too large"),
    "a text for a truth value": ("PodSpec", {"hostNetwork": "true"}, "hostNetwork", "true or false"),
    "one where a list is needed": ("PodSpec", {"containers": {"name": "a"}}, "containers", "a list is needed"),
    "a list where one is needed": ("PodSpec", {"affinity": []}, "affinity", "a mapping is needed"),
    "a text in a map of texts": ("PodSpec", {"nodeSelector": {"a": 1}}, "nodeSelector.a", "a text is needed"),
    "a bad amount": ("ResourceRequirements", {"limits": {"cpu": "1x"}}, "limits.cpu", "'1x' is no quantity"),
    "a bad time": ("ObjectMeta", {"deletionTimestamp": "yesterday"}, "deletionTimestamp", "a time such as"),
    "bad base64": ("SecretVolumeSource", {"items": "x"}, "items", "a list is needed"),
    "deep down": (
        "PodSpec",
        {"containers": [{"name": "a"}, {"ports": [{"hostPort": "x"}]}]},
        "containers[1].ports[0].hostPort",
        "whole number",
    ),
}


@pytest.mark.parametrize(("type_name", "value", "path", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_with_its_path(type_name: str, value: Any, path: str, message: str) -> None:
    with pytest.raises(SchemaError, match=message) as caught:
        coerce(type_name, value, path="spec")
    assert caught.value.path == f"spec.{path}"


def test_names_of_fields_match_without_case_only_if_asked_and_the_exact_name_wins() -> None:
    folded = {"HOSTNETWORK": True, "hostname": "exact", "HostName": "other"}
    assert coerce("PodSpec", folded)["hostname"] == "exact"
    assert "hostNetwork" not in coerce("PodSpec", folded)
    assert coerce("PodSpec", {"HOSTNETWORK": True}, fold_case=True)["hostNetwork"] is True


def test_the_value_of_a_secret_is_in_no_message() -> None:
    with pytest.raises(SchemaError) as caught:
        coerce("Container", {"env": [{"name": "PASSWORD", "value": ["hunter2"]}]})
    assert "hunter2" not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*flat_fields("PodSpec"), *flat_fields("Container"), "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_is_given_it_is_decoded_or_refused_and_decoding_again_changes_nothing(value: Any) -> None:
    try:
        decoded = coerce("PodSpec", value)
    except SchemaError:
        return
    assert coerce("PodSpec", decoded) == decoded


def test_an_unknown_type_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        coerce("NoSuchType", {})
    assert kubernetes_schema.is_type("PodSpec")


def test_the_table_names_its_source() -> None:
    table = json.loads(generate_kubernetes_schema.TARGET.read_text(encoding="utf-8"))
    assert table["source"].startswith("k8s.io/api v")
    assert generate_kubernetes_schema.layout(table) == generate_kubernetes_schema.TARGET.read_text(encoding="utf-8")
