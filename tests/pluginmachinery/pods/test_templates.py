"""Pod templates: which one, and what it gives to whom."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from pluginmachinery.core.errors import PluginError
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.pods.build import configured, raw_pod
from pluginmachinery.pods.raw import PodBuild
from pluginmachinery.pods.templates import (
    CONTAINERS,
    INIT_CONTAINERS,
    BaseTemplate,
    base_template,
    overlay_spec,
    spec_over_template,
)
from tests.pluginmachinery.pods.pod_tasks import pod_task, pod_template

NAMED = {"metadata": {"podTemplateName": "tpl"}}


def built(task: TaskContext) -> PodBuild:
    return configured(raw_pod(task), task)


def scheduler(template: BaseTemplate | None) -> str | None:
    return None if template is None else template.spec.get("schedulerName")


@pytest.mark.parametrize(
    ("template", "default", "expected"),
    [
        pytest.param({}, "", None, id="none wanted"),
        pytest.param(NAMED, "", "of ns", id="named by the task"),
        pytest.param({}, "tpl", "of ns", id="the default"),
        pytest.param(NAMED, "other", "of ns", id="the task's name before the default"),
        pytest.param({}, "shared", "of system", id="from the default namespace"),
        pytest.param({}, "foreign", None, id="a missing default is no error"),
    ],
)
def test_which_template(template: dict[str, Any], default: str, expected: str | None) -> None:
    task = pod_task(
        template,
        k8s={"default_pod_template_name": default},
        podTemplates=[
            pod_template(name="foreign", namespace="elsewhere", schedulerName="of elsewhere"),
            pod_template(name="tpl", namespace="system", schedulerName="of system"),
            pod_template(name="shared", namespace="system", schedulerName="of system"),
            pod_template(name="tpl", namespace="ns", schedulerName="of ns"),
        ],
        podTemplateDefaultNamespace="system",
    )
    assert scheduler(base_template(task)) == expected


def test_a_named_template_has_to_be_there() -> None:
    with pytest.raises(PluginError, match="no PodTemplate 'tpl' in 'ns'") as caught:
        base_template(pod_task(NAMED))
    assert caught.value.field == "metadata.podTemplateName"


def test_a_malformed_template_is_named() -> None:
    task = pod_task(NAMED, podTemplates=[pod_template(priority="high")])
    with pytest.raises(PluginError, match="PodTemplate 'tpl' is malformed") as caught:
        base_template(task)
    assert caught.value.field == "template.spec.priority"


def marked(name: str) -> dict[str, Any]:
    """A container that leaves its name in the environment of what is made of it."""
    return {"name": name, "env": [{"name": name}]}


def marks(containers: list[Mapping[str, Any]]) -> dict[str, list[str]]:
    return {each["name"]: [variable["name"] for variable in each.get("env", ())] for each in containers}


ALL = [marked(name) for name in ("side", "main", "primary", "default")]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        pytest.param(ALL, {"main": ["default", "primary"], "side": ["default", "side"]}, id="all that there are"),
        pytest.param([marked("default")], {"main": ["default"], "side": ["default"]}, id="the default for all"),
        pytest.param(
            [marked("primary")], {"main": ["primary"], "side": []}, id="the primary for the primary one alone"
        ),
        pytest.param([marked("main")], {"main": [], "side": []}, id="never by name for the primary one"),
        pytest.param([marked("side")], {"main": [], "side": ["side"]}, id="by name for any other"),
        pytest.param([marked("nobody")], {"main": [], "side": []}, id="without a counterpart it is left out"),
    ],
)
def test_special_containers(template: list[Mapping[str, Any]], expected: dict[str, list[str]]) -> None:
    spec = {"containers": [{"name": "main"}, {"name": "side"}]}
    result = spec_over_template({"containers": template}, spec, "main")
    assert marks(result["containers"]) == expected


def test_special_init_containers() -> None:
    template = {"initContainers": [marked(name) for name in ("default-init", "primary-init", "fetch", "default")]}
    spec = {"containers": [{"name": "main"}], "initContainers": [{"name": "fetch"}, {"name": "downloader"}]}
    result = spec_over_template(template, spec, "main", "downloader")
    assert marks(result["initContainers"]) == {
        "fetch": ["default-init", "fetch"],
        "downloader": ["default-init", "primary-init"],
    }


def test_init_containers_of_the_template_alone_are_left_out() -> None:
    result = spec_over_template({"initContainers": [{"name": "setup"}]}, {"containers": [{"name": "main"}]}, "main")
    assert "initContainers" not in result


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        pytest.param(["main", "primary", "default"], "main", id="its namesake"),
        pytest.param(["primary", "default"], "primary", id="else the primary one"),
        pytest.param(["default"], "default", id="else the default one"),
        pytest.param(["other"], None, id="else none"),
    ],
)
def test_resources_that_a_template_gives(containers: list[str], expected: str | None) -> None:
    named = [{"name": name, "resources": {"limits": {"example.com/" + name: "1"}}} for name in containers]
    found = BaseTemplate({"containers": named}, {}).resources_of("main", CONTAINERS)
    assert found == ({} if expected is None else {"limits": {f"example.com/{expected}": "1"}})
    assert BaseTemplate({"containers": named}, {}).resources_of("main", INIT_CONTAINERS) == {}


def test_the_pod_is_laid_over_the_template() -> None:
    template = pod_template(
        {"name": "primary", "image": "tpl:1", "command": ["init"], "resources": {"limits": {"cpu": "2"}}},
        metadata={
            "labels": {"team": "a", "tier": "tpl"},
            "finalizers": ["platform/x"],
            "creationTimestamp": "2020-01-01T00:00:00Z",
        },
        hostNetwork=True,
        tolerations=[{"key": "tpl"}],
    )
    task = pod_task(
        NAMED,
        spec={
            "containers": [{"name": "main", "image": "task:1", "command": ["run"]}],
            "tolerations": [{"key": "task"}],
            "hostNetwork": False,
        },
        podTemplates=[template],
        k8s={"enable_host_networking_pod": False},
    )
    pod = built(task)
    (main,) = pod.spec["containers"]
    assert (main["name"], main["image"], main["command"]) == ("main", "task:1", ["init", "run"])
    assert main["resources"]["requests"]["cpu"] == "2"
    assert pod.spec["hostNetwork"] is True
    assert [toleration["key"] for toleration in pod.spec["tolerations"]] == ["tpl", "task"]
    assert pod.metadata == {
        "labels": {"team": "a", "tier": "tpl"},
        "annotations": {},
        "finalizers": ["platform/x"],
    }


def test_a_template_serves_many_pods_unchanged() -> None:
    template = pod_template({"name": "default", "env": [{"name": "T"}]}, nodeSelector={"pool": "a"})
    before = copy.deepcopy(template)
    task = pod_task(NAMED, podTemplates=[template])
    first = built(task)
    first.spec["nodeSelector"]["pool"] = "b"
    first.spec["containers"][0]["env"].clear()
    assert template == before
    assert built(task).spec["nodeSelector"] == {"pool": "a"}
    assert built(task).spec["containers"][0]["env"][0] == {"name": "T"}


def test_a_changed_template_is_another_object() -> None:
    for wanted in ("a", "b"):
        task = pod_task(NAMED, podTemplates=[pod_template(nodeSelector={"pool": wanted})])
        assert built(task).spec["nodeSelector"] == {"pool": wanted}


def test_a_custom_pod_is_laid_over_container_by_container() -> None:
    base = {"containers": [{"name": "main", "image": "a"}, {"name": "side"}], "initContainers": [{"name": "init"}]}
    overlay = {
        "containers": [{"name": "main", "image": "b"}, {"name": "new"}],
        "initContainers": [{"name": "init", "image": "i"}],
        "priority": 5,
    }
    assert overlay_spec(base, overlay) == {
        "containers": [{"name": "main", "image": "b"}, {"name": "side"}],
        "initContainers": [{"name": "init", "image": "i"}],
        "priority": 5,
    }
