"""One call for a map task: from stage to stage, until something has to be waited for.

Each stage is a function of the :class:`Run` that says how it went: it has *orders* for the executor, has *moved* to
another stage, *stays* (to be called again when something changes, or at a time), or *failed* to decide.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flyteidl.core.literals_pb2 import LiteralMap
from google.protobuf.message import DecodeError

from pluginmachinery.core.actions import (
    Action,
    CallService,
    Done,
    Files,
    Observation,
    ReadFiles,
    Refused,
    Result,
    WriteInputs,
)
from pluginmachinery.core.errors import BAD_TASK_SPECIFICATION, PluginError, bad_task
from pluginmachinery.core.phases import ErrorKind, ExecutionError, Phase
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.plugins.map_task import assembly, cache, definition, passes, summary
from pluginmachinery.plugins.map_task.answers import Answers, Interrupted
from pluginmachinery.plugins.map_task.conduct import ArrayConduct
from pluginmachinery.plugins.map_task.passes import Kind, Limits, Progress
from pluginmachinery.plugins.map_task.states import ArrayState, Stage
from pluginmachinery.plugins.map_task.subtasks import SubTasks
from pluginmachinery.plugins.map_task.work import (
    ERROR_FILE,
    FILES_NOT_READABLE,
    FILES_NOT_WRITTEN,
    OUTPUTS_FILE,
    Seen,
    Stop,
    Unbuildable,
    Worker,
)

GENERIC_FAILURE = "ARRAY_JOB_GENERIC_FAILURE"
"""Flyte's code for the failures of map tasks that it has no other for."""
TOO_LARGE = "MapTaskTooLarge"

_LOOK_AGAIN = timedelta(seconds=10)
"""How long sub-tasks wait for room, and how often a catalogue is asked."""
_SOON = timedelta(milliseconds=50)
"""There is more to do, and other tasks may have their turn before."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of a stage; nothing set: it stays."""

    actions: tuple[Action, ...] = ()
    moved: bool = False
    wake_at: datetime | None = None
    error: ExecutionError | None = None


_MOVED = Outcome(moved=True)


