"""Resources: does a task that asks for nothing fit – on a node, into the quota, between the limits of a namespace?

Its pod is the one that the controller would create. What a task may ask for at most (``task_resources.limits``) is held
against the same bounds; there it is only a warning, as most tasks ask for less.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from configgen.checks.inspection import Inspection
from configgen.checks.results import Asked, Result, Status, error, listing, not_checked, ok, warning
from configgen.cluster.connection import Object, Unread, all_at_once, name_of
from configgen.trees import mapping
from pluginmachinery.config.quantities import Quantity
from pluginmachinery.policy.places import Pod, places_in

Amounts = Mapping[str, Quantity]
_USUAL: Final = ("cpu", "memory")
_SAMPLE: Final = "container"
_NOTHING: Final = "a task that asks for nothing"


@dataclass(frozen=True, slots=True)
class _Needs:
    """What one pod asks for in all, and what its largest container does."""

    requests: Amounts
    limits: Amounts
    container: Amounts


def check(inspection: Inspection) -> Iterator[Result]:
    pods = [pod for one in inspection.samples if one.name == _SAMPLE for pod in places_in(one.manifest).pods]
    if not pods:
        yield not_checked(_NOTHING, "no plugin for plain containers is enabled")
        return
    needs = _needs(pods[0])
    yield from _on_nodes(inspection, needs)
    spaces = inspection.task_namespaces
    if isinstance(spaces, Unread):
        yield not_checked("quotas and limits of the namespaces of tasks", spaces.reason, mend="give --namespace")
        return
    yield from _in_quotas(inspection, spaces, needs)
    yield from _in_limits(inspection, spaces, needs)


def _needs(pod: Pod) -> _Needs:
    resources = [mapping(container.spec.get("resources")) for container in pod.containers]
    requests = [_amounts({**mapping(one.get("limits")), **mapping(one.get("requests"))}) for one in resources]
    limits = [_amounts(mapping(one.get("limits"))) for one in resources]
    largest = {name: max(one[name] for one in requests if name in one) for one in requests for name in one}
    return _Needs(_sum(requests), _sum(limits), largest)


def _on_nodes(inspection: Inspection, needs: _Needs) -> Iterator[Result]:
    nodes = inspection.cluster.items("/api/v1/nodes")
    if isinstance(nodes, Unread) or not nodes:
        yield not_checked(f"a node for {_NOTHING}", nodes.reason if isinstance(nodes, Unread) else "there is none now")
        return
    offers = [_amounts(mapping((node.get("status") or {}).get("allocatable"))) for node in nodes]
    wanted = f"a node for {_NOTHING} ({_shown(needs.requests)})"
    if any(_fits(needs.requests, one) for one in offers):
        yield ok(wanted, "fits", _defaults(inspection))
    else:
        most = {name: max(one[name] for one in offers) for name in _USUAL if all(name in one for one in offers)}
        mend = "lower task_resources.defaults"
        yield error(wanted, f"no node allocates as much; at most {_shown(most)}", mend, _defaults(inspection))
    for name, bound in _platform_limits(inspection).items():
        largest = max((one[name] for one in offers if name in one), default=None)
        if largest is not None and largest < bound:
            wanted = f"a node for tasks that ask for all they may ({name} {bound})"
            yield warning(wanted, f"no node allocates more than {largest}", "lower the limit", _limit(inspection, name))


def _in_quotas(inspection: Inspection, spaces: Iterable[str], needs: _Needs) -> Iterator[Result]:
    wanted = f"room for {_NOTHING} in the quotas of"
    listed = _listed(inspection, spaces, "resourcequotas")
    fitting: list[str] = []
    bounded = False
    for space, quotas in listed.items():
        if isinstance(quotas, Unread):
            yield not_checked(f"{wanted} {space}", quotas.reason)
            continue
        general = [one for one in quotas if not mapping(one.get("spec")).keys() & {"scopes", "scopeSelector"}]
        trouble = [result for quota in general for result in _in_quota(inspection, quota, space, needs)]
        yield from trouble
        if not trouble:
            fitting.append(space)
            bounded |= bool(general)
    if fitting:
        yield ok(f"{wanted} {listing(fitting)}", "there is room" if bounded else "no quota", _defaults(inspection))


def _listed(inspection: Inspection, spaces: Iterable[str], plural: str) -> dict[str, list[Object] | Unread]:
    return all_at_once(lambda space: inspection.cluster.items(f"/api/v1/namespaces/{space}/{plural}"), spaces)


def _in_quota(inspection: Inspection, quota: Object, space: str, needs: _Needs) -> Iterator[Result]:
    hard = _amounts(mapping(mapping(quota.get("spec")).get("hard")))
    used = _amounts(mapping(mapping(quota.get("status")).get("used")))
    for key, bound in sorted(hard.items()):
        wanted = f"{key} for {_NOTHING} in the quota {space}/{name_of(quota)}"
        amount = _counted(key, needs)
        if amount is None:
            continue
        if not amount and key.startswith("limits."):
            found = f"pods without {key} are refused, and the configuration sets none"
            yield error(wanted, found, "set task_resources, or a LimitRange with defaults", _defaults(inspection))
        elif bound < amount:
            found = f"{amount} can never fit into {bound}"
            yield error(wanted, found, "raise the quota, or lower task_resources.defaults", _defaults(inspection))
        elif bound - used.get(key, Quantity()) < amount:
            left = bound - used.get(key, Quantity())
            found = f"used up now: {left} of {bound} left, {amount} needed"
            yield warning(wanted, found, "tasks wait until others end", _defaults(inspection))


def _counted(key: str, needs: _Needs) -> Quantity | None:
    """What one pod takes of a quota's key; None for keys that are not about pods."""
    if key in ("pods", "count/pods"):
        return Quantity.parse("1")
    if key.startswith("limits."):
        return needs.limits.get(key.removeprefix("limits."), Quantity())
    name = key.removeprefix("requests.")
    return needs.requests.get(name)


