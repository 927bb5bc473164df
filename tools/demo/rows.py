"""The rows of the table: what should be, what was seen, and whether that is the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was checked."""

    where: str
    what: str
    expected: str
    seen: str

    @property
    def holds(self) -> bool:
        return self.expected == self.seen


def outcome(execution: Mapping[str, Any]) -> str:
    """How a TaskExecution ended, in a line: phase, attempts, error code, outputs."""
    status = execution.get("status") or {}
    attempts = status.get("attempt", 0) + 1
    parts = [status.get("phase", "no status")]
    if attempts > 1:
        parts.append(f"after {attempts} attempts")
    if status.get("phase") == "Failed" and status.get("error"):
        parts.append(f"with {status['error']['code']}")
    return " ".join(parts)


def node(pod: Mapping[str, Any]) -> str:
    """The node that the scheduler chose."""
    return str((pod.get("spec") or {}).get("nodeName", "none"))


def tolerated(pod: Mapping[str, Any]) -> str:
    """The keys of the taints that a pod tolerates, but for those of node conditions, which every pod tolerates."""
    tolerations = (pod.get("spec") or {}).get("tolerations") or ()
    keys = [toleration.get("key", "everything") for toleration in tolerations]
    return ", ".join(key for key in keys if not key.startswith("node.kubernetes.io/")) or "nothing"
