"""The identity of an object: what is added to every object that a plugin has built, and to none by the plugin itself.

Namespace, name, owner and finalizer; labels and annotations of the platform, the object, the task template and the
execution, where later ones win; what tells of secrets and of who runs the task.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pluginmachinery.core.plugins import KubernetesPlugin
from pluginmachinery.core.tasks import TaskContext, TaskMetadata
from pluginmachinery.pods import names
from pluginmachinery.pods.metadata import execution_annotations, execution_labels

FINALIZER = "flyte.org/finalizer-k8s"
"""Keeps an object until its task has been finalized, where the platform wants that (``inject-finalizer``)."""


def finished_object(task: TaskContext, plugin: KubernetesPlugin, built: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest to be created: ``built`` with its identity. The reference's ``addObjectMetadata``.

    Raises PluginError ``BadTaskSpecification`` for secrets that can not be described.
    """
    config, metadata = task.config.plugins.k8s, task.metadata
    own = built.get("metadata") or {}
    given = task.template.metadata.metadata
    # Empty maps of protobuf's are left out: to unpack one costs as much as all the rest.
    annotations = {
        **config.default_annotations,
        **(own.get("annotations") or {}),
        **(given.annotations or {}),
        **execution_annotations(task),
    }
    labels = {
        **config.default_labels,
        **(own.get("labels") or {}),
        **(given.labels or {}),
        **execution_labels(task),
    }
    finished = {
        **own,
        "namespace": metadata.namespace,
        "name": object_name(metadata),
        "labels": dict(sorted(labels.items())),
        "annotations": dict(sorted(annotations.items())),
    }
    if not (plugin.properties.disable_inject_owner_references or config.disable_inject_owner_references):
        finished["ownerReferences"] = [] if metadata.owner_reference is None else [dict(metadata.owner_reference)]
    if config.inject_finalizer and not plugin.properties.disable_inject_finalizer:
        finalizers = own.get("finalizers") or ()
        finished["finalizers"] = [*finalizers, *([] if FINALIZER in finalizers else [FINALIZER])]
    return {**built, "metadata": {key: value for key, value in finished.items() if value}}


def object_name(metadata: TaskMetadata) -> str:
    """The object's name: the generated one, made a DNS-1123 subdomain if it is none."""
    return names.subdomain(metadata.generated_name)