def _in_limits(inspection: Inspection, spaces: Iterable[str], needs: _Needs) -> Iterator[Result]:
    fitting: list[str] = []
    for space, ranges in _listed(inspection, spaces, "limitranges").items():
        if isinstance(ranges, Unread):
            yield not_checked(f"the limits of {space}", ranges.reason)
            continue
        limits = [(name_of(one), limit) for one in ranges for limit in mapping(one.get("spec")).get("limits") or ()]
        judged = [(name, limit) for name, limit in limits if limit.get("type") in ("Container", "Pod")]
        trouble = [
            result for name, limit in judged for result in _in_limit(inspection, f"{space}/{name}", limit, needs)
        ]
        yield from trouble
        if judged and not any(result.status is Status.ERROR for result in trouble):
            fitting.append(space)
    if fitting:
        yield ok(f"{_NOTHING} within the LimitRanges of {listing(fitting)}", "fits", _defaults(inspection))


def _in_limit(inspection: Inspection, name: str, limit: Mapping[str, Any], needs: _Needs) -> Iterator[Result]:
    kind = str(limit["type"]).lower()
    given = needs.container if kind == "container" else needs.requests
    most, least = _amounts(mapping(limit.get("max"))), _amounts(mapping(limit.get("min")))
    for resource, amount in sorted(given.items()):
        wanted = f"{resource} of {_NOTHING} within the LimitRange {name}"
        mend = f"change task_resources.defaults, or the LimitRange {name}"
        if resource in most and most[resource] < amount:
            found = f"{amount} is above the most for a {kind}, {most[resource]}"
            yield error(wanted, found, mend, _defaults(inspection, resource))
        if resource in least and amount < least[resource]:
            found = f"{amount} is below the least for a {kind}, {least[resource]}"
            yield error(wanted, found, mend, _defaults(inspection, resource))
    for resource, amount in _platform_limits(inspection).items():
        if resource in most and most[resource] < amount:
            wanted = f"tasks that ask for all they may ({resource} {amount}) within the LimitRange {name}"
            found = f"the most for a {kind} is {most[resource]}"
            yield warning(wanted, found, "lower the limit, or raise that", _limit(inspection, resource))


def _platform_limits(inspection: Inspection) -> Amounts:
    limits = inspection.environment.configuration.task_resources.limits
    return {name: amount for name, amount in (("cpu", limits.cpu), ("memory", limits.memory)) if amount}


def _defaults(inspection: Inspection, resource: str = "") -> Asked:
    path = ("task_resources", "defaults", *([resource] if resource in _USUAL else []))
    return inspection.asked(*path)


def _limit(inspection: Inspection, resource: str) -> Asked:
    return inspection.asked("task_resources", "limits", resource)


def _fits(wanted: Amounts, offered: Amounts) -> bool:
    return all(amount <= offered.get(name, Quantity()) for name, amount in wanted.items())


def _sum(many: list[dict[str, Quantity]]) -> dict[str, Quantity]:
    total: dict[str, Quantity] = {}
    for amounts in many:
        for name, amount in amounts.items():
            total[name] = total.get(name, Quantity()) + amount
    return total


def _amounts(resources: Mapping[str, Any]) -> dict[str, Quantity]:
    return {name: Quantity.parse(str(amount)) for name, amount in resources.items()}


def _shown(amounts: Amounts) -> str:
    return ", ".join(f"{name} {amount}" for name, amount in sorted(amounts.items()))
