"""Ownership: whether an object of our name is the one that we made.

Names are unique per attempt, but anybody can create an object of any name, and one that is deleted and made anew by
somebody else must not be followed as if it were the task.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pluginmachinery.core.plugins import KubernetesPlugin
from pluginmachinery.core.tasks import TaskContext


def is_own(task: TaskContext, plugin: KubernetesPlugin, manifest: Mapping[str, Any]) -> bool:
    """Does the object name the task's owner as one of its own? True where there is no owner to go by."""
    owner = task.metadata.owner_reference
    if not owner or not owner.get("uid") or plugin.properties.disable_inject_owner_references:
        return True
    references = (manifest.get("metadata") or {}).get("ownerReferences") or ()
    return any(reference.get("uid") == owner["uid"] for reference in references)
