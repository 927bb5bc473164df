"""Waiting lines: who waits for room, in which order, and who may try next.

One *line* holds all that wait to create objects of one kind in one namespace. It has a *gate* (what refusals taught,
:mod:`.backoff`) and one or more *queues* (Kueue's queue label). In a queue a higher priority goes first, then whoever
was created first; queues take turns. A *ticket* is one place in a queue; a *try* is a creation under way.

Who may go, from the front on:

* While nothing was refused, as many as fit into the quotas as far as they are known.
* After a refusal the *window* is one try at a time; each success doubles it, so that a crowd that waits does not rush.
* A closed gate is opened early when the quotas say that there is room; the first in line tries when it opens, whatever
  they say, because they may be wrong.
* One that is smaller than everything that was refused may *pass* those before it, as with Flyte, but nobody is passed
  more than :data:`MOST_PASSES` times: then all behind wait until it has its room.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pluginmachinery.config.tasks import BackOffConfig
from pluginmachinery.manager.backoff import OPEN, Amounts, Gate
from pluginmachinery.manager.demands import Demand
from pluginmachinery.manager.namespaces import Namespace
from pluginmachinery.manager.quotas import Shortage

MOST_PASSES = 10
"""How many smaller ones may pass one that waits."""
LOOK_AHEAD = 100
"""How many in line are looked at for somebody who may pass."""
MOST_MISSES = 3
"""After so many refusals in a row of what should have fitted, what is known of quotas opens no gate early."""
ABSENT = timedelta(seconds=30)
"""Who does not come for so long when it is its turn has left the line; it may come back to its old place."""

Order = tuple[int, str, int]


@dataclass(slots=True)
class Ticket:
    """A place in a queue. ``created`` is the task's creation time as Kubernetes writes it, ``arrival`` a number."""

    uid: str
    demand: Demand
    queue: str = ""
    priority: int = 0
    created: str = ""
    arrival: int = 0
    passed: int = 0
    """How many behind it went before it."""
    judged: bool = False
    """It was tried out of turn because it can never fit; once is enough."""
    called_at: datetime | None = None
    """When it was told that it is its turn."""
    shortages: tuple[Shortage, ...] = ()
    """What did not fit when it was last looked at."""

    @property
    def order(self) -> Order:
        return -self.priority, self.created, self.arrival

    def look(self, namespace: Namespace | None, now: datetime) -> tuple[Shortage, ...]:
        """What does not fit, as far as is known."""
        self.shortages = () if namespace is None else namespace.shortages(self.demand, now)
        return self.shortages


@dataclass(frozen=True, slots=True)
class Try:
    """A creation under way. ``hint``: what is known of quotas said that it fits (None: nothing is known)."""

    ticket: Ticket
    hint: bool | None


@dataclass(frozen=True, slots=True)
class Admission:
    """Whose turn it is, and who is passed."""

    ticket: Ticket
    passes: tuple[Ticket, ...] = ()


