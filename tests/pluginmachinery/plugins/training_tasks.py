"""Tasks and jobs of the training operator, for the tests of pytorch, tensorflow and mpi."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pluginmachinery.api.contexts import task_context
from pluginmachinery.config import Configuration
from pluginmachinery.config.k8s import K8sPluginConfig
from pluginmachinery.config.root import PluginsConfig
from pluginmachinery.core.tasks import PluginContext, SavedPhase, TaskContext

CREATED = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
CONTAINER = {"image": "img:v1", "command": ["cmd"], "args": ["a1"]}
EXECUTION = {"generatedName": "job", "namespace": "ns", "overrides": {"resources": {}}}


def k8s_config(**fields: Any) -> Configuration:
    return Configuration(plugins=PluginsConfig(k8s=K8sPluginConfig(**fields)))


def training_task(
    task_type: str,
    custom: Any,
    *,
    version: int = 0,
    template: Mapping[str, Any] | None = None,
    execution: Mapping[str, Any] | None = None,
    config: Configuration | None = None,
) -> TaskContext:
    """A container task of this type; ``template`` and ``execution`` add members or replace them."""
    task = {"type": task_type, "taskTypeVersion": version, "container": CONTAINER, "custom": custom}
    return task_context(
        {name: value for name, value in (task | dict(template or {})).items() if value is not None},
        EXECUTION | dict(execution or {}),
        config=config or Configuration(),
        now=CREATED + timedelta(hours=1),
    )


def pod_target(*containers: Mapping[str, Any], **spec: Any) -> dict[str, Any]:
    """Template members of a task that brings a pod; the container ``main`` is the primary one."""
    return {
        "container": None,
        "k8sPod": {"podSpec": {"containers": list(containers), **spec}, "metadata": {"labels": {"own": "pod"}}},
        "config": {"primary_container_name": "main"},
    }


def job(replica_specs: str, replicas: Mapping[str, int], **members: Any) -> dict[str, Any]:
    """A job as the API server has it, created at CREATED; ``status``, ``suspend``, ``created`` say how it stands."""
    created = members.get("created", CREATED.isoformat())
    return {
        "metadata": {"name": "job", "namespace": "ns", "creationTimestamp": created},
        "spec": {
            replica_specs: {name: {"replicas": count} for name, count in replicas.items()},
            "runPolicy": {"suspend": True} if members.get("suspend") else {},
        },
        "status": members.get("status", {}),
    }


def condition(type_: str, *, minute: int = 0, status: str = "True") -> dict[str, str]:
    time = (CREATED + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"type": type_, "status": status, "reason": "Rsn", "message": "Msg", "lastTransitionTime": time}


def started(*conditions: Mapping[str, str]) -> dict[str, Any]:
    """The status of a job that the operator has taken up."""
    return {"startTime": CREATED.isoformat(), "conditions": list(conditions)}


def seen(task: TaskContext, saved: SavedPhase | None = None) -> PluginContext:
    return PluginContext(task, saved or SavedPhase())
