"""PyTorch tasks → PyTorchJobs, and the links to their logs."""

from __future__ import annotations

from typing import Any

import pytest

from pluginmachinery.core.errors import BAD_TASK_SPECIFICATION, PluginError
from pluginmachinery.plugins.kubeflow.replica_logs import LINKED_PODS
from pluginmachinery.plugins.pytorch import PyTorchPlugin
from tests.pluginmachinery.plugins.training_tasks import (
    CONTAINER,
    condition,
    job,
    k8s_config,
    pod_target,
    seen,
    started,
    training_task,
)

PLUGIN = PyTorchPlugin()
CPU_2 = {"limits": [{"name": "CPU", "value": "2"}]}


def build(custom: Any, version: int = 0, **task: Any) -> dict[str, Any]:
    return PLUGIN.build_resource(training_task("pytorch", custom, version=version, **task))


def groups(custom: Any, version: int = 0, **task: Any) -> dict[str, Any]:
    specs: dict[str, Any] = build(custom, version, **task)["spec"]["pytorchReplicaSpecs"]
    return specs


def container(spec: Any, index: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = spec["template"]["spec"]["containers"][index]
    return found


# --- Which replicas there are ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "custom", "replicas"),
    [
        pytest.param(0, {"workers": 4}, {"Master": 1, "Worker": 4}, id="v0: one master and the workers"),
        pytest.param(0, {"workers": "4"}, {"Master": 1, "Worker": 4}, id="v0: a number as text"),
        pytest.param(0, {}, {"Master": 1}, id="v0: no workers, no section for them"),
        pytest.param(0, {"workers": -1}, {"Master": 1}, id="v0: fewer than none are none"),
        pytest.param(0, {"workers": 2, "elasticConfig": {}}, {"Worker": 2}, id="v0: elastic has no master"),
        pytest.param(0, {"elasticConfig": {"minReplicas": 1}}, {}, id="v0: elastic without workers is empty"),
        pytest.param(1, {}, {"Master": 1}, id="v1: an empty custom"),
        pytest.param(
            1,
            {"masterReplicas": {"replicas": 5}, "workerReplicas": {"replicas": 2}},
            {"Master": 1, "Worker": 2},
            id="v1: there is one master, whatever is said",
        ),
        pytest.param(
            1,
            {"workerReplicas": {"replicas": 9, "common": {"replicas": 2}}},
            {"Master": 1, "Worker": 2},
            id="v1: common counts",
        ),
        pytest.param(
            1, {"workerReplicas": {"replicas": 9, "common": {}}}, {"Master": 1}, id="v1: an empty common counts too"
        ),
        pytest.param(
            1,
            {"workerReplicas": {"replicas": 3}, "elasticConfig": {"maxReplicas": 3}},
            {"Worker": 3},
            id="v1: elastic has no master",
        ),
    ],
)
def test_replica_groups(version: int, custom: Any, replicas: dict[str, int]) -> None:
    assert {name: spec["replicas"] for name, spec in groups(custom, version).items()} == replicas


def test_the_elastic_policy_stands_as_given_zeros_too() -> None:
    given = {"rdzvBackend": "c10d", "minReplicas": 1, "maxReplicas": 2, "nprocPerNode": 4, "maxRestarts": 3}
    wanted = {"rdzvBackend": "c10d", "minReplicas": 1, "maxReplicas": 2, "nProcPerNode": 4, "maxRestarts": 3}
    nothing = {"rdzvBackend": "", "minReplicas": 0, "maxReplicas": 0, "nProcPerNode": 0, "maxRestarts": 0}
    for version in (0, 1):
        assert build({"elasticConfig": given}, version)["spec"]["elasticPolicy"] == wanted
        assert build({"elasticConfig": {}}, version)["spec"]["elasticPolicy"] == nothing
        assert "elasticPolicy" not in build({}, version)["spec"]


# --- What a replica is -----------------------------------------------------------------------------------------------


def test_the_replicas_of_version_0_are_the_tasks_pod() -> None:
    specs = groups({"workers": 1})
    assert specs["Master"]["template"] == specs["Worker"]["template"]
    assert specs["Master"]["restartPolicy"] == specs["Worker"]["restartPolicy"] == "Never"
    assert container(specs["Worker"])["image"] == CONTAINER["image"]
    assert container(specs["Worker"])["args"] == CONTAINER["args"]
    assert build({"workers": 1})["spec"]["runPolicy"] == {}


def test_the_container_is_called_what_the_operator_wants() -> None:
    assert [container(spec)["name"] for spec in groups({"workers": 1}).values()] == ["pytorch", "pytorch"]


