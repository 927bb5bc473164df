"""``tensorflow``: distributed training as a TFJob.

Workers compute, parameter servers (PS) hold the weights, a chief coordinates, an evaluator looks on. Only workers have
to be there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flyteidl.plugins import tensorflow_pb2
from flyteidl.plugins.kubeflow import tensorflow_pb2 as kubeflow_tensorflow_pb2

from pluginmachinery.core.actions import ResourceKind
from pluginmachinery.core.errors import bad_task
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.plugins.custom import read_custom
from pluginmachinery.plugins.kubeflow.replica_logs import ReplicaPods, replica_count
from pluginmachinery.plugins.kubeflow.replicas import ReplicaSpec, ReplicaSpecs, replica_group
from pluginmachinery.plugins.kubeflow.run_policy import run_policy
from pluginmachinery.plugins.kubeflow.training_job import API_VERSION, TrainingJobPlugin
from pluginmachinery.pods.fields import Fields

CONTAINER_NAME = "tensorflow"
"""What the operator wants the training container to be called."""
CHIEF, WORKER, PS, EVALUATOR = "Chief", "Worker", "PS", "Evaluator"


class TensorflowPlugin(TrainingJobPlugin):
    """Tasks of type ``tensorflow``."""

    id = "tensorflow"
    resource = ResourceKind(API_VERSION, "TFJob", "tfjobs")
    replica_specs = "tfReplicaSpecs"

    def _spec_v0(self, task: TaskContext) -> dict[str, Any]:
        custom = read_custom(task.template, tensorflow_pb2.DistributedTensorflowTrainingTask)
        replicas = ReplicaSpecs(task, CONTAINER_NAME)
        counts = {
            CHIEF: custom.chief_replicas,
            WORKER: custom.workers,
            PS: custom.ps_replicas,
            EVALUATOR: custom.evaluator_replicas,
        }
        return _job_spec({name: replicas.plain(count) for name, count in counts.items() if count > 0}, run_policy={})

    def _spec_v1(self, task: TaskContext) -> dict[str, Any]:
        custom = read_custom(task.template, kubeflow_tensorflow_pb2.DistributedTensorflowTrainingTask)
        replicas = ReplicaSpecs(task, CONTAINER_NAME)
        groups = {
            CHIEF: replica_group(custom, "chief_replicas"),
            WORKER: replica_group(custom, "worker_replicas"),
            PS: replica_group(custom, "ps_replicas"),
            EVALUATOR: replica_group(custom, "evaluator_replicas"),
        }
        specs = {name: replicas.of_group(group) for name, group in groups.items() if group.replicas > 0}
        return _job_spec(specs, run_policy=run_policy(custom))

    def _logged_pods(self, specs: Fields) -> Iterable[ReplicaPods]:
        yield ReplicaPods("worker", replica_count(specs, WORKER), CONTAINER_NAME)
        yield ReplicaPods("psReplica", replica_count(specs, PS), timed=False)
        yield ReplicaPods("chiefReplica", int(replica_count(specs, CHIEF) != 0), timed=False)
        yield ReplicaPods("evaluatorReplica", int(replica_count(specs, EVALUATOR) != 0), timed=False)


def _job_spec(specs: dict[str, ReplicaSpec], *, run_policy: dict[str, Any]) -> dict[str, Any]:
    if WORKER not in specs:
        raise bad_task("a TFJob needs at least one worker", field="custom")
    return {"tfReplicaSpecs": specs, "runPolicy": run_policy}
