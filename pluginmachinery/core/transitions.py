"""Transitions: the answer of a plugin, and how long a chain of them may be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pluginmachinery.core.actions import Action, WakeAt
from pluginmachinery.core.phases import ExecutionError, PhaseInfo
from pluginmachinery.core.values import value_class

PluginState = Mapping[str, Any] | None
"""What a plugin wants to remember, as JSON; None before the first transition."""


@value_class
class Transition:
    """A phase, the state to remember, and what is to be done before the next call.

    The executor carries the actions out and calls again with their results, until a transition asks for nothing but to
    be woken (:attr:`settled`); only then phase and state are saved, in one write.

    ``error`` says that nothing could be decided (the API server failed): phase and state stay as they were, the error
    is counted against the system budget, and the same is tried again.
    """

    phase: PhaseInfo
    state: PluginState = None
    actions: tuple[Action, ...] = ()
    error: ExecutionError | None = None

    @property
    def settled(self) -> bool:
        return not self.actions or all(isinstance(action, WakeAt) for action in self.actions)

    @property
    def wake_at(self) -> datetime | None:
        """The earliest time at which it wants to be woken."""
        moments = [action.at for action in self.actions if isinstance(action, WakeAt)]
        return min(moments) if moments else None
