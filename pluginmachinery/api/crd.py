"""The CustomResourceDefinition of TaskExecution, generated from the models in :mod:`.execution`.

Two dialects of JSON Schema meet here: pydantic's (references, ``anyOf`` with null) and Kubernetes' structural schema
(none of these; unknown fields are pruned or refused). :func:`structural_schema` translates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from pluginmachinery.api import names
from pluginmachinery.api.execution import MUTABLE, TaskExecutionSpec, TaskExecutionStatus

_KEPT = (
    "type",
    "description",
    "format",
    "pattern",
    "enum",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "maxProperties",
    "required",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-int-or-string",
)


def custom_resource_definition() -> dict[str, Any]:
    """The manifest, ready to be applied. Needs Kubernetes 1.30 or newer (selectable fields)."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names.PLURAL}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "plural": names.PLURAL,
                "singular": names.SINGULAR,
                "kind": names.KIND,
                "listKind": names.LIST_KIND,
                "shortNames": list(names.SHORT_NAMES),
                "categories": list(names.CATEGORIES),
            },
            "versions": [
                {
                    "name": names.VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": _printer_columns(),
                    "selectableFields": [{"jsonPath": ".status.phase"}, {"jsonPath": ".spec.template.type"}],
                    "schema": {"openAPIV3Schema": _object_schema()},
                }
            ],
        },
    }


def structural_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The model as a Kubernetes structural schema."""
    schema = model.model_json_schema(by_alias=True)
    return _translate(schema, schema.get("$defs", {}))


def _object_schema() -> dict[str, Any]:
    spec = structural_schema(TaskExecutionSpec)
    spec["x-kubernetes-validations"] = [_immutability(spec)]
    status = structural_schema(TaskExecutionStatus)
    conditions = status["properties"]["conditions"]
    conditions["x-kubernetes-list-type"] = "map"
    conditions["x-kubernetes-list-map-keys"] = ["type"]
    return {
        "description": "One task that is run by a plugin of Flyte, with all its attempts.",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
    }


def _immutability(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Of ``spec`` only a few members may change.

    One rule that begins with the whole: it is judged at every write of a status too, where nothing of ``spec`` differs,
    and asking for each member by itself takes the API server longer than all the rest of its validation.
    """
    same = {name: _is_same(name, spec) for name in spec["properties"] if name not in MUTABLE}
    changed = " : ".join(f"!({rule}) ? '{name}'" for name, rule in same.items())
    told = f"is immutable; submit a new TaskExecution with label {names.RETRY_OF}"
    return {
        "rule": f"self == oldSelf || ({' && '.join(same.values())})",
        "message": f"of spec only {', '.join(MUTABLE)} can be changed",
        "messageExpression": f"'spec.' + ({changed} : '') + ' {told}'",
    }


def _is_same(name: str, spec: Mapping[str, Any]) -> str:
    same = f"self.{name} == oldSelf.{name}"
    if name in spec["required"]:
        return same
    return f"has(self.{name}) == has(oldSelf.{name}) && (!has(self.{name}) || {same})"


def _printer_columns() -> list[dict[str, Any]]:
    columns = [
        ("Type", "string", ".spec.template.type", 0),
        ("Phase", "string", ".status.phase", 0),
        ("Attempt", "integer", ".status.attempt", 0),
        ("Reason", "string", ".status.reason", 0),
        ("Age", "date", ".metadata.creationTimestamp", 0),
        ("Plugin", "string", ".status.plugin", 1),
        ("Running", "date", ".status.runningAt", 1),
        ("Finished", "date", ".status.finishedAt", 1),
        ("Error", "string", ".status.error.code", 1),
    ]
    return [
        {"name": name, "type": kind, "jsonPath": path} | ({"priority": priority} if priority else {})
        for name, kind, path, priority in columns
    ]


def _translate(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    schema = _resolved(schema, definitions)
    answer = {key: schema[key] for key in _KEPT if key in schema}
    if schema.get("x-kubernetes-int-or-string"):
        answer["anyOf"] = [dict(alternative) for alternative in schema["anyOf"]]
    if "const" in schema:
        answer["enum"] = [schema["const"]]
    if "description" in answer:
        answer["description"] = " ".join(answer["description"].replace("``", "`").split())
    if "properties" in schema:
        answer["properties"] = {name: _translate(member, definitions) for name, member in schema["properties"].items()}
    if isinstance(schema.get("additionalProperties"), Mapping):
        answer["additionalProperties"] = _translate(schema["additionalProperties"], definitions)
    if "items" in schema:
        answer["items"] = _translate(schema["items"], definitions)
    return answer


def _resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Follow references and take the null out of ``anyOf``; what stands beside them (the description) wins."""
    own = dict(schema)
    if "$ref" in own:
        own = dict(definitions[own.pop("$ref").rpartition("/")[2]]) | own
    if "anyOf" in own and not own.get("x-kubernetes-int-or-string"):
        members = [member for member in own.pop("anyOf") if member != {"type": "null"}]
        if len(members) != 1:
            raise TypeError(f"a structural schema has no alternatives: {schema}")
        own = _resolved(members[0], definitions) | own
    return own
