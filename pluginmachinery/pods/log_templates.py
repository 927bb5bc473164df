"""Templates of log links: text with variables such as ``{{ .podName }}``.

Names are matched without regard to case, ``.`` and ``$`` introduce them, and a variable that is unknown or has no value
stays as it is written.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pluginmachinery.core.values import value_class

if TYPE_CHECKING:
    from flyteidl.core.identifier_pb2 import TaskExecutionIdentifier

    from pluginmachinery.core.tasks import TaskContext

NO_TIME = datetime(1, 1, 1, tzinfo=UTC)
"""Go's zero time: what the reference writes into a link where the object's own time is not set."""

_SPACE = r"[\t\n\f\r ]*"
_VARIABLE = re.compile(rf"\{{\{{{_SPACE}[.$](\w+){_SPACE}\}}\}}", re.ASCII)
_BEGUN = re.compile(rf"\{{\{{{_SPACE}([.$]\w*)?\Z", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@value_class
class LogSource:
    """What a link is about; "" and None where it is not known.

    ``log_name`` is appended to the display name. ``started`` and ``finished`` are those of the pod, or what stands in
    for them; None leaves the readable time unfilled and makes the numeric one 0. ``variables`` are further ones of the
    plugin (``rayJobID`` …), by name.
    """

    namespace: str
    pod_name: str = ""
    pod_uid: str = ""
    container_name: str = ""
    container_id: str = ""
    host_name: str = ""
    node_name: str = ""
    log_name: str = ""
    started: datetime | None = None
    finished: datetime | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


Value = Callable[["TaskContext", LogSource], str]
"""Gives a variable's value; "" where there is none."""


def fill(template: str, task: TaskContext, source: LogSource) -> str:
    """The template with its variables filled."""
    compiled = _compile(template)
    if not compiled.variables:
        return template
    if source.variables:
        values = [_own_value(name, source) or get(task, source) for name, get in compiled.variables]
    else:
        values = [get(task, source) for _, get in compiled.variables]
    if compiled.nested or "{" in "".join(values):
        return _fill_in_turn(template, task, source)
    parts = [compiled.texts[0]]
    for value, written, text in zip(values, compiled.written, compiled.texts[1:], strict=True):
        parts += (value or written, text)
    return "".join(parts)


@value_class
class _Template:
    """A template cut at its variables: ``texts`` has one part more than ``variables`` and ``written`` have."""

    texts: tuple[str, ...]
    variables: tuple[tuple[str, Value], ...]
    """Name in lower case, and what gives the value."""
    written: tuple[str, ...]
    nested: bool
    """A variable stands within the braces of another: filling one may make one."""


@functools.lru_cache(maxsize=1024)
def _compile(template: str) -> _Template:
    matches = list(_VARIABLE.finditer(template))
    starts = [0, *(match.end() for match in matches)]
    ends = [*(match.start() for match in matches), len(template)]
    texts = tuple(template[start:end] for start, end in zip(starts, ends, strict=True))
    names = [match[1].lower() for match in matches]
    return _Template(
        texts=texts,
        variables=tuple((name, _VALUES.get(name, _nothing)) for name in names),
        written=tuple(match[0] for match in matches),
        nested=any(_BEGUN.search(text) for text in texts[:-1]),
    )


def _fill_in_turn(template: str, task: TaskContext, source: LogSource) -> str:
    """As the reference does it: one variable after the other, each also in what the earlier ones brought."""
    for name, value in _all_values(task, source):
        if value:
            pattern = rf"\{{\{{{_SPACE}[.$]{re.escape(name)}{_SPACE}\}}\}}"
            template = re.sub(pattern, value.replace("\\", r"\\"), template, flags=re.IGNORECASE | re.ASCII)
    return template


def _all_values(task: TaskContext, source: LogSource) -> Iterator[tuple[str, str]]:
    """Every variable in the reference's order: the log's name, the plugin's own, the general ones."""
    yield "logname", source.log_name
    yield from source.variables.items()
    for name, value in _VALUES.items():
        yield name, value(task, source)


def _own_value(name: str, source: LogSource) -> str:
    """The value of a variable of the plugin's own, which goes before the general one of the same name."""
    if name == "logname" and source.log_name:
        return source.log_name
    return next((text for own, text in source.variables.items() if text and own.lower() == name), "")


def _nothing(task: TaskContext, source: LogSource) -> str:  # noqa: ARG001
    """The value of a variable that is not known."""
    return ""


# --- The variables, in the order of the reference --------------------------------------------------------------------


def _container_id(source: LogSource) -> str:
    """Without ``containerd://`` and the like, because log collectors name their streams so."""
    parts = source.container_id.split("://")
    return parts[1] if len(parts) > 1 else source.container_id


def _readable(time: datetime | None) -> str:
    return "" if time is None else time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _unix(time: datetime | None) -> str:
    return "0" if time is None else str((time - _EPOCH).days * 86400 + (time - _EPOCH).seconds)


def _of_execution(read: Callable[[TaskExecutionIdentifier], str], empty: str = "") -> Value:
    """A variable that comes from the task execution's identifier, which may be absent."""

    def value(task: TaskContext, source: LogSource) -> str:  # noqa: ARG001
        return empty if task.metadata.id is None else read(task.metadata.id)

    return value


_VALUES: dict[str, Value] = {
    "logname": lambda _, source: source.log_name,
    "podname": lambda _, source: source.pod_name,
    "poduid": lambda _, source: source.pod_uid,
    "namespace": lambda _, source: source.namespace,
    "containername": lambda _, source: source.container_name,
    "containerid": lambda _, source: _container_id(source),
    "hostname": lambda _, source: source.host_name,
    "nodename": lambda _, source: source.node_name,
    "nodeid": lambda task, _: task.metadata.unique_node_id,
    "generatedname": lambda task, _: task.metadata.generated_name,
    "taskretryattempt": _of_execution(lambda execution: str(execution.retry_attempt), empty="0"),
    "taskid": _of_execution(lambda execution: execution.task_id.name),
    "taskversion": _of_execution(lambda execution: execution.task_id.version),
    "taskproject": _of_execution(lambda execution: execution.task_id.project),
    "taskdomain": _of_execution(lambda execution: execution.task_id.domain),
    "executionname": _of_execution(lambda execution: execution.node_execution_id.execution_id.name),
    "executionproject": _of_execution(lambda execution: execution.node_execution_id.execution_id.project),
    "executiondomain": _of_execution(lambda execution: execution.node_execution_id.execution_id.domain),
    "podrfc3339starttime": lambda _, source: _readable(source.started),
    "podrfc3339finishtime": lambda _, source: _readable(source.finished),
    "podunixstarttime": lambda _, source: _unix(source.started),
    "podunixfinishtime": lambda _, source: _unix(source.finished),
}
