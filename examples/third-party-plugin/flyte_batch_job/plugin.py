"""A task as a Job: its pod is the task's pod, ``custom`` says how many of them there are.

::

    {"type": "batch-job", "container": {...}, "custom": {"completions": 4, "parallelism": 2}}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format

from flyte_batch_job.config import BatchJobConfig
from flyte_batch_job.declaration import JOB
from pluginmachinery.core import phases
from pluginmachinery.core.errors import bad_task
from pluginmachinery.core.phases import PhaseInfo
from pluginmachinery.core.plugins import PluginProperties
from pluginmachinery.core.tasks import PluginContext, TaskContext, TaskMetadata
from pluginmachinery.core.versions import raise_version
from pluginmachinery.pods.build import build_pod_spec
from pluginmachinery.pods.fields import Fields, integer, record, records, text
from pluginmachinery.pods.metadata import execution_annotations, execution_labels

JOB_FAILED = "JobFailed"


class BatchJobPlugin:
    """Tasks of type ``batch-job``."""

    id = "batch-job"
    resource = JOB
    # Kubernetes makes labels of the Job's name, which have at most 63 characters.
    properties = PluginProperties(generated_name_max_length=63)

    def build_resource(self, task: TaskContext) -> dict[str, Any]:
        config = _config(task)
        pod = build_pod_spec(task)
        metadata = {
            "labels": {**pod.metadata["labels"], **execution_labels(task)},
            "annotations": {**pod.metadata["annotations"], **execution_annotations(task)},
        }
        spec: dict[str, Any] = {
            "backoffLimit": config.backoff_limit,
            **_counts(task),
            "template": {"metadata": metadata, "spec": {**pod.spec, "restartPolicy": "Never"}},
        }
        if config.active_deadline is not None:
            spec["activeDeadlineSeconds"] = max(int(config.active_deadline.seconds), 1)
        return {"apiVersion": JOB.api_version, "kind": JOB.kind, "spec": spec}

    def build_identity_resource(self, metadata: TaskMetadata) -> dict[str, Any]:  # noqa: ARG002 - all jobs are alike
        return {"apiVersion": JOB.api_version, "kind": JOB.kind}

    def get_task_phase(self, context: PluginContext, resource: Mapping[str, Any]) -> PhaseInfo:
        return raise_version(_phase(record(resource, "status")), context.saved)


def _phase(status: Fields) -> PhaseInfo:
    conditions = {
        text(condition, "type"): condition
        for condition in records(status, "conditions")
        if text(condition, "status") == "True"
    }
    if "Complete" in conditions:
        return phases.success()
    if failed := conditions.get("Failed"):
        return phases.retryable_failure(
            JOB_FAILED, f"the job failed: {text(failed, 'reason')}: {text(failed, 'message')}"
        )
    if "Suspended" in conditions:
        return phases.queued("the job is suspended")
    if integer(status, "ready") > 0 or integer(status, "succeeded") > 0:
        return phases.running()
    if integer(status, "active") > 0:
        return phases.initializing("pods are starting")
    return phases.queued("the job has no pods yet")


def _counts(task: TaskContext) -> dict[str, int]:
    """``completions`` and ``parallelism`` of custom; other fields are ignored, because newer SDKs may bring some."""
    custom = json_format.MessageToDict(task.template.custom)
    return {key: _count(key, custom[key]) for key in ("completions", "parallelism") if key in custom}


def _count(key: str, value: Any) -> int:
    # Numbers of a protobuf Struct are floats.
    if isinstance(value, float) and value.is_integer() and 0 < value < 2**31:
        return int(value)
    raise bad_task(f"{key} has to be a positive whole number, not {value!r}", field=f"custom.{key}")


def _config(task: TaskContext) -> BatchJobConfig:
    """The plugin's section as it was read; its defaults where the configuration does not mention it."""
    config = task.config.other.get("batch-job")
    return config if isinstance(config, BatchJobConfig) else BatchJobConfig()
