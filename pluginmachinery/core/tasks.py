"""The task as a plugin sees it: template, metadata, paths and the configuration that holds for it.

Everything is a value. The task template and what belongs to it are the ``flyteidl`` protobuf messages; Kubernetes
things (resources, tolerations, owner references) are plain dicts in the JSON form of the Kubernetes API.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pluginmachinery.config import Configuration
from pluginmachinery.core.values import value_class

if TYPE_CHECKING:
    from flyteidl.core.identifier_pb2 import TaskExecutionIdentifier
    from flyteidl.core.literals_pb2 import LiteralMap
    from flyteidl.core.security_pb2 import SecurityContext
    from flyteidl.core.tasks_pb2 import ExtendedResources, K8sPod, TaskTemplate

JSON = Mapping[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@value_class
class Overrides:
    """What the execution overrides of the task.

    ``resources`` is a Kubernetes ResourceRequirements (``{"requests": …, "limits": …}``); None means that none were
    given, which the reference treats as an error for container targets.
    """

    resources: JSON | None = None
    extended_resources: ExtendedResources | None = None
    container_image: str = ""
    pod_template: K8sPod | None = None


@value_class
class TaskMetadata:
    """Who runs the task and where: the execution's identity and what the platform attaches to it."""

    namespace: str
    generated_name: str
    """Name of the object to create before it is made DNS-1123."""
    unique_node_id: str = ""
    id: TaskExecutionIdentifier | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    owner_reference: JSON | None = None
    service_account: str = ""
    security_context: SecurityContext | None = None
    overrides: Overrides = field(default_factory=Overrides)
    platform_resources: JSON = field(default_factory=dict)
    """Defaults (requests) and ceilings (limits) of the platform, as a Kubernetes ResourceRequirements."""
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    interruptible: bool = False
    interruptible_failure_threshold: int = 0
    """Failures of the platform from which on a part of the task – a sub-task – no longer runs interruptibly."""
    max_attempts: int = 0
    priority: int = 0
    """Of tasks that wait in the same queue, the higher goes first."""
    created_at: str = ""
    """When the execution was created, as Kubernetes writes it; of equal priority, the older goes first."""
    console_url: str = ""
    workflow_id: str | None = None
    """Name of the workflow in the execution's context; None where it is not set."""


@value_class
class Paths:
    """Where the task's data lives; "" where a path is not given."""

    input_path: str = ""
    input_prefix: str = ""
    output_prefix: str = ""
    raw_output_prefix: str = ""
    checkpoint_prefix: str = ""
    previous_checkpoint_prefix: str = ""
    task_template_path: str = ""


@value_class
class PodTemplates:
    """The PodTemplate objects of the cluster (Kubernetes JSON), looked up by namespace and name.

    A name that the namespace does not have is looked up in ``default_namespace``.
    """

    templates: Sequence[JSON] = ()
    default_namespace: str = ""

    def find(self, namespace: str, name: str) -> JSON | None:
        for wanted in (namespace, self.default_namespace):
            for template in self.templates:
                metadata = template.get("metadata") or {}
                if metadata.get("name") == name and metadata.get("namespace") == wanted:
                    return template
        return None


class Inputs:
    """A task's inputs, read when they are first asked for: most looks at a task that runs need none."""

    __slots__ = ("_read", "_value")

    def __init__(self, value: LiteralMap | None = None, *, read: Callable[[], LiteralMap | None] | None = None) -> None:
        self._value = value
        self._read = read

    def get(self) -> LiteralMap | None:
        """None: there are none. Raises what reading them raises."""
        if self._read is not None:
            self._value, self._read = self._read(), None
        return self._value

    def __eq__(self, other: object) -> bool:
        return self.get() == other.get() if isinstance(other, Inputs) else NotImplemented

    def __hash__(self) -> int:
        raise TypeError("inputs are messages, which have no hash")


_NO_INPUTS = Inputs()


@value_class
class TaskContext:
    """All that a plugin may look at when it builds, aborts or finalizes.

    ``environment`` is the process environment (for ``default-env-vars-from-env``); ``random_seed`` makes random names
    reproducible: the same context gives the same object.
    """

    config: Configuration
    template: TaskTemplate
    metadata: TaskMetadata
    paths: Paths = field(default_factory=Paths)
    given_inputs: Inputs = _NO_INPUTS
    pod_templates: PodTemplates = field(default_factory=PodTemplates)
    environment: Mapping[str, str] = field(default_factory=dict)
    now: datetime = EPOCH
    random_seed: str = ""

    @property
    def inputs(self) -> LiteralMap | None:
        """The inputs; None where there are none, or none have been read from the store yet."""
        return self.given_inputs.get()


@value_class
class SavedPhase:
    """What the manager remembers of the last phase it saw for this object."""

    phase: str = "Undefined"
    version: int = 0
    reason: str = ""


@value_class
class PluginContext:
    """What ``get_task_phase`` may look at: the task and the phase saved before."""

    task: TaskContext
    saved: SavedPhase = field(default_factory=SavedPhase)
