"""Examples: tasks of a plugin, and what the operator writes into their objects' statuses, one after the other.

Checks are only as good as the examples that they are tried on. A file of examples is a YAML list::

    - name: a job that succeeds
      task: {type: shell-job, container: {image: busybox}, custom: {retries: 2}}   # a TaskTemplate in protobuf JSON
      execution: {serviceAccount: robot}           # optional, members of TaskExecution's spec
      steps:
        - status: {active: 1}
          phase: Running                           # optional, what is expected
        - status: {succeeded: 1}
          phase: Success

The files beside this module are those of the built-in plugins; the tests run them, so they hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from pluginmachinery.api.contexts import task_context
from pluginmachinery.config import Configuration
from pluginmachinery.core.phases import Phase
from pluginmachinery.core.tasks import TaskContext

NOW = datetime(2030, 1, 1, tzinfo=UTC)
"""The time at which an example begins."""

EXECUTION: Mapping[str, Any] = {
    "namespace": "project-domain",
    "generatedName": "example-0",
    "uniqueNodeId": "n0",
    "id": {
        "taskId": {
            "resourceType": "TASK",
            "project": "project",
            "domain": "domain",
            "name": "example",
            "version": "v1",
        },
        "nodeExecutionId": {
            "nodeId": "n0",
            "executionId": {"project": "project", "domain": "domain", "name": "example"},
        },
        "retryAttempt": 0,
    },
    "ownerReference": {
        "apiVersion": "plugins.flyte.org/v1alpha1",
        "kind": "TaskExecution",
        "name": "example",
        "uid": "00000000-0000-0000-0000-000000000001",
        "controller": True,
        "blockOwnerDeletion": True,
    },
    "inputPath": "s3://bucket/example/inputs.pb",
    "inputPrefix": "s3://bucket/example",
    "outputPrefix": "s3://bucket/example/out",
    "rawOutputPrefix": "s3://bucket/example/raw",
    "overrides": {"resources": {}},
    "platformResources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "8", "memory": "16Gi"}},
    "maxAttempts": 1,
}
"""What an example's execution does not say."""


class BadExample(ValueError):
    """A file of examples can not be read."""


@dataclass(frozen=True, slots=True)
class Step:
    """What the operator writes into ``status``, and the phase that is expected then (None: any)."""

    status: Mapping[str, Any]
    phase: Phase | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A task of the plugin and the statuses of its object, in order."""

    name: str
    task: TaskContext
    steps: tuple[Step, ...] = field(default=())


def example(
    name: str,
    task: Mapping[str, Any],
    steps: tuple[Step, ...] = (),
    *,
    execution: Mapping[str, Any] | None = None,
    config: Configuration | None = None,
) -> Example:
    """An example of a TaskTemplate in protobuf JSON; ``execution`` says what differs from :data:`EXECUTION`.

    Raises PluginError where template or execution can not be read.
    """
    context = task_context(task, {**EXECUTION, **(execution or {})}, config=config or Configuration(), now=NOW)
    return Example(name, context, steps)


def read(text: str, config: Configuration | None = None) -> tuple[Example, ...]:
    """The examples of a file. Raises BadExample, and PluginError for a task that can not be read."""
    import yaml

    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadExample(f"it is not YAML: {error}") from error
    if not isinstance(given, list) or not given:
        raise BadExample("it has to be a list of examples, each with name, task and steps")
    return tuple(_read(index, one, config) for index, one in enumerate(given))


def of_builtin(plugin_id: str, config: Configuration | None = None) -> tuple[Example, ...]:
    """The examples of a built-in plugin; none if it has no file here."""
    file = resources.files(__name__) / f"{plugin_id}.yaml"
    return read(file.read_text(encoding="utf-8"), config) if file.is_file() else ()


def plain(task_type: str, config: Configuration | None = None) -> Example:
    """A container task of this type that brings nothing of its own: better than no example."""
    task = {"type": task_type, "container": {"image": "busybox", "command": ["true"]}}
    return example(f"a plain {task_type} task", task, config=config)


def _read(index: int, given: Any, config: Configuration | None) -> Example:
    place = f"example {index + 1}"
    if not isinstance(given, dict) or not isinstance(given.get("task"), dict):
        raise BadExample(f"{place} has to be a mapping with at least a task")
    unknown = set(given) - {"name", "task", "execution", "steps"}
    if unknown:
        raise BadExample(f"{place} has unknown keys: {', '.join(sorted(map(str, unknown)))}")
    return example(
        str(given.get("name", place)),
        given["task"],
        tuple(_steps(place, given.get("steps") or ())),
        execution=given.get("execution"),
        config=config,
    )


def _steps(place: str, steps: Any) -> Iterator[Step]:
    for number, step in enumerate(steps, start=1):
        if not isinstance(step, dict) or not isinstance(step.get("status"), dict):
            raise BadExample(f"step {number} of {place} has to be a mapping with a status")
        phase = step.get("phase")
        if phase is not None and phase not in set(Phase):
            raise BadExample(f"step {number} of {place}: {phase} is no phase; phases are {', '.join(Phase)}")
        yield Step(step["status"], None if phase is None else Phase(phase))
