"""What is done to a finished object before it is created: secrets go in, variables are made unique, policy is last."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pluginmachinery.api.contexts import parse_template
from pluginmachinery.config.plugin_manager import PluginManagerConfig, PolicyConfig, SecretsConfig
from pluginmachinery.core.actions import ResourceKind
from pluginmachinery.manager.conduct import AS_FLYTE, Conduct
from pluginmachinery.manager.plugin_manager import PluginManager
from tests.pluginmachinery.manager.widgets import POD, WIDGET, WidgetPlugin, cluster, executor, widget_task

SECRET = {"group": "db", "key": "Password", "mountRequirement": "ENV_VAR"}
TWICE = [{"name": "A", "value": "task"}, {"name": "A", "value": "platform"}]


def created(
    containers: list[dict[str, Any]],
    *,
    secrets: list[dict[str, Any]] | None = None,
    settings: PluginManagerConfig | None = None,
    kind: ResourceKind = WIDGET,
    conduct: Conduct | None = None,
) -> Any:
    """The containers of the object that reached the cluster."""
    built = {"apiVersion": kind.api_version, "kind": kind.kind, "spec": {"containers": containers}}
    task = widget_task()
    task = dataclasses.replace(
        task,
        template=parse_template({"type": "widget", "securityContext": {"secrets": secrets or []}}),
        config=task.config.model_copy(update={"plugin_manager": settings or PluginManagerConfig()}),
    )
    api = cluster()
    plugin = WidgetPlugin(resource=kind, build=lambda _: built)
    executor(api).run(PluginManager(plugin, conduct=conduct).handle, task, None)
    (manifest,) = api.objects.values()
    return manifest["spec"]["containers"]


def names(containers: Any) -> list[str]:
    return [variable["name"] for container in containers for variable in container.get("env", [])]


def test_kubernetes_secrets_are_in_the_pod_by_default() -> None:
    containers = created([{"name": "c"}], secrets=[SECRET])
    assert names(containers) == ["_FSEC_DB_PASSWORD", "FLYTE_SECRETS_ENV_PREFIX"]
    reference = {"secretKeyRef": {"name": "db", "key": "Password", "optional": True}}
    assert containers[0]["env"][0]["valueFrom"] == reference


@pytest.mark.parametrize(
    ("settings", "conduct"),
    [
        pytest.param(PluginManagerConfig(secrets=SecretsConfig(inject="webhook")), None, id="a webhook does it"),
        pytest.param(None, AS_FLYTE, id="as Flyte"),
    ],
)
def test_who_has_a_webhook_can_leave_it_to_that(settings: Any, conduct: Any) -> None:
    assert created([{"name": "c"}], secrets=[SECRET], settings=settings, conduct=conduct) == [{"name": "c"}]


def test_a_task_without_secrets_gets_none() -> None:
    assert created([{"name": "c"}]) == [{"name": "c"}]


def test_secrets_are_no_volumes_that_the_policy_forbids() -> None:
    policy = PluginManagerConfig(policy=PolicyConfig(deny="restricted", warn="restricted"))
    hardened = {
        "name": "c",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
            "capabilities": {"drop": ["ALL"]},
        },
    }
    (container,) = created([hardened], secrets=[{**SECRET, "mountRequirement": "FILE"}], settings=policy)
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/etc/flyte/secrets/db"]


def test_an_operators_object_has_no_variable_twice() -> None:
    assert created([{"name": "c", "env": TWICE}]) == [{"name": "c", "env": TWICE[1:]}]


@pytest.mark.parametrize(
    ("kind", "conduct"), [pytest.param(POD, None, id="a plain pod"), pytest.param(WIDGET, AS_FLYTE, id="as Flyte")]
)
def test_where_twice_is_allowed_it_stays(kind: ResourceKind, conduct: Any) -> None:
    assert created([{"name": "c", "env": TWICE}], kind=kind, conduct=conduct) == [{"name": "c", "env": TWICE}]
