"""``pytorch``: distributed training as a PyTorchJob, with a master or elastic.

A plain job has one Master and any number of Workers that find each other through it. An elastic job has Workers only,
which meet by a rendezvous backend and may come and go between two bounds (``torchrun``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flyteidl.plugins import pytorch_pb2
from flyteidl.plugins.kubeflow import pytorch_pb2 as kubeflow_pytorch_pb2

from pluginmachinery.core.actions import ResourceKind
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.plugins.custom import read_custom
from pluginmachinery.plugins.kubeflow.replica_logs import ReplicaPods, replica_count
from pluginmachinery.plugins.kubeflow.replicas import ReplicaSpec, ReplicaSpecs, replica_group
from pluginmachinery.plugins.kubeflow.run_policy import run_policy
from pluginmachinery.plugins.kubeflow.training_job import API_VERSION, TrainingJobPlugin
from pluginmachinery.pods.fields import Fields

CONTAINER_NAME = "pytorch"
"""What the operator wants the training container to be called."""
MASTER, WORKER = "Master", "Worker"

WORKER_NAME: Mapping[str, Any] = {"name": "_F_WN", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
"""Tells a worker its own name: part of the file in which it leaves its error."""
EARLIEST_ERROR: Mapping[str, Any] = {"name": "_F_DES", "value": "Earliest"}
"""Tells the workers that of all their errors the earliest counts."""


class PyTorchPlugin(TrainingJobPlugin):
    """Tasks of type ``pytorch``."""

    id = "pytorch"
    resource = ResourceKind(API_VERSION, "PyTorchJob", "pytorchjobs")
    replica_specs = "pytorchReplicaSpecs"

    def _spec_v0(self, task: TaskContext) -> dict[str, Any]:
        custom = read_custom(task.template, pytorch_pb2.DistributedPyTorchTrainingTask)
        replicas = ReplicaSpecs(task, CONTAINER_NAME)
        return _job_spec(custom, master=replicas.plain(1), worker=replicas.plain(custom.workers), run_policy={})

    def _spec_v1(self, task: TaskContext) -> dict[str, Any]:
        custom = read_custom(task.template, kubeflow_pytorch_pb2.DistributedPyTorchTrainingTask)
        replicas = ReplicaSpecs(task, CONTAINER_NAME)
        master = replicas.of_group(replica_group(custom, "master_replicas"), replicas=1)
        worker = replicas.of_group(replica_group(custom, "worker_replicas"))
        environment = worker["template"]["spec"]["containers"][0].setdefault("env", [])
        environment.append(dict(WORKER_NAME))
        if task.config.plugins.k8s.enable_distributed_error_aggregation:
            environment.append(dict(EARLIEST_ERROR))
        return _job_spec(custom, master=master, worker=worker, run_policy=run_policy(custom))

    def _logged_pods(self, specs: Fields) -> Iterable[ReplicaPods]:
        if MASTER in specs:
            yield ReplicaPods("master", 1, CONTAINER_NAME, log_name="master")
        yield ReplicaPods("worker", replica_count(specs, WORKER), CONTAINER_NAME)


def _job_spec(custom: Any, *, master: ReplicaSpec, worker: ReplicaSpec, run_policy: dict[str, Any]) -> dict[str, Any]:
    """The job of either version: without workers no section for them, elastic without a master."""
    specs = {WORKER: worker} if worker["replicas"] > 0 else {}
    spec: dict[str, Any] = {"runPolicy": run_policy}
    if custom.HasField("elastic_config"):
        spec["elasticPolicy"] = _elastic_policy(custom.elastic_config)
    else:
        specs[MASTER] = master
    return spec | {"pytorchReplicaSpecs": specs}


def _elastic_policy(config: Any) -> dict[str, Any]:
    """The elastic policy; the numbers stand as the task gives them, zeros too."""
    return {
        "minReplicas": config.min_replicas,
        "maxReplicas": config.max_replicas,
        "rdzvBackend": config.rdzv_backend,
        "nProcPerNode": config.nproc_per_node,
        "maxRestarts": config.max_restarts,
    }
