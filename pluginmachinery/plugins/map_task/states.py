"""What a map task remembers, as JSON in the status: a *stage* and three small numbers for each sub-task.

::

    {"stage": "Check", "version": 7, "size": 20, "minSuccesses": 18, "cached": "1:AAAB",
     "phases": "4:…", "retries": "1:…", "systemFailures": "", "error": {…}, "pass": {…}}

``size`` counts all sub-tasks, the packed lists only those that run. ``pass`` is there while actions are carried out,
and while a pass over very many sub-tasks pauses. Stages are Flyte's; a run goes through them in this order, or from
Check to Abort and on to AssembleError.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pluginmachinery.core.errors import PluginError
from pluginmachinery.core.phases import ErrorKind, ExecutionError, Phase
from pluginmachinery.core.transitions import PluginState
from pluginmachinery.plugins.map_task.packed import pack, unpack

CORRUPTED_PLUGIN_STATE = "CorruptedPluginState"

_MOST = 2**31 - 1
_MOST_SUB_TASKS = 2**20
"""Far beyond what ``max-array-job-size`` allows; a damaged state must not take the memory of the process."""
_PHASES = tuple(Phase)
_NUMBERS = {phase: number for number, phase in enumerate(_PHASES)}


class Stage(StrEnum):
    """What is done next."""

    START = "Start"
    """Find out how many sub-tasks there are and which are cached."""
    PRE_LAUNCH = "PreLaunch"
    LAUNCH = "Launch"
    """Nothing is done in these two; Flyte spends a call on each."""
    CHECK = "Check"
    """Launch and follow sub-tasks."""
    ABORT = "Abort"
    """Too many have failed: stop the others."""
    STORE = "Store"
    STORE_THEN_FAIL = "StoreThenFail"
    """Offer the outputs of those that succeeded to the catalogue."""
    ASSEMBLE_OUTPUTS = "AssembleOutputs"
    ASSEMBLE_ERROR = "AssembleError"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    """For good."""
    FAILED_RETRYABLY = "FailedRetryably"

    @property
    def is_final(self) -> bool:
        return self in (Stage.SUCCEEDED, Stage.FAILED, Stage.FAILED_RETRYABLY)


@dataclass(slots=True)
class ArrayState:
    """The state of one attempt, to be changed while a call goes on.

    ``runs``: original indexes of the sub-tasks that run. ``phases``, ``retries`` and ``system_failures`` are by
    execution index. ``progress`` is the pass that goes on, as its module writes it; ``held`` why there was no token.
    """

    stage: Stage = Stage.START
    version: int = 0
    size: int = 0
    min_successes: int = 0
    runs: list[int] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    retries: list[int] = field(default_factory=list)
    system_failures: list[int] = field(default_factory=list)
    error: ExecutionError | None = None
    progress: Mapping[str, Any] | None = None
    held: str = ""

    @classmethod
    def read(cls, state: PluginState) -> ArrayState:
        """Raises PluginError ``CorruptedPluginState`` for what :meth:`write` has not written."""
        if state is None:
            return cls()
        try:
            size = _whole(state["size"], 0, _MOST_SUB_TASKS)
            cached = unpack(state.get("cached", ""), size)
            runs = [index for index in range(size) if not cached[index]]
            error = state.get("error")
            return cls(
                stage=Stage(state["stage"]),
                version=_whole(state["version"], 0, _MOST),
                size=size,
                min_successes=_whole(state["minSuccesses"], -_MOST, _MOST),
                runs=runs,
                phases=[_PHASES[number] for number in unpack(state.get("phases", ""), len(runs))],
                retries=unpack(state.get("retries", ""), len(runs)),
                system_failures=unpack(state.get("systemFailures", ""), len(runs)),
                error=None if error is None else _read_error(error),
                progress=state.get("pass"),
                held=str(state.get("held", "")),
            )
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise PluginError(CORRUPTED_PLUGIN_STATE, f"the saved state can not be read: {error!r}") from error

    def write(self) -> dict[str, Any]:
        written: dict[str, Any] = {
            "stage": self.stage.value,
            "version": self.version,
            "size": self.size,
            "minSuccesses": self.min_successes,
            "cached": pack(self._cached()),
            "phases": pack([_NUMBERS[phase] for phase in self.phases]),
            "retries": pack(self.retries),
            "systemFailures": pack(self.system_failures),
            "held": self.held if Phase.WAITING_FOR_RESOURCES in self.phases else "",
        }
        if self.error is not None:
            written["error"] = {
                "code": self.error.code,
                "message": self.error.message,
                "kind": self.error.kind.value,
            }
        if self.progress is not None:
            written["pass"] = self.progress
        return {name: value for name, value in written.items() if value != ""}

    def define(self, size: int, min_successes: int, cached: frozenset[int] = frozenset()) -> None:
        """So many sub-tasks, of which these need not run. Nothing has happened to any."""
        self.size, self.min_successes = size, min_successes
        self.runs = [index for index in range(size) if index not in cached]
        self.phases = [Phase.UNDEFINED] * len(self.runs)
        self.retries = [0] * len(self.runs)
        self.system_failures = [0] * len(self.runs)

    def enter(self, stage: Stage) -> None:
        self.stage = stage
        self.version += 1
        self.progress = None

    def fail(self, error: ExecutionError, *, retryable: bool = False) -> None:
        """It is over."""
        self.error = error
        self.enter(Stage.FAILED_RETRYABLY if retryable else Stage.FAILED)

    def _cached(self) -> list[int]:
        if len(self.runs) == self.size:
            return []
        runs = frozenset(self.runs)
        return [int(index not in runs) for index in range(self.size)]


def _whole(value: Any, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{str(value)[:20]} is no whole number from {least} to {most}")
    return value


def _read_error(written: Mapping[str, Any]) -> ExecutionError:
    return ExecutionError(written["code"], written["message"], ErrorKind(written["kind"]))
