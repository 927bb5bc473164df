"""``tasks``: which plugins run which task types, and how launching backs off."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pluginmachinery.config.durations import Duration
from pluginmachinery.config.sections import Deprecated, Int32, Section, Span, Unlisted


class TaskPluginConfig(Section):
    """Which plugins run."""

    enabled_plugins: tuple[str, ...] = ()
    """IDs of the plugins that run. An empty list means all of them."""
    default_for_task_types: Annotated[dict[str, str], Unlisted()] = {}
    """Task type → ID of the plugin that runs it; needed where two enabled plugins know one type."""


class BackOffConfig(Section):
    """How long to wait after the cluster refused to create an object."""

    base_second: int = Field(2, ge=0)
    """Base of the exponential delay, in seconds."""
    max_duration: Span = Duration.of(seconds=20)
    """The longest delay."""


class TasksConfig(Section):
    """How tasks are handled."""

    task_plugins: TaskPluginConfig = TaskPluginConfig()
    """Which plugins run."""
    max_plugin_phase_versions: Int32 = Field(100000, ge=0)
    """How often a plugin may report news within one phase."""
    backoff: BackOffConfig = BackOffConfig()
    """How launching backs off."""
    max_log_message_length: Annotated[int, Deprecated("nothing; it has no effect")] = Field(
        0, alias="maxLogMessageLength"
    )
    """Longest error message."""
