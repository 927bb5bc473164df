"""Quotas: what a ResourceQuota's refusal says, and what a pod counts for in one.

Kubernetes refuses in words only::

    exceeded quota: NAME, requested: limits.cpu=7, used: limits.cpu=249, limited: limits.cpu=250

and lists just the resources that do not fit. Resources have the names that ResourceQuota gives them: ``limits.cpu``,
``requests.memory``, ``pods``, ``requests.nvidia.com/gpu`` …
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pluginmachinery.config.quantities import Quantity

Amounts = Mapping[str, Quantity]

_QUOTA = re.compile(r"exceeded quota: ([^,\s]+)")
_LIST = re.compile(r"\b(requested|used|limited): (\S+)")
_AMOUNT = re.compile(r"([^,=\s]+)=([^,=\s]+)")


@dataclass(frozen=True, slots=True)
class QuotaRefusal:
    """What did not fit into which quota."""

    quota: str
    requested: Amounts
    used: Amounts
    limited: Amounts

    @property
    def never_fitting(self) -> tuple[str, ...]:
        """Resources of which the request alone is more than the quota has."""
        return tuple(
            name for name, amount in self.requested.items() if name in self.limited and amount > self.limited[name]
        )

    def __str__(self) -> str:
        """For a person: ``quota q: limits.cpu wants 7, 1 of 250 is free``."""
        shortages = ", ".join(self._shortage(name, amount) for name, amount in self.requested.items())
        return f"quota {self.quota}: {shortages}" if shortages else f"quota {self.quota}"

    def _shortage(self, name: str, wanted: Quantity) -> str:
        if name not in self.limited or name not in self.used:
            return f"{name} wants {wanted}"
        free = max(self.limited[name] - self.used[name], Quantity())
        return f"{name} wants {wanted}, {free.canonical()} of {self.limited[name]} is free"


def parse_refusal(message: str) -> QuotaRefusal | None:
    """Read the API server's words; None where they are not about a quota.

    Lists that are missing or have amounts that can not be read come out shorter: the words are no contract.
    """
    quota = _QUOTA.search(message)
    if quota is None:
        return None
    lists = {kind: dict(_amounts(text)) for kind, text in _LIST.findall(message)}
    return QuotaRefusal(quota[1], lists.get("requested", {}), lists.get("used", {}), lists.get("limited", {}))


def _amounts(text: str) -> Iterator[tuple[str, Quantity]]:
    for name, amount in _AMOUNT.findall(text):
        try:
            yield name, Quantity.parse(amount)
        except ValueError:
            continue


_READ_BY_FLYTE = re.compile(
    r"(?P<list>requested|limited): "
    r"(?P<amounts>(?P<prefix>limits|requests)\.[a-zA-Z]+=[a-zA-Z0-9]+,*(?:(?P=prefix)\.[a-zA-Z]+=[a-zA-Z0-9]+,*)*)"
)


def never_fits_as_flyte_reads(message: str) -> bool:
    """Flyte's own judgement: of each list only the leading entries of one sort count, and as much is too much."""
    lists: dict[str, dict[str, Quantity]] = {}
    for match in _READ_BY_FLYTE.finditer(message):
        lists.setdefault(match["list"], {}).update(_amounts(match["amounts"]))
    requested, limited = lists.get("requested", {}), lists.get("limited", {})
    return any(name in limited and amount >= limited[name] for name, amount in requested.items())


# --- What a pod counts for -------------------------------------------------------------------------------------------


def pod_usage(pod: Mapping[str, Any]) -> dict[str, Quantity]:
    """What this pod takes of a quota, by the quota's names for it.

    The effective amount of a resource is the higher of what runs side by side (containers and native sidecars) and what
    any init container needs beside the sidecars started before it, as the scheduler counts.
    """
    spec = pod.get("spec") or {}
    usage = {"pods": Quantity.of(1), "count/pods": Quantity.of(1)}
    for name, amount in _effective(spec, "limits").items():
        usage[f"limits.{name}"] = amount
    for name, amount in _effective(spec, "requests").items():
        usage[f"requests.{name}"] = usage[name] = amount
    return usage


def _effective(spec: Mapping[str, Any], bound: str) -> dict[str, Quantity]:
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
