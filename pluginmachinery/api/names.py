"""The names of our API on a cluster: group, kind, labels, finalizer.

A *TaskExecution* is one task that is to run, with all its attempts. Every object that is made for it carries
:data:`MANAGED` (what the runtime's watch selects on), :data:`TASK_EXECUTION` (whose it is) and :data:`ATTEMPT` (which
try), beside the TaskExecution as its controlling owner.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pluginmachinery.core.actions import ResourceKind

GROUP = "plugins.flyte.org"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "TaskExecution"
PLURAL = "taskexecutions"
SINGULAR = "taskexecution"
LIST_KIND = "TaskExecutionList"
SHORT_NAMES = ("texec",)
CATEGORIES = ("flyte",)

TASK_EXECUTIONS = ResourceKind(API_VERSION, KIND, PLURAL)

MANAGED = f"{GROUP}/managed"
"""Label: ``"true"`` on every object that the controller makes."""
TASK_EXECUTION = f"{GROUP}/task-execution"
"""Label: the TaskExecution that an object belongs to, as :func:`task_execution_label` writes it."""
ATTEMPT = f"{GROUP}/attempt"
"""Label: the attempt that an object belongs to, counted from 0."""
RETRY_OF = f"{GROUP}/retry-of"
"""Label on a TaskExecution: the earlier one that a person tries again with it."""
SHARD = f"{GROUP}/shard"
"""Label: the bucket of a TaskExecution and its objects (:mod:`pluginmachinery.api.shards`), unless the configuration
says another."""

QUEUE = "kueue.x-k8s.io/queue-name"
"""Kueue's label: the queue in which something waits. On a TaskExecution it is handed on to the objects made for it, and
tasks of one queue wait in one line."""
HANDED_ON = (QUEUE, "kueue.x-k8s.io/priority-class")
"""Labels of a TaskExecution that the objects made for it get too, unless ``spec.labels`` says otherwise."""

FINALIZER = f"{GROUP}/finalizer"
"""Finalizer on a TaskExecution whose plugin has something to undo that Kubernetes' garbage collector can not."""

MAX_LABEL_LENGTH = 63
_HASH_LENGTH = 10


def task_execution_label(name: str) -> str:
    """The value of :data:`TASK_EXECUTION` for a TaskExecution's name.

    Names go up to 253 characters and label values to 63: a longer name is cut and a hash of the whole appended, so that
    two long names do not meet.
    """
    if len(name) <= MAX_LABEL_LENGTH:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{name[: MAX_LABEL_LENGTH - _HASH_LENGTH - 1].rstrip('-.')}-{digest}"


def object_labels(execution_name: str, attempt: int) -> dict[str, str]:
    """The labels of every object of this attempt."""
    return {MANAGED: "true", TASK_EXECUTION: task_execution_label(execution_name), ATTEMPT: str(attempt)}


def owner_reference(execution: Mapping[str, Any]) -> dict[str, Any]:
    """The TaskExecution as the controlling owner of what is made for it.

    ``blockOwnerDeletion`` is left out: it needs the right to set finalizers on the owner and buys nothing, because the
    TaskExecution does not have to outlive its pods.
    """
    metadata = execution["metadata"]
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
    }