def test_only_the_primary_container_is_renamed_and_changed() -> None:
    target = pod_target({"name": "side", "image": "s"}, {"name": "main", "image": "m"})
    specs = groups({"workerReplicas": {"replicas": 1, "image": "new"}}, 1, template=target)
    assert [(c["name"], c["image"]) for c in specs["Worker"]["template"]["spec"]["containers"]] == [
        ("side", "s"),
        ("pytorch", "new"),
    ]
    assert container(specs["Master"], 1)["image"] == "m"


def test_a_side_container_with_the_operators_name_is_taken_for_the_training_container_too() -> None:
    target = pod_target({"name": "pytorch", "image": "s"}, {"name": "main", "image": "m"})
    specs = groups({"masterReplicas": {"image": "new"}}, 1, template=target)
    assert [c["image"] for c in specs["Master"]["template"]["spec"]["containers"]] == ["new", "new"]


def test_each_group_has_its_own_settings() -> None:
    specs = groups(
        {
            "masterReplicas": {"image": "master:1", "restartPolicy": "RESTART_POLICY_ALWAYS"},
            "workerReplicas": {"replicas": 2, "resources": CPU_2, "restartPolicy": "RESTART_POLICY_ON_FAILURE"},
        },
        1,
    )
    master, worker = specs["Master"], specs["Worker"]
    assert (container(master)["image"], container(worker)["image"]) == ("master:1", CONTAINER["image"])
    assert (master["restartPolicy"], worker["restartPolicy"]) == ("Always", "OnFailure")
    assert container(master)["resources"]["limits"]["cpu"] == "1"
    assert container(worker)["resources"]["limits"]["cpu"] == "2"
    assert container(worker)["resources"]["requests"]["cpu"] == "2"


def test_what_stands_beside_common_does_not_count() -> None:
    old = {"image": "old", "resources": CPU_2, "restartPolicy": "RESTART_POLICY_ALWAYS"}
    master = groups({"masterReplicas": {**old, "common": {"replicas": 1}}}, 1)["Master"]
    assert master == groups({}, 1)["Master"]


def test_a_groups_resources_are_cut_to_the_platforms_limits() -> None:
    execution = {"platformResources": {"limits": {"cpu": "1500m"}, "requests": {"memory": "3Gi"}}}
    master = groups({"masterReplicas": {"resources": CPU_2}}, 1, execution=execution)["Master"]
    resources = {"cpu": "1500m", "memory": "3Gi"}
    assert container(master)["resources"] == {"limits": resources, "requests": resources}


def test_a_groups_resources_win_over_those_of_the_execution() -> None:
    execution = {"overrides": {"resources": {"limits": {"cpu": "5", "nvidia.com/gpu": "1"}}}}
    specs = groups({"masterReplicas": {"resources": CPU_2}, "workerReplicas": {"replicas": 1}}, 1, execution=execution)
    assert container(specs["Master"])["resources"]["limits"] == {"cpu": "2", "memory": "1Gi"}
    assert container(specs["Worker"])["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_labels_and_annotations_of_all_who_have_a_say() -> None:
    config = k8s_config(default_labels={"a": "default", "b": "default"}, default_annotations={"n": "default"})
    execution = {"labels": {"a": "execution", "own": "execution"}, "annotations": {"x": "execution"}}
    target = pod_target({"name": "main", "image": "m"})
    metadata = groups({}, template=target, execution=execution, config=config)["Master"]["template"]["metadata"]
    assert metadata["labels"] == {"a": "execution", "b": "default", "own": "execution"}
    assert metadata["annotations"].items() >= {"n": "default", "x": "execution"}.items()


def test_workers_of_version_1_know_their_name() -> None:
    name = {"name": "_F_WN", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    strategy = {"name": "_F_DES", "value": "Earliest"}
    custom = {"workerReplicas": {"replicas": 1}}
    gathering = k8s_config(enable_distributed_error_aggregation=True)
    assert container(groups(custom, 1)["Worker"])["env"][-1] == name
    assert container(groups(custom, 1, config=gathering)["Worker"])["env"][-2:] == [name, strategy]
    for others in (groups(custom, 1, config=gathering)["Master"], groups({"workers": 1})["Worker"]):
        assert not {"_F_WN", "_F_DES"} & {variable["name"] for variable in container(others).get("env", [])}


def test_the_workers_name_goes_to_the_first_container() -> None:
    target = pod_target({"name": "side", "image": "s"}, {"name": "main", "image": "m"})
    worker = groups({"workerReplicas": {"replicas": 1}}, 1, template=target)["Worker"]
    names = [[variable["name"] for variable in container(worker, index).get("env", [])] for index in (0, 1)]
    assert "_F_WN" in names[0]
    assert "_F_WN" not in names[1]


@pytest.mark.parametrize("version", [0, 1])
def test_replicas_share_nothing_that_could_be_changed(version: int) -> None:
    custom = {"workers": 1} if version == 0 else {"workerReplicas": {"replicas": 1}}
    specs = groups(custom, version)
    assert not mutable_parts(specs["Master"]) & mutable_parts(specs["Worker"])


def mutable_parts(value: Any) -> set[int]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return set() if inner is None else {id(value)}.union(*map(mutable_parts, inner))


# --- The run policy --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        pytest.param({}, {"cleanPodPolicy": "None"}, id="nothing said"),
        pytest.param({"cleanPodPolicy": "CLEANPOD_POLICY_RUNNING"}, {"cleanPodPolicy": "Running"}, id="running ones"),
        pytest.param({"cleanPodPolicy": "CLEANPOD_POLICY_ALL"}, {"cleanPodPolicy": "All"}, id="all"),
        pytest.param({"cleanPodPolicy": 17}, {}, id="a policy nobody knows is left to the operator"),
        pytest.param(
            {"backoffLimit": 2, "activeDeadlineSeconds": 60, "ttlSecondsAfterFinished": 10},
            {
                "backoffLimit": 2,
                "activeDeadlineSeconds": 60,
                "ttlSecondsAfterFinished": 10,
                "cleanPodPolicy": "None",
            },
            id="all numbers",
        ),
        pytest.param({"backoffLimit": 0}, {"cleanPodPolicy": "None"}, id="zero is nothing said"),
    ],
)
def test_run_policy(policy: Any, wanted: Any) -> None:
    assert build({"runPolicy": policy}, 1)["spec"]["runPolicy"] == wanted


