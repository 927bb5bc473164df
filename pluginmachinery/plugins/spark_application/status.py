"""How an application stands, and where its logs and Spark's own pages are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pluginmachinery.core import phases
from pluginmachinery.core.errors import DOWNSTREAM_SYSTEM_ERROR
from pluginmachinery.core.phases import PhaseInfo, TaskInfo
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.pods.fields import Fields, moment, record, text
from pluginmachinery.pods.log_links import NO_TIME, LogSource, TaskLog, task_logs

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ENDED = ("COMPLETED", "FAILED")


def application_phase(application: Fields, info: TaskInfo) -> PhaseInfo:
    """The phase of a SparkApplication; states that are not known count as running."""
    state = record(record(application, "status"), "applicationState")
    match text(state, "state"):
        case "":
            return phases.queued("job queued", info=info)
        case "SUBMITTED":
            return phases.initializing("job submitted", info=info)
        case "SUBMISSION_FAILED":
            why = f"the submission of the Spark application failed: {text(state, 'errorMessage')}"
            return phases.retryable_failure(DOWNSTREAM_SYSTEM_ERROR, why, info=info)
        case "FAILED":
            why = f"the Spark application failed: {text(state, 'errorMessage')}"
            return phases.retryable_failure(DOWNSTREAM_SYSTEM_ERROR, why, info=info)
        case "COMPLETED":
            return phases.success(info=info)
    return phases.running(info=info)


def application_info(application: Fields, task: TaskContext) -> TaskInfo:
    """The links: driver, user, system, all user logs, then Spark's own page, which is also the custom info."""
    pages = _pages(application, task)
    return TaskInfo(
        logs=(*_log_links(application, task), *(page for _, page in pages)),
        custom_info={key: page["uri"] for key, page in pages},
    )


def _log_links(application: Fields, task: TaskContext) -> tuple[TaskLog, ...]:
    config, metadata = task.config.plugins.spark.logs, record(application, "metadata")
    name, driver = text(metadata, "name"), text(record(record(application, "status"), "driverInfo"), "podName")
    started, finished = moment(metadata, "creationTimestamp") or NO_TIME, _ended_at(application) or _EPOCH

    def source(pod_name: str, log_name: str) -> LogSource:
        namespace = text(metadata, "namespace")
        return LogSource(namespace, pod_name, log_name=log_name, started=started, finished=finished)

    driver_links = task_logs(task, config.mixed, source(driver, "(Driver Logs)")) if driver else ()
    all_user = task_logs(task, config.all_user, source(name, "(Spark-Submit/All User Logs)"), dynamic=False)
    return (
        *driver_links,
        *task_logs(task, config.user, source(driver, "(User Logs)"), dynamic=False),
        *task_logs(task, config.system, source(name, "(System Logs)"), dynamic=False),
        # These exist before there is a driver.
        *({**link, "ShowWhilePending": True} for link in all_user),
    )


def _ended_at(application: Fields) -> datetime | None:
    status = record(application, "status")
    return moment(status, "terminationTime") if _state(application) in _ENDED else None


def _pages(application: Fields, task: TaskContext) -> list[tuple[str, dict[str, Any]]]:
    """Spark's UI: the driver's while it runs, the history server's when all is over."""
    status, history = record(application, "status"), task.config.plugins.spark.spark_history_server_url
    if _state(application) in _ENDED:
        application_id = text(status, "sparkApplicationId")
        if application_id and history:
            return [("sparkHistoryUI", _page("Spark History UI", f"{history}/history/{application_id}"))]
    elif _state(application) == "RUNNING":
        address = text(record(status, "driverInfo"), "webUIIngressAddress")
        if address:
            # Older operators leave the scheme out.
            uri = address if address.startswith(("http://", "https://")) else f"https://{address}"
            return [("sparkDriverUI", _page("Spark Driver UI", uri))]
    return []


def _page(name: str, uri: str) -> dict[str, Any]:
    return {"name": name, "uri": uri, "messageFormat": "JSON"}


def _state(application: Fields) -> str:
    return text(record(record(application, "status"), "applicationState"), "state")
