"""``ray``: a Ray cluster and a job on it, as a RayJob of KubeRay.

The job's command is the task's arguments; the cluster comes in the custom.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from flyteidl.plugins import ray_pb2

from pluginmachinery.core.actions import ResourceKind
from pluginmachinery.core.errors import BAD_TASK_SPECIFICATION, PluginError, bad_task
from pluginmachinery.core.phases import PhaseInfo
from pluginmachinery.core.plugins import PluginProperties
from pluginmachinery.core.tasks import PluginContext, TaskContext, TaskMetadata
from pluginmachinery.core.versions import raise_version
from pluginmachinery.plugins.custom import read_custom
from pluginmachinery.plugins.ray_cluster import pods
from pluginmachinery.plugins.ray_cluster.cluster import cluster_spec
from pluginmachinery.plugins.ray_cluster.runtime_env import runtime_env_yaml
from pluginmachinery.plugins.ray_cluster.status import job_info, job_phase
from pluginmachinery.pods.build import PodBuild, build_pod_spec, container_of
from pluginmachinery.pods.pod_defaults import service_account

_IDENTITY = {"apiVersion": "ray.io/v1", "kind": "RayJob"}
_NO_STATUS = {"rayClusterStatus": dict.fromkeys(("desiredCPU", "desiredMemory", "desiredGPU", "desiredTPU"), "0")}
"""What the Go type of a RayJob says before KubeRay has said anything; API servers pass over it on creation."""
_PROPERTIES = PluginProperties(generated_name_max_length=47)


class RayPlugin:
    """Tasks of type ``ray``."""

    id = "ray"
    resource = ResourceKind(_IDENTITY["apiVersion"], _IDENTITY["kind"], "rayjobs")
    properties: PluginProperties = _PROPERTIES

    def build_resource(self, task: TaskContext) -> dict[str, Any]:
        """The RayJob without its identity.

        Raises PluginError ``BadTaskSpecification`` for a custom that does not fit or a pod that can not be built, and
        ``BadRuntimeEnvironment``.
        """
        job = read_custom(task.template, ray_pb2.RayJob)
        pod = _pod(task)
        if not job.HasField("ray_cluster"):
            raise bad_task("a ray task needs a cluster", field="custom.rayCluster")
        arguments = container_of(pod.spec, pod.primary_container_name).get("args") or ()
        spec = {
            "rayClusterSpec": cluster_spec(job.ray_cluster, pod, task),
            # Empty arguments would be lost in a command line; nothing else is quoted.
            "entrypoint": " ".join(argument or "''" for argument in arguments),
            **_shutdown(job, task),
            "runtimeEnvYAML": runtime_env_yaml(job),
            "submitterPodTemplate": pods.submitter(pod, task),
        }
        spec = {key: value for key, value in spec.items() if value not in ("", 0)}
        return {**_IDENTITY, "metadata": dict(pod.metadata), "spec": spec, "status": _NO_STATUS}

    def build_identity_resource(self, metadata: TaskMetadata) -> dict[str, Any]:  # noqa: ARG002 - all are alike
        return dict(_IDENTITY)

    def get_task_phase(self, context: PluginContext, resource: Mapping[str, Any]) -> PhaseInfo:
        """How the job stands. Raises PluginError ``UnknownDeploymentStatus`` or ``MalformedResource``."""
        info = job_info(resource, context.task)
        return raise_version(job_phase(resource, info), context.saved)


def _pod(task: TaskContext) -> PodBuild:
    """The task's pod, with the service account that Ray's section may set."""
    try:
        pod = build_pod_spec(task)
    except PluginError as error:
        raise PluginError(BAD_TASK_SPECIFICATION, error.message, field=error.field) from error
    spec = {key: value for key, value in pod.spec.items() if key != "serviceAccountName"}
    account = task.config.plugins.ray.service_account or service_account(task.metadata)
    if account:
        spec["serviceAccountName"] = account
    return dataclasses.replace(pod, spec=spec)


def _shutdown(job: ray_pb2.RayJob, task: TaskContext) -> dict[str, Any]:
    """What becomes of the cluster after the job; the task's own delay counts only with its own wish to shut down."""
    if job.shutdown_after_job_finishes:
        return {"shutdownAfterJobFinishes": True, "ttlSecondsAfterFinished": job.ttl_seconds_after_finished}
    config = task.config.plugins.ray
    return {
        "shutdownAfterJobFinishes": config.shutdown_after_job_finishes,
        "ttlSecondsAfterFinished": config.ttl_seconds_after_finished,
    }
