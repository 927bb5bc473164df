"""The TaskExecution, member by member: what a person may write and what the controller answers.

These models are the one source of the CustomResourceDefinition (:mod:`.crd`), of the command line's checks and of the
documentation. The controller itself works on the plain objects: an API server that has the definition has checked them.

Members of :class:`TaskExecutionSpec` up to ``maxAttempts`` have the names and shapes of Flyte's task execution context,
as :func:`pluginmachinery.api.contexts.task_context` reads them; messages of ``flyteidl`` are in protobuf JSON.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from pluginmachinery.api.execution_phases import ExecutionPhase

QUANTITY_PATTERN = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)
DURATION_PATTERN = r"^([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$"

_PRESERVED = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_AMOUNT = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "x-kubernetes-int-or-string": True,
    "pattern": QUANTITY_PATTERN,
    "maxLength": 64,
}
_STRINGS = {"type": "array", "items": {"type": "string"}}

Preserved = Annotated[dict[str, Any], WithJsonSchema(_PRESERVED)]
"""An object of any shape: a protobuf message, or a Kubernetes structure."""
Template = Annotated[
    dict[str, Any],
    WithJsonSchema(
        _PRESERVED
        | {
            "required": ["type"],
            "properties": {
                "type": {"type": "string", "minLength": 1, "maxLength": 253},
                "container": _PRESERVED
                | {"properties": {"image": {"type": "string"}, "command": _STRINGS, "args": _STRINGS}},
                "config": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        }
    ),
]


def _check_amounts(amounts: dict[str, int | str]) -> dict[str, int | str]:
    for name, amount in amounts.items():
        if isinstance(amount, str) and not re.match(QUANTITY_PATTERN, amount):
            raise ValueError(f"{name}: {amount!r} is no quantity, such as 500m or 2Gi")
    return amounts


Amounts = Annotated[
    dict[str, int | str],
    AfterValidator(_check_amounts),
    WithJsonSchema({"type": "object", "additionalProperties": _AMOUNT, "maxProperties": 64}),
]
StringMap = Annotated[
    dict[str, str],
    WithJsonSchema(
        {"type": "object", "additionalProperties": {"type": "string", "maxLength": 65536}, "maxProperties": 1024}
    ),
]
Path = Annotated[str, Field(max_length=2048)]
Name = Annotated[str, Field(max_length=253)]
DurationText = Annotated[str, Field(pattern=DURATION_PATTERN, max_length=64)]
Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]


class ApiModel(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        strict=True,
        use_attribute_docstrings=True,
    )


class ResourceRequirements(ApiModel):
    """A Kubernetes ResourceRequirements."""

    requests: Amounts | None = None
    """What is reserved."""
    limits: Amounts | None = None
    """What may be used at most."""
    claims: list[Preserved] | None = None
    """Dynamic resource claims."""


class ExecutionOverrides(ApiModel):
    """What the execution sets in place of what the template says."""

    resources: ResourceRequirements | None = None
    """Resources of the task's container."""
    extended_resources: Preserved | None = None
    """flyteidl.core.ExtendedResources: accelerator, shared memory."""
    container_image: Annotated[str, Field(max_length=1024)] | None = None
    """Image of the task's container."""
    pod_template: Preserved | None = None
    """flyteidl.core.K8sPod; its pod spec takes the place of the task's own."""


class Timeouts(ApiModel):
    """How long an attempt may take. Durations as in Go: ``90s``, ``1h30m``."""

    execution: DurationText | None = None
    """From the start of an attempt to its end, waiting included. A retryable failure ``TimeoutExpired``.
    Absent: the template's ``metadata.timeout``."""
    queued: DurationText | None = None
    """From the start of an attempt until it runs. A permanent failure ``QueuedTimeoutExpired``."""
    active: DurationText | None = None
    """From the start of the first attempt to the end of the last one. A permanent failure ``ActiveTimeoutExpired``."""


