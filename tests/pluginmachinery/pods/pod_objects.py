"""Pods as the API server has them, for the tests of phases and log links."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pluginmachinery.api.contexts import task_context
from pluginmachinery.config import Configuration
from pluginmachinery.config.k8s import K8sPluginConfig
from pluginmachinery.config.logs import LogConfig
from pluginmachinery.config.root import PluginsConfig
from pluginmachinery.core.phases import PhaseInfo
from pluginmachinery.core.tasks import PluginContext, SavedPhase, TaskContext
from pluginmachinery.pods.status import pod_phase

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
STARTED = datetime(2030, 1, 1, 11, tzinfo=UTC)
FINISHED = datetime(2030, 1, 1, 11, 30, tzinfo=UTC)
NO_LINKS = LogConfig()


def rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def task(
    *,
    logs: LogConfig = NO_LINKS,
    template: Mapping[str, Any] | None = None,
    execution: Mapping[str, Any] | None = None,
    **k8s: Any,
) -> TaskContext:
    """A container task; ``k8s`` are fields of ``plugins.k8s``."""
    return task_context(
        {"type": "container"} | dict(template or {}),
        {"generatedName": "pod-1", "namespace": "ns"} | dict(execution or {}),
        config=Configuration(plugins=PluginsConfig(k8s=K8sPluginConfig(**k8s), logs=logs)),
        now=NOW,
    )


def phase_of(pod: Mapping[str, Any], *, saved: SavedPhase | None = None, **settings: Any) -> PhaseInfo:
    return pod_phase(PluginContext(task(**settings), saved or SavedPhase()), pod)


def pod(phase: str, *containers: Mapping[str, Any], primary: str | None = "main", **status: Any) -> dict[str, Any]:
    """A pod in this phase whose containers are in these states."""
    return {
        "metadata": {
            "name": "pod-1",
            "namespace": "ns",
            "uid": "pod-uid",
            "creationTimestamp": rfc3339(STARTED),
            **({} if primary is None else {"annotations": {"primary_container_name": primary}}),
        },
        "spec": {"containers": [{"name": container["name"]} for container in containers] or [{"name": "main"}]},
        "status": {"phase": phase, "containerStatuses": list(containers), **status},
    }


def running(name: str = "main", started: datetime = STARTED) -> dict[str, Any]:
    return {"name": name, "ready": True, "state": {"running": {"startedAt": rfc3339(started)}}}


def waiting(reason: str, name: str = "main", message: str = "msg") -> dict[str, Any]:
    return {"name": name, "ready": False, "state": {"waiting": {"reason": reason, "message": message}}}


def ended(
    exit_code: int = 0, name: str = "main", reason: str = "", message: str = "", finished: datetime = FINISHED
) -> dict[str, Any]:
    state = {"exitCode": exit_code, "reason": reason, "message": message, "finishedAt": rfc3339(finished)}
    return {"name": name, "ready": False, "state": {"terminated": state}}


def condition(kind: str, status: str, *, reason: str = "R", message: str = "M", ago: timedelta = timedelta()) -> Any:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": rfc3339(NOW - ago),
    }
