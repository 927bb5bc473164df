"""The conditions of a pod: a kubelet's usual ones, and what a script adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tools.controlplane.simulation.scripts import TERMINAL, Condition

Object = Mapping[str, Any]

UNREADY = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}


def conditions(
    before: Sequence[Object],
    phase: str,
    containers: Sequence[Object],
    init_containers: Sequence[Object],
    extra: Sequence[Condition],
    now: str,
    *,
    initialized: bool,
) -> list[dict[str, Any]]:
    """All conditions after a step; one whose status did not change keeps the time of its last transition.

    Args:
        before: the conditions so far; PodScheduled is the scheduler's and stays as it is.
        containers, init_containers: their statuses after the step.
        initialized: whether the init containers have let the main ones start.
    """
    wanted = [
        _sandbox(phase, [*containers, *init_containers]),
        _initialized(init_containers, initialized=initialized),
        *_readiness(phase, containers),
        *extra,
    ]
    present = {each["type"]: each for each in before}
    present.setdefault("PodScheduled", _manifest(Condition(type="PodScheduled"), None, now))
    return list((dict(present) | {each.type: _manifest(each, present.get(each.type), now) for each in wanted}).values())


def _sandbox(phase: str, statuses: Sequence[Object]) -> Condition:
    there = phase not in TERMINAL and any("waiting" not in each["state"] for each in statuses)
    return Condition(type="PodReadyToStartContainers", status="True" if there else "False")


def _initialized(statuses: Sequence[Object], *, initialized: bool) -> Condition:
    if initialized:
        return Condition(type="Initialized")
    return Condition(
        type="Initialized",
        status="False",
        reason="ContainersNotInitialized",
        message=f"containers with incomplete status: [{_unready(statuses)}]",
    )


def _readiness(phase: str, statuses: Sequence[Object]) -> list[Condition]:
    if phase == "Running" and statuses and all(each["ready"] for each in statuses):
        return [Condition(type="ContainersReady"), Condition(type="Ready")]
    reason = UNREADY.get(phase, "ContainersNotReady")
    message = "" if phase in UNREADY else f"containers with unready status: [{_unready(statuses)}]"
    return [
        Condition(type=kind, status="False", reason=reason, message=message) for kind in ("ContainersReady", "Ready")
    ]


def _unready(statuses: Sequence[Object]) -> str:
    return " ".join(each["name"] for each in statuses if not each["ready"])


def _manifest(condition: Condition, previous: Object | None, now: str) -> dict[str, Any]:
    unchanged = previous is not None and previous["status"] == condition.status
    return {
        "lastProbeTime": None,
        "lastTransitionTime": previous["lastTransitionTime"] if unchanged and previous else now,
        **{name: text for name, text in condition.model_dump().items() if text},
    }
