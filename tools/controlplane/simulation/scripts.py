"""A pod's script: what happens to it on its node, step by step.

Written as YAML or JSON in the annotation `simulation.plugins.flyte.org/script`:

    - {after: 0.1, phase: Running}
    - {after: 1, phase: Failed, containers: {"*": {exitCode: 3, message: boom}}}

- A list of lists is one script per attempt: the first for attempt 0, the last for all attempts from there on. The
  attempt is what the pod's FLYTE_ATTEMPT_NUMBER says.
- A mapping gives each sub-task of a map task a script of its own: `{"3": [...], "*": [...]}`, by what the pod's
  FLYTE_K8S_ARRAY_INDEX says; `*` stands for all others.
- A script that ends before Succeeded or Failed leaves the pod as it is for ever; `{hang: true}` says so.
- `{onDelete: {after: 2, exitCode: 0}}` says how the containers take their SIGTERM.

Without the annotation a pod runs and succeeds (and one that is restarted always, as a Deployment's, just runs).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from tools.controlplane.errors import ScriptError

PREFIX = "simulation.plugins.flyte.org/"
SCRIPT = PREFIX + "script"
WRITES = PREFIX + "writes"
ATTEMPT_VARIABLE = "FLYTE_ATTEMPT_NUMBER"
INDEX_VARIABLE = "FLYTE_K8S_ARRAY_INDEX"
EVERY_SUB_TASK = "*"

Phase = Literal["Pending", "Running", "Succeeded", "Failed"]
TERMINAL = frozenset({"Succeeded", "Failed"})
EVERY_CONTAINER = "*"
T = TypeVar("T")
Seconds = Annotated[float, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ContainerState(_Strict):
    """One container's state: waiting, running or terminated – exactly one."""

    waiting: str | None = None
    """The reason: ImagePullBackOff, CreateContainerConfigError, …"""
    running: bool = False
    exit_code: int | None = Field(default=None, alias="exitCode")
    """Terminated, with this code."""
    signal: int | None = None
    """Terminated, by this signal; the exit code is 128 + signal then."""
    reason: str | None = None
    """Of the termination; `Completed` or `Error` when absent. OOMKilled alone means exit code 137."""
    message: str | None = None
    restarts: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _exactly_one(self) -> ContainerState:
        if (self.waiting is not None) + self.running + self.terminated != 1:
            raise ValueError("a container is one of: waiting, running, or terminated (exitCode, signal, reason)")
        return self

    @property
    def terminated(self) -> bool:
        return self.exit_code is not None or self.signal is not None or self.reason is not None

    @property
    def code(self) -> int:
        """The exit code of a terminated container."""
        if self.exit_code is not None:
            return self.exit_code
        if self.signal is not None:
            return 128 + self.signal
        return 137 if self.reason == "OOMKilled" else 1


class Condition(_Strict):
    """A pod condition that is set beside the usual ones, e.g. DisruptionTarget."""

    type: str
    status: Literal["True", "False", "Unknown"] = "True"
    reason: str = ""
    message: str = ""


class Step(_Strict):
    """The pod's state from a moment on."""

    after: Seconds = 0
    """Since the step before; the first since the node saw the pod."""
    phase: Phase | None = None
    """As before when absent; Pending at first."""
    reason: str | None = None
    """Of the pod itself, as an eviction has it: Evicted, Shutdown, DeadlineExceeded, …"""
    message: str | None = None
    containers: dict[str, ContainerState] = {}
    """By name, or `*` for all others; who is not named gets the state that the phase implies."""
    init_containers: dict[str, ContainerState] = Field(default={}, alias="initContainers")
    conditions: tuple[Condition, ...] = ()
    writes: dict[str, str] = {}
    """Files that the task leaves, written before this state is seen; see outputs.py."""


class Termination(_Strict):
    """How the containers take a SIGTERM."""

    after: Seconds = 0.05
    exit_code: int = Field(default=143, alias="exitCode")


class Script(_Strict):
    """Everything that happens to one pod."""

    steps: tuple[Step, ...]
    termination: Termination = Termination()


class _Hang(_Strict):
    hang: Literal[True]


