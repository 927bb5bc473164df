"""The pipeline as a whole: raw pods, what is overridden, and that nothing given is changed."""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import Any

import pytest
from flyteidl.core.tasks_pb2 import ExtendedResources

from pluginmachinery.core.errors import BAD_TASK_SPECIFICATION, PluginError
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.pods.build import build_pod_spec, container_of, raw_pod, with_overrides
from pluginmachinery.pods.containers import task_container
from pluginmachinery.pods.raw import PodBuild
from tests.pluginmachinery.pods.pod_tasks import CONTAINER, pod_task, pod_template

POD = {"containers": [{"name": "main", "image": "m:1"}]}


def test_a_container_becomes_a_pod() -> None:
    pod = build_pod_spec(pod_task({"container": {**CONTAINER, "env": [{"key": "A", "value": "1"}]}}))
    assert pod.primary_container_name == "e-n0-0"
    assert pod.metadata == {"labels": {}, "annotations": {}}
    assert pod.spec == {
        "containers": [
            {
                "name": "e-n0-0",
                "image": "img:1",
                "command": ["run"],
                "args": ["--fast"],
                "env": [{"name": "A", "value": "1"}],
                "resources": {
                    "limits": {"cpu": "1", "memory": "1Gi"},
                    "requests": {"cpu": "1", "memory": "1Gi"},
                },
                "terminationMessagePolicy": "FallbackToLogsOnError",
            }
        ],
        "restartPolicy": "Never",
        "affinity": {},
    }


def test_a_pod_is_taken_as_it_is_given() -> None:
    template = {
        "k8sPod": {"metadata": {"labels": {"l": "1"}, "annotations": {"a": "1"}}, "podSpec": {**POD, "nonsense": 1}},
        "config": {"primary_container_name": "main"},
    }
    pod = raw_pod(pod_task({**template, "container": None}))
    assert pod.spec == {"containers": [{"name": "main", "image": "m:1"}]}
    assert pod.metadata == {"labels": {"l": "1"}, "annotations": {"a": "1"}}


def test_field_names_of_a_pod_match_in_any_case() -> None:
    pod = raw_pod(pod_task(spec={"Containers": [{"NAME": "main", "ports": [{"containerport": 80}]}]}))
    assert pod.spec["containers"] == [{"name": "main", "ports": [{"containerPort": 80}]}]


@pytest.mark.parametrize(
    ("name", "container"), [("e-n0-0", "e-n0-0"), ("x" * 63, "x" * 63)], ids=["short", "as long as a label can be"]
)
def test_the_container_is_called_like_the_object(name: str, container: str) -> None:
    assert raw_pod(pod_task(generatedName=name)).primary_container_name == container


@pytest.mark.parametrize("name", ["x" * 64, "A-b", "a_b", "a.b", ""])
def test_a_name_that_no_container_may_have_is_replaced_by_a_random_one(name: str) -> None:
    first, again, other = (
        raw_pod(pod_task(generatedName=given)).primary_container_name for given in (name, name, name + "-2_")
    )
    assert len(first) == 4
    assert (first == again, first == other) == (True, False)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        pytest.param(
            {
                "podSpec": {"containers": [{"name": "o"}]},
                "primaryContainerName": "o",
                "metadata": {"labels": {"b": "2"}},
            },
            ("o", {"a": "1", "b": "2"}),
            id="its pod spec takes the place of the task's, its labels come in addition",
        ),
        pytest.param(
            {"primaryContainerName": "o", "metadata": {"labels": {"b": "2"}}},
            ("main", {"a": "1"}),
            id="without a pod spec it is passed over",
        ),
    ],
)
def test_overriding_pod_template(override: dict[str, Any], expected: tuple[str, dict[str, str]]) -> None:
    template = {
        "k8sPod": {"metadata": {"labels": {"a": "1"}}, "podSpec": POD},
        "config": {"primary_container_name": "main"},
        "container": None,
    }
    pod = raw_pod(pod_task(template, overrides={"podTemplate": override}))
    assert (pod.primary_container_name, pod.metadata["labels"]) == expected
    assert [container["name"] for container in pod.spec["containers"]] == [expected[0]]


