"""The frame of the three plugins: one object, two versions of custom, one way to tell how it stands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from pluginmachinery.core.actions import ResourceKind
from pluginmachinery.core.errors import bad_task
from pluginmachinery.core.phases import PhaseInfo, TaskInfo
from pluginmachinery.core.plugins import PluginProperties
from pluginmachinery.core.tasks import PluginContext, TaskContext, TaskMetadata
from pluginmachinery.core.versions import raise_version
from pluginmachinery.plugins.kubeflow.job_status import job_phase
from pluginmachinery.plugins.kubeflow.replica_logs import ReplicaPods, replica_logs
from pluginmachinery.pods.fields import Fields, record

API_VERSION = "kubeflow.org/v1"


class TrainingJobPlugin(ABC):
    """A KubernetesPlugin whose object is a job of the training operator."""

    id: ClassVar[str]
    resource: ClassVar[ResourceKind]
    properties: ClassVar[PluginProperties] = PluginProperties(generated_name_max_length=50)
    """The operator appends "-launcher", "-worker-0" … to the name, also for services (at most 63 characters)."""
    replica_specs: ClassVar[str]
    """The member of the job's spec that holds its replica specs."""

    def build_resource(self, task: TaskContext) -> dict[str, Any]:
        """The job without its identity.

        Raises PluginError ``BadTaskSpecification`` for a custom that does not fit, an unknown version of the task type,
        a pod that can not be built, or a job without the workers that it needs.
        """
        version = task.template.task_type_version
        if version == 0:
            spec = self._spec_v0(task)
        elif version == 1:
            spec = self._spec_v1(task)
        else:
            raise bad_task(f"there is no version {version} of {self.id} tasks, only 0 and 1", field="taskTypeVersion")
        return {"apiVersion": API_VERSION, "kind": self.resource.kind, "spec": spec}

    def build_identity_resource(self, metadata: TaskMetadata) -> dict[str, Any]:  # noqa: ARG002 - all jobs are alike
        return {"apiVersion": API_VERSION, "kind": self.resource.kind}

    def get_task_phase(self, context: PluginContext, resource: Mapping[str, Any]) -> PhaseInfo:
        """How the job stands, with the links to the logs of its pods.

        Raises PluginError where that can not be told this time, see :func:`~.job_status.job_phase`.
        """
        task = context.task

        def info(status: Fields) -> TaskInfo:
            specs = record(record(resource, "spec"), self.replica_specs)
            links = replica_logs(task, resource, self._logged_pods(specs))
            return TaskInfo(logs=links, custom_info=status)

        timeout = task.config.plugins.kf_operator.timeout.timedelta
        return raise_version(job_phase(resource, now=task.now, timeout=timeout, info=info), context.saved)

    @abstractmethod
    def _spec_v0(self, task: TaskContext) -> dict[str, Any]:
        """The job's spec from the first form of custom, in which all replicas are alike."""

    @abstractmethod
    def _spec_v1(self, task: TaskContext) -> dict[str, Any]:
        """The job's spec from the second form of custom, in which every group of replicas has its own settings."""

    @abstractmethod
    def _logged_pods(self, specs: Fields) -> Iterable[ReplicaPods]:
        """The groups of pods whose logs are linked, in order, given the job's replica specs."""
