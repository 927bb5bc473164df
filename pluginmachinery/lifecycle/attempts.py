"""An attempt: one try of a task, with a name, paths and a context of its own.

What an attempt leaves must not be mistaken for another's. The first attempt uses names and folders as the spec gives
them; later ones append their number: ``<generatedName>-<attempt>``, ``<outputPrefix>/<attempt>``. Its checkpoints are
the next attempt's previous ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flyteidl.core.identifier_pb2 import (
    NodeExecutionIdentifier,
    TaskExecutionIdentifier,
    WorkflowExecutionIdentifier,
)

from pluginmachinery.api import names
from pluginmachinery.api.contexts import parse_identifier, parse_template, task_context
from pluginmachinery.core.tasks import Inputs, TaskContext
from pluginmachinery.lifecycle import paths
from pluginmachinery.lifecycle.budgets import Budgets
from pluginmachinery.lifecycle.context_cache import Key
from pluginmachinery.lifecycle.worlds import World

if TYPE_CHECKING:
    from flyteidl.core.literals_pb2 import LiteralMap
    from flyteidl.core.tasks_pb2 import TaskTemplate


def key(execution: Mapping[str, Any], attempt: int) -> Key:
    return execution["metadata"]["uid"], attempt


def context(
    world: World, execution: Mapping[str, Any], attempt: int, *, interruptible: bool, now: datetime
) -> TaskContext:
    """The context of this attempt; parsed once and remembered.

    Raises PluginError ``BadTaskTemplate`` or ``BadTaskExecution``.
    """
    parsed = world.contexts.get(key(execution, attempt), lambda: _parse(world, execution, attempt))
    metadata, priority = parsed.metadata, execution["spec"].get("priority") or 0
    if interruptible or priority != metadata.priority:
        metadata = dataclasses.replace(metadata, interruptible=interruptible, priority=priority)
    # In full: dataclasses.replace takes three times as long, and this is done at every turn.
    return TaskContext(
        config=world.config,
        template=parsed.template,
        metadata=metadata,
        paths=parsed.paths,
        given_inputs=parsed.given_inputs,
        pod_templates=world.pod_template_store,
        environment=world.environment,
        now=now,
        random_seed=parsed.random_seed,
    )


def supply(world: World, execution: Mapping[str, Any], attempt: int, inputs: LiteralMap) -> None:
    """Remember the inputs that were read for this attempt, as long as its context is remembered."""
    place = key(execution, attempt)
    parsed = world.contexts.get(place, lambda: _parse(world, execution, attempt))
    world.contexts.put(place, dataclasses.replace(parsed, given_inputs=Inputs(inputs)))


def _parse(world: World, execution: Mapping[str, Any], attempt: int) -> TaskContext:
    template = parse_template(execution["spec"]["template"])
    members = members_of(world, execution, template, attempt)
    return task_context(
        template,
        members,
        config=world.config,
        pod_templates=(),
        identifier=_identifier(parse_identifier(members), execution, template, attempt),
        defer_inputs=True,
    )


def members_of(world: World, execution: Mapping[str, Any], template: TaskTemplate, attempt: int) -> dict[str, Any]:
    """The spec of the execution, with what it leaves open filled in for this attempt."""
    spec, metadata = execution["spec"], execution["metadata"]
    members = dict(spec)
    members["namespace"] = metadata["namespace"]
    members["ownerReference"] = names.owner_reference(execution)
    members["creationTimestamp"] = metadata.get("creationTimestamp")
    if handed_on := _handed_on(metadata):
        members["labels"] = handed_on | (spec.get("labels") or {})
    members["generatedName"] = generated_name(execution, attempt)
    members["interruptible"] = False  # decided attempt by attempt
    members["maxAttempts"] = attempts = max_attempts(world, spec, template)
    members["interruptibleFailureThreshold"] = Budgets.of(world.config, attempts).interruptible_failures(attempts)
    members["platformResources"] = spec.get("platformResources") or world.platform_resources
    overrides = spec.get("overrides") or {}
    members["overrides"] = overrides if overrides.get("resources") is not None else {**overrides, "resources": {}}
    return members | paths.of_attempt(execution, attempt, data_prefix=world.data_prefix)


def _handed_on(metadata: Mapping[str, Any]) -> dict[str, str]:
    labels = metadata.get("labels")
    return {name: labels[name] for name in names.HANDED_ON if name in labels} if labels else {}


def generated_name(execution: Mapping[str, Any], attempt: int) -> str:
    """The name of the attempt's object, before it is made DNS-1123."""
    given: str | None = execution["spec"].get("generatedName")
    if given is None:
        return f"{execution['metadata']['name']}-{attempt}"
    return given if attempt == 0 else f"{given}-{paths.mark(execution['spec'], attempt)}"


def max_attempts(world: World, spec: Mapping[str, Any], template: TaskTemplate) -> int:
    """How many attempts may end in a failure of the task itself."""
    given: int | None = spec.get("maxAttempts")
    if given is not None:
        return given
    return template.metadata.retries.retries + 1 if template.metadata.retries.retries else _default_attempts(world)


def wants_interruption(spec: Mapping[str, Any], template: TaskTemplate) -> bool:
    """Does the execution, or else the template, want to run interruptibly?"""
    given: bool | None = spec.get("interruptible")
    return template.metadata.interruptible if given is None else given


def _default_attempts(world: World) -> int:
    return max(world.config.propeller.node_config.default_max_attempts, 1)


def _identifier(
    given: TaskExecutionIdentifier | None, execution: Mapping[str, Any], template: TaskTemplate, attempt: int
) -> TaskExecutionIdentifier:
    """Flyte's identifier of this attempt; ``retry_attempt`` is the attempt that the task sees in its environment."""
    if given is not None:
        given.retry_attempt += attempt
        return given
    task, name = template.id, execution["metadata"]["name"]
    workflow = WorkflowExecutionIdentifier(project=task.project, domain=task.domain, name=name)
    node = NodeExecutionIdentifier(node_id=name, execution_id=workflow)
    return TaskExecutionIdentifier(task_id=task, node_execution_id=node, retry_attempt=attempt)