def test_overriding_image_is_for_the_primary_container() -> None:
    spec = {"containers": [{"name": "side", "image": "s:1"}, {"name": "main", "image": "m:1"}]}
    pod = build_pod_spec(pod_task(spec=spec, overrides={"containerImage": "over:1"}))
    assert [container["image"] for container in pod.spec["containers"]] == ["s:1", "over:1"]


@pytest.mark.parametrize(
    ("task", "field"),
    [
        pytest.param(pod_task({"container": None}), "target", id="no target"),
        pytest.param(pod_task({"container": None, "sql": {}}), "target", id="a target of another kind"),
        pytest.param(pod_task({"container": None, "k8sPod": {}}), "k8sPod.podSpec", id="no pod spec"),
        pytest.param(pod_task({"container": None, "k8sPod": {"podSpec": POD}}), "config", id="no primary named"),
        pytest.param(pod_task(spec={}), "primary_container_name", id="no containers"),
        pytest.param(pod_task(spec={"containers": [{"name": "a"}]}), "primary_container_name", id="no such container"),
        pytest.param(pod_task(spec={"containers": "x"}), "k8sPod.podSpec.containers", id="containers are no list"),
        pytest.param(
            pod_task(spec={"containers": [{"name": "main", "resources": {"limits": {"cpu": "x"}}}]}),
            "k8sPod.podSpec.containers[0].resources.limits.cpu",
            id="no amount",
        ),
        pytest.param(
            pod_task(overrides={"podTemplate": {"podSpec": {"priority": "x"}}}),
            "overrides.podTemplate.podSpec.priority",
            id="bad override",
        ),
        pytest.param(
            pod_task(platformResources={"limits": {"cpu": "x"}}), "platformResources.limits.cpu", id="platform"
        ),
        pytest.param(
            pod_task(spec={**POD, "initContainers": [{"name": "i", "args": ["{{.inputs.x}}"]}]}, inputs={}),
            "initContainers[0].args[0]",
            id="no such input",
        ),
    ],
)
def test_tasks_that_can_not_be_built(task: TaskContext, field: str) -> None:
    with pytest.raises(PluginError) as caught:
        build_pod_spec(task)
    assert (caught.value.code, caught.value.field) == (BAD_TASK_SPECIFICATION, field)


def without_resources() -> TaskContext:
    task = pod_task()
    overrides = dataclasses.replace(task.metadata.overrides, resources=None)
    return dataclasses.replace(task, metadata=dataclasses.replace(task.metadata, overrides=overrides))


def test_containers_need_resources_from_the_execution_and_pods_do_not() -> None:
    with pytest.raises(PluginError, match="no resources") as caught:
        build_pod_spec(without_resources())
    assert caught.value.field == "overrides.resources"
    task = dataclasses.replace(without_resources(), template=pod_task(spec=POD).template)
    assert build_pod_spec(task).primary_container_name == "main"


def limits(pod: PodBuild) -> dict[str, str]:
    found: dict[str, str] = container_of(pod.spec, pod.primary_container_name)["resources"]["limits"]
    return found


def test_a_part_of_a_task_can_have_amounts_of_its_own() -> None:
    task = pod_task(overrides={"resources": {"limits": {"cpu": "2"}}})
    assert limits(build_pod_spec(task))["cpu"] == "2"
    assert limits(build_pod_spec(with_overrides(task, resources={"limits": {"cpu": "3"}})))["cpu"] == "3"
    assert limits(build_pod_spec(with_overrides(task, resources={})))["cpu"] == "1"
    assert limits(build_pod_spec(with_overrides(task)))["cpu"] == "2"