class Run:
    """What one call works with. ``links`` are log links of the sub-tasks that were looked at."""

    def __init__(
        self,
        task: TaskContext,
        state: ArrayState,
        observation: Observation,
        conduct: ArrayConduct,
        seen: Seen | None = None,
    ) -> None:
        self.task = task
        self.state = state
        self.subs = SubTasks(task)
        self.links: list[Mapping[str, Any]] = []
        self._observation = observation
        self._answers = Answers(observation)
        self._conduct = conduct
        self._seen = seen

    def go_on(self) -> Outcome:
        """The next stage, or several."""
        while not self.state.stage.is_final:
            try:
                outcome = _STAGES[self.state.stage](self)
            except Interrupted:
                self.state.progress = None
                self._answers.forget()
                continue
            except Stop as stop:
                return Outcome(error=stop.error)
            if not outcome.moved:
                return outcome
            self._answers.forget()
            if not self._conduct.run_through:
                break
        return Outcome()

    # --- Start -------------------------------------------------------------------------------------------------------

    def start(self) -> Outcome:
        """How many sub-tasks there are, and which of them have to run."""
        if self.state.progress is not None:
            return self._wrote_index()
        try:
            self._check_place()
            if self._needs_inputs and self._answers.get(ReadFiles) is None:
                return Outcome((ReadFiles((self.task.paths.input_path,)),))
            defined = definition.define(self.task.template, self._inputs())
        except PluginError as error:
            return self._refuse(error)
        limit = self.task.config.plugins.k8s_array.max_array_job_size
        if self._is_cached:
            queues = self.task.config.plugins.catalog_cache
            limit = min(limit, queues.reader.max_items, queues.writer.max_items)
        if defined.size > limit:
            return self._fail(TOO_LARGE, f"{defined.size} sub-tasks are more than the {limit} that are allowed")
        if not self._is_cached:
            return self._launch(defined, frozenset())
        return self._look_up(defined)

    def _check_place(self) -> None:
        config = self.task.config.plugins.k8s_array
        if not self._conduct.same_namespace:
            return
        if self.subs.namespace != self.task.metadata.namespace:
            raise PluginError(
                BAD_TASK_SPECIFICATION,
                f"namespaceTemplate puts the pods into {self.subs.namespace}: nothing would remove them there",
                field="plugins.k8s-array.namespaceTemplate",
            )
        if config.remote_cluster_config.enabled:
            raise PluginError(
                BAD_TASK_SPECIFICATION,
                "another cluster for sub-tasks is not supported",
                field="plugins.k8s-array.remoteClusterConfig",
            )

    @property
    def _needs_inputs(self) -> bool:
        given = self.task.inputs is not None or definition.size_is_given(self.task.template)
        return not given and bool(self.task.paths.input_path)

    def _inputs(self) -> LiteralMap | None:
        if self.task.inputs is not None or definition.size_is_given(self.task.template):
            return self.task.inputs
        read = self._answers.get(ReadFiles)
        if read is None:
            return None
        contents = _contents(read).get(self.task.paths.input_path)
        if contents is None:
            raise bad_task(f"there are no inputs at {self.task.paths.input_path}", field="inputPath")
        try:
            return LiteralMap.FromString(contents)
        except DecodeError as error:
            raise bad_task(f"{self.task.paths.input_path} is truncated: {error}", field="inputPath") from error

    @property
    def _is_cached(self) -> bool:
        return bool(self.task.template.metadata.discoverable)

    def _look_up(self, defined: definition.Definition) -> Outcome:
        answer = self._answers.get(CallService, "lookup")
        if answer is None:
            again = (ReadFiles((self.task.paths.input_path,)),) if self._inputs() is not self.task.inputs else ()
            return Outcome((*again, cache.lookup(self.task, defined.size)))
        if not cache.is_ready(answer):
            return Outcome(wake_at=self._answers.now + _LOOK_AGAIN)
        found = cache.cached(answer, defined.size)
        if found is None:
            return self._launch(defined, frozenset())
        self.state.define(defined.size, defined.min_successes, found)
        if len(found) == defined.size:
            self.state.enter(Stage.ASSEMBLE_OUTPUTS)
            self.state.version = 0
            return _MOVED
        self.state.progress = {"kind": "index"}
        path = f"{self.task.paths.input_prefix.rstrip('/')}/{cache.INDEX_LOOKUP}"
        return Outcome((WriteInputs({path: cache.index_lookup(self.state.runs)}),))

    def _wrote_index(self) -> Outcome:
        _check_written(self._answers.of(WriteInputs))
        self.state.enter(Stage.PRE_LAUNCH)
        self.state.version = 0
        return _MOVED

    def _launch(self, defined: definition.Definition, cached: frozenset[int]) -> Outcome:
        self.state.define(defined.size, defined.min_successes, cached)
        self.state.enter(Stage.PRE_LAUNCH)
        self.state.version = 0
        return _MOVED

    def _refuse(self, error: PluginError) -> Outcome:
        if error.code == definition.UNEVEN_INPUTS:
            return self._fail(BAD_TASK_SPECIFICATION, error.message)
        if self._conduct.refuse_bad_definitions:
            return self._fail(error.code, str(error))
        return Outcome(error=ExecutionError(error.code, error.message, ErrorKind.SYSTEM))

    def _fail(self, code: str, message: str) -> Outcome:
        """The definition does not do."""
        kind = ErrorKind.USER
        if not self._conduct.tell_the_cause:
            code, kind = GENERIC_FAILURE, ErrorKind.SYSTEM
        self.state.fail(ExecutionError(code, message, kind))
        self.state.version = 0
        return _MOVED

    def pre_launch(self) -> Outcome:
        self.state.enter(Stage.LAUNCH)
        return _MOVED

    def launch(self) -> Outcome:
        self.state.enter(Stage.CHECK)
        return _MOVED

    # --- Sub-tasks ---------------------------------------------------------------------------------------------------

    def check(self) -> Outcome:
        """Launch and follow."""
        state = self.state
        worker = self._worker()
        progress = Progress.read(state.progress, Kind.CHECK)
        limits = Limits(
            parallelism=definition.job_of(self.task.template).parallelism,
            window=passes.WINDOW,
            transitions=passes.LONGEST if self._conduct.run_through else 0,
            cautious=self._conduct.careful_launch,
        )
        try:
            over = passes.check(worker, progress, limits)
        except Unbuildable as unbuildable:
            if not self._conduct.refuse_bad_definitions:
                raise Stop(unbuildable.error) from unbuildable
            state.error = unbuildable.error
            state.enter(Stage.ABORT)
            return _MOVED
        self.links += worker.links
        if progress.trouble is not None:
            raise Stop(progress.trouble)
        if not over:
            state.progress = progress.write()
            return Outcome(worker.orders.actions())
        return self._checked(progress, pauses=limits.pause(progress, len(state.phases)))

    def _checked(self, progress: Progress, *, pauses: bool) -> Outcome:
        state = self.state
        following = summary.next_stage(state)
        if following is not Stage.CHECK:
            state.enter(following)
            return _MOVED
        state.version += progress.changed
        if pauses:
            state.progress = dataclasses.replace(progress, transitions=0, paused=True).write()
            return Outcome(wake_at=self._answers.now + _SOON)
        state.progress = None
        retries = self._conduct.run_through and Phase.RETRYABLE_FAILURE in state.phases
        if progress.changed and (progress.paused or retries):
            return Outcome(wake_at=self._answers.now + _SOON)
        waits = progress.paused or Phase.WAITING_FOR_RESOURCES in state.phases
        return Outcome(wake_at=self._answers.now + _LOOK_AGAIN if waits else None)

    def abort(self) -> Outcome:
        """Too few can still succeed: the others are stopped."""
        worker = self._worker()
        progress = Progress.read(self.state.progress, Kind.ABORT)
        if not passes.abort(worker, progress):
            self.state.progress = progress.write()
            return Outcome(worker.orders.actions())
        if progress.trouble is not None:
            raise Stop(progress.trouble)
        self.state.enter(Stage.STORE_THEN_FAIL)
        return _MOVED

    def _worker(self) -> Worker:
        return Worker(self.task, self.subs, self.state, self._answers, self._conduct, self._seen)

    # --- Endings -----------------------------------------------------------------------------------------------------

    def store(self) -> Outcome:
        """Tell the catalogue what was made."""
        state = self.state
        following = Stage.ASSEMBLE_OUTPUTS if state.stage is Stage.STORE else Stage.ASSEMBLE_ERROR
        pairs = zip(state.runs, state.phases, strict=True)
        made = [original for original, phase in pairs if phase is Phase.SUCCESS]
        if self._is_cached and made:
            answer = self._answers.get(CallService, "store")
            if answer is None:
                return Outcome((cache.store(self.task, made),))
            if not cache.is_ready(answer):
                return Outcome(wake_at=self._answers.now + _LOOK_AGAIN)
        state.enter(following)
        return _MOVED

    def assemble_outputs(self) -> Outcome:
        """The lists of what the sub-tasks have left become the task's outputs."""
        state, variables = self.state, assembly.declared(self.task.template)
        if not variables:
            state.enter(Stage.SUCCEEDED)
            return _MOVED
        if (written := self._answers.get(WriteInputs)) is not None:
            _check_written(written)
            state.enter(Stage.SUCCEEDED)
            return _MOVED
        originals = assembly.succeeded(state)
        paths = {original: self.subs.file(original, OUTPUTS_FILE) for original in originals}
        if paths and self._answers.get(ReadFiles) is None:
            return Outcome((ReadFiles(tuple(paths.values())),))
        try:
            files = self._files(paths)
            if len(files) < len(paths):
                raise assembly.missing_outputs(original for original in originals if original not in files)
            data = assembly.outputs(state.size, variables, files)
        except PluginError as error:
            code = error.code if self._conduct.tell_the_cause else ""
            state.fail(ExecutionError(code, error.message, ErrorKind.UNKNOWN), retryable=True)
            return _MOVED
        return Outcome((WriteInputs({f"{self.subs.output_prefix}/{OUTPUTS_FILE}": data}),))

    def assemble_error(self) -> Outcome:
        """The errors of the sub-tasks become the task's."""
        state = self.state
        if state.error is not None:
            state.fail(state.error)
            return _MOVED
        tell = self._conduct.tell_the_cause
        if not tell and not assembly.declared(self.task.template):
            state.fail(ExecutionError(GENERIC_FAILURE, "the task has no outputs", ErrorKind.SYSTEM))
            return _MOVED
        failures = assembly.failed(state)
        paths = {original: self.subs.file(original, ERROR_FILE) for original in failures}
        if not self.subs.output_prefix:
            paths = {}
        if (written := self._answers.get(WriteInputs)) is not None:
            _check_written(written)
            return self._failed(state.progress or {})
        if paths and self._answers.get(ReadFiles) is None:
            return Outcome((ReadFiles(tuple(paths.values())),))
        limit = self.task.config.plugins.k8s_array.max_error_length
        told = {"message": assembly.message(failures, self._files(paths), limit)}
        if not self.subs.output_prefix:
            return self._failed(told)
        state.progress = {"kind": "error", **told}
        data = assembly.error_document(self._error(told["message"]))
        return Outcome((WriteInputs({f"{self.subs.output_prefix}/{ERROR_FILE}": data}),))

    def _failed(self, told: Mapping[str, Any]) -> Outcome:
        self.state.fail(self._error(str(told.get("message", ""))))
        return _MOVED

    def _error(self, message: str) -> ExecutionError:
        if not self._conduct.tell_the_cause:
            return ExecutionError("", message, ErrorKind.UNKNOWN)
        numbers = summary.in_words(self.state)
        return ExecutionError(assembly.SUB_TASKS_FAILED, f"{numbers}\n{message}".rstrip(), ErrorKind.USER)

    def _files(self, paths: Mapping[int, str]) -> dict[int, bytes]:
        contents = _contents(self._answers.of(ReadFiles)) if paths else {}
        return {original: contents[path] for original, path in paths.items() if path in contents}


_STAGES: Mapping[Stage, Callable[[Run], Outcome]] = {
    Stage.START: Run.start,
    Stage.PRE_LAUNCH: Run.pre_launch,
    Stage.LAUNCH: Run.launch,
    Stage.CHECK: Run.check,
    Stage.ABORT: Run.abort,
    Stage.STORE: Run.store,
    Stage.STORE_THEN_FAIL: Run.store,
    Stage.ASSEMBLE_OUTPUTS: Run.assemble_outputs,
    Stage.ASSEMBLE_ERROR: Run.assemble_error,
}


def _contents(read: Result) -> Mapping[str, bytes]:
    """Raises Stop where the store does not answer."""
    if isinstance(read, Files):
        return read.contents
    message = read.message if isinstance(read, Refused) else f"unexpected answer {type(read).__name__}"
    raise Stop(ExecutionError(FILES_NOT_READABLE, message, ErrorKind.SYSTEM))


def _check_written(written: Result) -> None:
    """Raises Stop where it was not."""
    if not isinstance(written, Done):
        message = written.message if isinstance(written, Refused) else f"unexpected answer {type(written).__name__}"
        raise Stop(ExecutionError(FILES_NOT_WRITTEN, message, ErrorKind.SYSTEM))
