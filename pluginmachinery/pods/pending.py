"""Pending pods: waiting for a node, for an image, or for something that will never come.

Kubernetes keeps a pod pending for ever, because a service may recover; a task should fail instead. The conditions of
the status are read in their order and the first that says something decides. Source: ``flytek8s.DemystifyPending``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from pluginmachinery.core.phases import (
    ErrorKind,
    Phase,
    PhaseInfo,
    TaskInfo,
    failed,
    initializing,
    permanent_failure,
    queued,
    retryable_failure,
)
from pluginmachinery.pods.fields import Fields, moment, record, record_or_none, records, text
from pluginmachinery.pods.log_templates import NO_TIME

if TYPE_CHECKING:
    from pluginmachinery.config.durations import Duration
    from pluginmachinery.config.k8s import K8sPluginConfig
    from pluginmachinery.core.tasks import TaskContext

POD_PENDING_TIMEOUT = "PodPendingTimeout"

_MAKING_PROGRESS = frozenset({"ErrImagePull", "ContainerCreating", "PodInitializing"})
"""Waiting reasons that pass by themselves; ErrImagePull becomes ImagePullBackOff when it does not."""

_FAILS_AFTER_GRACE: dict[str, tuple[Phase, Callable[[K8sPluginConfig], Duration]]] = {
    "CreateContainerError": (Phase.PERMANENT_FAILURE, lambda k8s: k8s.create_container_error_grace_period),
    "CreateContainerConfigError": (Phase.PERMANENT_FAILURE, lambda k8s: k8s.create_container_config_error_grace_period),
    "ImagePullBackOff": (Phase.RETRYABLE_FAILURE, lambda k8s: k8s.image_pull_backoff_grace_period),
}
"""Waiting reasons that may pass: how the task fails when they do not, and how long to wait."""


def pending_phase(status: Fields, task: TaskContext, info: Callable[[], TaskInfo]) -> PhaseInfo:
    """The phase of a pending pod. ``info`` gives times and log links, for the phases that show them."""
    phase, since = _by_conditions(status, task, info)
    timeout = task.config.plugins.k8s.pod_pending_timeout
    # The condition that decided is what the timeout is measured from, not the pod's creation.
    if timeout and not phase.phase.is_terminal and _lasted(since, timeout, task.now):
        return retryable_failure(POD_PENDING_TIMEOUT, phase.reason, info=TaskInfo(occurred_at=since), cleanup=True)
    return phase


def _by_conditions(status: Fields, task: TaskContext, info: Callable[[], TaskInfo]) -> tuple[PhaseInfo, datetime]:
    since = task.now
    for condition in records(status, "conditions"):
        since = moment(condition, "lastTransitionTime") or NO_TIME
        kind, is_false = text(condition, "type"), text(condition, "status") == "False"
        if kind == "Unschedulable" or (kind == "PodScheduled" and is_false):
            return queued(f"{text(condition, 'reason')}:{text(condition, 'message')}", info=info()), since
        if kind == "Ready" and is_false:
            waiting = _first_waiting(status)
            if waiting is not None:
                return _waiting_phase(condition, waiting, since, task), since
    # The reason is the reference's own word, because saved phases are compared with it.
    return queued("Demistify Pending", info=info()), since


def _first_waiting(status: Fields) -> Fields | None:
    """Why the first container waits. Init containers are not looked at: while they run, the others are initializing."""
    for container in records(status, "containerStatuses"):
        if not container.get("ready"):
            waiting = record_or_none(record(container, "state"), "waiting")
            if waiting is not None:
                return waiting
    return None


def _waiting_phase(condition: Fields, waiting: Fields, since: datetime, task: TaskContext) -> PhaseInfo:
    why = text(waiting, "reason")
    code = f"{text(condition, 'reason')}|{why}"
    message = f"{text(condition, 'message')}|{text(waiting, 'message')}"
    info = TaskInfo(occurred_at=since)
    if why in _MAKING_PROGRESS:
        return initializing(f"[{code}]: {message}", info=info)
    if why in _FAILS_AFTER_GRACE:
        failure, grace_period = _FAILS_AFTER_GRACE[why]
        grace = grace_period(task.config.plugins.k8s)
        if _lasted(since, grace, task.now):
            return failed(failure, code, f"{message} (for more than {grace})", info=info, cleanup_on_failure=True)
        return initializing(f"[{code}]: {message}", info=info)
    if why == "InvalidImageName":
        return permanent_failure(code, message, info=info, cleanup=True)
    # Whatever else a container waits for, the kubelet would wait for it for ever.
    return retryable_failure(code, message, kind=ErrorKind.SYSTEM, info=info, cleanup=True)


def _lasted(since: datetime, span: Duration, now: datetime) -> bool:
    return now - since >= span.timedelta
