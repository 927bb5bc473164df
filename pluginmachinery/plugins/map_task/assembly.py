"""Assembly: the outputs of sub-tasks become lists, their errors one message. Source: ``array.AssembleFinalOutputs``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from flyteidl.core.errors_pb2 import ContainerError, ErrorDocument
from flyteidl.core.execution_pb2 import ExecutionError as ErrorKinds
from flyteidl.core.literals_pb2 import Literal, LiteralMap, Scalar, Void
from google.protobuf.message import DecodeError

from pluginmachinery.core.errors import PluginError
from pluginmachinery.core.phases import ErrorKind, ExecutionError, Phase
from pluginmachinery.manager.outcomes import OUTPUTS_NOT_FOUND
from pluginmachinery.plugins.map_task.messages import summary
from pluginmachinery.plugins.map_task.states import ArrayState

if TYPE_CHECKING:
    from flyteidl.core.tasks_pb2 import TaskTemplate

OUTPUTS_MALFORMED = "OutputsMalformed"
SUB_TASKS_FAILED = "SubTasksFailed"
"""Code of a map task of which too many sub-tasks failed."""
_NO_FILE = "Job Failed."
_NOTHING = Literal(scalar=Scalar(none_type=Void()))


def declared(template: TaskTemplate) -> list[str]:
    """Names of the outputs."""
    return sorted(template.interface.outputs.variables)


def succeeded(state: ArrayState) -> list[int]:
    """Original indexes of the sub-tasks with outputs, cached ones among them."""
    without = {original for original, phase in zip(state.runs, state.phases, strict=True) if phase is not Phase.SUCCESS}
    return [original for original in range(state.size) if original not in without]


def failed(state: ArrayState) -> list[int]:
    """Original indexes of the sub-tasks that failed; those that were stopped are none."""
    return [original for original, phase in zip(state.runs, state.phases, strict=True) if phase.is_failure]


def outputs(size: int, variables: Iterable[str], files: Mapping[int, bytes]) -> bytes:
    """``outputs.pb`` of the task: for each variable the list of what the sub-tasks have; ``files`` are theirs by
    original index. What did not succeed has nothing (``none``) in each list.

    Raises PluginError ``OutputsMalformed``.
    """
    names = list(variables)
    together = LiteralMap()
    for name in names:
        together.literals[name].collection.SetInParent()
    for original in range(size):
        if original in files:
            for name, literal in sorted(_parsed(files[original], original).literals.items()):
                together.literals[name].collection.literals.append(literal)
        else:
            for name in names:
                together.literals[name].collection.literals.append(_NOTHING)
    return bytes(together.SerializeToString(deterministic=True))


def missing_outputs(originals: Iterable[int]) -> PluginError:
    first = next(iter(originals))
    return PluginError(OUTPUTS_NOT_FOUND, f"sub-task {first} succeeded and has left no outputs.pb")


def message(failures: Iterable[int], files: Mapping[int, bytes], limit: int) -> str:
    """What the sub-tasks' ``error.pb`` say, by original index."""
    return summary(((original, _described(files.get(original))) for original in failures), limit)


def error_document(error: ExecutionError) -> bytes:
    """``error.pb`` of the task."""
    document = ContainerError(code=error.code, message=error.message)
    if error.kind is not ErrorKind.UNKNOWN:
        document.origin = ErrorKinds.ErrorKind.Value(error.kind.value)
    return bytes(ErrorDocument(error=document).SerializeToString(deterministic=True))


def _parsed(data: bytes, original: int) -> LiteralMap:
    try:
        return LiteralMap.FromString(data)
    except DecodeError as error:
        raise PluginError(OUTPUTS_MALFORMED, f"outputs.pb of sub-task {original} is truncated: {error}") from error


def _described(data: bytes | None) -> str:
    if data is None:
        return _NO_FILE
    try:
        error = ErrorDocument.FromString(data).error
    except DecodeError:
        return "error.pb can not be read"
    return f"{error.code}: {error.message}" if error.code else error.message or _NO_FILE
