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
from pluginmachinery.core.actions import ResourceKind

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

    @property
    def has_been_closed(self) -> bool:
        """A refusal is remembered, and nothing has succeeded since: who tries, probes."""
        return self.opens_at is not None

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

    def after_hint(self, now: datetime, short: Amounts, settings: BackOffConfig) -> Gate:
        """What is known of a quota says that these amounts do not fit: as if they had been refused, but for the longest
        time, because whoever waits is woken when room appears."""
        return Gate(now + settings.max_duration.timedelta, self.exponent, dict(short))


OPEN = Gate()


def _delay(exponent: int, settings: BackOffConfig) -> tuple[timedelta, int]:
    """The delay, and the next exponent: it stays where it is once the longest delay is reached."""
    longest = settings.max_duration.timedelta
    seconds = settings.base_second**exponent
    if seconds > longest.total_seconds():
        return longest, exponent
    return timedelta(seconds=seconds), exponent + 1
