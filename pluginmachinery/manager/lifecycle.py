"""The life of a TaskExecution: from accepted, through attempts, to succeeded, failed or aborted.

:func:`advance` looks at the object as it stands and at what is known of the world, and answers what the status should
be and what is to be done. It is pure and idempotent: whoever runs it carries the actions out and calls it again with
their results and the answered status, until nothing is left to do; only then the status is written, once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pluginmachinery.config import Configuration
from pluginmachinery.core.actions import Action, Observation

if TYPE_CHECKING:
    from pluginmachinery.plugins.registry import PluginRegistry


@dataclass(frozen=True)
class World:
    """What holds for all tasks: configuration, plugins, pod templates and the process environment.

    A new World is made when one of these changes (a PodTemplate event); ``dataclasses.replace`` keeps the rest.
    """

    config: Configuration
    registry: PluginRegistry
    pod_templates: Sequence[Mapping[str, Any]] = ()
    pod_template_default_namespace: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """What :func:`advance` answers.

    ``status`` is the wanted status, taken as the object's at once and in the next call. ``actions`` are to be carried
    out now; their results come in the next call. ``finalizers`` is the wanted ``metadata.finalizers``, None: as they
    are. ``wake_at``: handle again then even if nothing happens. ``urgent``: worth a write at once (terminal), anything
    else may be coalesced.
    """

    status: Mapping[str, Any]
    actions: tuple[Action, ...] = ()
    finalizers: tuple[str, ...] | None = None
    wake_at: datetime | None = None
    urgent: bool = False


def advance(world: World, execution: Mapping[str, Any], observation: Observation) -> Decision:
    """Decide what comes next for this TaskExecution."""
    raise NotImplementedError
