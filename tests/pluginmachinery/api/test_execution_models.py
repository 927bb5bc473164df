"""The models of spec and status, and what becomes of them in the definition."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from pluginmachinery.api import crd, names
from pluginmachinery.api.execution import MUTABLE, TaskExecutionSpec, TaskExecutionStatus

FORBIDDEN = {"$ref", "$defs", "title", "default", "oneOf", "allOf", "const", "additionalItems", "examples"}
"""What a structural schema must not have, or what would bring noise."""


def everything(schema: Any) -> list[dict[str, Any]]:
    if not isinstance(schema, dict):
        return []
    inner = [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]
    return [schema, *(found for member in inner for found in everything(member))]


@pytest.mark.parametrize("model", [TaskExecutionSpec, TaskExecutionStatus])
def test_the_schema_is_structural(model: type[BaseModel]) -> None:
    for schema in everything(crd.structural_schema(model)):
        assert not FORBIDDEN & schema.keys()
        assert schema.get("x-kubernetes-int-or-string") or schema["type"]
        assert "anyOf" not in schema or schema["x-kubernetes-int-or-string"]


@pytest.mark.parametrize("model", [TaskExecutionSpec, TaskExecutionStatus])
def test_every_member_is_described(model: type[BaseModel]) -> None:
    missing = [
        name for name, field in crd.structural_schema(model)["properties"].items() if not field.get("description")
    ]
    assert missing == []


def test_every_member_of_spec_is_immutable_or_meant_to_change() -> None:
    schema = crd.custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    spec = schema["properties"]["spec"]
    (rule,) = spec["x-kubernetes-validations"]
    immutable = set(re.findall(r"self\.(\w+) == oldSelf", rule["rule"]))
    assert immutable == set(re.findall(r"\? '(\w+)'", rule["messageExpression"]))
    assert immutable | set(MUTABLE) == set(spec["properties"])
    assert not immutable & set(MUTABLE)


def test_the_same_definition_every_time() -> None:
    assert crd.custom_resource_definition() == crd.custom_resource_definition()


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        ({}, ("template",)),
        ({"template": {}, "suspend": "true"}, ("suspend",)),
        ({"template": {}, "bogus": 1}, ("bogus",)),
        ({"template": {}, "overrides": {"resource": {}}}, ("overrides", "resource")),
        ({"template": {}, "timeouts": {"queued": "1d"}}, ("timeouts", "queued")),
    ],
)
def test_mistakes_in_a_spec_are_found(spec: dict[str, Any], place: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as found:
        TaskExecutionSpec.model_validate(spec)
    assert found.value.errors()[0]["loc"] == place


@pytest.mark.parametrize("name", ["a", "a" * 63, "a" * 64, "b." * 126, "a" * 252 + "x", "a" * 252 + "y"])
def test_labels_of_long_names_are_valid_and_different(name: str) -> None:
    label = names.task_execution_label(name)
    assert len(label) <= 63
    assert label[-1].isalnum()
    assert label == names.task_execution_label(name)
    others = {names.task_execution_label(other) for other in ("a" * 252 + "x", "a" * 252 + "y", "a" * 63, "a" * 64)}
    assert len(others) == 4