class _OnDelete(_Strict):
    on_delete: Termination = Field(alias="onDelete")


SUCCEEDS = Script(steps=(Step(after=0.05, phase="Running"), Step(after=0.15, phase="Succeeded")))
RUNS = Script(steps=(Step(after=0.05, phase="Running"),))

_WRITES = TypeAdapter(dict[str, str])


def script_of(pod: Mapping[str, Any]) -> Script:
    """The script that a pod carries, or the default one.

    Raises:
        ScriptError: naming the annotation, the place in it and what is wrong there.
    """
    annotations = pod["metadata"].get("annotations") or {}
    if SCRIPT in annotations:
        script = _parse(annotations[SCRIPT], pod)
    else:
        script = RUNS if pod["spec"].get("restartPolicy", "Always") == "Always" else SUCCEEDS
    _check_names(script, pod)
    if WRITES in annotations:
        writes = _validated(_WRITES, _load(WRITES, annotations[WRITES]), WRITES)
        script = script.model_copy(update={"steps": tuple(_with_writes(step, writes) for step in script.steps)})
    return script


def _check_names(script: Script, pod: Mapping[str, Any]) -> None:
    for field, attribute in (("containers", "containers"), ("initContainers", "init_containers")):
        there = {container["name"] for container in pod["spec"].get(field) or []} | {EVERY_CONTAINER}
        named = {name for step in script.steps for name in getattr(step, attribute)}
        if unknown := sorted(named - there):
            raise ScriptError(f"{SCRIPT}: the pod's {field} are {sorted(there)}, not {', '.join(unknown)}")


def _with_writes(step: Step, writes: Mapping[str, str]) -> Step:
    if step.phase not in TERMINAL:
        return step
    return step.model_copy(update={"writes": {**writes, **step.writes}})


def _parse(text: str, pod: Mapping[str, Any]) -> Script:
    entries = _load(SCRIPT, text)
    if isinstance(entries, dict):
        index = variable_of(pod, INDEX_VARIABLE)
        entries = entries.get(index, entries.get(EVERY_SUB_TASK))
        if entries is None:
            raise ScriptError(
                f"{SCRIPT}: a list of steps is expected, this is a dict without a script for sub-task {index!r} or"
                f" {EVERY_SUB_TASK!r}"
            )
    if not isinstance(entries, list):
        raise ScriptError(f"{SCRIPT}: a list of steps is expected, this is {type(entries).__name__}")
    if entries and all(isinstance(entry, list) for entry in entries):
        entries = entries[min(_attempt(pod), len(entries) - 1)]
    steps: list[Step] = []
    termination = Termination()
    hangs = False
    for place, entry in enumerate(entries):
        where = f"{SCRIPT}[{place}]"
        if isinstance(entry, dict) and "hang" in entry:
            _validated(TypeAdapter(_Hang), entry, where)
            hangs = True
        elif isinstance(entry, dict) and "onDelete" in entry:
            termination = _validated(TypeAdapter(_OnDelete), entry, where).on_delete
        else:
            if hangs or any(step.phase in TERMINAL for step in steps):
                raise ScriptError(f"{where}: nothing follows Succeeded, Failed or hang")
            steps.append(_validated(TypeAdapter(Step), entry, where))
    return Script(steps=tuple(steps), termination=termination)


def _load(annotation: str, text: str) -> Any:
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 -- a safe loader
    except yaml.YAMLError as error:
        raise ScriptError(f"{annotation}: neither YAML nor JSON: {error}") from error


def _validated(adapter: TypeAdapter[T], value: Any, where: str) -> T:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = "".join(f".{part}" for part in first["loc"])
        raise ScriptError(f"{where}{place}: {first['msg']}") from error


def _attempt(pod: Mapping[str, Any]) -> int:
    value = variable_of(pod, ATTEMPT_VARIABLE)
    return int(value) if value.isdigit() else 0


def variable_of(pod: Mapping[str, Any], name: str) -> str:
    """An environment variable of the first container that has it; "" where none does."""
    for container in pod["spec"]["containers"]:
        for variable in container.get("env") or []:
            if variable["name"] == name:
                return str(variable.get("value", ""))
    return ""
