"""One turn of the life cycle: what it looks at, and the status that it is writing.

A turn belongs to one call of ``advance``. Stages read it, change its status and end it with :meth:`Turn.decide`.
"""

from __future__ import annotations

import dataclasses
import traceback
import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal

from pluginmachinery.api import names, times
from pluginmachinery.config.propeller import DefaultDeadlines
from pluginmachinery.core.actions import (
    Action,
    Create,
    Found,
    Observation,
    Observe,
    ReadFiles,
    ReadOutputs,
    WakeAt,
)
from pluginmachinery.core.errors import PLUGIN_PANIC, PluginError, PluginMachineryError
from pluginmachinery.core.phases import ErrorKind, ExecutionError, undefined
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.core.transitions import PluginState, Transition
from pluginmachinery.core.values import value_class
from pluginmachinery.lifecycle import attempts, budgets, statuses
from pluginmachinery.lifecycle.budgets import Budgets
from pluginmachinery.lifecycle.worlds import World

if TYPE_CHECKING:
    from flyteidl.core.literals_pb2 import LiteralMap

PLUGIN_NOT_AVAILABLE = "PluginNotAvailable"
PLUGIN_DOES_NOT_SETTLE = "PluginDoesNotSettle"
MAX_CHAIN = 100
"""Transitions in a row that ask for actions; a plugin that asks for more never settles."""

Verb = Literal["handle", "abort", "finalize"]


@value_class
class Decision:
    """What ``advance`` answers, to be carried out in this order: finalizers, actions, status.

    ``finalizers`` is the wanted ``metadata.finalizers`` (foreign ones are kept in it), None: as they are; they are
    patched before the actions are carried out. ``actions`` are to be carried out now; their results come in the next
    call, in which ``status`` counts as the object's status whether written or not. Without actions ``status`` is the
    one to be written. ``urgent``: write it at once, and before ``advance`` is called for this task again (an outcome
    is on record before its objects are deleted); anything else may be coalesced. ``wake_at``: handle again then, even
    if nothing happens; a time that has passed means at once.
    """

    status: Mapping[str, Any]
    actions: tuple[Action, ...] = ()
    finalizers: tuple[str, ...] | None = None
    wake_at: datetime | None = None
    urgent: bool = False


