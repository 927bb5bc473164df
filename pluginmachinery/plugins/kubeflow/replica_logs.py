"""Links to the logs of a job's pods.

The pods are not looked at: their names follow from the job's, and the job's creation stands in for their start.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.plugins.kubeflow.job_status import created_at
from pluginmachinery.pods.fields import Fields, integer, record, text
from pluginmachinery.pods.log_links import TaskLog, task_logs
from pluginmachinery.pods.log_templates import NO_TIME, LogSource

LINKED_PODS = 500
"""Most pods of one group that get links: the number of replicas is the user's, the size of a status is not. (Flyte has
no such bound.)"""


@dataclass(frozen=True, slots=True)
class ReplicaPods:
    """A group of pods of a job: ``<job>-<name>-<index>``.

    ``container_name`` is "" and ``timed`` False where the links can not use them.
    """

    name: str
    count: int
    container_name: str = ""
    log_name: str = ""
    timed: bool = True


def replica_count(specs: Fields, replica_type: str) -> int:
    """How many replicas of this type the job has. Raises PluginError ``MalformedResource``."""
    return integer(record(specs, replica_type), "replicas")


def replica_logs(task: TaskContext, job: Fields, groups: Iterable[ReplicaPods]) -> tuple[TaskLog, ...]:
    """The links of all pods of these groups, in order.

    The end of a pod is not known, so it is always now, as in the reference.
    """
    metadata = record(job, "metadata")
    job_name, namespace = text(metadata, "name"), text(metadata, "namespace")
    started = created_at(job) or NO_TIME
    return tuple(
        link
        for group in groups
        for index in range(min(group.count, LINKED_PODS))
        for link in task_logs(
            task,
            task.config.plugins.logs,
            LogSource(
                namespace=namespace,
                pod_name=f"{job_name}-{group.name}-{index}",
                container_name=group.container_name,
                log_name=group.log_name,
                started=started if group.timed else None,
                finished=task.now if group.timed else None,
            ),
        )
    )