def test_a_restart_policy_nobody_knows_is_left_to_the_operator() -> None:
    assert "restartPolicy" not in groups({"masterReplicas": {"restartPolicy": 17}}, 1)["Master"]


# --- What can not be built -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "custom", "task", "field"),
    [
        pytest.param(0, None, {}, "custom", id="no custom"),
        pytest.param(0, {"workers": "x"}, {}, "custom.workers", id="a word for a number"),
        pytest.param(2, {}, {}, "taskTypeVersion", id="a version nobody knows"),
        pytest.param(0, {}, {"template": {"container": None}}, "target", id="no target"),
        pytest.param(0, {}, {"execution": {"overrides": {}}}, "overrides.resources", id="no resources"),
        pytest.param(
            1,
            {"workerReplicas": {"resources": {"limits": [{"name": "CPU", "value": "bad"}]}}},
            {},
            "custom.workerReplicas.resources.limits[0]",
            id="a bad amount",
        ),
        pytest.param(
            1,
            {"masterReplicas": {"common": {"resources": {"requests": [{"name": "MEMORY", "value": "1 Gi"}]}}}},
            {},
            "custom.masterReplicas.common.resources.requests[0]",
            id="a bad amount in common",
        ),
        pytest.param(
            1,
            {
                "elasticConfig": {},
                "masterReplicas": {"resources": {"requests": [{"name": "MEMORY", "value": "?"}]}},
            },
            {},
            "custom.masterReplicas.resources.requests[0]",
            id="a bad amount of the master that elastic drops",
        ),
    ],
)
def test_what_can_not_be_built_is_named(version: int, custom: Any, task: Any, field: str) -> None:
    with pytest.raises(PluginError) as caught:
        build(custom, version, **task)
    assert (caught.value.code, caught.value.field) == (BAD_TASK_SPECIFICATION, field)


# --- Log links -------------------------------------------------------------------------------------------------------


def log_links(replicas: dict[str, int], **members: Any) -> list[Any]:
    context = seen(training_task("pytorch", {}))
    resource = job("pytorchReplicaSpecs", replicas, status=started(condition("Running")), **members)
    return list(PLUGIN.get_task_phase(context, resource).info.logs)


@pytest.mark.parametrize(
    ("replicas", "pods"),
    [
        pytest.param({"Master": 1, "Worker": 2}, ["master-0", "worker-0", "worker-1"], id="a master and workers"),
        pytest.param({"Worker": 1}, ["worker-0"], id="elastic has no master"),
        pytest.param({"Master": 1}, ["master-0"], id="a master alone"),
        pytest.param({}, [], id="nothing"),
        pytest.param({"Worker": -3}, [], id="fewer than none"),
    ],
)
def test_every_pod_has_a_link(replicas: dict[str, int], pods: list[str]) -> None:
    assert [link["uri"].split("/")[-2] for link in log_links(replicas)] == [f"job-{pod}" for pod in pods]


def test_the_masters_link_says_so() -> None:
    assert [link["name"] for link in log_links({"Master": 1, "Worker": 1})] == [
        "Kubernetes Logsmaster",
        "Kubernetes Logs",
    ]


def test_a_job_of_any_size_has_a_bounded_number_of_links() -> None:
    assert len(log_links({"Worker": 2**31 - 1})) == LINKED_PODS
