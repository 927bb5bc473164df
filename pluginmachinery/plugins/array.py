"""k8s-array: map tasks. One task, many sub-tasks, each a pod of its own.

How a call goes from stage to stage is in :mod:`.map_task.run`, the work on single pods in :mod:`.map_task.work`; here
it becomes the plugin that the life cycle drives. Source: ``plugins/array/k8s``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pluginmachinery.config import Configuration
from pluginmachinery.core.actions import Observation, WakeAt
from pluginmachinery.core.errors import PluginError
from pluginmachinery.core.phases import (
    ErrorKind,
    ExecutionError,
    Phase,
    PhaseInfo,
    TaskInfo,
    initializing,
    retryable_failure,
    running,
    success,
    undefined,
)
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.core.transitions import PluginState, Transition
from pluginmachinery.plugins.map_task import passes, summary
from pluginmachinery.plugins.map_task.answers import Answers, Interrupted
from pluginmachinery.plugins.map_task.conduct import ArrayConduct
from pluginmachinery.plugins.map_task.passes import Kind, Progress
from pluginmachinery.plugins.map_task.run import GENERIC_FAILURE, Run
from pluginmachinery.plugins.map_task.states import ArrayState, Stage
from pluginmachinery.plugins.map_task.subtasks import SubTasks
from pluginmachinery.plugins.map_task.work import MOST_LINKS, Seen, Worker

_MOST_SEEN = 100_000
"""Running pods that are remembered, of all tasks."""

_CleanUp = Callable[[Worker, Progress], bool]


@dataclass(frozen=True, slots=True)
class ArrayPlugin:
    """Runs tasks of the type ``container_array``. ``conduct`` says where to do better than Flyte."""

    id: str = "k8s-array"
    conduct: ArrayConduct = field(default_factory=ArrayConduct)
    _seen: Seen = field(default_factory=dict, init=False, repr=False, compare=False)

    def token_quotas(self, config: Configuration) -> Mapping[str, int]:
        """One quota, that sub-tasks take tokens of while they run."""
        quota = config.plugins.k8s_array.resource_config
        return {quota.primary_label: quota.limit}

    def handle(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition:
        """Launch and follow sub-tasks; at the end, put their outputs or errors together."""
        try:
            known = ArrayState.read(state)
        except PluginError as error:
            return Transition(retryable_failure(error.code, error.message, kind=ErrorKind.SYSTEM), state)
        if len(self._seen) > _MOST_SEEN:
            self._seen.clear()
        run = Run(_at(task, observation), known, observation, self.conduct, self._seen)
        outcome = run.go_on()
        if outcome.error is not None:
            return Transition(undefined(), state, error=outcome.error)
        if outcome.actions:
            return Transition(running(), known.write(), outcome.actions)
        wakes = () if outcome.wake_at is None else (WakeAt(outcome.wake_at),)
        return Transition(self._phase(known, run), known.write(), wakes)

    def abort(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition:
        """Delete the pods of sub-tasks that may be alive. It is over with the first transition without actions."""
        return self._clean_up(task, state, observation, Kind.ABORT, passes.abort)

    def finalize(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition:
        """Let go of the pods of sub-tasks that were not seen to end."""
        return self._clean_up(task, state, observation, Kind.FINALIZE, passes.finalize)

    def _clean_up(
        self, task: TaskContext, state: PluginState, observation: Observation, kind: Kind, clean: _CleanUp
    ) -> Transition:
        try:
            known = ArrayState.read(state)
        except PluginError:
            return Transition(undefined(), state)  # without it nobody knows the pods; their owner takes them along
        task = _at(task, observation)
        progress = Progress.read(known.progress, kind)
        worker = Worker(task, SubTasks(task), known, Answers(observation), self.conduct)
        try:
            over = clean(worker, progress)
        except Interrupted:
            restarted = dataclasses.replace(observation, results=())
            return self._clean_up(task, _without_pass(known), restarted, kind, clean)
        if not over:
            known.progress = progress.write()
            return Transition(undefined(), known.write(), worker.orders.actions())
        return Transition(undefined(), _without_pass(known), error=progress.trouble)

    def _phase(self, state: ArrayState, run: Run) -> PhaseInfo:
        info = TaskInfo(
            logs=tuple(run.links[:MOST_LINKS]),
            custom_info={"subTasks": summary.counted(state)} if state.size else None,
        )
        match state.stage:
            case Stage.START:
                return initializing("the catalogue is asked which sub-tasks need not run", info=info)
            case Stage.SUCCEEDED:
                return success(info=info)
            case Stage.FAILED:
                return PhaseInfo(Phase.PERMANENT_FAILURE, error=_error_of(state), info=info)
            case Stage.FAILED_RETRYABLY:
                return PhaseInfo(Phase.RETRYABLE_FAILURE, error=_error_of(state), info=info)
        words = summary.in_words(state)
        if state.held and Phase.WAITING_FOR_RESOURCES in state.phases:
            words = f"{words}; {state.held}"
        if not self.conduct.aggregate_phase or summary.has_started(state):
            return running(version=state.version, reason=words, info=info)
        waits = Phase.WAITING_FOR_RESOURCES in state.phases and Phase.QUEUED not in state.phases
        phase = Phase.WAITING_FOR_RESOURCES if waits else Phase.QUEUED
        return PhaseInfo(phase, state.version, words, info=info)


def _error_of(state: ArrayState) -> ExecutionError:
    return state.error or ExecutionError(GENERIC_FAILURE, "no more is known", ErrorKind.UNKNOWN)


def _at(task: TaskContext, observation: Observation) -> TaskContext:
    return task if task.now == observation.now else dataclasses.replace(task, now=observation.now)


def _without_pass(state: ArrayState) -> dict[str, Any]:
    state.progress = None
    return state.write()
