"""echo: a task that hands its input back, for trying a platform out without running anything.

It waits ``plugins.echo.sleep-duration``, then its one input becomes its one output. Source: ``testing/echo.go``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flyteidl.core.literals_pb2 import LiteralMap
from google.protobuf.message import DecodeError

from pluginmachinery.core.actions import Files, Observation, ReadFiles, Refused, WakeAt, WriteInputs
from pluginmachinery.core.errors import PluginError, bad_task
from pluginmachinery.core.phases import ErrorKind, ExecutionError, permanent_failure, running, success, undefined
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.core.transitions import PluginState, Transition

CORRUPTED_PLUGIN_STATE = "CorruptedPluginState"
INPUTS_NOT_READABLE = "InputsNotReadable"
INPUTS_MALFORMED = "InputsMalformed"
OUTPUTS_NOT_WRITTEN = "OutputsNotWritten"


@dataclass(frozen=True, slots=True)
class EchoPlugin:
    """State: ``{"since": <when the wait began>}``."""

    id: str = "echo"

    def handle(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition:
        """Wait, then copy. A task whose inputs and outputs do not match fails for good."""
        try:
            return self._handle(task, state, observation)
        except PluginError as error:
            return Transition(permanent_failure(error.code, str(error)), state)

    def _handle(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition:
        pause = task.config.plugins.echo.sleep_duration.timedelta
        try:
            since = datetime.fromisoformat(state["since"]) if state else observation.now
        except (KeyError, TypeError, ValueError):
            raise PluginError(CORRUPTED_PLUGIN_STATE, f"{state!r} is no state of echo") from None
        known = {"since": since.isoformat()}
        if observation.now < since + pause:
            return Transition(running(), known, (WakeAt(since + pause),))
        variables = _variables(task)
        if variables is None:
            return Transition(success(), known)
        written = observation.result_of(WriteInputs)
        if written is not None:
            if isinstance(written, Refused):
                return _failing(known, OUTPUTS_NOT_WRITTEN, written.message)
            return Transition(success(), known)
        if task.inputs is not None:
            return _copy(task, task.inputs, variables, known)
        read = observation.result_of(ReadFiles)
        if isinstance(read, Files):
            return _copy(task, _parsed(read, task.paths.input_path), variables, known)
        if isinstance(read, Refused):
            return _failing(known, INPUTS_NOT_READABLE, read.message)
        if not task.paths.input_path:
            raise bad_task("the task has an input, and neither inputs nor a path to them is given", field="inputs")
        return Transition(running(), known, (ReadFiles((task.paths.input_path,)),))

    def abort(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition:  # noqa: ARG002
        return Transition(undefined(), state)

    def finalize(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition:  # noqa: ARG002
        return Transition(undefined(), state)


def _variables(task: TaskContext) -> tuple[str, str] | None:
    """Names of the input and the output; None where the task has neither."""
    interface = task.template.interface
    inputs, outputs = list(interface.inputs.variables), list(interface.outputs.variables)
    if len(inputs) != len(outputs):
        raise bad_task(f"echo needs as many outputs as inputs, not {len(inputs)} and {len(outputs)}", field="interface")
    if len(inputs) > 1:
        raise bad_task("echo takes no more than one input", field="interface.inputs")
    return (inputs[0], outputs[0]) if inputs else None


def _copy(task: TaskContext, inputs: LiteralMap, variables: tuple[str, str], known: PluginState) -> Transition:
    given, wanted = variables
    if given not in inputs.literals:
        raise bad_task(f"there is no input {given!r}", field=f"inputs.{given}")
    outputs = LiteralMap(literals={wanted: inputs.literals[given]}).SerializeToString(deterministic=True)
    path = f"{task.paths.output_prefix.rstrip('/')}/outputs.pb"
    return Transition(running(), known, (WriteInputs({path: outputs}),))


def _parsed(read: Files, path: str) -> LiteralMap:
    if path not in read.contents:
        raise bad_task(f"there are no inputs at {path}", field="inputPath")
    try:
        return LiteralMap.FromString(read.contents[path])
    except DecodeError as error:
        raise bad_task(f"{path} is truncated or no LiteralMap: {error}", field="inputPath") from error


def _failing(known: PluginState, code: str, message: str) -> Transition:
    return Transition(undefined(), known, error=ExecutionError(code, message, ErrorKind.SYSTEM))
