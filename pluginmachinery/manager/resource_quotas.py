"""ResourceQuota objects as they are followed, and what of their room is promised already.

An *account* is one quota: what it has (``hard``), what is used as it was last heard, and what was *promised* to
creations since, because what we heard may be older than our own creations. A promise ends when what is used grows by
its amounts, when the quota is heard of in a version newer than that of the object that was created, or
:data:`SETTLING` after the creation. What we have created and not seen end is *held*: less than that can not be in use,
whatever is heard while the quota controller counts anew (:data:`RECOUNT`). All of it is a hint: the API server decides.

Source of the arithmetic: ``k8s.io/apiserver/pkg/admission/plugin/resourcequota`` and
``k8s.io/kubernetes/pkg/quota/v1/evaluator/core``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pluginmachinery.config.quantities import Quantity
from pluginmachinery.manager.demands import Amounts, Demand
from pluginmachinery.manager.quotas import Shortage

SETTLING = timedelta(seconds=2)
"""How long what was created is counted beside what the quota says, if nothing is heard of the quota."""

RECOUNT = timedelta(seconds=10)
"""How long what we hold counts although less is heard to be in use; then what is heard is right."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A condition on what a quota counts. ``operator`` and ``values`` are about the priority class only."""

    name: str
    operator: str = "Exists"
    values: tuple[str, ...] = ()

    def holds(self, demand: Demand) -> bool:
        if self.name != "PriorityClass":
            return self.name in demand.traits
        match self.operator:
            case "In":
                return demand.priority_class in self.values
            case "NotIn":
                return bool(demand.traits) and demand.priority_class not in self.values
            case "DoesNotExist":
                return bool(demand.traits) and not demand.priority_class
        return bool(demand.priority_class)


@dataclass(frozen=True, slots=True)
class ResourceQuota:
    """What the API server enforces: amounts as the quota controller has counted them, not those of the spec."""

    name: str
    hard: Amounts
    used: Amounts
    scopes: tuple[Scope, ...] = ()
    version: int = 0

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> ResourceQuota:
        """Read a ResourceQuota. One that was not counted yet limits nothing. Raises ValueError for bad amounts."""
        spec, status = body.get("spec") or {}, body.get("status") or {}
        selector = (spec.get("scopeSelector") or {}).get("matchExpressions") or ()
        scopes = [Scope(name) for name in spec.get("scopes") or ()]
        scopes += [Scope(each["scopeName"], each["operator"], tuple(each.get("values") or ())) for each in selector]
        return cls(
            name=body["metadata"]["name"],
            hard=_amounts(status.get("hard")),
            used=_amounts(status.get("used")),
            scopes=tuple(scopes),
            version=int(body["metadata"].get("resourceVersion") or 0),
        )

    def counts(self, demand: Demand) -> bool:
        return all(scope.holds(demand) for scope in self.scopes)


class Account:
    """One quota and what of it is promised."""

    def __init__(self, quota: ResourceQuota) -> None:
        self.quota = quota
        self._promised: dict[str, int] = {}
        self._promises: dict[str, dict[str, int]] = {}
        self._settling: dict[str, tuple[datetime, int]] = {}
        self._held: dict[str, int] = {}
        self._holders: dict[str, dict[str, int]] = {}
        self._low_since: dict[str, datetime] = {}

    def hear(self, quota: ResourceQuota) -> None:
        """The quota as it is now."""
        before, self.quota = self.quota.used, quota
        grown = {name: used.nanos - before.get(name, _NOTHING).nanos for name, used in quota.used.items()}
        for uid, amounts in list(self._promises.items()):
            _, version = self._settling.get(uid, (None, None))
            if all(nanos <= grown.get(name, 0) for name, nanos in amounts.items()):
                for name, nanos in amounts.items():
                    grown[name] -= nanos
                self._end_promise(uid)
            elif version is not None and version <= quota.version:
                self._end_promise(uid)

    def shortages(self, demand: Demand, now: datetime) -> Iterator[Shortage]:
        """What of the demand does not fit at this moment."""
        self._settle(now)
        for name, wanted in self._counted(demand):
            hard = self.quota.hard[name]
            taken = self._taken(name, now)
            if wanted.nanos + taken > hard.nanos:
                free = Quantity(max(hard.nanos - taken, 0), hard.notation)
                yield Shortage(self.quota.name, name, wanted, free, hard)

    def _taken(self, name: str, now: datetime) -> int:
        heard = self.quota.used.get(name, _NOTHING).nanos + self._promised.get(name, 0)
        held = self._held.get(name, 0)
        if heard >= held:
            self._low_since.pop(name, None)
            return heard
        since = self._low_since.setdefault(name, now)
        return held if now - since < RECOUNT else heard

    def never_fits(self, demand: Demand) -> bool:
        """Is the demand more than the quota has in all?"""
        return any(wanted > self.quota.hard[name] for name, wanted in self._counted(demand))

    def settles_at(self) -> datetime | None:
        """When the next promise ends by itself."""
        return next((at for at, _ in self._settling.values()), None)

    def promise(self, uid: str, demand: Demand) -> None:
        """Something is to be created for this task."""
        self.release(uid)
        amounts = {name: wanted.nanos for name, wanted in self._counted(demand)}
        self._promises[uid] = self._holders[uid] = amounts
        _add(self._promised, amounts)
        _add(self._held, amounts)

    def keep_promise(self, uid: str, now: datetime, version: int) -> None:
        """What it was made for exists, in this version."""
        if uid in self._promises:
            self._settling[uid] = now + SETTLING, version

    def release(self, uid: str) -> None:
        """It was not created, or is at its end."""
        self._end_promise(uid)
        _subtract(self._held, self._holders.pop(uid, {}))

    def _end_promise(self, uid: str) -> None:
        self._settling.pop(uid, None)
        _subtract(self._promised, self._promises.pop(uid, {}))

    def _settle(self, now: datetime) -> None:
        while self._settling:
            uid, (until, _) = next(iter(self._settling.items()))
            if until > now:
                return
            self._end_promise(uid)

    def _counted(self, demand: Demand) -> Iterator[tuple[str, Quantity]]:
        if self.quota.counts(demand):
            hard = self.quota.hard
            yield from ((name, wanted) for name, wanted in demand.amounts.items() if name in hard and wanted)


_NOTHING = Quantity()


def _add(total: dict[str, int], amounts: Mapping[str, int]) -> None:
    for name, nanos in amounts.items():
        total[name] = total.get(name, 0) + nanos


def _subtract(total: dict[str, int], amounts: Mapping[str, int]) -> None:
    for name, nanos in amounts.items():
        total[name] -= nanos


def _amounts(amounts: Mapping[str, Any] | None) -> dict[str, Quantity]:
    return {name: Quantity.parse(amount) for name, amount in (amounts or {}).items()}
