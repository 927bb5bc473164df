"""The run policy of a job and the restart policy of its replicas, from Flyte's words into the operator's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flyteidl.plugins import common_pb2
from flyteidl.plugins.kubeflow import common_pb2 as kubeflow_pb2

NEVER = "Never"

_RESTART_POLICIES: Mapping[int, str] = {
    common_pb2.RESTART_POLICY_NEVER: NEVER,
    common_pb2.RESTART_POLICY_ON_FAILURE: "OnFailure",
    common_pb2.RESTART_POLICY_ALWAYS: "Always",
}
_CLEAN_POD_POLICIES: Mapping[int, str] = {
    kubeflow_pb2.CLEANPOD_POLICY_NONE: "None",
    kubeflow_pb2.CLEANPOD_POLICY_RUNNING: "Running",
    kubeflow_pb2.CLEANPOD_POLICY_ALL: "All",
}


def restart_policy(policy: int) -> str | None:
    """The operator's word for a ``RestartPolicy``; None for a number that has none (the operator then decides)."""
    return _RESTART_POLICIES.get(policy)


def run_policy(custom: Any) -> dict[str, Any]:
    """The ``RunPolicy`` in a custom of version 1, ``{}`` where it has none.

    A zero is as if absent: the operator's default. Which pods are removed in the end is always said; a task that does
    not say keeps them all, so that their logs stay.
    """
    if not custom.HasField("run_policy"):
        return {}
    policy = custom.run_policy
    spec = {
        "backoffLimit": policy.backoff_limit,
        "activeDeadlineSeconds": policy.active_deadline_seconds,
        "ttlSecondsAfterFinished": policy.ttl_seconds_after_finished,
        "cleanPodPolicy": _CLEAN_POD_POLICIES.get(policy.clean_pod_policy),
    }
    return {name: value for name, value in spec.items() if value}