@dataclass(slots=True)
class Line:
    """Who waits for objects of one kind in one namespace."""

    settings: BackOffConfig
    gate: Gate = OPEN
    window: int | None = None
    """Tries that may be under way at once; None: any number."""
    misses: int = 0
    timekeeper: str = ""
    """Who looks again by itself, for all: the first in line when it last asked."""
    tries: dict[str, Try] = field(default_factory=dict)
    tickets: dict[str, Ticket] = field(default_factory=dict)
    _queues: dict[str, list[Ticket]] = field(default_factory=dict)
    """Those whose turn is sooner stand first."""
    _refused_at: int | None = None
    """The namespace's count of changes when the API server last refused; None: only hints closed the gate."""
    _disproved_at: int | None = None
    """The namespace's count of changes when something was created that should not have fitted."""

    # --- Coming and leaving ------------------------------------------------------------------------------------------

    def join(self, ticket: Ticket) -> None:
        """Take the place that the ticket's order gives it."""
        self.leave(ticket.uid)
        ticket.called_at = None
        self.tickets[ticket.uid] = ticket
        bisect.insort(self._queues.setdefault(ticket.queue, []), ticket, key=_order)

    def leave(self, uid: str) -> Ticket | None:
        ticket = self.tickets.pop(uid, None)
        if ticket is not None:
            queue = self._queues[ticket.queue]
            del queue[bisect.bisect_left(queue, ticket.order, key=_order)]
            if not queue:
                del self._queues[ticket.queue]
        return ticket

    def position(self, ticket: Ticket) -> int:
        """Place in its queue, counted from 1."""
        return bisect.bisect_left(self._queues[ticket.queue], ticket.order, key=_order) + 1

    def in_order(self) -> Iterator[Ticket]:
        """From the front on; queues take turns."""
        queues = list(self._queues.values())
        if len(queues) == 1:
            return iter(queues[0])
        return (ticket for rank in itertools.zip_longest(*queues) for ticket in rank if ticket is not None)

    @property
    def first(self) -> Ticket | None:
        return next(self.in_order(), None)

    @property
    def is_idle(self) -> bool:
        return not (self.tickets or self.tries)

    # --- Whose turn it is --------------------------------------------------------------------------------------------

    def admission(self, ticket: Ticket, now: datetime, namespace: Namespace | None) -> Admission | None:
        """Whether this one may try now."""
        if self.position(ticket) > LOOK_AHEAD:
            return None
        return next((each for each in self.admitted(now, namespace, ticket.uid) if each.ticket is ticket), None)

    def admitted(self, now: datetime, namespace: Namespace | None, until: str = "") -> list[Admission]:
        """Who may try now, from the front on (up to the one with the UID ``until``)."""
        admissions: list[Admission] = []
        for admission in self._admitted(now, namespace):
            admissions.append(admission)
            uid = admission.ticket.uid
            if uid == until:
                break
            if namespace is not None:  # what it would take counts for those behind it
                namespace.promise(uid, admission.ticket.demand)
        if namespace is not None:
            for admission in admissions:
                namespace.release(admission.ticket.uid)
        return admissions

    def _admitted(self, now: datetime, namespace: Namespace | None) -> Iterator[Admission]:
        free = LOOK_AHEAD if self.window is None else self.window - len(self.tries)
        trusted = namespace if namespace is not None and namespace.changes != self._disproved_at else None
        passes: list[Ticket] = []
        nobody = not self.tries
        for ticket in list(itertools.islice(self.in_order(), LOOK_AHEAD)):
            if free <= 0:
                return
            if ticket.called_at is not None and now - ticket.called_at > ABSENT:
                self.leave(ticket.uid)
                continue
            if passes:
                may_try = self._is_small(ticket, now) and not ticket.look(trusted, now)
            else:
                ticket.look(trusted, now)
                may_try = self._may_lead(ticket, now, namespace, alone=nobody)
            if may_try:
                yield Admission(ticket, tuple(passes))
                free, nobody = free - 1, False
            elif self.gate.overloaded or ticket.passed >= MOST_PASSES:
                return
            else:
                passes.append(ticket)

    def _may_lead(self, ticket: Ticket, now: datetime, namespace: Namespace | None, *, alone: bool) -> bool:
        """May this one try, with nobody before it that may not? ``alone``: no try is under way."""
        gate, short = self.gate, ticket.shortages
        if not gate.is_closed(now):
            if not short or (gate.has_been_closed and alone):
                return True
            if gate.has_been_closed:
                return False
            amounts = {each.resource: each.wanted for each in short}
            self.gate, self._refused_at = gate.after_hint(now, amounts, self.settings), None
            return False
        if short or gate.overloaded:
            return False
        return gate.lets_through(now, lambda: ticket.demand.amounts) or self._has_room_appeared(namespace)

    def _is_small(self, ticket: Ticket, now: datetime) -> bool:
        """Is it smaller than everything that was refused, or can not fit?"""
        return self.gate.is_closed(now) and self.gate.lets_through(now, lambda: ticket.demand.amounts)

    def _has_room_appeared(self, namespace: Namespace | None) -> bool:
        if self._refused_at is None:  # only what was known closed the gate, and it does not say so any more
            return True
        if namespace is None or not namespace.accounts:
            return False
        return self.misses < MOST_MISSES and namespace.changes != self._refused_at

    # --- Tries and what comes of them --------------------------------------------------------------------------------

    def start(self, admission: Admission, namespace: Namespace | None) -> None:
        """This one tries now."""
        ticket = admission.ticket
        self.leave(ticket.uid)
        if ticket.queue in self._queues:  # the others have their turn first
            self._queues[ticket.queue] = self._queues.pop(ticket.queue)
        for passed in admission.passes:
            passed.passed += 1
        known = namespace is not None and bool(namespace.accounts)
        self.tries[ticket.uid] = Try(ticket, not ticket.shortages if known else None)

    def succeeded(self, uid: str, namespace: Namespace | None) -> None:
        """Forget what was refused; let a few more try."""
        tried = self.tries.pop(uid, None)
        if tried is not None and tried.hint is False and namespace is not None:
            self._disproved_at = namespace.changes
        self.gate, self.misses = OPEN, 0
        if self.window is not None:
            self.window = self.window * 2 if self.tickets else None

    def refused(self, uid: str, now: datetime, amounts: Amounts, namespace: Namespace | None) -> None:
        """``amounts`` are those that a quota named; none: the API server itself can not keep up."""
        tried = self.tries.pop(uid, None)
        self.gate = self.gate.after_refusal(now, amounts, self.settings)
        self.window = 1
        self._refused_at = -1 if namespace is None else namespace.changes
        if not amounts or namespace is None or not namespace.accounts:
            return
        if tried is None or tried.hint:
            self.misses += 1
        else:  # the quotas said so before: they are to be trusted, and wake whoever waits
            self.misses = 0
            self.gate = self.gate.after_hint(now, self.gate.ceilings, self.settings)


def _order(ticket: Ticket) -> Order:
    return ticket.order
