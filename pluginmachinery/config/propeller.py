"""``propeller``: the few settings of Flyte's engine that plugins and retries look at; the rest is passed over."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from pluginmachinery.config.durations import Duration
from pluginmachinery.config.resource_manager import ResourceManagerConfig
from pluginmachinery.config.sections import Int32, Section, Span


class DefaultDeadlines(Section):
    """Timeouts of tasks that name none; 0s: none. Flyte's words for its nodes hold for a TaskExecution."""

    passes_over_unknown: ClassVar[bool] = True

    node_execution_deadline: Span = Duration()
    """How long an attempt may take from its start to its end."""
    node_active_deadline: Span = Duration()
    """How long all attempts together may take."""


class NodeConfig(Section):
    """Failure budgets, used where ``plugin-manager.retries`` says nothing."""

    passes_over_unknown: ClassVar[bool] = True

    default_deadlines: DefaultDeadlines = DefaultDeadlines()
    """Timeouts of tasks that name none."""
    max_node_retries_system_failures: int = 3
    """How often a task is tried again after failures that are not its own."""
    interruptible_failure_threshold: Int32 = -1
    """System failures after which a task is no longer run interruptibly; -1: only the last attempt is not."""
    default_max_attempts: Int32 = 1
    """Attempts of a task that names none."""
    ignore_retry_cause: bool = False
    """Count failures of any cause against one budget."""


class LiteralOffloadingConfig(Section):
    """Large literals are kept in the object store instead of in messages; tasks are told the sizes."""

    passes_over_unknown: ClassVar[bool] = True

    enabled: bool = Field(False, alias="Enabled")
    """Offload at all."""
    supported_sdk_versions: dict[str, str] = {"FLYTE_SDK": "1.13.14"}
    """SDK → first version that can read offloaded literals."""
    min_size_in_mb_for_offloading: int = 10
    """Literals from this size on are offloaded, in megabytes."""
    max_size_in_mb_for_offloading: int = 1000
    """Literals beyond this size are refused, in megabytes."""


class PropellerConfig(Section):
    """What is read of Flyte's engine."""

    passes_over_unknown: ClassVar[bool] = True

    node_config: NodeConfig = NodeConfig()
    """Failure budgets."""
    literal_offloading_config: LiteralOffloadingConfig = LiteralOffloadingConfig()
    """Offloading of large literals."""
    resourcemanager: ResourceManagerConfig = ResourceManagerConfig()
    """Resource tokens."""
