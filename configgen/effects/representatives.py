"""Representative tasks: the built-in ones beside this module, one a file, and the user's own.

A file holds a task template (flyteidl's TaskTemplate in protobuf JSON, as YAML or JSON) or a whole TaskExecution. Its
name is the task's. Tasks in the folder ``tasks`` of a source are compared like the built-in ones.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import orjson
import yaml
from pydantic import ValidationError

from configgen.layers.files import list_folder, read_text
from configgen.problems import Problem, SourceError
from pluginmachinery.api import names
from pluginmachinery.api.execution import TaskExecutionSpec
from pluginmachinery.config import bounded_yaml, yaml_text

FOLDER: Final = "tasks"
"""Folder of a source that holds the user's own tasks."""
_SUFFIXES: Final = (".yaml", ".yml", ".json")
_NAMESPACE: Final = "project-domain"
_UID: Final = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class RepresentativeTask:
    """A TaskExecution as the API server would have it. ``own``: the user's; ``origin`` is the file."""

    name: str
    execution: Mapping[str, Any]
    own: bool
    origin: str

    @property
    def type(self) -> str:
        return str(self.execution["spec"]["template"]["type"])


@cache
def built_in() -> tuple[RepresentativeTask, ...]:
    """The built-in tasks, in the order of their names."""
    files = resources.files(__package__) / FOLDER
    texts = {file.name: file.read_text("utf-8") for file in files.iterdir() if file.name.endswith(".yaml")}
    return tuple(_task(texts[name], name, own=False) for name in sorted(texts))


def own_tasks(source: Path) -> list[RepresentativeTask]:
    """The user's tasks in the folder ``tasks`` of a source. Raises SourceError with the problems of all files."""
    folder = source / FOLDER
    if not os.path.lexists(folder):
        return []
    tasks: list[RepresentativeTask] = []
    problems: list[Problem] = []
    for path in list_folder(folder, FOLDER):
        if path.suffix not in _SUFFIXES or path.name.startswith("."):
            continue
        shown = f"{FOLDER}/{path.name}"
        try:
            tasks.append(_task(read_text(path, shown), shown, own=True))
        except SourceError as error:
            problems += error.problems
    if problems:
        raise SourceError(problems)
    return tasks


def find(wanted: str, source: Path) -> RepresentativeTask:
    """The task in this file, or the representative task of this name, the user's own first. Raises SourceError."""
    path = Path(wanted)
    if path.suffix in _SUFFIXES or "/" in wanted:
        return _task(read_text(path, wanted), wanted, own=True)
    known = {task.name: task for task in (*built_in(), *own_tasks(source))}
    if wanted in known:
        return known[wanted]
    close = get_close_matches(wanted, known, n=1)
    mend = f"did you mean {close[0]}?" if close else f"name a file, or one of {', '.join(sorted(known))}"
    raise SourceError([Problem("--task", 0, 0, "", f"there is no task {wanted!r}", mend)])


def of_type(task_type: str) -> RepresentativeTask:
    """A task with a container, for task types that no built-in task has."""
    container = {"image": "registry.example.org/task:v1", "args": ["run"]}
    identifier = {"resourceType": "TASK", "project": "project", "domain": "domain", "name": "example", "version": "v1"}
    template = {"type": task_type, "id": identifier, "container": container}
    return RepresentativeTask(task_type, _execution(task_type, template), own=False, origin="")


def _task(text: str, file: str, *, own: bool) -> RepresentativeTask:
    name = Path(file).stem
    data = _parsed(text, file)
    if not isinstance(data, Mapping):
        raise _error(file, 1, "", "is no task", "write a task template, or a TaskExecution")
    if data.get("kind") == names.KIND:
        execution = _given(data, name, file)
    elif "kind" in data:
        raise _error(file, 0, "kind", f"{data['kind']!r} is not {names.KIND}", f"kind: {names.KIND}")
    else:
        execution = _execution(name, _checked(data, file, ""))
    if own:
        _check_members(execution, file)
    return RepresentativeTask(name, execution, own, file)


def _given(data: Mapping[str, Any], name: str, file: str) -> dict[str, Any]:
    """A whole TaskExecution; what the API server would have added is added."""
    spec, metadata = data.get("spec"), data.get("metadata") or {}
    if not isinstance(spec, Mapping):
        raise _error(file, 0, "spec", "is missing, or no mapping", "see docs/task-execution.md")
    if not isinstance(metadata, Mapping):
        raise _error(file, 0, "metadata", "is no mapping", "give it a name")
    template = _checked(spec.get("template"), file, "spec.template")
    execution = _execution(name, template)
    given = {key: metadata[key] for key in ("name", "namespace", "labels", "annotations") if metadata.get(key)}
    for key, value in given.items():
        if not isinstance(value, Mapping if key in ("labels", "annotations") else str):
            raise _error(file, 0, f"metadata.{key}", "has a wrong type", "see docs/task-execution.md")
    # Held or aborted, nothing would be created, and that is not what is asked.
    members = {key: value for key, value in spec.items() if key not in ("suspend", "abort")}
    return {**execution, "metadata": {**execution["metadata"], **given}, "spec": {**members, "template": template}}


def _check_members(execution: Mapping[str, Any], file: str) -> None:
    """What the API server would refuse. Raises SourceError with all of it."""
    try:
        # Through JSON, as it would be sent: keys that are no texts, for one, can not.
        TaskExecutionSpec.model_validate_json(orjson.dumps(execution["spec"]))
        orjson.dumps(execution["metadata"])
    except orjson.JSONEncodeError as error:
        raise _error(
            file, 0, "", f"is not to be had in JSON: {error}", "write keys and values that JSON has"
        ) from error
    except ValidationError as error:
        raise SourceError(
            Problem(file, 0, 0, ".".join(("spec", *map(str, one["loc"]))), one["msg"], "see docs/task-execution.md")
            for one in error.errors(include_url=False, include_input=False)
        ) from error


def _checked(template: Any, file: str, path: str) -> dict[str, Any]:
    if not isinstance(template, Mapping):
        raise _error(file, 0, path, "is missing, or no mapping", "give a task template")
    if not isinstance(template.get("type"), str) or not template["type"]:
        raise _error(file, 0, f"{path}.type".strip("."), "is missing, or no text", "such as type: python-task")
    return dict(template)


def _execution(name: str, template: dict[str, Any]) -> dict[str, Any]:
    fitting = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "task"
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": fitting, "namespace": _NAMESPACE, "uid": _UID},
        "spec": {"template": template},
    }


def _parsed(text: str, file: str) -> Any:
    try:
        documents = bounded_yaml.load_all(text)
    except yaml.YAMLError as error:
        found = yaml_text.not_yaml(error, file, text)
        raise SourceError([Problem(file, found.line, found.column, "", found.message, found.mend)]) from error
    if len(documents) > 1:
        raise _error(file, 0, "", "holds more than one document", "give each task a file of its own")
    return documents[0] if documents else None


def _error(file: str, line: int, path: str, message: str, mend: str) -> SourceError:
    return SourceError([Problem(file, line, 0, path, message, mend)])
