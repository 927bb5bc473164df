"""The operators' real CRDs, to hold built objects against: is this what the API server would take, unchanged?

The files are the operators' own and not part of this repository. They are looked for in ``$OPERATOR_CRDS``, in
``../shared/operators`` beside the checkout, and where ``make fetch-crds`` puts them (the user's cache); where none of
these has them the test is skipped and says so.

An API server prunes unknown fields silently; here they are problems: whatever is pruned was meant for something.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tools.fetch_crds import crd_folder

PYTORCH = "training-operator/kubeflow.org_pytorchjobs.yaml"
TENSORFLOW = "training-operator/kubeflow.org_tfjobs.yaml"
MPI = "training-operator/kubeflow.org_mpijobs.yaml"
SPARK = "spark-operator/sparkoperator.k8s.io_sparkapplications.yaml"
RAY = "kuberay/ray.io_rayjobs.yaml"
DASK = "dask-kubernetes/daskjob.yaml"

_INT32 = 2**31
_EVERY_OBJECT = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}


def problems(built: Mapping[str, Any], file: str) -> list[str]:
    """What the API server would refuse or prune of this object, as ``path: reason``; skips where the CRD is missing."""
    validator = _validator(path_of(file), str(built["apiVersion"]).rpartition("/")[2])
    return sorted(f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(built))


def path_of(file: str) -> Path:
    """The file of a CRD; skips where it is missing."""
    folders = [Path(os.environ["OPERATOR_CRDS"])] if os.environ.get("OPERATOR_CRDS") else []
    folders += [Path(__file__).parents[4] / "shared" / "operators", crd_folder()]
    for folder in folders:
        if (folder / file).is_file():
            return folder / file
    pytest.skip(f"NOT VALIDATED: no {file}: set OPERATOR_CRDS or run `make fetch-crds` (looked in {folders})")


@cache
def _validator(path: Path, version: str) -> jsonschema.protocols.Validator:
    crd = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
    schema = next(entry["schema"]["openAPIV3Schema"] for entry in crd["spec"]["versions"] if entry["name"] == version)
    strict = _strict(schema)
    strict["properties"] = _EVERY_OBJECT | strict["properties"]  # some CRDs leave these to the API server
    return _StructuralValidator(strict | {"required": [*_EVERY_OBJECT, "spec"]})


def _strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A structural schema as JSON Schema that also refuses unknown fields and numbers that are too long."""
    strict = {key: value for key, value in schema.items() if key not in ("description", "default")}
    if "properties" in schema:
        strict["properties"] = {name: _strict(inner) for name, inner in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            strict.setdefault("additionalProperties", False)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), Mapping):
            strict[key] = _strict(schema[key])
    if schema.get("nullable"):
        strict["type"] = [schema["type"], "null"]
    if schema.get("format") == "int32":
        strict |= {"minimum": schema.get("minimum", -_INT32), "maximum": schema.get("maximum", _INT32 - 1)}
    return strict


def _unique_keys(_: Any, keys: list[str], items: Any, __: Any) -> Iterator[jsonschema.ValidationError]:
    """``x-kubernetes-list-map-keys``: no two items with the same keys."""
    seen = set()
    for item in items if isinstance(items, list) else ():
        key = tuple(item.get(name) for name in keys) if isinstance(item, Mapping) else ()
        if key in seen:
            yield jsonschema.ValidationError(f"duplicate {dict(zip(keys, key, strict=True))}")
        seen.add(key)


_StructuralValidator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator, {"x-kubernetes-list-map-keys": _unique_keys}
)