def test_a_part_of_a_task_can_be_interruptible_or_not() -> None:
    task = pod_task(interruptible=True, k8s={"interruptible_tolerations": [{"key": "spot"}]})
    assert build_pod_spec(with_overrides(task)).spec["tolerations"] == [{"key": "spot"}]
    assert "tolerations" not in build_pod_spec(with_overrides(task, interruptible=False)).spec


def test_a_part_of_a_task_can_have_extended_resources_of_its_own() -> None:
    memory = ExtendedResources()
    memory.shared_memory.mount_name, memory.shared_memory.mount_path = "shm", "/dev/shm"
    pod = build_pod_spec(with_overrides(pod_task(), extended_resources=memory))
    assert [volume["name"] for volume in pod.spec["volumes"]] == ["shm"]


def test_a_container_that_is_not_there() -> None:
    with pytest.raises(PluginError, match="no container 'x'"):
        container_of({"containers": [{"name": "y"}]}, "x")


def test_a_tasks_container_without_a_pod() -> None:
    container = task_container(
        pod_task(k8s={"default_security_context": {"runAsUser": 5}, "image_pull_policy": "Always"})
    )
    assert container["securityContext"] == {"runAsUser": 5}
    assert container["imagePullPolicy"] == "Always"
    assert container["resources"]["limits"] == {"cpu": "1", "memory": "1Gi"}


def rich_task() -> TaskContext:
    affinity = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [{"key": "z", "operator": "Exists"}]}]
            }
        }
    }
    return pod_task(
        {"extendedResources": {"gpuAccelerator": {"device": "a100", "unpartitioned": True}}},
        podTemplates=[
            pod_template({"name": "default", "env": [{"name": "T"}]}, volumes=[{"name": "v", "emptyDir": {}}])
        ],
        interruptible=True,
        overrides={"resources": {"limits": {"nvidia.com/gpu": "1"}}},
        k8s={
            "default_pod_template_name": "tpl",
            "default_affinity": affinity,
            "default_tolerations": [{"key": "t"}],
            "default_pod_security_context": {"sysctls": [{"name": "a", "value": "b"}]},
            "default_security_context": {"capabilities": {"drop": ["ALL"]}},
            "default_pod_dns_config": {"searches": ["s"]},
            "interruptible_node_selector_requirement": {"key": "spot", "operator": "In", "values": ["y"]},
            "gpu_unpartitioned_toleration": {"key": "whole"},
            "gpu_unpartitioned_node_selector_requirement": {"key": "w", "operator": "In", "values": ["y"]},
        },
    )


def test_the_same_task_gives_the_same_bytes() -> None:
    assert json.dumps(build_pod_spec(rich_task()).spec) == json.dumps(build_pod_spec(rich_task()).spec)


def test_maps_come_in_the_order_of_their_names() -> None:
    """protobuf gives them in another order in every process; objects have to be the same everywhere."""
    many = {f"key-{index}": "1" for index in range(20)}
    target = {"metadata": {"labels": many}, "podSpec": {**POD, "nodeSelector": many}}
    template = {"container": None, "k8sPod": target, "config": {"primary_container_name": "main"}}
    pod = raw_pod(pod_task(template))
    assert list(pod.metadata["labels"]) == sorted(many)
    assert list(pod.spec["nodeSelector"]) == sorted(many)


def test_nothing_given_is_changed_and_a_pod_is_its_owners_to_change() -> None:
    task = rich_task()
    config, templates = task.config.model_dump(), copy.deepcopy(task.pod_templates.templates)
    message = task.template.SerializeToString(deterministic=True)
    first, second = build_pod_spec(task), build_pod_spec(task)
    _spoil(first.spec)
    _spoil(first.metadata)
    assert task.config.model_dump() == config
    assert task.pod_templates.templates == templates
    assert task.template.SerializeToString(deterministic=True) == message
    assert build_pod_spec(task) == second


def _spoil(value: Any) -> None:
    if isinstance(value, dict):
        for item in value.values():
            _spoil(item)
        value.clear()
    elif isinstance(value, list):
        for item in value:
            _spoil(item)
        value.clear()