class TaskExecutionSpec(ApiModel):
    """What is to be run. Immutable but for ``suspend``, ``abort``, ``priority`` and ``ttlSecondsAfterFinished``."""

    template: Template
    """The task: flyteidl.core.TaskTemplate."""
    id: Preserved | None = None
    """flyteidl.core.TaskExecutionIdentifier. Absent: made from the template's id and the object's name."""
    generated_name: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """Name of the object to create; attempts after the first append ``-<attempt>``. Absent: ``<name>-<attempt>``."""
    unique_node_id: Name | None = None
    """Identity of the workflow's node, unique within its execution."""
    labels: StringMap | None = None
    """Labels of the created objects."""
    annotations: StringMap | None = None
    """Annotations of the created objects."""
    service_account: Name | None = None
    """Service account of the created pods."""
    security_context: Preserved | None = None
    """flyteidl.core.SecurityContext of the execution."""
    overrides: ExecutionOverrides | None = None
    """What is set in place of what the template says."""
    platform_resources: ResourceRequirements | None = None
    """Defaults (requests) and ceilings (limits) of the platform. Absent: from the controller's ``task_resources``."""
    environment_variables: StringMap | None = None
    """Environment of the task's containers."""
    input_path: Path | None = None
    """File with the inputs (``inputs.pb``). Inline inputs are written to it when a command refers to it."""
    input_prefix: Path | None = None
    """Folder of the inputs."""
    output_prefix: Path | None = None
    """Folder into which the task writes ``outputs.pb`` or ``error.pb``; attempts after the first get a folder
    ``<attempt>`` beneath it."""
    raw_output_prefix: Path | None = None
    """Folder for data that outputs refer to; by attempt, as ``outputPrefix``."""
    checkpoint_prefix: Path | None = None
    """Folder for checkpoints; by attempt, as ``outputPrefix``."""
    previous_checkpoint_prefix: Path | None = None
    """Checkpoints of an earlier execution; attempts after the first see those of the attempt before."""
    task_template_path: Path | None = None
    """File to which the template is written when a command refers to it."""
    inputs: Preserved | None = None
    """flyteidl.core.LiteralMap, inline, up to 256 KiB."""
    interruptible: bool | None = None
    """May run where it can be interrupted. Absent: as the template says."""
    console_url: Path | None = None
    """Address of the console, for links."""
    workflow_id: Annotated[str, Field(max_length=1024)] | None = None
    """Name of the workflow that the task is part of."""
    max_attempts: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Attempts that failures of the task itself may take. Absent: the template's retries and one."""
    plugin: Name | None = None
    """ID of the plugin that runs it. Absent: the default for the task's type."""
    timeouts: Timeouts | None = None
    """How long an attempt may take."""
    suspend: bool | None = None
    """Hold it. What was launched is taken back without spending a budget; resuming begins another attempt."""
    abort: bool | None = None
    """Stop it and delete what was created; the TaskExecution is kept."""
    priority: Annotated[int, Field(ge=-(2**31), le=2**31 - 1)] | None = None
    """Of tasks that wait for the same quota, the higher goes first."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    """Delete the TaskExecution this long after it ended. Absent: the controller's ``gc.ttl``."""


MUTABLE = ("suspend", "abort", "priority", "ttlSecondsAfterFinished")
"""The members of spec that may change."""


class StatusError(ApiModel):
    """Why it failed."""

    kind: Literal["USER", "SYSTEM", "UNKNOWN"]
    """Whose failure it is."""
    code: str
    """Stable code."""
    message: str
    """For people."""


class Failures(ApiModel):
    """Failures so far, by the budget that each one spent."""

    user: int | None = None
    """Of the task itself: against ``maxAttempts``."""
    system: int | None = None
    """Of the platform: against the configured system retries."""
    interruptions: int | None = None
    """Of interruptible nodes: against the system retries too; at the threshold the task is no longer interruptible."""


class Attempt(ApiModel):
    """An attempt that has ended."""

    attempt: int
    """Counted from 0."""
    phase: Literal["Succeeded", "Failed", "Aborted", "Suspended"]
    """``Suspended``: taken back by ``spec.suspend`` or by Kueue; it spent no budget."""
    started_at: Time | None = None
    """Handed to the plugin."""
    running_at: Time | None = None
    """Seen running."""
    ended_at: Time
    """End."""
    interruptible: bool | None = None
    """It ran where it could be interrupted."""
    error: StatusError | None = None
    """Why it failed."""
    budget: Literal["user", "system", "interruptions"] | None = None
    """The budget that its failure spent."""


class ToldReason(ApiModel):
    """Something that Kubernetes said about the task's object."""

    at: Time
    """When."""
    reason: str
    """For people."""


