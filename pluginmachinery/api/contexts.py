"""From JSON to :class:`TaskContext`: the one constructor that serves the controller, ``replay`` and ``simulate``.

``task`` is a ``flyteidl.core.TaskTemplate`` in protobuf JSON; ``execution`` has the members of TaskExecution's spec
(docs/task-execution.md), plus what the cluster knows and a spec never contains: ``namespace``, ``ownerReference`` and
``creationTimestamp``.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import orjson
from flyteidl.core import identifier_pb2, literals_pb2, security_pb2, tasks_pb2
from google.protobuf import json_format
from google.protobuf.message import Message

from pluginmachinery.config import Configuration
from pluginmachinery.core.errors import PluginError
from pluginmachinery.core.tasks import EPOCH, Inputs, Overrides, Paths, PodTemplates, TaskContext, TaskMetadata

BAD_TASK_TEMPLATE = "BadTaskTemplate"
BAD_TASK_EXECUTION = "BadTaskExecution"

M = TypeVar("M", bound=Message)


def parse_template(task: Mapping[str, Any]) -> tasks_pb2.TaskTemplate:
    """Parse a task template; unknown fields are ignored, as Flyte's own readers do.

    Raises PluginError ``BadTaskTemplate`` where a value has the wrong type.
    """
    text = _text(task, BAD_TASK_TEMPLATE, "template")
    if len(text) > _REMEMBERED_SIZE:
        return _parsed(text, tasks_pb2.TaskTemplate(), BAD_TASK_TEMPLATE, "template")
    return tasks_pb2.TaskTemplate.FromString(_wire_form(text))


_REMEMBERED_SIZE = 32 * 1024
"""Longest template, in bytes, that is worth remembering."""


@functools.lru_cache(maxsize=256)
def _wire_form(text: bytes) -> bytes:
    """Executions of one task share its template, and reading JSON takes ten times as long as reading the wire form."""
    wire: bytes = _parsed(text, tasks_pb2.TaskTemplate(), BAD_TASK_TEMPLATE, "template").SerializeToString()
    return wire


def task_context(
    task: Mapping[str, Any] | tasks_pb2.TaskTemplate,
    execution: Mapping[str, Any],
    *,
    config: Configuration,
    now: datetime = EPOCH,
    environment: Mapping[str, str] | None = None,
    pod_templates: Sequence[Mapping[str, Any]] | None = None,
    pod_template_default_namespace: str | None = None,
    random_seed: str = "",
    identifier: identifier_pb2.TaskExecutionIdentifier | None = None,
    defer_inputs: bool = False,
) -> TaskContext:
    """Build the context of one attempt.

    ``identifier`` takes the place of the execution's ``id``. With ``defer_inputs`` the inputs are read, and may be
    found to be none, only when they are asked for.

    Raises PluginError ``BadTaskTemplate`` or ``BadTaskExecution`` with the member that is wrong.
    """
    get = execution.get
    template = task if isinstance(task, tasks_pb2.TaskTemplate) else parse_template(task)
    metadata = _metadata(execution, identifier)
    inputs = _inputs(get("inputs"))
    if not defer_inputs:
        inputs.get()
    default_namespace = pod_template_default_namespace
    if default_namespace is None:
        default_namespace = get("podTemplateDefaultNamespace") or ""
    return TaskContext(
        config=config,
        template=template,
        metadata=metadata,
        paths=Paths(
            input_path=get("inputPath") or "",
            input_prefix=get("inputPrefix") or "",
            output_prefix=get("outputPrefix") or "",
            raw_output_prefix=get("rawOutputPrefix") or "",
            checkpoint_prefix=get("checkpointPrefix") or "",
            previous_checkpoint_prefix=get("previousCheckpointPrefix") or "",
            task_template_path=get("taskTemplatePath") or "",
        ),
        given_inputs=inputs,
        pod_templates=PodTemplates(
            get("podTemplates") or () if pod_templates is None else pod_templates, default_namespace
        ),
        environment=environment or {},
        now=now,
        random_seed=random_seed or get("generatedName") or "",
    )


def parse_identifier(execution: Mapping[str, Any]) -> identifier_pb2.TaskExecutionIdentifier | None:
    """The execution's ``id``. Raises PluginError ``BadTaskExecution``."""
    return _optional(execution.get("id"), identifier_pb2.TaskExecutionIdentifier, "id")


def _metadata(execution: Mapping[str, Any], identifier: identifier_pb2.TaskExecutionIdentifier | None) -> TaskMetadata:
    get = execution.get
    return TaskMetadata(
        namespace=get("namespace") or "",
        generated_name=get("generatedName") or "",
        unique_node_id=get("uniqueNodeId") or "",
        id=parse_identifier(execution) if identifier is None else identifier,
        labels=get("labels") or {},
        annotations=get("annotations") or {},
        owner_reference=get("ownerReference"),
        service_account=get("serviceAccount") or "",
        security_context=_optional(get("securityContext"), security_pb2.SecurityContext, "securityContext"),
        overrides=_overrides(get("overrides") or {}),
        platform_resources=get("platformResources") or {},
        environment_variables=get("environmentVariables") or {},
        interruptible=bool(get("interruptible")),
        interruptible_failure_threshold=get("interruptibleFailureThreshold") or 0,
        max_attempts=get("maxAttempts") or 0,
        priority=get("priority") or 0,
        created_at=get("creationTimestamp") or "",
        console_url=get("consoleUrl") or "",
        workflow_id=get("workflowId"),
    )


def _overrides(overrides: Mapping[str, Any]) -> Overrides:
    get = overrides.get
    return Overrides(
        resources=get("resources"),
        extended_resources=_optional(
            get("extendedResources"), tasks_pb2.ExtendedResources, "overrides.extendedResources"
        ),
        container_image=get("containerImage") or "",
        pod_template=_optional(get("podTemplate"), tasks_pb2.K8sPod, "overrides.podTemplate"),
    )


def _inputs(value: Any) -> Inputs:
    """As text until somebody asks for them: many contexts are kept, and so they take the least room."""
    if value is None:
        return Inputs()
    text = _text(value, BAD_TASK_EXECUTION, "inputs")
    return Inputs(read=lambda: _parsed(text, literals_pb2.LiteralMap(), BAD_TASK_EXECUTION, "inputs"))


def _optional(value: Any, message: type[M], path: str) -> M | None:
    return None if value is None else _message(value, message(), BAD_TASK_EXECUTION, path)


def _message(value: Any, message: M, code: str, path: str) -> M:
    return _parsed(_text(value, code, path), message, code, path)


def _text(value: Any, code: str, path: str) -> bytes:
    """As JSON, which is the key to templates that are known, and makes plain what came from YAML (dates are texts)."""
    try:
        return orjson.dumps(value)
    except TypeError as error:
        raise PluginError(code, str(error), field=path) from error


def _parsed(text: bytes, message: M, code: str, path: str) -> M:
    try:
        return json_format.ParseDict(orjson.loads(text), message, ignore_unknown_fields=True)
    except json_format.ParseError as error:
        raise PluginError(code, str(error), field=path) from error
    except MemoryError:  # that says nothing about what is parsed
        raise
    except Exception as error:  # whatever it meets where a message is no object
        raise PluginError(code, f"Failed to parse JSON: {type(error).__name__}: {error}.", field=path) from error
