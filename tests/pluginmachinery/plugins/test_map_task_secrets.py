"""Sub-tasks of map tasks get the Kubernetes secrets of their task, as single pods do."""

from __future__ import annotations

import dataclasses
from typing import Literal

import pytest

from pluginmachinery.config.plugin_manager import PluginManagerConfig, SecretsConfig
from pluginmachinery.conformance.checks.subjects import Subject
from pluginmachinery.conformance.examples import of_builtin
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.plugins.array import ArrayPlugin

(EXAMPLE,) = of_builtin("k8s-array")


def with_secret(inject: Literal["kubernetes", "webhook"]) -> TaskContext:
    template = type(EXAMPLE.task.template)()
    template.CopyFrom(EXAMPLE.task.template)
    template.security_context.secrets.add(group="db", key="password", mount_requirement="FILE")
    settings = PluginManagerConfig(secrets=SecretsConfig(inject=inject))
    config = EXAMPLE.task.config.model_copy(update={"plugin_manager": settings})
    return dataclasses.replace(EXAMPLE.task, template=template, config=config)


@pytest.mark.parametrize(("inject", "paths"), [("kubernetes", ["/etc/flyte/secrets/db"]), ("webhook", [])])
def test_sub_tasks_get_secrets(inject: Literal["kubernetes", "webhook"], paths: list[str]) -> None:
    life = Subject(ArrayPlugin(), EXAMPLE).life(with_secret(inject))
    assert life.launched()
    for pod in life.cluster.objects.values():
        (container,) = pod["spec"]["containers"]
        assert [mount["mountPath"] for mount in container.get("volumeMounts", [])] == paths
