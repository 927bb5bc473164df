"""Quotas: what a ResourceQuota's refusal says.

Kubernetes refuses in words only::

    exceeded quota: NAME, requested: limits.cpu=7, used: limits.cpu=249, limited: limits.cpu=250

and lists just the resources that do not fit: *shortages*. Resources have the names that ResourceQuota gives them:
``limits.cpu``, ``requests.memory``, ``pods``, ``requests.nvidia.com/gpu`` …
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from pluginmachinery.config.quantities import Quantity

Amounts = Mapping[str, Quantity]

_QUOTA = re.compile(r"exceeded quota: ([^,\s]+)")
_LIST = re.compile(r"\b(requested|used|limited): (\S+)")
_AMOUNT = re.compile(r"([^,=\s]+)=([^,=\s]+)")


class Shortage(NamedTuple):
    """What does not fit: of this resource of this quota. None: not known."""

    quota: str
    resource: str
    wanted: Quantity
    free: Quantity | None = None
    hard: Quantity | None = None

    def __str__(self) -> str:
        """For a person: ``limits.cpu 7 of 1 free (250 in all)``."""
        if self.free is None or self.hard is None:
            return f"{self.resource} {self.wanted}"
        return f"{self.resource} {self.wanted} of {self.free.canonical()} free ({self.hard} in all)"


def described(shortages: Iterable[Shortage]) -> str:
    """For a person: ``quota q: limits.cpu 7 of 1 free (250 in all), pods 1 of 0 free (5 in all)``."""
    by_quota: dict[str, list[str]] = {}
    for shortage in shortages:
        by_quota.setdefault(shortage.quota, []).append(str(shortage))
    return "; ".join(f"quota {quota}: {', '.join(parts)}" for quota, parts in by_quota.items())


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

    @property
    def shortages(self) -> tuple[Shortage, ...]:
        return tuple(self._shortage(name, amount) for name, amount in self.requested.items())

    def __str__(self) -> str:
        return described(self.shortages) or f"quota {self.quota}"

    def _shortage(self, name: str, wanted: Quantity) -> Shortage:
        if name not in self.limited or name not in self.used:
            return Shortage(self.quota, name, wanted)
        free = max(self.limited[name] - self.used[name], Quantity())
        return Shortage(self.quota, name, wanted, free, self.limited[name])


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
