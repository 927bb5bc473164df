"""Where map tasks do better than Flyte's, each point switchable; ``replay`` runs with :data:`AS_FLYTE`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ArrayConduct:
    """What of the better ways is on."""

    run_through: bool = True
    """A call goes on until something has to be waited for. Flyte takes one step a call, four before the first pod."""
    refuse_bad_definitions: bool = True
    """A task that says nothing about its size, or brings a custom that can not be read, fails for good. Flyte tries it
    again until its system retries are used up."""
    tell_the_cause: bool = True
    """Failures have a code, belong to the user and tell what went wrong. Flyte's have none, and those of a task without
    outputs only say that it has no outputs."""
    aggregate_phase: bool = True
    """The task is Queued or WaitingForResources while no sub-task has started. Flyte says Running from the start."""
    careful_launch: bool = True
    """What the API server says about a creation is heeded as for single pods: errors are counted, a full quota is not
    asked for every sub-task. Flyte forgets errors and tries for ever."""
    check_owner: bool = True
    """A pod of a sub-task's name that belongs to somebody else is not ours. One that is ours is, although the state
    does not know it: its creator died before saying so."""
    inject_secrets: bool = True
    """Kubernetes secrets go into the pods (``plugin-manager.secrets``)."""
    check_policy: bool = True
    """Pods are held against ``plugin-manager.policy``."""
    same_namespace: bool = True
    """Pods run in the task's namespace: in another one they have no owner, and nothing removes them."""
    clean_up_on_failure: bool = True
    """A pod that failed and still goes on trying (its image can not be pulled) is deleted."""


AS_FLYTE = ArrayConduct(
    run_through=False,
    refuse_bad_definitions=False,
    tell_the_cause=False,
    aggregate_phase=False,
    careful_launch=False,
    check_owner=False,
    inject_secrets=False,
    check_policy=False,
    same_namespace=False,
    clean_up_on_failure=False,
)