class PluginStateRecord(ApiModel):
    """What the plugin remembers of the current attempt."""

    version: int
    """Version of this form."""
    state: Preserved | None = None
    """The plugin's own."""


class SystemErrors(ApiModel):
    """Errors in a row that stopped the controller from deciding anything; too many are a system failure."""

    count: int
    code: str
    message: str
    next_try_at: Time
    """When it tries again."""


class Pending(ApiModel):
    """What is still to be done although the outcome of the attempt is known."""

    step: Literal["ReadOutputs", "Abort", "Finalize"]
    outcome: Literal["Retry", "Suspended", "Succeeded", "Failed", "Aborted", "Deleted"]
    """What comes after it."""
    recorded: bool | None = None
    """The outcome is on record: objects may be deleted now."""


class WaitingResource(ApiModel):
    """A resource of which a quota has too little left."""

    quota: str
    """Name of the ResourceQuota."""
    resource: str
    """As the quota calls it: ``requests.cpu``, ``pods``."""
    requested: str
    """What the task asks for."""
    hard: str | None = None
    """What the quota has in all."""


class Waiting(ApiModel):
    """Why it waits."""

    reason: str
    """By what it is held back."""
    since: Time
    """Since when."""
    resources: list[WaitingResource] | None = None
    """What does not fit. Absent: it waits for its turn, or for the API server."""
    queue: str | None = None
    """Its queue, where it has one: the label ``kueue.x-k8s.io/queue-name``."""
    position: int | None = None
    """Its place in line, counted from 1, as it was when this was written."""
    as_of: Time | None = None
    """When this was written. Amounts that are free, and the place in line, change without being written again."""


class ExecutionOutputs(ApiModel):
    """What the task left."""

    prefix: str | None = None
    """Folder with ``outputs.pb``."""
    literals: Preserved | None = None
    """The outputs by name (flyteidl.core.Literal), when they are small."""
    omitted: bool | None = None
    """There are outputs that are too large to stand here: read them from ``prefix``."""


class Condition(ApiModel):
    """A Kubernetes condition."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str
    last_transition_time: Time
    observed_generation: int | None = None


class TaskExecutionStatus(ApiModel):
    """How it stands. ``Finished`` and ``Succeeded`` are its conditions: ``kubectl wait --for=condition=Finished``."""

    observed_generation: int | None = None
    """Generation of spec that this status has seen."""
    phase: Annotated[ExecutionPhase, Field(strict=False)] | None = None
    """Where it stands."""
    phase_version: int | None = None
    """Grows when something worth telling changes within a phase."""
    reason: str | None = None
    """Why it stands there, in a line."""
    reasons: list[ToldReason] | None = None
    """The last events of the current attempt's object, where ``plugins.k8s.send-object-events`` is on."""
    waiting: Waiting | None = None
    """Why it waits."""
    error: StatusError | None = None
    """Why it failed, or why the attempt before failed."""
    plugin: str | None = None
    """ID of the plugin that runs it."""
    attempt: int | None = None
    """The current attempt, counted from 0."""
    interruptible: bool | None = None
    """The current attempt may be interrupted."""
    failures: Failures | None = None
    """Failures so far."""
    attempts: list[Attempt] | None = None
    """The last attempts that have ended."""
    plugin_state: PluginStateRecord | None = None
    """What the plugin remembers."""
    pending: Pending | None = None
    """What is still to be done for the attempt."""
    system_errors: SystemErrors | None = None
    """Errors in a row of the controller's own work."""
    logs: list[Preserved] | None = None
    """Links: flyteidl.core.TaskLog."""
    custom_info: Preserved | None = None
    """What the plugin wants shown."""
    deck: str | None = None
    """The page that the task makes of its work (``deck.html``)."""
    outputs: ExecutionOutputs | None = None
    """What the task left."""
    accepted_at: Time | None = None
    """First seen."""
    started_at: Time | None = None
    """The current attempt was handed to its plugin."""
    active_since: Time | None = None
    """The first attempt (since it was last suspended) was handed to its plugin; absent until there is a second one."""
    running_at: Time | None = None
    """The current attempt was seen running."""
    finished_at: Time | None = None
    """Ended."""
    conditions: list[Condition] | None = None
    """``Finished`` and ``Succeeded``."""
