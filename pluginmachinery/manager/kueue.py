"""Kueue's marks on plain pods: that it has taken one back.

Kueue holds a pod with a scheduling gate until it admits it. When it takes the room back (preemption, a queue that is
stopped), it says so in a condition and deletes the pod; whoever made the pod may make it again, and it waits in its
queue. Source: ``pkg/controller/jobs/pod`` of kubernetes-sigs/kueue.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MANAGED = "kueue.x-k8s.io/managed"
"""Label of the pods that Kueue manages."""
_CONDITION = "TerminationTarget"
_REASON = "StoppedByKueue"


def taken_back(pod: Mapping[str, Any]) -> str | None:
    """Why Kueue has taken this pod back; None: it has not."""
    if MANAGED not in ((pod.get("metadata") or {}).get("labels") or {}):
        return None
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if (condition.get("type"), condition.get("status"), condition.get("reason")) == (_CONDITION, "True", _REASON):
            return f"taken back by Kueue: {condition.get('message') or 'no reason given'}"
    return None
