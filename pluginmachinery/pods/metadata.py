"""Stage *metadata*: the labels and annotations that an execution brings to whatever is created for it.

To those that the execution gives, the platform adds what tells its webhook of the task's secrets, and who runs the
task. The object itself gets them from the manager; plugins put them on the pods inside their objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.pods import names, secrets

if TYPE_CHECKING:
    from flyteidl.core.tasks_pb2 import K8sPod

EXECUTION_IDENTITY = "execution-identity"
"""Label: who runs the task."""


def execution_labels(task: TaskContext) -> dict[str, str]:
    """The execution's labels, and those of secrets and identity, which win."""
    labels = dict(task.metadata.labels)
    if task.template.security_context.secrets:
        labels[secrets.LABEL] = secrets.LABEL_VALUE
    security_context = task.metadata.security_context
    if security_context is not None and security_context.run_as.execution_identity:
        labels[EXECUTION_IDENTITY] = names.label_value(security_context.run_as.execution_identity)
    return labels


def execution_annotations(task: TaskContext) -> dict[str, str]:
    """The execution's annotations, and those that describe secrets, which win.

    Raises PluginError ``BadTaskSpecification`` for secrets that can not be described.
    """
    described = secrets.describing_annotations(task.template.security_context.secrets)
    return {**task.metadata.annotations, **described}


def united_metadata(pod: Mapping[str, Any], task: TaskContext, own: K8sPod | None = None) -> dict[str, Any]:
    """Labels and annotations of a pod inside an operator's object; later ones win.

    They are the platform's, the pod's (``pod`` is its metadata), the execution's, and those of a pod that the task
    brings for this one role (``own``). Raises PluginError ``BadTaskSpecification`` as :func:`execution_annotations`.
    """
    k8s = task.config.plugins.k8s
    return {
        "labels": {
            **k8s.default_labels,
            **pod["labels"],
            **execution_labels(task),
            **(own.metadata.labels if own is not None else {}),
        },
        "annotations": {
            **k8s.default_annotations,
            **pod["annotations"],
            **execution_annotations(task),
            **(own.metadata.annotations if own is not None else {}),
        },
    }
