"""Ownership: whether an object of our name is the one that we made.

Names are unique per attempt, but anybody can create an object of any name, and one that is deleted and made anew by
somebody else must not be followed as if it were the task.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pluginmachinery.core.plugins import KubernetesPlugin
from pluginmachinery.core.tasks import TaskContext


def owner_uid(task: TaskContext, plugin: KubernetesPlugin) -> str | None:
    """The UID that our objects name as their owner's; None where they name none."""
    not_injected = (
        plugin.properties.disable_inject_owner_references or task.config.plugins.k8s.disable_inject_owner_references
    )
    return None if not_injected else (task.metadata.owner_reference or {}).get("uid")


def is_own(task: TaskContext, plugin: KubernetesPlugin, manifest: Mapping[str, Any]) -> bool:
    """Does the object name our owner as one of its own? True where there is no owner to go by."""
    uid = owner_uid(task, plugin)
    if not uid:
        return True
    references = (manifest.get("metadata") or {}).get("ownerReferences") or ()
    return uid in [reference.get("uid") for reference in references]
