"""Tasks to build pods of, for the tests of the pipeline's stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pluginmachinery.api.contexts import task_context
from pluginmachinery.config import Configuration
from pluginmachinery.config.k8s import K8sPluginConfig
from pluginmachinery.config.root import PluginsConfig
from pluginmachinery.core.tasks import TaskContext

CONTAINER = {"image": "img:1", "command": ["run"], "args": ["--fast"]}
EXECUTION_ID = {
    "nodeExecutionId": {"nodeId": "n0", "executionId": {"project": "p", "domain": "d", "name": "e"}},
    "retryAttempt": 2,
    "taskId": {"project": "tp", "domain": "td", "name": "t", "version": "v"},
}


def execution(**members: Any) -> dict[str, Any]:
    """A TaskExecution's spec with resources, which container targets need."""
    given = {
        "generatedName": "e-n0-0",
        "namespace": "ns",
        "inputPath": "s3://b/in/inputs.pb",
        "inputPrefix": "s3://b/in",
        "outputPrefix": "s3://b/out",
        "rawOutputPrefix": "s3://b/raw",
        **members,
    }
    given["overrides"] = {"resources": {}, **given.get("overrides", {})}
    return given


def pod_task(
    template: Mapping[str, Any] | None = None,
    *,
    spec: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    k8s: Mapping[str, Any] | None = None,
    **members: Any,
) -> TaskContext:
    """A container task, or with ``spec`` a pod task whose primary container is ``main``.

    ``template`` adds to the task template, ``k8s`` are fields of ``plugins.k8s``, ``members`` those of the execution.
    """
    target = {"container": CONTAINER}
    if spec is not None:
        target = {"k8sPod": {"podSpec": spec}, "config": {"primary_container_name": "main"}}
    return task_context(
        {"type": "python-task", **target, **(template or {})},
        execution(**members),
        config=Configuration(plugins=PluginsConfig(k8s=K8sPluginConfig(**(k8s or {})))),
        environment=environment,
    )


def pod_template(
    *containers: Mapping[str, Any], name: str = "tpl", namespace: str = "ns", **spec: Any
) -> dict[str, Any]:
    """A PodTemplate object with these containers; ``metadata`` beside the pod spec's fields is that of its pods."""
    metadata = spec.pop("metadata", {})
    template = {"metadata": metadata, "spec": {**spec, "containers": list(containers)}}
    return {"metadata": {"name": name, "namespace": namespace}, "template": template}
