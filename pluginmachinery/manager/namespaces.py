"""What is known of namespaces: their quotas and limit ranges, from a watch.

All of it is a hint that may be late. Who may not see quotas and limit ranges knows of none, and finds out by being
refused, as Flyte does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pluginmachinery.core.actions import ResourceKind
from pluginmachinery.manager import limit_ranges
from pluginmachinery.manager.demands import POD, Demand
from pluginmachinery.manager.limit_ranges import LimitRange
from pluginmachinery.manager.quotas import Shortage
from pluginmachinery.manager.resource_quotas import Account, ResourceQuota

RESOURCE_QUOTAS = ResourceKind("v1", "ResourceQuota", "resourcequotas")
LIMIT_RANGES = ResourceKind("v1", "LimitRange", "limitranges")

_JUNK = (ValueError, TypeError, AttributeError, KeyError)
"""What objects that a payload brings raise where they have other shapes than Kubernetes' own."""


@dataclass
class Namespace:
    """``changes`` counts what was heard: two equal numbers mean that nothing has changed in between."""

    accounts: dict[str, Account] = field(default_factory=dict)
    ranges: dict[str, LimitRange] = field(default_factory=dict)
    changes: int = 0

    def demand(self, kind: ResourceKind, manifest: Mapping[str, Any]) -> Demand | None:
        """What this object counts for once the API server has filled it in; None: it is no object, as the API server
        will say."""
        try:
            if kind == POD and self.ranges:
                manifest = limit_ranges.with_defaults(manifest, self.ranges.values())
            return Demand.of(kind, manifest)
        except _JUNK:
            return None

    def shortages(self, demand: Demand, now: datetime) -> tuple[Shortage, ...]:
        """What does not fit at this moment; none: it may be tried."""
        if not self.accounts:
            return ()
        return tuple(short for account in self.accounts.values() for short in account.shortages(demand, now))

    def never_fits(self, demand: Demand) -> bool:
        return any(account.never_fits(demand) for account in self.accounts.values())

    def promise(self, uid: str, demand: Demand) -> None:
        """Room for a creation that is under way."""
        for account in self.accounts.values():
            account.promise(uid, demand)

    def keep_promise(self, uid: str, now: datetime, version: int) -> None:
        """What it was made for exists, in this version."""
        for account in self.accounts.values():
            account.keep_promise(uid, now, version)

    def release(self, uid: str) -> None:
        """It was not created, or is at its end."""
        for account in self.accounts.values():
            account.release(uid)

    def settles_at(self) -> datetime | None:
        """When the next promise ends by itself."""
        return min((at for account in self.accounts.values() if (at := account.settles_at())), default=None)

    def violations(self, kind: ResourceKind, manifest: Mapping[str, Any]) -> tuple[str, ...]:
        """Why a limit range never admits this object."""
        if kind != POD or not self.ranges:
            return ()
        try:
            return tuple(limit_ranges.violations(manifest, self.ranges.values()))
        except _JUNK:
            return ()


class Namespaces:
    """All namespaces of which something is known."""

    def __init__(self) -> None:
        self._known: dict[str, Namespace] = {}

    def find(self, name: str) -> Namespace | None:
        return self._known.get(name)

    def hear(self, kind: ResourceKind, body: Mapping[str, Any]) -> None:
        """A ResourceQuota or LimitRange as it is now. Raises ValueError or KeyError where it can not be read."""
        metadata = body["metadata"]
        namespace = self._known.setdefault(metadata["namespace"], Namespace())
        namespace.changes += 1
        name = metadata["name"]
        if kind == LIMIT_RANGES:
            namespace.ranges.pop(name, None)
            namespace.ranges[name] = LimitRange.of(body)
        elif name in namespace.accounts:
            namespace.accounts[name].hear(ResourceQuota.of(body))
        else:
            namespace.accounts[name] = Account(ResourceQuota.of(body))

    def lose(self, kind: ResourceKind, namespace: str, name: str) -> None:
        """It is there no longer."""
        known = self._known.get(namespace)
        if known is None:
            return
        known.changes += 1
        (known.ranges if kind == LIMIT_RANGES else known.accounts).pop(name, None)
        if not known.ranges and not known.accounts:
            del self._known[namespace]
