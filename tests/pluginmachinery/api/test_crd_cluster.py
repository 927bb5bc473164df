"""The CustomResourceDefinition on a real API server: it is accepted, and it refuses what a person gets wrong."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pluginmachinery.api import names
from pluginmachinery.api.crd import custom_resource_definition
from pluginmachinery.api.execution import MUTABLE
from tools.controlplane.api import ApiError, wait_until
from tools.controlplane.clusters import Cluster

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="module")
def crd(control_plane: Cluster) -> str:
    """The definition is there and established; its path for a namespace."""
    wanted = custom_resource_definition()
    path = f"{CRDS}/{wanted['metadata']['name']}"
    if control_plane.api.find(path) is None:
        control_plane.api.create(CRDS, wanted)

    def established() -> bool:
        conditions = (control_plane.api.get(path).get("status") or {}).get("conditions") or ()
        return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)

    wait_until(established, what="the definition of TaskExecution")
    return f"/apis/{names.API_VERSION}/namespaces/{{}}/{names.PLURAL}"


def task(**spec: Any) -> dict[str, Any]:
    container = {"image": "busybox", "args": ["{{.inputs.x}}"], "dataConfig": {"enabled": False}}
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"generateName": "t-"},
        "spec": {"template": {"type": "container", "container": container, "custom": {"any": [1, {"b": None}]}}} | spec,
    }


FULL = {
    "id": {"taskId": {"name": "f"}, "retryAttempt": 0},
    "generatedName": "f123-n0-0",
    "uniqueNodeId": "n0",
    "labels": {"a": "b"},
    "annotations": {"a": "b"},
    "serviceAccount": "sa",
    "securityContext": {"runAs": {"executionIdentity": "me"}},
    "overrides": {
        "resources": {"requests": {"cpu": "500m", "memory": 1024}, "limits": {"nvidia.com/gpu": "1"}},
        "podTemplate": {"podSpec": {"containers": []}},
        "containerImage": "i:1",
        "extendedResources": {"gpuAccelerator": {"device": "a100"}},
    },
    "platformResources": {"limits": {"cpu": "4"}},
    "environmentVariables": {"A": "1"},
    "inputPath": "s3://b/in.pb",
    "outputPrefix": "s3://b/out",
    "inputs": {"literals": {"x": {"scalar": {"primitive": {"integer": "1"}}}}},
    "interruptible": True,
    "maxAttempts": 3,
    "plugin": "container",
    "timeouts": {"execution": "1h30m", "queued": "90s"},
    "suspend": True,
    "abort": False,
    "priority": -5,
    "ttlSecondsAfterFinished": 3600,
}


def test_what_is_written_comes_back_whole(control_plane: Cluster, namespace: str, crd: str) -> None:
    wanted = task(**FULL)
    created = control_plane.api.create(crd.format(namespace), wanted)
    assert created["spec"] == wanted["spec"]


@pytest.mark.parametrize(
    ("spec", "names_it"),
    [
        pytest.param({"template": {}}, "spec.template.type", id="a template without a type"),
        pytest.param({"template": {"type": ""}}, "spec.template.type", id="an empty type"),
        pytest.param({"template": "x"}, "spec.template", id="a template that is a text"),
        pytest.param(
            {"template": {"type": "c", "container": {"args": [1]}}}, "container.args", id="an argument that is a number"
        ),
        pytest.param({"maxAttempts": 0}, "spec.maxAttempts", id="no attempt at all"),
        pytest.param({"maxAttempts": "3"}, "spec.maxAttempts", id="a number as a text"),
        pytest.param({"timeouts": {"execution": "1d"}}, "spec.timeouts.execution", id="days are no unit"),
        pytest.param({"timeouts": {"execution": "5"}}, "spec.timeouts.execution", id="a duration without a unit"),
        pytest.param({"overrides": {"resources": {"limits": {"cpu": "lots"}}}}, "limits.cpu", id="a bad quantity"),
        pytest.param({"platformResources": {"limits": {"cpu": 1.5}}}, "limits.cpu", id="a float as a quantity"),
        pytest.param({"labels": {"a": 1}}, "spec.labels.a", id="a label that is no text"),
        pytest.param({"ttlSecondsAfterFinished": -1}, "spec.ttlSecondsAfterFinished", id="a TTL before the end"),
        pytest.param({"interruptible": "yes"}, "spec.interruptible", id="a truth as a text"),
        pytest.param({"generatedName": ""}, "spec.generatedName", id="an empty name"),
        pytest.param({"namespace": "x"}, "spec.namespace", id="a member that spec does not have"),
    ],
)
def test_a_bad_object_is_refused_with_the_place(
    control_plane: Cluster, namespace: str, crd: str, spec: dict[str, Any], names_it: str
) -> None:
    with pytest.raises(ApiError) as refused:
        control_plane.api.create(crd.format(namespace) + "?fieldValidation=Strict", task(**spec))
    assert names_it in str(refused.value)


def test_spec_is_required(control_plane: Cluster, namespace: str, crd: str) -> None:
    bare = {key: value for key, value in task().items() if key != "spec"}
    with pytest.raises(ApiError, match="spec"):
        control_plane.api.create(crd.format(namespace), bare)


CHANGES: dict[str, Any] = {
    "template": {"type": "sidecar"},
    "id": {"taskId": {"name": "g"}},
    "generatedName": "other",
    "uniqueNodeId": "n1",
    "labels": {"a": "c"},
    "annotations": {"b": "c"},
    "serviceAccount": "other",
    "securityContext": {"runAs": {"executionIdentity": "you"}},
    "overrides": {"resources": {"requests": {"cpu": "1"}}},
    "platformResources": {"limits": {"cpu": "5"}},
    "environmentVariables": {"A": "2"},
    "inputPath": "s3://b/other",
    "inputs": {"literals": {"x": {"scalar": {"primitive": {"integer": "2"}}}}},
    "interruptible": False,
    "maxAttempts": 4,
    "plugin": "pod",
    "timeouts": {"queued": "91s"},
    "consoleUrl": "https://added",
}


@pytest.mark.parametrize("member", CHANGES)
def test_what_runs_can_not_be_changed(control_plane: Cluster, namespace: str, crd: str, member: str) -> None:
    created = control_plane.api.create(crd.format(namespace), task(**FULL))
    path = f"{crd.format(namespace)}/{created['metadata']['name']}"
    with pytest.raises(ApiError, match=f"spec.{member} is immutable"):
        control_plane.api.patch(path, {"spec": {member: CHANGES[member]}})


@pytest.mark.parametrize("member", ["id", "inputs", "labels", "timeouts", "maxAttempts"])
def test_what_runs_can_not_lose_a_member(control_plane: Cluster, namespace: str, crd: str, member: str) -> None:
    created = control_plane.api.create(crd.format(namespace), task(**FULL))
    path = f"{crd.format(namespace)}/{created['metadata']['name']}"
    with pytest.raises(ApiError, match=f"spec.{member} is immutable"):
        control_plane.api.patch(path, {"spec": {member: None}})


def test_deep_inside_a_template_nothing_can_be_changed_either(control_plane: Cluster, namespace: str, crd: str) -> None:
    created = control_plane.api.create(crd.format(namespace), task())
    path = f"{crd.format(namespace)}/{created['metadata']['name']}"
    for change in ({"custom": {"any": [2]}}, {"container": {"dataConfig": {"enabled": True}}}):
        with pytest.raises(ApiError, match=r"spec.template is immutable"):
            control_plane.api.patch(path, {"spec": {"template": change}})


def test_suspend_abort_priority_and_ttl_can_be_changed(control_plane: Cluster, namespace: str, crd: str) -> None:
    created = control_plane.api.create(crd.format(namespace), task())
    path = f"{crd.format(namespace)}/{created['metadata']['name']}"
    values = {"suspend": True, "abort": True, "priority": 7, "ttlSecondsAfterFinished": 5}
    assert set(values) == set(MUTABLE)
    assert values.items() <= control_plane.api.patch(path, {"spec": values})["spec"].items()
    gone = control_plane.api.patch(path, {"spec": dict.fromkeys(values)})["spec"]
    assert not values.keys() & gone.keys()


def test_status_is_a_subresource_and_can_be_selected(control_plane: Cluster, namespace: str, crd: str) -> None:
    created = control_plane.api.create(crd.format(namespace), task() | {"status": {"phase": "Running"}})
    assert "status" not in created
    path = f"{crd.format(namespace)}/{created['metadata']['name']}"
    status = {
        "phase": "Failed",
        "attempt": 0,
        "reason": "Error: exit 1",
        "pluginState": {"version": 1, "state": {"a": 1}},
    }
    written = control_plane.api.patch(f"{path}/status", {"status": status})
    assert written["status"] == status
    found = control_plane.api.items(crd.format(namespace), fieldSelector="status.phase=Failed")
    assert [item["metadata"]["name"] for item in found] == [created["metadata"]["name"]]
    assert control_plane.api.items(crd.format(namespace), fieldSelector="spec.template.type=spark") == []
    with pytest.raises(ApiError, match=r"status\.phase"):
        control_plane.api.patch(f"{path}/status", {"status": {"phase": "Sleeping"}})


def test_kubectl_tells_what_a_person_asks_first(control_plane: Cluster, namespace: str, crd: str) -> None:
    wanted = task() | {"metadata": {"name": "train"}}
    control_plane.api.create(crd.format(namespace), wanted)
    status = {"phase": "WaitingForResources", "attempt": 1, "reason": "quota q: cpu 3 of 2"}
    control_plane.api.patch(f"{crd.format(namespace)}/train/status", {"status": status})
    header, row = control_plane.kubectl("get", "texec", "--namespace", namespace).stdout.splitlines()
    assert header.split() == ["NAME", "TYPE", "PHASE", "ATTEMPT", "REASON", "AGE"]
    assert row.split()[:4] == ["train", "container", "WaitingForResources", "1"]
    assert "quota q: cpu 3 of 2" in row


def test_the_definition_can_be_applied_again_and_again(control_plane: Cluster, crd: str) -> None:
    wanted = copy.deepcopy(custom_resource_definition())
    path = f"{CRDS}/{wanted['metadata']['name']}?fieldManager=test&force=true"
    once = control_plane.api.patch(path, wanted, content_type="application/apply-patch+yaml")
    again = control_plane.api.patch(path, wanted, content_type="application/apply-patch+yaml")
    assert again["metadata"]["generation"] == once["metadata"]["generation"]
