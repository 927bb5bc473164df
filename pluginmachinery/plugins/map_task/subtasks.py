"""Sub-tasks as tasks of their own: name, paths, context, pod.

A sub-task is named after its task, its execution index and its retry; it has a raw output folder of its own and shares
the output prefix, beneath which its code writes by the index that the environment tells it. Source:
``k8s/subtask_exec_context.go`` and ``addMetadata``.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pluginmachinery.config.logs import LogConfig
from pluginmachinery.core.actions import ObjectRef
from pluginmachinery.core.errors import PluginError, bad_task
from pluginmachinery.core.phases import ErrorKind, PhaseInfo, retryable_failure
from pluginmachinery.core.tasks import PluginContext, TaskContext
from pluginmachinery.manager.plugin_manager import UNEXPECTED_OBJECT_DELETION
from pluginmachinery.plugins.container import POD, PodPlugin
from pluginmachinery.pods import names, secrets
from pluginmachinery.pods.build import PRIMARY_CONTAINER_KEY
from pluginmachinery.pods.status import pod_phase

if TYPE_CHECKING:
    from flyteidl.core.tasks_pb2 import TaskTemplate

FINALIZER = "flyte.org/finalizer-array"
INDEX_VARIABLE = "FLYTE_K8S_ARRAY_INDEX"
NAME_OF_INDEX_VARIABLE = "BATCH_JOB_ARRAY_INDEX_VAR_NAME"

_CHECKPOINTS = "_flytecheckpoints"
_POD_VERSION = 2
"""Task type version as which the pod of a sub-task is built: the target alone says what it is."""
_NAMESPACE = re.compile(r"\{\{\.namespace\}\}", re.IGNORECASE)
_PODS = PodPlugin("container")
_NO_LINKS = LogConfig()


@dataclasses.dataclass(frozen=True, slots=True)
class SubTask:
    """One try of one sub-task. ``index`` is its execution index, ``original`` its place among the inputs."""

    index: int
    original: int
    retry: int = 0
    system_failures: int = 0


class SubTasks:
    """What the sub-tasks of one task have in common."""

    def __init__(self, task: TaskContext) -> None:
        self._task = task
        self._config = task.config.plugins.k8s_array

    @cached_property
    def namespace(self) -> str:
        """Where the pods are."""
        own, template = self._task.metadata.namespace, self._config.namespace_template
        return _NAMESPACE.sub(lambda _: own, template) if template else own

    @cached_property
    def output_prefix(self) -> str:
        return self._task.paths.output_prefix.rstrip("/")

    def file(self, original: int, name: str) -> str:
        """Path of a file that a sub-task leaves."""
        return f"{self.output_prefix}/{original}/{name}"

    def name(self, sub: SubTask) -> str:
        return self._named(sub.index, sub.retry)

    def ref(self, sub: SubTask) -> ObjectRef:
        return ObjectRef(POD, self.namespace, self._named(sub.index, sub.retry))

    def pod(self, sub: SubTask) -> dict[str, Any]:
        """The manifest of the sub-task's pod. Raises PluginError ``BadTaskSpecification``."""
        context = self.context(sub)
        return self._finished(context, _with_index(_PODS.build_resource(context), sub.original))

    def phase(self, sub: SubTask, pod: Mapping[str, Any], *, links: bool = True) -> PhaseInfo:
        """How a sub-task stands by its pod, with or without log links. Raises PluginError ``MalformedResource``."""
        parent_try = self._task.metadata.id.retry_attempt if self._task.metadata.id is not None else 0
        suffix = f" #{parent_try}-{sub.index}" + (f"-{sub.retry}" if sub.retry else "")
        info = pod_phase(
            PluginContext(self.context(sub)),
            pod,
            logs=self._config.logs.config if links else _NO_LINKS,
            log_suffix=suffix,
            log_variables={
                "subtaskParentName": self._task.metadata.generated_name,
                "subtaskExecutionIndex": str(sub.index),
                "subtaskRetryAttempt": str(sub.retry),
                "subtaskParentRetryAttempt": str(parent_try),
            },
        )
        if not info.phase.is_terminal and (pod.get("metadata") or {}).get("deletionTimestamp"):
            return retryable_failure(
                UNEXPECTED_OBJECT_DELETION,
                f"Pod {self.namespace}/{self.name(sub)} was deleted before it ended",
                kind=ErrorKind.SYSTEM,
            )
        return info

    def context(self, sub: SubTask) -> TaskContext:
        """The context in which the pod is built and judged."""
        parent = self._task.metadata
        name = self.name(sub)
        interruptible = parent.interruptible and sub.system_failures < parent.interruptible_failure_threshold
        folder = f"{self._task.paths.raw_output_prefix.rstrip('/')}/{sub.original}"
        earlier = f"{folder}/{sub.retry - 1}/{_CHECKPOINTS}" if sub.retry else ""
        return dataclasses.replace(
            self._task,
            template=self._template,
            metadata=dataclasses.replace(parent, generated_name=name, interruptible=interruptible),
            paths=dataclasses.replace(
                self._task.paths,
                input_path=self._input_path,
                raw_output_prefix=f"{folder}/{sub.retry}",
                checkpoint_prefix=f"{folder}/{sub.retry}/{_CHECKPOINTS}",
                previous_checkpoint_prefix=earlier,
            ),
            random_seed=f"{self._task.random_seed}/{name}",
        )

    def is_own(self, pod: Mapping[str, Any]) -> bool:
        """Does the pod name the task's owner as one of its own? True where there is no owner to go by."""
        owner = self._task.metadata.owner_reference
        if not owner or not owner.get("uid"):
            return True
        references = (pod.get("metadata") or {}).get("ownerReferences") or ()
        return any(reference.get("uid") == owner["uid"] for reference in references)

    @cached_property
    def _template(self) -> TaskTemplate:
        original = self._task.template
        template = type(original)()
        template.CopyFrom(original)
        template.task_type_version = _POD_VERSION
        target = template.WhichOneof("target")
        if target in ("container", "k8s_pod"):
            template.type = "container" if target == "container" else "sidecar"
        return template

    @cached_property
    def _input_path(self) -> str:
        """Tasks of version 0 had a folder of inputs for each sub-task: their code gets the folder above."""
        paths = self._task.paths
        return paths.input_path if self._task.template.task_type_version else paths.input_prefix

    @cached_property
    def _short_stem(self) -> str | None:
        """The beginning of all names where nothing but numbers has to be put behind it."""
        stem = self._task.metadata.generated_name
        return stem if names.is_subdomain(stem) and len(stem) < names.MAX_SUBDOMAIN_LENGTH - 16 else None

    def _named(self, index: int, retry: int) -> str:
        ending = f"-{index}-{retry}" if retry else f"-{index}"
        if self._short_stem is not None:
            return self._short_stem + ending
        return names.subdomain(self._task.metadata.generated_name + ending)

    def _finished(self, context: TaskContext, pod: dict[str, Any]) -> dict[str, Any]:
        """With its identity, and what the section lays over every pod."""
        k8s, task, own = context.config.plugins.k8s, context.metadata, pod["metadata"]
        described = context.template.security_context.secrets
        labels = {**k8s.default_labels, **(own.get("labels") or {}), **task.labels}
        if described:
            labels[secrets.LABEL] = secrets.LABEL_VALUE
        annotations = {
            **k8s.default_annotations,
            **(own.get("annotations") or {}),
            **task.annotations,
            **secrets.describing_annotations(described),
        }
        metadata = {
            **own,
            "namespace": self.namespace,
            "name": task.generated_name,
            "labels": labels,
            "annotations": annotations,
        }
        if task.owner_reference is not None and not self._config.remote_cluster_config.enabled:
            metadata["ownerReferences"] = [dict(task.owner_reference)]
        if k8s.inject_finalizer:
            metadata["finalizers"] = [*(own.get("finalizers") or ()), FINALIZER]
        overlay = {
            "schedulerName": self._config.scheduler,
            "nodeSelector": self._config.node_selector,
            "tolerations": list(self._config.tolerations),
        }
        spec = {**pod["spec"], **{field: value for field, value in overlay.items() if value}}
        return {**pod, "metadata": {key: value for key, value in metadata.items() if value}, "spec": spec}


def _with_index(pod: dict[str, Any], original: int) -> dict[str, Any]:
    """The primary container is told which sub-task it is."""
    primary = (pod["metadata"].get("annotations") or {}).get(PRIMARY_CONTAINER_KEY)
    containers = list(pod["spec"]["containers"])
    if primary is None and len(containers) > 1:
        raise bad_task(f"a pod with several containers has to say {PRIMARY_CONTAINER_KEY}", field="config")
    found = [number for number, each in enumerate(containers) if primary in (None, each["name"])]
    if not found:
        raise PluginError("PodTemplateFailed", f"the pod has no container {primary!r}", field="containers")
    told = [
        {"name": INDEX_VARIABLE, "value": str(original)},
        {"name": NAME_OF_INDEX_VARIABLE, "value": INDEX_VARIABLE},
    ]
    container = containers[found[0]]
    containers[found[0]] = {**container, "env": [*(container.get("env") or ()), *told]}
    return {**pod, "spec": {**pod["spec"], "containers": containers}}
