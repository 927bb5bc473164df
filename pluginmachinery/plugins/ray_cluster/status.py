"""How a RayJob stands, and where its logs and its dashboard are."""

from __future__ import annotations

from pluginmachinery.core import phases
from pluginmachinery.core.errors import PluginError
from pluginmachinery.core.phases import ErrorKind, PhaseInfo, TaskInfo
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.pods.fields import Fields, moment, record, text
from pluginmachinery.pods.log_links import NO_TIME, LogSource, plugin_links, task_logs

TASK_FAILED_WITH_ERROR = "TaskFailedWithError"
"""KubeRay says that the job failed."""
UNKNOWN_STATUS = "UnknownDeploymentStatus"
"""A status that only other versions of KubeRay have."""


def job_phase(job: Fields, info: TaskInfo) -> PhaseInfo:
    """The phase of a RayJob.

    Raises PluginError ``UnknownDeploymentStatus`` ("ask again") for statuses that are not known.
    """
    status = record(job, "status")
    match text(status, "jobDeploymentStatus"):
        case "":
            return phases.queued("Scheduling", info=info)
        case "Initializing":
            return phases.initializing("cluster is creating", info=info)
        case "Running":
            return phases.running(info=info)
        case "Complete":
            return phases.success(info=info)
        case "Suspended":
            return phases.queued("Suspended", info=info)
        case "Suspending":
            return phases.queued("Suspending", info=info)
        case "Failed":
            name = text(record(job, "metadata"), "name")
            why = f"the Ray job {name} failed: [{text(status, 'reason')}] {text(status, 'message')}"
            return phases.retryable_failure(TASK_FAILED_WITH_ERROR, why, kind=ErrorKind.SYSTEM, info=info, cleanup=True)
        case unknown:
            raise PluginError(
                UNKNOWN_STATUS, f"unknown deployment status {unknown!r}", field="status.jobDeploymentStatus"
            )


def job_info(job: Fields, task: TaskContext) -> TaskInfo:
    """The links to the job's logs, and to the dashboard while the job runs.

    The pods are not known, so the job's creation stands in for their start, and now for their end.
    """
    config, metadata, status = task.config.plugins.ray, record(job, "metadata"), record(job, "status")
    source = LogSource(
        namespace=text(metadata, "namespace"),
        started=moment(metadata, "creationTimestamp") or NO_TIME,
        finished=task.now,
        variables={"rayJobID": text(status, "jobId"), "rayClusterName": text(status, "rayClusterName")},
    )
    links = task_logs(task, config.logs, source)
    dashboard = config.dashboard_url_template
    if dashboard is not None and text(status, "dashboardURL") and text(status, "jobStatus") == "RUNNING":
        links += plugin_links(task, dashboard, source)
    return TaskInfo(logs=links)
