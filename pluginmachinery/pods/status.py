"""Pod status → phase: whether a pod waits, runs, is done or will never be.

The *primary container* is the one whose end is the end of the task; the annotation ``primary_container_name`` names it.
Without the annotation all containers have to end well. Source: Flyte's pod plugin and ``flytek8s``
(``DemystifySuccess``, ``DemystifyFailure``, ``DeterminePrimaryContainerPhase``).

This is on the hot path: each step reads only the fields it needs, and times and log links are worked out only for a
phase that shows them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pluginmachinery.config.logs import LogConfig
from pluginmachinery.core.phases import (
    ErrorKind,
    PhaseInfo,
    TaskInfo,
    permanent_failure,
    queued,
    retryable_failure,
    running,
    success,
)
from pluginmachinery.core.tasks import PluginContext
from pluginmachinery.core.values import value_class
from pluginmachinery.core.versions import raise_version
from pluginmachinery.pods.fields import Fields, integer, moment, record, record_or_none, records, text
from pluginmachinery.pods.log_links import TaskLog, task_logs
from pluginmachinery.pods.log_templates import NO_TIME, LogSource
from pluginmachinery.pods.pending import pending_phase
from pluginmachinery.pods.raw import PRIMARY_CONTAINER_KEY

OOM_KILLED = "OOMKilled"
INTERRUPTED = "Interrupted"
PRIMARY_CONTAINER_NOT_FOUND = "PrimaryContainerNotFound"
UNKNOWN_ERROR = "UnknownError"

_SIGKILL_EXITS = frozenset({137, 247})
"""128 + 9, and 256 - 9 as some runtimes report it."""
_NODE_WENT_AWAY = frozenset({"Shutdown", "Terminated", "NodeShutdown", "NodeAffinity"})
"""Reasons of a failed pod whose node was taken away or was not yet ready for it."""


def pod_phase(
    context: PluginContext,
    pod: Mapping[str, Any],
    *,
    logs: LogConfig | None = None,
    log_suffix: str = " (User)",
    log_variables: Mapping[str, str] | None = None,
) -> PhaseInfo:
    """The phase of a task that is this pod, its version raised over the saved one where only the reason is new.

    ``logs`` are the log links to make (None: ``plugins.logs``), ``log_suffix`` goes behind their names, and
    ``log_variables`` are further variables of their templates. ``context.task.now`` is the time that grace periods are
    measured to.

    Raises PluginError ``MalformedResource`` for a pod that Kubernetes' API would not let through.
    """
    logs = context.task.config.plugins.logs if logs is None else logs
    judged = _Pod(context, pod, record(pod, "status"), logs, log_suffix, log_variables or {})
    return raise_version(_phase(judged), context.saved)


@value_class
class _Pod:
    """A pod under judgement."""

    context: PluginContext
    object: Fields
    status: Fields
    logs: LogConfig
    log_suffix: str
    log_variables: Mapping[str, str]

    def info(self) -> TaskInfo:
        """Times and log links."""
        occurred_at = _last_transition(self.status) or self.context.task.now
        return TaskInfo(
            logs=_pod_logs(self),
            occurred_at=occurred_at,
            reported_at=_completed_at(self.status) or occurred_at,
        )

    @property
    def primary_container(self) -> str | None:
        annotations = record(record(self.object, "metadata"), "annotations")
        return text(annotations, PRIMARY_CONTAINER_KEY) if PRIMARY_CONTAINER_KEY in annotations else None


def _phase(pod: _Pod) -> PhaseInfo:
    match text(pod.status, "phase"):
        case "Succeeded":
            return _succeeded(pod)
        case "Failed":
            return _failed(pod)
        case "Pending":
            return pending_phase(pod.status, pod.context.task, pod.info)
        case "Unschedulable":
            return queued("pod unschedulable", info=pod.info())
        case _:
            return _started(pod)


# --- Running ---------------------------------------------------------------------------------------------------------


def _started(pod: _Pod) -> PhaseInfo:
    primary = pod.primary_container
    if primary is not None:
        return _primary_phase(pod, primary)
    if _all_ended_well(pod.status):
        # Sooner than the pod itself is marked as succeeded.
        return _succeeded(pod)
    return _running(pod)


def _running(pod: _Pod) -> PhaseInfo:
    info = pod.info()
    return running(version=1 if info.logs else 0, info=info)


def _all_ended_well(status: Fields) -> bool:
    """Nothing waits, runs or has failed. Native sidecars are init containers that go on running, so those count too."""
    containers = records(status, "containerStatuses")
    return bool(containers) and not any(
        _is_open_or_failed(container) for container in (*containers, *records(status, "initContainerStatuses"))
    )


def _is_open_or_failed(container: Fields) -> bool:
    state = record(container, "state")
    if state.get("waiting") is not None or state.get("running") is not None:
        return True
    terminated = record_or_none(state, "terminated")
    return terminated is not None and integer(terminated, "exitCode") != 0


def _primary_phase(pod: _Pod, primary: str) -> PhaseInfo:
    for container in records(pod.status, "containerStatuses"):
        if text(container, "name") != primary:
            continue
        state = record(container, "state")
        if state.get("waiting") is not None or state.get("running") is not None:
            return _running(pod)
        terminated = record_or_none(state, "terminated")
        if terminated is not None:
            return _primary_ended(pod, primary, terminated)
    if any(text(container, "name") == primary for container in records(record(pod.object, "spec"), "containers")):
        return running(info=pod.info())
    return permanent_failure(
        PRIMARY_CONTAINER_NOT_FOUND, f"the pod has no container {primary!r}, its primary one", info=pod.info()
    )


def _primary_ended(pod: _Pod, primary: str, terminated: Fields) -> PhaseInfo:
    exit_code, reason = integer(terminated, "exitCode"), text(terminated, "reason")
    if OOM_KILLED in reason:
        # Killed as well, but by the limit that the user set.
        kind = ErrorKind.USER
    elif exit_code in _SIGKILL_EXITS:
        kind = ErrorKind.SYSTEM
    elif exit_code != 0:
        kind = ErrorKind.USER
    else:
        return success(info=pod.info())
    return retryable_failure(reason, _how_it_ended(primary, terminated), kind=kind, info=pod.info())


# --- Ended -----------------------------------------------------------------------------------------------------------


def _succeeded(pod: _Pod) -> PhaseInfo:
    for container in _all_containers(pod.status):
        terminated = record_or_none(record(container, "state"), "terminated")
        if terminated is not None and OOM_KILLED in text(terminated, "reason"):
            return retryable_failure(
                OOM_KILLED,
                f"container {text(container, 'name')!r} was OOMKilled, although the pod succeeded",
                info=pod.info(),
            )
    return success(info=pod.info())


def _failed(pod: _Pod) -> PhaseInfo:
    """Whose fault it is: of the node that went away, of the kernel that ran out of memory, or of the task."""
    primary = pod.primary_container
    code = text(pod.status, "reason") or UNKNOWN_ERROR
    message = [text(pod.status, "message") or "the pod failed and Kubernetes does not say why"]
    is_system = code in _NODE_WENT_AWAY
    for container in _all_containers(pod.status):
        terminated = _last_termination(container)
        if terminated is None:
            continue
        if OOM_KILLED in text(terminated, "reason"):
            code = OOM_KILLED
        elif integer(terminated, "exitCode") in _SIGKILL_EXITS:
            # What a dying node does to its containers. Only the primary one makes it the platform's fault.
            code = INTERRUPTED
            is_system = is_system or text(container, "name") == primary
        message.append(_how_it_ended(text(container, "name"), terminated))
    if is_system or code == UNKNOWN_ERROR:
        # Without any reason the kubelet had no time to give one: most likely the node was taken away.
        return retryable_failure(INTERRUPTED, "\n".join(message), kind=ErrorKind.SYSTEM, info=pod.info())
    return retryable_failure(code, "\n".join(message), info=pod.info())


def _last_termination(container: Fields) -> Fields | None:
    earlier = record_or_none(record(container, "lastState"), "terminated")
    return earlier if earlier is not None else record_or_none(record(container, "state"), "terminated")


def _how_it_ended(name: str, terminated: Fields) -> str:
    parts = [f"container {name!r} ended with exit code {integer(terminated, 'exitCode')}"]
    reason, message = text(terminated, "reason"), text(terminated, "message")
    if reason:
        parts.append(f" ({reason})")
    if message:
        parts.append(f": {message}")
    return "".join(parts)


def _all_containers(status: Fields) -> Iterator[Fields]:
    yield from records(status, "initContainerStatuses")
    yield from records(status, "containerStatuses")
    yield from records(status, "ephemeralContainerStatuses")


# --- What is shown ---------------------------------------------------------------------------------------------------


def _last_transition(status: Fields) -> datetime | None:
    """When the last container started or ended."""
    latest: datetime | None = None
    for container in (*records(status, "containerStatuses"), *records(status, "initContainerStatuses")):
        state = record(container, "state")
        running_state = record_or_none(state, "running")
        if running_state is not None:
            time = moment(running_state, "startedAt")
        else:
            time = moment(record(state, "terminated"), "finishedAt")
        if time is not None and (latest is None or time > latest):
            latest = time
    return latest


def _completed_at(status: Fields) -> datetime | None:
    """When the pod stopped being ready because it was done."""
    latest: datetime | None = None
    for condition in records(status, "conditions"):
        if (
            text(condition, "type") == "Ready"
            and text(condition, "status") == "False"
            and text(condition, "reason") == "PodCompleted"
        ):
            time = moment(condition, "lastTransitionTime")
            if time is not None and (latest is None or time > latest):
                latest = time
    return latest


def _pod_logs(pod: _Pod) -> tuple[TaskLog, ...]:
    """Links for the first container; none for a pod without containers."""
    task, spec, metadata = pod.context.task, record(pod.object, "spec"), record(pod.object, "metadata")
    containers = records(spec, "containers")
    if not containers:
        return ()
    statuses = records(pod.status, "containerStatuses")
    source = LogSource(
        namespace=text(metadata, "namespace"),
        pod_name=text(metadata, "name"),
        pod_uid=text(metadata, "uid"),
        container_name=text(containers[0], "name"),
        container_id=text(statuses[0], "containerID") if statuses else "",
        host_name=text(spec, "hostname"),
        node_name=text(spec, "nodeName"),
        log_name=pod.log_suffix,
        started=moment(metadata, "creationTimestamp") or NO_TIME,
        finished=task.now,
        variables=pod.log_variables,
    )
    return task_logs(task, pod.logs, source)
