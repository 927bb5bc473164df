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
    """What :func:`advance` answers, to be carried out in this order: finalizers, actions, status.

    ``finalizers`` is the wanted ``metadata.finalizers`` (foreign ones are kept in it), None: as they are; they are
    patched before the actions are carried out. ``actions`` are to be carried out now; their results come in the next
    call, in which ``status`` counts as the object's status whether written or not. Without actions ``status`` is the
    one to be written. ``urgent``: write it at once, and before :func:`advance` is called for this task again (an
    outcome is on record before its objects are deleted); anything else may be coalesced. ``wake_at``: handle again
    then, even if nothing happens; a time that has passed means at once.
    """

    status: Mapping[str, Any]
    actions: tuple[Action, ...] = ()
    finalizers: tuple[str, ...] | None = None
    wake_at: datetime | None = None
    urgent: bool = False


def advance(world: World, execution: Mapping[str, Any], observation: Observation) -> Decision:
    """Decide what comes next for this TaskExecution."""
    raise NotImplementedError
