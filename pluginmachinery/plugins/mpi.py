"""``mpi``: distributed training as an MPIJob.

A launcher runs ``mpirun``, which starts the program on the workers; these only serve (``sshd``), so they have a command
of their own: the task's config key ``worker_spec_command`` in version 0, the group's ``command`` in version 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flyteidl.plugins import mpi_pb2
from flyteidl.plugins.kubeflow import mpi_pb2 as kubeflow_mpi_pb2

from pluginmachinery.core.actions import ResourceKind
from pluginmachinery.core.errors import bad_task
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.plugins.custom import read_custom
from pluginmachinery.plugins.kubeflow.replica_logs import ReplicaPods, replica_count
from pluginmachinery.plugins.kubeflow.replicas import ReplicaSpec, ReplicaSpecs, named_containers, replica_group
from pluginmachinery.plugins.kubeflow.run_policy import run_policy
from pluginmachinery.plugins.kubeflow.training_job import API_VERSION, TrainingJobPlugin
from pluginmachinery.pods.fields import Fields

CONTAINER_NAME = "mpi"
"""What the operator wants the training container to be called."""
WORKER_COMMAND = "worker_spec_command"
"""Key of the task's config: what workers of version 0 run, words separated by single blanks."""
LAUNCHER, WORKER = "Launcher", "Worker"
DEFAULT_SLOTS = 1


class MPIPlugin(TrainingJobPlugin):
    """Tasks of type ``mpi``."""

    id = "mpi"
    resource = ResourceKind(API_VERSION, "MPIJob", "mpijobs")
    replica_specs = "mpiReplicaSpecs"

    def _spec_v0(self, task: TaskContext) -> dict[str, Any]:
        custom = read_custom(task.template, mpi_pb2.DistributedMPITrainingTask)
        replicas = ReplicaSpecs(task, CONTAINER_NAME)
        launcher = replicas.plain(max(custom.num_launcher_replicas, 1))
        worker = replicas.plain(custom.num_workers)
        for container in named_containers(worker["template"], CONTAINER_NAME):
            container["args"] = _worker_command(task)
            container.pop("command", None)
        return _job_spec(launcher, worker, slots=custom.slots, run_policy={})

    def _spec_v1(self, task: TaskContext) -> dict[str, Any]:
        custom = read_custom(task.template, kubeflow_mpi_pb2.DistributedMPITrainingTask)
        replicas = ReplicaSpecs(task, CONTAINER_NAME)
        launcher = replicas.of_group(replica_group(custom, "launcher_replicas"), replicas=1)
        worker = replicas.of_group(replica_group(custom, "worker_replicas"))
        # The custom has slots too, but Flyte does not read them.
        return _job_spec(launcher, worker, slots=DEFAULT_SLOTS, run_policy=run_policy(custom))

    def _logged_pods(self, specs: Fields) -> Iterable[ReplicaPods]:
        yield ReplicaPods("worker", replica_count(specs, WORKER), CONTAINER_NAME)


def _worker_command(task: TaskContext) -> list[str]:
    config = task.template.config
    return config[WORKER_COMMAND].split(" ") if WORKER_COMMAND in config else []


def _job_spec(launcher: ReplicaSpec, worker: ReplicaSpec, *, slots: int, run_policy: dict[str, Any]) -> dict[str, Any]:
    if worker["replicas"] <= 0:
        raise bad_task("an MPIJob needs at least one worker", field="custom")
    return {
        "slotsPerWorker": slots,
        "runPolicy": run_policy,
        "mpiReplicaSpecs": {LAUNCHER: launcher, WORKER: worker},
    }
