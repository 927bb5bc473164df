"""LimitRange objects: what they fill into pods, and which pods they never admit.

The API server fills a range's defaults into containers that say nothing, so they count in quotas; and it refuses with
403 what lies outside the range. Source: ``k8s.io/kubernetes/plugin/pkg/admission/limitranger``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pluginmachinery.config.quantities import Quantity
from pluginmachinery.manager.demands import Amounts, effective_amounts

_REFUSAL = re.compile(r"\b(?:minimum|maximum) \S+ usage per (?:Container|Pod) is |\bmax limit to request ratio per ")


def is_refusal(message: str) -> bool:
    """Are these the API server's words for a pod outside a range?"""
    return bool(_REFUSAL.search(message))


@dataclass(frozen=True, slots=True)
class Bounds:
    """One item of a range, for ``Container`` or ``Pod``, by the plain names of resources."""

    type: str
    min: Amounts
    max: Amounts
    default: Amounts
    default_request: Amounts
    max_ratio: Amounts

    def violations(self, resources: Mapping[str, Any], whose: str) -> Iterator[str]:
        """Why these requests and limits are not admitted. ``whose`` begins each sentence."""
        requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
        for name, least in self.min.items():
            given = requests.get(name, limits.get(name))
            if given is None:
                yield f"{whose} says nothing of {name}, at least {least} is asked for"
            elif Quantity.parse(given) < least or (name in limits and Quantity.parse(limits[name]) < least):
                yield f"{whose} has {name} {given}, at least {least} is asked for"
        for name, most in self.max.items():
            given = limits.get(name)
            if given is None:
                yield f"{whose} has no limit of {name}, at most {most} is allowed"
            elif Quantity.parse(given) > most:
                yield f"{whose} has {name} {given}, at most {most} is allowed"
        for name, ratio in self.max_ratio.items():
            yield from self._ratio(name, ratio, requests.get(name), limits.get(name), whose)

    @staticmethod
    def _ratio(name: str, ratio: Quantity, request: Any, limit: Any, whose: str) -> Iterator[str]:
        if limit is None or not (asked := Quantity.parse(limit if request is None else request)):
            return
        if Quantity.parse(limit).nanos * 10**9 > ratio.nanos * asked.nanos:
            yield f"{whose} has {name} {request} … {limit}, the limit may be at most {ratio} times the request"


@dataclass(frozen=True, slots=True)
class LimitRange:
    name: str
    bounds: tuple[Bounds, ...]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> LimitRange:
        """Read a LimitRange. Raises ValueError for bad amounts."""
        items = (body.get("spec") or {}).get("limits") or ()
        return cls(
            body["metadata"]["name"],
            tuple(
                Bounds(
                    item["type"],
                    _amounts(item.get("min")),
                    _amounts(item.get("max")),
                    _amounts(item.get("default")),
                    _amounts(item.get("defaultRequest")),
                    _amounts(item.get("maxLimitRequestRatio")),
                )
                for item in items
            ),
        )


def with_defaults(pod: Mapping[str, Any], ranges: Iterable[LimitRange]) -> Mapping[str, Any]:
    """The pod as the API server will see it: requests of its own limits, then what the ranges fill in."""
    bounds = [each for limit_range in ranges for each in limit_range.bounds if each.type == "Container"]
    spec = dict(pod.get("spec") or {})
    for group in ("initContainers", "containers"):
        if spec.get(group):
            spec[group] = [_filled(container, bounds) for container in spec[group]]
    return {**pod, "spec": spec}


def _filled(container: Mapping[str, Any], bounds: Iterable[Bounds]) -> dict[str, Any]:
    resources = container.get("resources") or {}
    limits = dict(resources.get("limits") or {})
    requests = {**limits, **(resources.get("requests") or {})}
    for each in bounds:
        limits = {name: str(amount) for name, amount in each.default.items()} | limits
        requests = {name: str(amount) for name, amount in each.default_request.items()} | requests
    return {**container, "resources": {**resources, "requests": requests, "limits": limits}}


def violations(pod: Mapping[str, Any], ranges: Iterable[LimitRange]) -> Iterator[str]:
    """Why the ranges never admit this pod, one sentence for each reason."""
    ranges = tuple(ranges)
    spec = with_defaults(pod, ranges).get("spec") or {}
    for limit_range in ranges:
        for bounds in limit_range.bounds:
            for whose, resources in _subjects(bounds.type, spec):
                found = bounds.violations(resources, whose)
                yield from (f"LimitRange {limit_range.name}: {sentence}" for sentence in found)


def _subjects(type_: str, spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What the bounds are about: each container, or the pod as a whole."""
    if type_ == "Container":
        for group in ("initContainers", "containers"):
            for container in spec.get(group) or ():
                yield f"container {container.get('name')}", container.get("resources") or {}
    elif type_ == "Pod":
        both = ("requests", "limits")
        yield (
            "the pod",
            {bound: {name: str(amount) for name, amount in effective_amounts(spec, bound).items()} for bound in both},
        )


def _amounts(amounts: Mapping[str, Any] | None) -> dict[str, Quantity]:
    return {name: Quantity.parse(amount) for name, amount in (amounts or {}).items()}
