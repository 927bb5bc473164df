"""Back-off: not asking again at once for what the cluster just refused.

For each kind and namespace there is a *gate*. A refusal closes it for a time that grows with every further refusal:
``base-second`` to the power of their number, at most ``max-duration``. A quota's refusal also teaches *ceilings*: what
was refused of each resource. While the gate is closed, a request that is smaller than every ceiling is tried
nevertheless, because it may still fit. One success forgets everything.

Differences to Flyte: ceilings are learned from requests and counts too, not only from limits, and while the API server
itself is overloaded nothing is tried (Flyte tries everything for which it knows no ceiling).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pluginmachinery.config.quantities import Quantity
from pluginmachinery.config.tasks import BackOffConfig
from pluginmachinery.core.actions import ObjectRef, ResourceKind

Amounts = Mapping[str, Quantity]
GateKey = tuple[ResourceKind, str]
"""Kind and namespace."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What is remembered about refusals: when to try again, how many there were, and of how much of what."""

    opens_at: datetime | None = None
    exponent: int = 0
    ceilings: Amounts = field(default_factory=dict)
    overloaded: bool = False
    """The API server refused, not a quota."""

    def is_closed(self, now: datetime) -> bool:
        return self.opens_at is not None and now < self.opens_at

    def lets_through(self, now: datetime, usage: Callable[[], Amounts | None]) -> bool:
        """May this request be tried? ``usage`` is asked only if it matters; None: not known what it takes."""
        if not self.is_closed(now):
            return True
        if self.overloaded:
            return False
        amounts = usage()
        return amounts is not None and all(
            name in amounts and amounts[name] < ceiling for name, ceiling in self.ceilings.items()
        )

    def after_refusal(self, now: datetime, refused: Amounts, settings: BackOffConfig) -> Gate:
        """``refused`` are the amounts that a quota named; none: the API server itself can not keep up."""
        ceilings = dict(self.ceilings)
        for name, amount in refused.items():
            ceilings[name] = min(amount, ceilings.get(name, amount))
        if self.is_closed(now):
            # A small request was tried through the closed gate. That says nothing about when the others fit.
            return Gate(self.opens_at, self.exponent, ceilings, self.overloaded or not refused)
        delay, exponent = _delay(self.exponent, settings)
        return Gate(now + delay, exponent, ceilings, not refused)


OPEN = Gate()


def _delay(exponent: int, settings: BackOffConfig) -> tuple[timedelta, int]:
    """The delay, and the next exponent: it stays where it is once the longest delay is reached."""
    longest = settings.max_duration.timedelta
    seconds = settings.base_second**exponent
    if seconds > longest.total_seconds():
        return longest, exponent
    return timedelta(seconds=seconds), exponent + 1


class Backoff:
    """The gates of one process. In memory only: a restarted process finds out again."""

    def __init__(self) -> None:
        self._gates: dict[GateKey, Gate] = {}

    def __len__(self) -> int:
        """Kinds and namespaces for which refusals are remembered."""
        return len(self._gates)

    def gate(self, ref: ObjectRef) -> Gate:
        return self._gates.get((ref.kind, ref.namespace), OPEN)

    def succeeded(self, ref: ObjectRef) -> None:
        self._gates.pop((ref.kind, ref.namespace), None)

    def refused(self, ref: ObjectRef, now: datetime, amounts: Amounts, settings: BackOffConfig) -> None:
        """Remember a refusal, unless back-off is switched off (``base-second: 0``)."""
        if settings.base_second > 0:
            self._gates[ref.kind, ref.namespace] = self.gate(ref).after_refusal(now, amounts, settings)