class Turn:
    """What one call of ``advance`` knows and writes."""

    def __init__(self, world: World, execution: Mapping[str, Any], observation: Observation) -> None:
        self.world = world
        self.execution = execution
        self.metadata: Mapping[str, Any] = execution["metadata"]
        self.spec: Mapping[str, Any] = execution["spec"]
        self.observation = observation
        self.now = observation.now
        self.finalizers: tuple[str, ...] | None = None
        self._before: Mapping[str, Any] = execution.get("status") or {}
        self.status: dict[str, Any] = dict(self._before)
        self._contexts: dict[tuple[int, bool], TaskContext] = {}

    @property
    def attempt_started(self) -> bool:
        return "startedAt" in self.status

    @property
    def may_have_objects(self) -> bool:
        """Could something of the current attempt be alive?

        An attempt that was never recorded as started may have an object all the same: its creator died in between.
        """
        if self.attempt_started:
            return True
        attempt = str(self.status.get("attempt", 0))
        return any(
            isinstance(seen, Found) and _label(seen.object, names.ATTEMPT) == attempt
            for seen in self.observation.objects.values()
        )

    def drop_results(self) -> None:
        """Something new begins: results of what went before are not for it."""
        if self.observation.results:
            self.observation = dataclasses.replace(self.observation, results=())

    def context(self) -> TaskContext:
        """The context of the current attempt. Raises PluginError where the task can not be read."""
        attempt, interruptible = self.status["attempt"], self.status.get("interruptible", False)
        known = self._contexts.get((attempt, interruptible))
        if known is None:
            known = attempts.context(self.world, self.execution, attempt, interruptible=interruptible, now=self.now)
            self._contexts[attempt, interruptible] = known
        return known

    def supply(self, inputs: LiteralMap) -> None:
        """The inputs of the task, read from the store."""
        attempts.supply(self.world, self.execution, self.status["attempt"], inputs)
        self._contexts.clear()

    def forget_context(self) -> None:
        self.world.contexts.forget(attempts.key(self.execution, self.status["attempt"]))

    def budgets(self) -> Budgets:
        """What this task may spend. Raises as :meth:`context` does."""
        return Budgets.of(self.world.config, self.context().metadata.max_attempts)

    @property
    def default_deadlines(self) -> DefaultDeadlines:
        return self.world.config.propeller.node_config.default_deadlines

    @property
    def wants_interruption(self) -> bool:
        return attempts.wants_interruption(self.spec, self.context().template)

    @property
    def plugin_state(self) -> PluginState:
        record = self.status.get("pluginState")
        return None if record is None else record.get("state")

    def remember(self, state: PluginState) -> None:
        """Keep what the plugin wants to remember."""
        if state is None:
            self.status.pop("pluginState", None)
        elif state != self.plugin_state:
            self.status["pluginState"] = {"version": statuses.STATE_VERSION, "state": dict(state)}

    def ask_plugin(self, verb: Verb) -> Transition:
        """Call the plugin; whatever it raises comes back as an error of the transition."""
        state = self.plugin_state
        try:
            plugin = self.world.plugin(self.status["plugin"])
            transition = getattr(plugin, verb)(self.context(), state, self.observation)
            if not isinstance(transition, Transition):
                raise TypeError(f"{verb} answered {type(transition).__name__}, not a Transition")
        except PluginError as error:
            return _failing(state, error.code, error.message)
        except PluginMachineryError as error:
            return _failing(state, PLUGIN_NOT_AVAILABLE, str(error))
        except MemoryError:  # that is the process's failure, whichever plugin it strikes
            raise
        except Exception as error:  # a defect of a plugin must never take the process down
            return _failing(state, PLUGIN_PANIC, _panic(self.status["plugin"], error))
        return transition

    def count_error(self, error: ExecutionError) -> bool:
        """One more error in a row; True: there have been too many."""
        count = (self.status.get("systemErrors") or {}).get("count", 0) + 1
        if count > budgets.MAX_ERRORS:
            return True
        jitter = (zlib.crc32(self.metadata["uid"].encode()) & 0xFF) / 0xFF
        delay = timedelta(seconds=budgets.error_delay(count, jitter))
        record = statuses.error_record(error)
        self.status["systemErrors"] = {
            "count": count,
            "code": record["code"],
            "message": record["message"],
            "nextTryAt": times.to_text(self.now + delay),
        }
        return False

    @property
    def is_backing_off(self) -> bool:
        """An error was met and it is too early to try again; results are looked at all the same."""
        return not self.observation.results and (self.next_try_at or self.now) > self.now

    @property
    def next_try_at(self) -> datetime | None:
        """When to try again after an error; None: nothing stands in the way."""
        errors = self.status.get("systemErrors")
        return None if errors is None else times.from_text(errors["nextTryAt"])

    def decide(self, *, wake_at: datetime | None = None, urgent: bool = False) -> Decision:
        """End the turn: this is the status."""
        self.status.pop("chain", None)
        return Decision(self._status(), (), self.finalizers, wake_at, urgent)

    def carry_out(self, actions: tuple[Action, ...]) -> Decision:
        """End the turn: these actions come first. Objects get the labels by which they are found again."""
        self.status["chain"] = self.status.get("chain", 0) + 1
        wanted = tuple(self._labelled(action) for action in actions if not isinstance(action, WakeAt))
        return Decision(self._status(), wanted, self.finalizers)

    def only(self, action: Action) -> Decision:
        """End the turn: the status is as it was, this is to be done."""
        return Decision(self._before, (action,), self.finalizers)

    @property
    def chain_is_endless(self) -> bool:
        return bool(self.status.get("chain", 0) >= MAX_CHAIN)

    def _status(self) -> Mapping[str, Any]:
        if self.status == self._before:
            return self._before
        generation = self.metadata.get("generation")
        if generation is not None:
            statuses.see_generation(self.status, generation)
        return self.status

    def _labelled(self, action: Action) -> Action:
        if not isinstance(action, Create):
            return action
        metadata = dict(action.object.get("metadata") or {})
        metadata["labels"] = {**(metadata.get("labels") or {}), **self._own_labels()}
        return Create(action.ref, {**action.object, "metadata": metadata})

    def _own_labels(self) -> dict[str, str]:
        """By these an object is found again, by the replica whose shard the TaskExecution is in."""
        labels = names.object_labels(self.metadata["name"], self.status["attempt"])
        shard = self.world.config.plugin_manager.sharding.label
        bucket = (self.metadata.get("labels") or {}).get(shard)
        return labels if bucket is None else {**labels, shard: bucket}


def _label(manifest: Mapping[str, Any], name: str) -> str | None:
    labels: Mapping[str, str] = (manifest.get("metadata") or {}).get("labels") or {}
    return labels.get(name)


def has_effects(actions: tuple[Action, ...]) -> bool:
    """Do these actions change anything?"""
    return not all(isinstance(action, Observe | ReadOutputs | ReadFiles | WakeAt) for action in actions)


def _failing(state: PluginState, code: str, message: str) -> Transition:
    return Transition(undefined(), state, error=ExecutionError(code, message, ErrorKind.SYSTEM))


def _panic(plugin: str, error: Exception) -> str:
    """The defect in a line: what was raised, and where."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({PurePath(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"plugin {plugin} raised {type(error).__name__}: {error}{place}"
