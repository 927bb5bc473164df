"""From files to TaskExecutions that are worth sending: what is wrong with one is said here, with its line.

A document is a TaskExecution, a List of them, or a bare task template (it has a ``type`` and no ``kind``), which
becomes the template of a TaskExecution with a generated name.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from pydantic import BaseModel, ValidationError

from controller.cli.documents import BadDocument, Document, KeyPath, Problem, read
from pluginmachinery.api import names
from pluginmachinery.api.execution import TaskExecutionSpec
from pluginmachinery.core.errors import PluginError

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_METADATA = ("name", "generateName", "namespace", "labels", "annotations", "finalizers")
_SET_BY_THE_SERVER = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink")
"""What an exported object has and a new one gets anew."""
_FAILED_FIELD = re.compile(r"Failed to parse (\w+) field")


@dataclass(frozen=True)
class Manifest:
    """A TaskExecution to be created, and where it stands."""

    document: Document

    @property
    def object(self) -> dict[str, Any]:
        data: dict[str, Any] = self.document.data
        metadata = {key: value for key, value in data["metadata"].items() if key in _METADATA}
        return {"apiVersion": data["apiVersion"], "kind": data["kind"], "metadata": metadata, "spec": data["spec"]}


def load(path: Path, text: str) -> tuple[list[Manifest], list[Problem]]:
    """The TaskExecutions of a file, and everything that is wrong with it."""
    file = "<stdin>" if str(path) == "-" else str(path)
    try:
        documents = read(text, file)
    except BadDocument as error:
        return [], [error.problem]
    if not documents:
        return [], [Problem(file, 1, "", "there is no document in it")]
    manifests: list[Manifest] = []
    problems: list[Problem] = []
    for document in (part for whole in documents for part in _parts(whole)):
        wrapped = _wrapped(document, file)
        found = list(_problems(wrapped))
        problems += found
        if not found:
            manifests.append(Manifest(wrapped))
    return manifests, problems


def warnings(manifest: Manifest) -> list[Problem]:
    """What is not wrong and probably not meant: members of the template that Flyte does not know and passes over."""
    import orjson
    from flyteidl.core.tasks_pb2 import TaskTemplate
    from google.protobuf import json_format

    template = manifest.object["spec"]["template"]
    try:
        json_format.Parse(orjson.dumps(template), TaskTemplate())
    except json_format.ParseError as error:
        name = re.search(r'has no field named "([^"]+)" at "TaskTemplate\.?([^"]*)"', str(error))
        if name is None:
            return []
        path: KeyPath = ("spec", "template", *filter(None, name[2].split(".")), name[1])
        return [manifest.document.problem(path, "a task template has no such member; it is passed over")]
    return []


def _parts(document: Document) -> list[Document]:
    data = document.data
    if isinstance(data, Mapping) and str(data.get("kind", "")).endswith("List") and isinstance(data.get("items"), list):
        return [document.at(("items", index)) for index in range(len(data["items"]))]
    return [document]


def _wrapped(document: Document, file: str) -> Document:
    data = document.data
    if not isinstance(data, Mapping) or "kind" in data or "apiVersion" in data or "type" not in data:
        return document
    return document.under(
        ("spec", "template"),
        {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "metadata": {"generateName": _base_name(data, file)},
            "spec": {"template": dict(data)},
        },
    )


def _base_name(template: Mapping[str, Any], file: str) -> str:
    identifier = template.get("id")
    given = identifier.get("name") if isinstance(identifier, Mapping) else None
    text = str(given or PurePath(file).stem.strip("<>")).rpartition(".")[2] or "task"
    return (re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "task")[:50] + "-"


def _problems(document: Document) -> Iterator[Problem]:
    data = document.data
    if not isinstance(data, Mapping):
        yield document.problem((), "a TaskExecution or a task template is needed")
        return
    if data.get("kind") != names.KIND:
        if "kind" in data:
            yield document.problem(("kind",), f"{data['kind']} is not {names.KIND}")
        else:
            hint = f"neither a {names.KIND} (kind: {names.KIND}) nor a task template (type: container)"
            yield document.problem((), hint)
        return
    if data.get("apiVersion") != names.API_VERSION:
        yield document.problem(("apiVersion",), f"must be {names.API_VERSION}")
    for member in data.keys() - {"apiVersion", "kind", "metadata", "spec", "status"}:
        yield document.problem((member,), f"unknown member{_nearest(member, ('metadata', 'spec'))}")
    yield from _metadata_problems(document, data.get("metadata"))
    if not isinstance(data.get("spec"), Mapping):
        yield document.problem(("spec",), "is required and holds what is to be run")
        return
    found = list(_spec_problems(document, data["spec"]))
    yield from found or _payload_problems(document, data["spec"])


def _metadata_problems(document: Document, metadata: Any) -> Iterator[Problem]:
    if not isinstance(metadata, Mapping) or not (metadata.get("name") or metadata.get("generateName")):
        yield document.problem(("metadata",), "give a name, or a generateName such as train-")
        return
    for member in metadata.keys() - {*_METADATA, *_SET_BY_THE_SERVER}:
        yield document.problem(("metadata", member), f"can not be given{_nearest(member, _METADATA)}")
    name = metadata.get("name")
    if name and (not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > 253):
        yield document.problem(("metadata", "name"), f"{name!r} is no name: lower-case letters, digits and -")
    for member in ("labels", "annotations"):
        values = metadata.get(member) or {}
        if not isinstance(values, Mapping):
            yield document.problem(("metadata", member), "must be a map of texts")
            continue
        for key, value in values.items():
            if not isinstance(value, str):
                yield document.problem(("metadata", member, key), f"{value!r} must be a text: put it in quotes")


def _spec_problems(document: Document, spec: Mapping[str, Any]) -> Iterator[Problem]:
    try:
        TaskExecutionSpec.model_validate(dict(spec))
    except ValidationError as error:
        for detail in error.errors():
            path: KeyPath = ("spec", *(step for step in detail["loc"] if step in ("type",) or _is_step(step)))
            yield document.problem(path, _said(detail, TaskExecutionSpec))
    task_type = spec.get("template", {}).get("type") if isinstance(spec.get("template"), Mapping) else None
    if isinstance(spec.get("template"), Mapping) and (not isinstance(task_type, str) or not task_type):
        yield document.problem(("spec", "template", "type"), "is required: container, spark, ray, …")


def _payload_problems(document: Document, spec: Mapping[str, Any]) -> Iterator[Problem]:
    """What only shows when the messages within spec are read as the controller reads them."""
    from pluginmachinery.api.contexts import task_context
    from pluginmachinery.config import Configuration
    from pluginmachinery.config.durations import Duration
    from pluginmachinery.lifecycle import inputs

    try:
        task_context(spec["template"], spec, config=Configuration())
        inputs.check(spec)
    except PluginError as error:
        base = tuple(error.field.removeprefix("spec.").split(".")) if error.field else ()
        path = _located(document, ("spec", *base), _FAILED_FIELD.findall(error.message))
        yield document.problem(path, error.message.rpartition("field: ")[2].rstrip("."))
    for name, text in (spec.get("timeouts") or {}).items():
        try:
            Duration.parse(text)
        except ValueError as error:
            yield document.problem(("spec", "timeouts", name), str(error))


def _located(document: Document, base: KeyPath, fields: list[str]) -> KeyPath:
    """The place of a field that protobuf could not read; it names some of the fields on the way there, in order."""
    for path in document.lines:
        below = iter(path[len(base) :])
        if fields and path[: len(base)] == base and path[-1] == fields[-1] and all(name in below for name in fields):
            return path
    return base


def _is_step(step: str | int) -> bool:
    """pydantic puts names of types among the keys of a place; ours never look like them."""
    return isinstance(step, int) or not step.startswith(("function-", "dict[", "list[", "constrained-"))


def _said(detail: Any, model: type[BaseModel]) -> str:
    kind, given = detail["type"], detail.get("input")
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return f"unknown member{_nearest(str(detail['loc'][-1]), _members(model, detail['loc'][:-1]))}"
    if kind == "string_pattern_mismatch":
        return f"{given!r} has not the right form: such as 90s or 1h30m"
    message = str(detail["msg"]).removeprefix("Value error, ")
    return f"{given!r}: {message[:1].lower()}{message[1:]}" if not isinstance(given, dict | list) else message


def _members(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """The keys that stand at this place."""
    for step in path:
        inner = next((f.annotation for f in model.model_fields.values() if f.alias == step), None)
        nested = next(
            (
                kind
                for kind in (inner, *getattr(inner, "__args__", ()))
                if isinstance(kind, type) and issubclass(kind, BaseModel)
            ),
            None,
        )
        if nested is None:
            return []
        model = nested
    return [field.alias or name for name, field in model.model_fields.items()]


def _nearest(wrong: str, known: Any) -> str:
    near = difflib.get_close_matches(wrong, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
