"""The identity that every object gets: names, labels, annotations, owner, finalizer."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pluginmachinery.core.errors import PluginError
from pluginmachinery.core.plugins import PluginProperties
from pluginmachinery.manager.objects import FINALIZER, finished_object, object_name
from pluginmachinery.plugins.container import PodPlugin
from tests.pluginmachinery.pods.pod_tasks import pod_task

PLUGIN = PodPlugin("pod")
BUILT = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": []}}
OWNER = {"apiVersion": "v1", "kind": "Owner", "name": "o", "uid": "u", "controller": True}
NO_DEFAULTS = {"default_annotations": {}}


def finished(
    metadata: dict[str, Any] | None = None,
    *,
    template: dict[str, Any] | None = None,
    plugin: PodPlugin = PLUGIN,
    **settings: Any,
) -> dict[str, Any]:
    """The metadata of the finished object."""
    built = BUILT if metadata is None else {**BUILT, "metadata": metadata}
    result: dict[str, Any] = finished_object(pod_task(template, **settings), plugin, built)["metadata"]
    return result


def test_an_object_gets_its_identity() -> None:
    assert finished(k8s=NO_DEFAULTS, ownerReference=OWNER) == {
        "namespace": "ns",
        "name": "e-n0-0",
        "ownerReferences": [OWNER],
    }


def test_the_rest_of_the_object_stays() -> None:
    result = finished_object(pod_task(), PLUGIN, BUILT)
    assert {key: value for key, value in result.items() if key != "metadata"} == BUILT


@pytest.mark.parametrize("kind", ["labels", "annotations"])
def test_later_ones_win(kind: str) -> None:
    by_party: dict[str, dict[str, str]] = {
        "platform": dict.fromkeys(("a", "b", "c", "d"), "platform"),
        "object": dict.fromkeys(("b", "c", "d"), "object"),
        "template": dict.fromkeys(("c", "d"), "template"),
        "execution": {"d": "execution"},
    }
    metadata = finished(
        {kind: by_party["object"]},
        template={"metadata": {"metadata": {kind: by_party["template"]}}},
        k8s={**NO_DEFAULTS, f"default_{kind}": by_party["platform"]},
        **{kind: by_party["execution"]},
    )
    assert metadata[kind] == {"a": "platform", "b": "object", "c": "template", "d": "execution"}


def test_labels_come_in_the_order_of_their_names() -> None:
    many = {f"label-{index}": "1" for index in range(20)}
    labels = finished(many, template={"metadata": {"metadata": {"labels": many}}}, labels={"a": "1"})["labels"]
    assert list(labels) == sorted(labels)


def test_the_platform_keeps_its_annotation_by_default() -> None:
    assert finished()["annotations"] == {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("f-n0-0", "f-n0-0", id="a name that is allowed"),
        pytest.param("x" * 64, "x" * 64, id="too long for a container, not for an object"),
        pytest.param("MyTask_1", "my-task1", id="made one that is"),
    ],
)
def test_name(name: str, expected: str) -> None:
    assert finished(generatedName=name)["name"] == expected
    assert object_name(pod_task(generatedName=name).metadata) == expected


def test_namespace_and_name_of_the_built_object_do_not_count() -> None:
    metadata = finished({"namespace": "other", "name": "other", "generateName": "kept"}, k8s=NO_DEFAULTS)
    assert metadata == {"namespace": "ns", "name": "e-n0-0", "generateName": "kept"}


@pytest.mark.parametrize(
    ("properties", "disabled", "expected"),
    [
        pytest.param(PluginProperties(), False, [OWNER], id="the task owns its object"),
        pytest.param(PluginProperties(disable_inject_owner_references=True), False, ["own"], id="the plugin opts out"),
        pytest.param(PluginProperties(), True, ["own"], id="the platform opts out"),
    ],
)
def test_owner(properties: PluginProperties, disabled: bool, expected: list[Any]) -> None:
    metadata = finished(
        {"ownerReferences": ["own"]},
        plugin=PodPlugin("pod", properties=properties),
        ownerReference=OWNER,
        k8s={"disable_inject_owner_references": disabled},
    )
    assert metadata["ownerReferences"] == expected


@pytest.mark.parametrize(
    ("own", "inject", "properties", "expected"),
    [
        pytest.param([], True, PluginProperties(), [FINALIZER], id="wanted"),
        pytest.param([], False, PluginProperties(), None, id="not wanted"),
        pytest.param(["x"], False, PluginProperties(), ["x"], id="the object's own stay"),
        pytest.param(["x"], True, PluginProperties(), ["x", FINALIZER], id="in addition"),
        pytest.param([FINALIZER], True, PluginProperties(), [FINALIZER], id="there already"),
        pytest.param([], True, PluginProperties(disable_inject_finalizer=True), None, id="the plugin opts out"),
    ],
)
def test_finalizer(own: list[str], inject: bool, properties: PluginProperties, expected: list[str] | None) -> None:
    plugin = PodPlugin("pod", properties=properties)
    metadata = finished({"finalizers": own}, plugin=plugin, k8s={"inject_finalizer": inject})
    assert metadata.get("finalizers") == expected


SECRETS = {"securityContext": {"secrets": [{"key": "only"}]}}


def test_secrets_of_the_task_win_over_annotations_of_the_execution() -> None:
    metadata = finished(
        template=SECRETS, annotations={"flyte.secrets/s0": "x"}, labels={"inject-flyte-secrets": "no"}, k8s=NO_DEFAULTS
    )
    assert metadata["annotations"] == {"flyte.secrets/s0": "nnsxsoraejxw32dzeifa"}
    assert metadata["labels"] == {"inject-flyte-secrets": "true"}


def test_secrets_of_the_execution_are_none_of_the_objects() -> None:
    assert "labels" not in finished(securityContext={"secrets": [{"key": "only"}]})


def test_who_runs_the_task() -> None:
    labels = finished(securityContext={"runAs": {"executionIdentity": "User@Example.com"}})["labels"]
    assert labels == {"execution-identity": "user-example-com"}


def test_secrets_that_can_not_be_described() -> None:
    with pytest.raises(PluginError) as caught:
        finished(template={"securityContext": {"secrets": [{"mountRequirement": 9}]}})
    assert caught.value.field == "securityContext.secrets[0].mountRequirement"


def test_nothing_given_is_changed() -> None:
    metadata = {"labels": {"a": "b"}, "finalizers": ["x"], "annotations": {}}
    before = copy.deepcopy(metadata)
    result = finished(metadata, ownerReference=OWNER, k8s={"inject_finalizer": True})
    result["labels"]["a"] = "changed"
    result["ownerReferences"][0]["name"] = "changed"
    assert metadata == before
    assert OWNER["name"] == "o"
