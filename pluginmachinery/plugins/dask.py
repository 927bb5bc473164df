"""``dask``: a Dask cluster and the job that uses it, as a DaskJob.

The job runner is the task's own container; scheduler and workers are the same pod with another command, and an image
and resources of their own where the custom says so. Only workers may be interruptible: without runner or scheduler the
job is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flyteidl.plugins import dask_pb2

from pluginmachinery.config.quantities import Quantity
from pluginmachinery.core import phases
from pluginmachinery.core.actions import ResourceKind
from pluginmachinery.core.errors import DOWNSTREAM_SYSTEM_ERROR, bad_task
from pluginmachinery.core.phases import PhaseInfo, TaskInfo
from pluginmachinery.core.plugins import PluginProperties
from pluginmachinery.core.tasks import PluginContext, TaskContext, TaskMetadata
from pluginmachinery.core.versions import raise_version
from pluginmachinery.plugins.custom import read_custom
from pluginmachinery.pods import names, resources
from pluginmachinery.pods.build import PodBuild, build_pod_spec, container_of, with_overrides
from pluginmachinery.pods.fields import record, text
from pluginmachinery.pods.log_links import LogSource, task_logs
from pluginmachinery.pods.merging import copied
from pluginmachinery.pods.metadata import execution_annotations, execution_labels

_IDENTITY = {"apiVersion": "kubernetes.dask.org/v1", "kind": "DaskJob"}
# The operator appends to the name: "-scheduler" for a service, whose name has at most 63 characters.
_PROPERTIES = PluginProperties(generated_name_max_length=50)
_PORTS = (("tcp-comm", 8786), ("dashboard", 8787))


class DaskPlugin:
    """Tasks of type ``dask``."""

    id = "dask"
    resource = ResourceKind(_IDENTITY["apiVersion"], _IDENTITY["kind"], "daskjobs")
    properties: PluginProperties = _PROPERTIES

    def build_resource(self, task: TaskContext) -> dict[str, Any]:
        """The DaskJob without its identity.

        Raises PluginError ``BadTaskSpecification`` for a custom that does not fit, a pod that can not be built, or a
        name that the operator could not give to the scheduler's service.
        """
        custom = read_custom(task.template, dask_pb2.DaskJob)
        worker = build_pod_spec(task)
        lasting = build_pod_spec(with_overrides(task, interruptible=False))
        if worker.primary_container_name == names.random_name(task.random_seed):
            raise bad_task(
                f"a dask task's name has to be a DNS label of at most 63 characters: {task.metadata.generated_name!r}",
                field="generatedName",
            )
        metadata = _metadata(worker, task)
        scheduler, service = _scheduler(custom.scheduler, lasting, task), _service(task.metadata.generated_name)
        cluster = {
            "worker": {"replicas": custom.workers.number_of_workers, "spec": _worker(custom.workers, worker, task)},
            "scheduler": {"spec": scheduler, "service": service},
        }
        spec = {
            "job": {"spec": _role(lasting, "job-runner", restart="Never")[0]},
            "cluster": {"metadata": copied(metadata), "spec": cluster},
        }
        return {**_IDENTITY, "metadata": metadata, "spec": spec}

    def build_identity_resource(self, metadata: TaskMetadata) -> dict[str, Any]:  # noqa: ARG002 - all jobs are alike
        return dict(_IDENTITY)

    def get_task_phase(self, context: PluginContext, resource: Mapping[str, Any]) -> PhaseInfo:
        """How the job stands, with the links to the runner's logs. States that are not known count as running."""
        task, status = context.task, record(resource, "status")
        source = LogSource(
            namespace=text(record(resource, "metadata"), "namespace"),
            pod_name=text(status, "jobRunnerPodName"),
            log_name="(Dask Runner Logs)",
        )
        info = TaskInfo(logs=task_logs(task, task.config.plugins.dask.logs, source))
        return raise_version(_phase(text(status, "jobStatus"), info), context.saved)


def _phase(status: str, info: TaskInfo) -> PhaseInfo:
    match status:
        case "":
            return phases.initializing("unknown", info=info)
        case "JobCreated":
            return phases.initializing("job created", info=info)
        case "ClusterCreated":
            return phases.initializing("cluster created", info=info)
        case "Failed":
            return phases.retryable_failure(DOWNSTREAM_SYSTEM_ERROR, "the Dask job failed", info=info)
        case "Successful":
            return phases.success(info=info)
    return phases.running(info=info)


def _metadata(pod: PodBuild, task: TaskContext) -> dict[str, Any]:
    """Of the job and of the cluster in it: the pod's and the execution's, the platform's defaults not."""
    return {
        **pod.metadata,
        "labels": {**pod.metadata["labels"], **execution_labels(task)},
        "annotations": {**pod.metadata["annotations"], **execution_annotations(task)},
    }


def _worker(group: dask_pb2.DaskWorkerGroup, pod: PodBuild, task: TaskContext) -> dict[str, Any]:
    """The workers' pod: as many threads and as much memory as its limits say."""
    spec, container = _role(pod, "dask-worker", restart="Always")
    _customize(container, group, task, "custom.workers")
    args = ["dask-worker", "--name", "$(DASK_WORKER_NAME)"]
    limits = container["resources"].get("limits") or {}
    if limits:
        threads = Quantity.parse(limits.get(resources.CPU, "0")).ceil()
        args += ["--nthreads", str(threads)]
        args += ["--memory-limit", str(Quantity.parse(limits.get(resources.MEMORY, "0")))]
    container["args"] = args
    return spec


def _scheduler(scheduler: dask_pb2.DaskScheduler, pod: PodBuild, task: TaskContext) -> dict[str, Any]:
    spec, container = _role(pod, "scheduler", restart="Always")
    _customize(container, scheduler, task, "custom.scheduler")
    container["args"] = ["dask-scheduler"]
    container["ports"] = [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in _PORTS]
    return spec


def _role(pod: PodBuild, name: str, *, restart: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A copy of the pod for one role, and its primary container, renamed."""
    spec: dict[str, Any] = copied(pod.spec)
    spec["restartPolicy"] = restart
    container = container_of(spec, pod.primary_container_name)
    container["name"] = name
    return spec, container


def _customize(container: dict[str, Any], group: Any, task: TaskContext, field: str) -> None:
    """Image and resources of a role where the custom has them."""
    if group.image:
        container["image"] = group.image
    if group.resources.requests or group.resources.limits:
        own = resources.of_task(group.resources, f"{field}.resources")
        container["resources"] = resources.adjusted_for(task, own)


def _service(cluster: str) -> dict[str, Any]:
    """The service through which workers and runner reach the scheduler."""
    return {
        "type": "NodePort",
        "selector": {"dask.org/cluster-name": cluster, "dask.org/component": "scheduler"},
        "ports": [{"name": name, "protocol": "TCP", "port": port, "targetPort": name} for name, port in _PORTS],
    }
