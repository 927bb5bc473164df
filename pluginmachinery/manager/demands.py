"""Demands: what an object that is to be created counts for in the quotas of its namespace.

The amounts have the names that ResourceQuota gives them; the *traits* are what a quota's scopes ask for: whether a pod
is best effort, whether it has a deadline, its priority class. What an operator makes of its object is the operator's:
the object itself counts as one of its kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pluginmachinery.config.quantities import Quantity
from pluginmachinery.core.actions import ResourceKind

Amounts = Mapping[str, Quantity]

POD = ResourceKind("v1", "Pod", "pods")


@dataclass(frozen=True, slots=True)
class Demand:
    """``traits`` are the names of the scopes that hold; none for anything but pods, which no scope is about."""

    amounts: Amounts
    traits: frozenset[str] = frozenset()
    priority_class: str = ""

    @classmethod
    def of(cls, kind: ResourceKind, manifest: Mapping[str, Any]) -> Demand:
        """Of an object of this kind. Raises ValueError for amounts that are none."""
        if kind != POD:
            return cls({f"count/{kind.plural}.{kind.group}" if kind.group else f"count/{kind.plural}": _ONE})
        spec = manifest.get("spec") or {}
        return cls(pod_usage(manifest), frozenset(_traits(spec)), spec.get("priorityClassName") or "")


_ONE = Quantity.of(1)


def _traits(spec: Mapping[str, Any]) -> Iterator[str]:
    yield "NotTerminating" if spec.get("activeDeadlineSeconds") is None else "Terminating"
    yield "NotBestEffort" if any(_asks_for_something(container) for container in containers(spec)) else "BestEffort"
    if spec.get("priorityClassName"):
        yield "PriorityClass"
    if any(_crosses_namespaces(term) for term in _affinity_terms(spec.get("affinity") or {})):
        yield "CrossNamespacePodAffinity"


def containers(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Init containers and containers of a pod."""
    yield from spec.get("initContainers") or ()
    yield from spec.get("containers") or ()


def _asks_for_something(container: Mapping[str, Any]) -> bool:
    """Of cpu or memory: nothing else decides over best effort."""
    resources = container.get("resources") or {}
    bounds = (resources.get("requests") or {}, resources.get("limits") or {})
    return any(Quantity.parse(bound[name]) for bound in bounds for name in ("cpu", "memory") if name in bound)


def _affinity_terms(affinity: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = affinity.get(kind) or {}
        yield from rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
        for weighted in rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ():
            yield weighted.get("podAffinityTerm") or {}


def _crosses_namespaces(term: Mapping[str, Any]) -> bool:
    return bool(term.get("namespaces")) or term.get("namespaceSelector") is not None


def pod_usage(pod: Mapping[str, Any]) -> dict[str, Quantity]:
    """What this pod takes of a quota, by the quota's names for it.

    The effective amount of a resource is the higher of what runs side by side (containers and native sidecars) and what
    any init container needs beside the sidecars started before it, as the scheduler counts.
    """
    spec = pod.get("spec") or {}
    usage = {"pods": Quantity.of(1), "count/pods": Quantity.of(1)}
    for name, amount in effective_amounts(spec, "limits").items():
        usage[f"limits.{name}"] = amount
    for name, amount in effective_amounts(spec, "requests").items():
        usage[f"requests.{name}"] = usage[name] = amount
    return usage


def effective_amounts(spec: Mapping[str, Any], bound: str) -> dict[str, Quantity]:
    """The ``requests`` or ``limits`` of a pod as a whole, by the plain names of resources."""
    sidecars: dict[str, Quantity] = {}
    highest_init: dict[str, Quantity] = {}
    for container in spec.get("initContainers") or ():
        own = _bounds(container, bound)
        if container.get("restartPolicy") == "Always":
            _add(sidecars, own)
            own = sidecars
        else:
            own = _sum(sidecars, own)
        for name, amount in own.items():
            highest_init[name] = max(amount, highest_init.get(name, amount))
    running = dict(sidecars)
    for container in spec.get("containers") or ():
        _add(running, _bounds(container, bound))
    _add(running, {name: Quantity.parse(amount) for name, amount in (spec.get("overhead") or {}).items()})
    return {
        name: max(running.get(name, Quantity()), highest_init.get(name, Quantity()))
        for name in (*running, *highest_init)
    }


def _bounds(container: Mapping[str, Any], bound: str) -> dict[str, Quantity]:
    """Limits, or requests with limits in place of those that are absent, as Kubernetes fills them in."""
    resources = container.get("resources") or {}
    amounts = dict(resources.get(bound) or {})
    if bound == "requests":
        amounts = {**(resources.get("limits") or {}), **amounts}
    return {name: Quantity.parse(amount) for name, amount in amounts.items()}


def _add(total: dict[str, Quantity], amounts: Amounts) -> None:
    for name, amount in amounts.items():
        total[name] = total[name] + amount if name in total else amount


def _sum(first: Amounts, second: Amounts) -> dict[str, Quantity]:
    total = dict(first)
    _add(total, second)
    return total
