"""Conduct: where the plugin manager does better than Flyte, each point switchable.

``replay`` compares with the reference and runs with :data:`AS_FLYTE`; everything else runs with the defaults.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Conduct:
    """What of the better ways is on."""

    wait_for_every_kind: bool = True
    """A full quota, 429 and timeouts make every task wait. Flyte lets only pods wait; other kinds fail."""
    exact_quotas: bool = True
    """All amounts of a quota's refusal count, and a request for as much as the quota waits. Flyte reads only some of
    the amounts and fails such a request for good."""
    wait_in_line: bool = True
    """Who waits, waits in line (:mod:`.waiting_room`): by priority and age, one try at a time after a refusal, woken
    when the watched quotas have room. With Flyte all try when the back-off is over, and whoever is lucky gets in;
    ``replay`` asks for one task at a time, so nothing is in the way there."""
    heed_kueue: bool = True
    """A pod that Kueue takes back is no failure (:mod:`.kueue`). With Flyte it is a deleted one."""
    check_owner: bool = True
    """An object of our name that belongs to somebody else is not ours. Flyte takes it for its own."""
    tidy_finalize: bool = True
    """Only a finalizer that is there is removed, and only what is there is deleted. Flyte may patch an object that has
    no finalizer at all, deletes what is known to be gone, and does nothing when no retries are configured."""

    fit_names: bool = True
    """A generated name longer than its plugin can take is shortened. With Flyte the engine does that before."""
    inject_secrets: bool = True
    """Kubernetes secrets go into the pods (``plugin-manager.secrets``). Flyte leaves that to its webhook."""
    unique_variables: bool = True
    """Of a variable that stands twice in an operator's object only the last is kept. Flyte sends both, which operators'
    newer CRDs refuse."""
    check_policy: bool = True
    """Built objects are held against ``plugin-manager.policy``. Flyte creates whatever a task brings."""


AS_FLYTE = Conduct(
    wait_for_every_kind=False,
    exact_quotas=False,
    wait_in_line=False,
    heed_kueue=False,
    check_owner=False,
    tidy_finalize=False,
    fit_names=False,
    inject_secrets=False,
    unique_variables=False,
    check_policy=False,
)
