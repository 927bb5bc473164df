"""A step of a script → the PodStatus that a kubelet would write.

Pure: the pod as it is and the clock come in, a complete status goes out – phase, conditions, every container's
state with its id, restarts and times. What a step does not name follows from the phase.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tools.controlplane.simulation.containerstates import COMPLETED, Container, succeeded
from tools.controlplane.simulation.podconditions import conditions
from tools.controlplane.simulation.scripts import EVERY_CONTAINER, ContainerState, Step

Object = Mapping[str, Any]
Status = dict[str, Any]

KILLED = ContainerState(exit_code=137)
FAILED = ContainerState(exit_code=1)


def next_status(pod: Object, step: Step, *, now: datetime, host_ip: str, pod_ip: str) -> Status:
    """The status after `step`; None stands for fields that a merge patch has to remove.

    Args:
        pod: as it is now; its containers go on from its present status.
        now: written to the second, as Kubernetes does.
        pod_ip: the pod's address once a container of it has started.
    """
    before: Object = pod.get("status") or {}
    at = timestamp(now)
    phase = step.phase or before.get("phase") or "Pending"
    inits, initialized = _init_containers(pod, before, step, phase, at)
    mains = _main_containers(pod, before, step, phase, at, initialized=initialized)
    status: Status = {
        "phase": phase,
        "observedGeneration": pod["metadata"].get("generation", 1),
        "reason": step.reason,
        "message": step.message,
        "startTime": before.get("startTime") or at,
        "hostIP": host_ip,
        "hostIPs": [{"ip": host_ip}],
        "conditions": conditions(
            before.get("conditions") or [], phase, mains, inits, step.conditions, at, initialized=initialized
        ),
        "containerStatuses": mains or None,
        "initContainerStatuses": inits or None,
    }
    if before.get("podIP") or any("waiting" not in each["state"] for each in (*mains, *inits)):
        status["podIP"] = before.get("podIP") or pod_ip
        status["podIPs"] = [{"ip": status["podIP"]}]
    return status


def killed_step(pod: Object, exit_code: int) -> Step:
    """The last step of a pod that is deleted: what runs ends with `exit_code`, what never ran stays as it is."""
    before: Object = pod.get("status") or {}
    mains = _killed(before.get("containerStatuses"), exit_code)
    codes = [state.code for state in mains.values() if state.terminated]
    clean = bool(codes) and len(codes) == len(mains) and not any(codes)
    return Step(
        phase="Succeeded" if clean else "Failed",
        reason=before.get("reason"),
        message=before.get("message"),
        containers=mains,
        init_containers=_killed(before.get("initContainerStatuses"), exit_code),
    )


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _main_containers(
    pod: Object, before: Object, step: Step, phase: str, now: str, *, initialized: bool
) -> list[Status]:
    previous = before.get("containerStatuses")
    if phase == "Failed" and step.reason and not step.containers and not previous:
        return []  # refused by the node: no container was ever made
    statuses = []
    for container in _containers(pod, "containers", previous, now):
        wanted = _wanted(step.containers, container)
        if wanted is not None:
            state = container.explicit(wanted)
        elif not initialized:
            state = container.state
        else:
            state = _implied(container, phase, step)
        statuses.append(container.status(state, wanted, init=False))
    return statuses


def _init_containers(pod: Object, before: Object, step: Step, phase: str, now: str) -> tuple[list[Status], bool]:
    """Their statuses, and whether they have let the main containers start: one after the other, each by success."""
    statuses = []
    may_start = True
    for container in _containers(pod, "initContainers", before.get("initContainerStatuses"), now):
        wanted = _wanted(step.init_containers, container)
        if wanted is not None:
            state = container.explicit(wanted)
        elif not may_start or phase == "Pending":
            state = container.state
        elif container.is_sidecar and phase == "Running":
            state = container.running()
        else:
            state = container.state if "terminated" in container.state else container.terminated(COMPLETED)
        may_start = may_start and (succeeded(state) or (container.is_sidecar and "waiting" not in state))
        statuses.append(container.status(state, wanted, init=True))
    return statuses, may_start


def _implied(container: Container, phase: str, step: Step) -> Status:
    """The state of a main container that the step does not name."""
    if "terminated" in container.state:
        return container.state
    if phase == "Pending":
        return container.state if container.previous else container.waiting("ContainerCreating")
    if phase == "Running":
        return container.running()
    if phase == "Succeeded" or step.containers:  # where a failed step names others, this one is not who failed
        return container.terminated(COMPLETED)
    return container.terminated(KILLED if step.reason else FAILED)


def _containers(pod: Object, field: str, statuses: Sequence[Object] | None, now: str) -> list[Container]:
    previous = {each["name"]: each for each in statuses or []}
    return [
        Container(pod["metadata"]["uid"], spec, previous.get(spec["name"]), now)
        for spec in pod["spec"].get(field) or []
    ]


def _wanted(states: Mapping[str, ContainerState], container: Container) -> ContainerState | None:
    return states.get(container.spec["name"]) or states.get(EVERY_CONTAINER)


def _killed(statuses: Sequence[Object] | None, exit_code: int) -> dict[str, ContainerState]:
    return {each["name"]: _killed_state(each["state"], exit_code) for each in statuses or []}


def _killed_state(state: Object, exit_code: int) -> ContainerState:
    if ended := state.get("terminated"):
        fields = ("exitCode", "signal", "reason", "message")
        return ContainerState.model_validate({name: ended[name] for name in fields if name in ended})
    if waiting := state.get("waiting"):
        return ContainerState(waiting=waiting["reason"], message=waiting.get("message"))
    return ContainerState(exit_code=exit_code)
