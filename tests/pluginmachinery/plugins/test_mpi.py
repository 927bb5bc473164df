"""MPI tasks → MPIJobs, and the links to their logs. What all training jobs share is in test_pytorch.py."""

from __future__ import annotations

from typing import Any

import pytest

from pluginmachinery.core.errors import BAD_TASK_SPECIFICATION, PluginError
from pluginmachinery.plugins.mpi import MPIPlugin
from tests.pluginmachinery.plugins.training_tasks import (
    CONTAINER,
    condition,
    job,
    pod_target,
    seen,
    started,
    training_task,
)

PLUGIN = MPIPlugin()


def build(custom: Any, version: int = 0, **task: Any) -> dict[str, Any]:
    return PLUGIN.build_resource(training_task("mpi", custom, version=version, **task))


def groups(custom: Any, version: int = 0, **task: Any) -> dict[str, Any]:
    specs: dict[str, Any] = build(custom, version, **task)["spec"]["mpiReplicaSpecs"]
    return specs


def container(spec: Any, index: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = spec["template"]["spec"]["containers"][index]
    return found


@pytest.mark.parametrize(
    ("version", "custom", "launchers", "workers", "slots"),
    [
        pytest.param(0, {"numWorkers": 4, "numLauncherReplicas": 2, "slots": 8}, 2, 4, 8, id="v0: as given"),
        pytest.param(0, {"numWorkers": 1}, 1, 1, 0, id="v0: at least one launcher, slots may be none"),
        pytest.param(0, {"numWorkers": 1, "numLauncherReplicas": -3}, 1, 1, 0, id="v0: fewer than none is one"),
        pytest.param(1, {"workerReplicas": {"replicas": 2}}, 1, 2, 1, id="v1: one launcher, one slot"),
        pytest.param(
            1,
            {"workerReplicas": {"common": {"replicas": 2}}, "launcherReplicas": {"replicas": 5}, "slots": 4},
            1,
            2,
            1,
            id="v1: slots and launchers are not read",
        ),
    ],
)
def test_replica_groups(version: int, custom: Any, launchers: int, workers: int, slots: int) -> None:
    spec = build(custom, version)["spec"]
    assert spec["mpiReplicaSpecs"]["Launcher"]["replicas"] == launchers
    assert spec["mpiReplicaSpecs"]["Worker"]["replicas"] == workers
    assert spec["slotsPerWorker"] == slots


@pytest.mark.parametrize(
    ("config", "args"),
    [
        pytest.param({"worker_spec_command": "/usr/sbin/sshd -De"}, ["/usr/sbin/sshd", "-De"], id="words"),
        pytest.param({"worker_spec_command": "a  b"}, ["a", "", "b"], id="two blanks hold an empty word"),
        pytest.param({"worker_spec_command": ""}, [""], id="empty is one empty word"),
        pytest.param({"other": "x"}, [], id="not given"),
    ],
)
def test_the_workers_of_version_0_run_a_command_of_their_own(config: Any, args: list[str]) -> None:
    specs = groups({"numWorkers": 1}, template={"config": config})
    assert container(specs["Worker"])["args"] == args
    assert not container(specs["Worker"]).get("command")
    assert container(specs["Launcher"]).items() >= {"command": ["cmd"], "args": CONTAINER["args"]}.items()


def test_only_the_training_container_of_a_worker_is_changed() -> None:
    target = pod_target({"name": "main", "image": "m", "command": ["m"]}, {"name": "side", "command": ["s"]})
    worker = groups({"numWorkers": 1}, template=target)["Worker"]
    assert [(c["name"], c.get("command")) for c in worker["template"]["spec"]["containers"]] == [
        ("mpi", None),
        ("side", ["s"]),
    ]


def test_the_command_of_a_group_of_version_1_replaces_the_arguments() -> None:
    specs = groups(
        {
            "launcherReplicas": {"command": ["mpirun", "-np", "2"]},
            "workerReplicas": {"replicas": 2, "command": ["sshd"], "common": {"replicas": 2, "image": "w"}},
        },
        1,
    )
    assert container(specs["Launcher"]).items() >= {"command": ["cmd"], "args": ["mpirun", "-np", "2"]}.items()
    assert container(specs["Worker"]).items() >= {"command": ["cmd"], "args": ["sshd"], "image": "w"}.items()


def test_the_job() -> None:
    built = build({"numWorkers": 1})
    assert (built["apiVersion"], built["kind"]) == ("kubeflow.org/v1", "MPIJob")
    assert built["spec"]["runPolicy"] == {}
    assert {container(spec)["name"] for spec in built["spec"]["mpiReplicaSpecs"].values()} == {"mpi"}
    with_policy = build({"workerReplicas": {"replicas": 1}, "runPolicy": {}}, 1)
    assert with_policy["spec"]["runPolicy"] == {"cleanPodPolicy": "None"}


@pytest.mark.parametrize(
    ("version", "custom", "field"),
    [
        pytest.param(0, {}, "custom", id="v0: no workers"),
        pytest.param(0, {"numWorkers": -1}, "custom", id="v0: fewer than none"),
        pytest.param(1, {"launcherReplicas": {"replicas": 1}}, "custom", id="v1: no workers"),
        pytest.param(1, {"workerReplicas": {"replicas": 2, "common": {}}}, "custom", id="v1: an empty common"),
        pytest.param(0, None, "custom", id="no custom"),
        pytest.param(2, {"numWorkers": 1}, "taskTypeVersion", id="a version nobody knows"),
        pytest.param(0, {"numWorkers": 1.5}, "custom.numWorkers", id="half a worker"),
    ],
)
def test_what_can_not_be_built_is_named(version: int, custom: Any, field: str) -> None:
    with pytest.raises(PluginError) as caught:
        build(custom, version)
    assert (caught.value.code, caught.value.field) == (BAD_TASK_SPECIFICATION, field)


def test_the_workers_have_links_the_launcher_has_none() -> None:
    resource = job("mpiReplicaSpecs", {"Launcher": 1, "Worker": 2}, status=started(condition("Running")))
    links = PLUGIN.get_task_phase(seen(training_task("mpi", {})), resource).info.logs
    assert [link["uri"].split("/")[-2] for link in links] == ["job-worker-0", "job-worker-1"]
