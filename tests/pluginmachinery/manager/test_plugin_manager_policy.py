"""The policy is a stage of its own after build: what it denies is never created."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pluginmachinery.config.plugin_manager import PluginManagerConfig, PolicyConfig
from pluginmachinery.core.phases import ErrorKind, Phase
from pluginmachinery.core.transitions import Transition
from pluginmachinery.manager.conduct import AS_FLYTE, Conduct
from pluginmachinery.manager.plugin_manager import PluginManager
from tests.pluginmachinery.manager.widgets import WIDGET, WidgetPlugin, cluster, executor, verbs, widget_task


def launch(spec: dict[str, Any], policy: PolicyConfig | None = None, *, conduct: Conduct | None = None) -> Any:
    """The settled transition of a widget with this pod inside, and the verbs that reached the API server."""
    built = {"apiVersion": WIDGET.api_version, "kind": "Widget", "spec": {"template": {"spec": spec}}}
    task = widget_task()
    plugin_manager = PluginManagerConfig(policy=policy or PolicyConfig())
    task = dataclasses.replace(task, config=task.config.model_copy(update={"plugin_manager": plugin_manager}))
    api = cluster()
    transition: Transition = executor(api).run(
        PluginManager(WidgetPlugin(build=lambda _: built), conduct=conduct).handle, task, None
    )
    return transition.phase, verbs(api)


POD_OF_THE_HOST = {"hostPID": True, "containers": [{"name": "a", "image": "i"}]}


def test_what_is_denied_is_a_permanent_failure_with_the_field() -> None:
    info, called = launch(POD_OF_THE_HOST)
    assert called == []
    assert info.phase is Phase.PERMANENT_FAILURE
    assert (info.error.code, info.error.kind) == ("PolicyDenied", ErrorKind.USER)
    assert "spec.template.spec.hostPID: shares a namespace of the node" in info.error.message


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        pytest.param(PolicyConfig(deny="privileged", warn="privileged"), "task submitted to K8s", id="nothing is told"),
        pytest.param(
            PolicyConfig(deny="privileged", warn="baseline"),
            "task submitted to K8s; the policy warns of spec.template.spec.hostPID: "
            "shares a namespace of the node (host-namespaces)",
            id="the reason tells",
        ),
    ],
)
def test_what_is_not_denied_is_created(policy: PolicyConfig, reason: str) -> None:
    info, called = launch(POD_OF_THE_HOST, policy)
    assert called == ["create"]
    assert (info.phase, info.reason) == (Phase.QUEUED, reason)


def test_flyte_does_not_look() -> None:
    info, called = launch(POD_OF_THE_HOST, conduct=AS_FLYTE)
    assert (info.phase, called) == (Phase.QUEUED, ["create"])
