"""Plain pods: the plugins container, sidecar and pod."""

from __future__ import annotations

from typing import Any

import pytest

from pluginmachinery.core.errors import BAD_TASK_SPECIFICATION, PluginError
from pluginmachinery.core.phases import Phase
from pluginmachinery.core.plugins import KubernetesPlugin
from pluginmachinery.core.tasks import PluginContext
from pluginmachinery.plugins.container import POD, PodPlugin
from tests.pluginmachinery.pods.pod_tasks import CONTAINER, pod_task

PRIMARY = "primary_container_name"
SPEC = {"containers": [{"name": "main", "image": "m:1"}, {"name": "side"}]}
PLUGIN = PodPlugin("pod")


def built(template: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return PLUGIN.build_resource(pod_task(template, **settings))


def target(**template: Any) -> dict[str, Any]:
    """A template without the container that tasks of these tests have otherwise."""
    return {"container": None, **template}


@pytest.mark.parametrize("plugin_id", ["container", "sidecar", "pod"])
def test_one_plugin_under_three_names(plugin_id: str) -> None:
    plugin = PodPlugin(plugin_id)
    assert isinstance(plugin, KubernetesPlugin)
    assert (plugin.id, plugin.resource) == (plugin_id, POD)
    assert plugin.build_identity_resource(pod_task().metadata) == {"apiVersion": "v1", "kind": "Pod"}
    assert plugin.build_resource(pod_task()) == PLUGIN.build_resource(pod_task())


@pytest.mark.parametrize(
    ("template", "containers", "annotations"),
    [
        pytest.param(
            {"type": "python-task"}, ["e-n0-0"], {PRIMARY: "e-n0-0"}, id="one container: done when that is done"
        ),
        pytest.param({"type": "raw-container"}, ["e-n0-0"], {}, id="a raw container has co-pilot beside it"),
        pytest.param(
            target(type="container", k8sPod={"podSpec": SPEC}, config={PRIMARY: "main"}),
            ["main", "side"],
            {},
            id="several containers: all have to be done",
        ),
        pytest.param(
            target(type="sidecar", taskTypeVersion=2, k8sPod={"podSpec": SPEC}, config={PRIMARY: "main"}),
            ["main", "side"],
            {PRIMARY: "main"},
            id="several of a sidecar task: the primary one counts",
        ),
    ],
)
def test_when_a_pod_is_done(template: dict[str, Any], containers: list[str], annotations: dict[str, str]) -> None:
    pod = built(template)
    assert [container["name"] for container in pod["spec"]["containers"]] == containers
    assert pod["metadata"]["annotations"] == annotations


SIDECAR_V0 = {"podSpec": SPEC, "primaryContainerName": "main", "labels": {"l": "1"}, "annotations": {"a": "1"}}


@pytest.mark.parametrize(
    ("custom", "metadata"),
    [
        pytest.param(
            SIDECAR_V0, {"labels": {"l": "1"}, "annotations": {"a": "1", PRIMARY: "main"}}, id="as documented"
        ),
        pytest.param(
            {"PODSPEC": SPEC, "PrimaryContainerName": "main"},
            {"labels": {}, "annotations": {PRIMARY: "main"}},
            id="names in any case",
        ),
    ],
)
def test_sidecar_of_version_0(custom: dict[str, Any], metadata: dict[str, Any]) -> None:
    pod = built(target(type="sidecar", custom=custom))
    assert [container["name"] for container in pod["spec"]["containers"]] == ["main", "side"]
    assert pod["metadata"] == metadata


def test_sidecar_of_version_1() -> None:
    beside = {"metadata": {"labels": {"l": "1"}}, "podSpec": {"containers": [{"name": "unused"}]}}
    template = target(type="sidecar", taskTypeVersion=1, custom=SPEC, config={PRIMARY: "main"}, k8sPod=beside)
    pod = built(template)
    assert [container["name"] for container in pod["spec"]["containers"]] == ["main", "side"]
    assert pod["metadata"] == {"labels": {"l": "1"}, "annotations": {PRIMARY: "main"}}


def test_overriding_pod_template_is_not_for_old_sidecars() -> None:
    override = {"podTemplate": {"podSpec": {"containers": [{"name": "o"}]}, "primaryContainerName": "o"}}
    pod = built(target(type="sidecar", custom=SIDECAR_V0), overrides=override)
    assert [container["name"] for container in pod["spec"]["containers"]] == ["main", "side"]


@pytest.mark.parametrize(
    ("template", "field"),
    [
        pytest.param({"taskTypeVersion": 0}, "custom", id="version 0 without custom"),
        pytest.param({"custom": {"primaryContainerName": "main"}}, "custom.podSpec", id="version 0 without a pod spec"),
        pytest.param({"custom": {**SIDECAR_V0, "podSpec": "x"}}, "custom.podSpec", id="the pod spec is a text"),
        pytest.param({"custom": {**SIDECAR_V0, "labels": {"a": 1}}}, "custom.labels.a", id="a label is a number"),
        pytest.param({"custom": {**SIDECAR_V0, "labels": []}}, "custom.labels", id="labels are a list"),
        pytest.param(
            {"custom": {**SIDECAR_V0, "annotations": False}}, "custom.annotations", id="annotations are false"
        ),
        pytest.param(
            {"custom": {**SIDECAR_V0, "primaryContainerName": 0}},
            "custom.primaryContainerName",
            id="a name is a number",
        ),
        pytest.param({"custom": {"podSpec": SPEC}}, PRIMARY, id="version 0 names no primary container"),
        pytest.param({"taskTypeVersion": 1, "config": {PRIMARY: "main"}}, "custom", id="version 1 without custom"),
        pytest.param({"taskTypeVersion": 1, "custom": SPEC}, "config", id="version 1 names no primary container"),
        pytest.param(
            {"taskTypeVersion": 1, "custom": {"containers": 1}, "config": {PRIMARY: "main"}},
            "custom.containers",
            id="version 1 with a bad pod spec",
        ),
        pytest.param({"taskTypeVersion": 2, "custom": SPEC}, "target", id="version 2 does not look at custom"),
    ],
)
def test_sidecars_that_can_not_be_built(template: dict[str, Any], field: str) -> None:
    with pytest.raises(PluginError) as caught:
        built(target(type="sidecar", **template))
    assert (caught.value.code, caught.value.field) == (BAD_TASK_SPECIFICATION, field)


@pytest.mark.parametrize(
    ("own", "execution", "run_as", "expected"),
    [
        pytest.param("own", "exec", "sec", "own", id="of the pod"),
        pytest.param("", "exec", "sec", "exec", id="of the execution"),
        pytest.param("", "", "sec", "sec", id="of the security context, only then"),
        pytest.param("", "", "", None, id="none"),
    ],
)
def test_service_account(own: str, execution: str, run_as: str, expected: str | None) -> None:
    task = pod_task(
        spec={"containers": [{"name": "main"}], "serviceAccountName": own},
        serviceAccount=execution,
        securityContext={"runAs": {"k8sServiceAccount": run_as}},
    )
    assert PLUGIN.build_resource(task)["spec"].get("serviceAccountName") == expected


def test_phase_is_the_pods() -> None:
    task = pod_task({"container": CONTAINER})
    state = {"terminated": {"exitCode": 0, "finishedAt": "2024-01-01T00:00:00Z"}}
    pod = PLUGIN.build_resource(task)
    pod["status"] = {"phase": "Succeeded", "containerStatuses": [{"name": "e-n0-0", "state": state}]}
    assert PLUGIN.get_task_phase(PluginContext(task), pod).phase is Phase.SUCCESS
