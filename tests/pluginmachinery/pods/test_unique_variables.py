"""Of variables that stand twice the last is kept, wherever containers are in an object."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pluginmachinery.pods.unique_variables import unique_variables


def env(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


TWICE, ONCE = env(("A", "task"), ("B", "b"), ("A", "platform")), env(("B", "b"), ("A", "platform"))


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        pytest.param(
            {"spec": {"replicas": {"Worker": {"template": {"spec": {"containers": [{"env": TWICE}]}}}}}},
            {"spec": {"replicas": {"Worker": {"template": {"spec": {"containers": [{"env": ONCE}]}}}}}},
            id="a container",
        ),
        pytest.param(
            {"spec": {"initContainers": [{"env": TWICE}], "sidecars": [{"name": "s"}, {"env": TWICE}]}},
            {"spec": {"initContainers": [{"env": ONCE}], "sidecars": [{"name": "s"}, {"env": ONCE}]}},
            id="init containers, sidecars",
        ),
        pytest.param({"spec": {"driver": {"env": TWICE}}}, {"spec": {"driver": {"env": ONCE}}}, id="a role of Spark"),
        pytest.param(
            {"env": [*env(("A", "task")), {"name": "A", "valueFrom": {"secretKeyRef": {}}}]},
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {}}}]},
            id="a value and a reference",
        ),
        pytest.param({"env": {"A": "a"}}, {"env": {"A": "a"}}, id="an env that is a map"),
        pytest.param({"env": ["A", "A"]}, {"env": ["A", "A"]}, id="an env of texts"),
        pytest.param(
            {"env": [{"name": {}}, {"name": {}}, {}]}, {"env": [{"name": {}}, {"name": {}}, {}]}, id="no names"
        ),
        pytest.param({"volumes": TWICE}, {"volumes": TWICE}, id="other lists"),
    ],
)
def test_the_last_is_kept(manifest: dict[str, Any], expected: dict[str, Any]) -> None:
    before = copy.deepcopy(manifest)
    assert unique_variables(manifest) == expected
    assert manifest == before


def test_an_object_that_is_fine_is_the_same_object() -> None:
    manifest = {"spec": {"containers": [{"name": "a", "env": ONCE}]}}
    assert unique_variables(manifest) is manifest


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("12"))))
def test_containers_see_the_same_values(pairs: list[tuple[str, str]]) -> None:
    left = unique_variables({"env": env(*pairs)})["env"]
    assert {item["name"]: item["value"] for item in left} == dict(pairs)
    assert len({item["name"] for item in left}) == len(left)
