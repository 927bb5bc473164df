"""The waiting room of one process: every :mod:`line <.waiting_lines>`, and what is known of the quotas they wait for.

Whoever wants to create an object asks first, and tells what came of it. Who has to wait is told for what, at which
place, and until when; whose turn it is is *called* (:meth:`WaitingRoom.called`), so that nobody has to look again and
again. In memory only: after a restart everybody asks anew and finds the place that priority and age give.

A task that nothing keeps waiting costs two look-ups in dictionaries here, and where its namespace has quotas, a sum.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pluginmachinery.config.tasks import BackOffConfig
from pluginmachinery.core.actions import ObjectRef
from pluginmachinery.core.values import value_class
from pluginmachinery.manager.backoff import Amounts, Gate, GateKey
from pluginmachinery.manager.demands import Demand
from pluginmachinery.manager.namespaces import Namespace, Namespaces
from pluginmachinery.manager.quotas import Shortage
from pluginmachinery.manager.waiting_lines import LOOK_AHEAD, Line, Ticket

LOOK_AGAIN = timedelta(seconds=10)
"""How long a task waits for room when back-off is switched off, or when it should be called and is not."""
_REST = timedelta(seconds=60)
_REST_BY_PLACE = timedelta(seconds=0.1)
"""Who is not the first in line looks again after this long, the further back the later: only to see its place."""


@value_class
class Applicant:
    """Who wants to create an object. ``uid`` is the TaskExecution's."""

    uid: str
    ref: ObjectRef
    queue: str = ""
    priority: int = 0
    created: str = ""


@value_class
class Wait:
    """Not now. ``position`` is the place in the queue, 0: there is none; ``shortages`` are what it waits for itself,
    none: its turn. ``overloaded``: the API server asks for quiet."""

    wake_at: datetime
    position: int = 0
    shortages: tuple[Shortage, ...] = ()
    overloaded: bool = False


class WaitingRoom:
    """Asked before each creation. One for all plugins of a process."""

    def __init__(self) -> None:
        self.namespaces = Namespaces()
        self.lines: dict[GateKey, Line] = {}
        self._places: dict[str, GateKey] = {}
        self._arrivals = itertools.count()
        self._calls: dict[str, None] = {}

    # --- Before a creation -------------------------------------------------------------------------------------------

    def ask_again(self, applicant: Applicant, now: datetime) -> Wait | None:
        """Somebody who may be in line already asks; None: whoever it is, :meth:`ask`."""
        line = self.lines.get(_key(applicant))
        ticket = line.tickets.get(applicant.uid) if line else None
        if line is None or ticket is None or (not ticket.judged and self._is_hopeless(applicant, ticket.demand)):
            return None
        ticket.called_at = None  # it has come
        if ticket.priority != applicant.priority:
            line.leave(ticket.uid)
            ticket.priority = applicant.priority
            line.join(ticket)
        if line.admission(ticket, now, self._namespace(applicant)) is not None:
            return None
        return self._wait(line, ticket, applicant, now)

    def ask(
        self, applicant: Applicant, manifest: Mapping[str, Any], settings: BackOffConfig, now: datetime
    ) -> Wait | None:
        """May this object be created now? None: yes, and tell what came of it."""
        line, namespace = self.lines.get(_key(applicant)), self._namespace(applicant)
        if settings.base_second <= 0 or (line is None and namespace is None):
            return None
        known = namespace or Namespace()
        demand = known.demand(applicant.ref.kind, manifest)
        if demand is None:
            return None
        ticket = line.tickets.get(applicant.uid) if line else None
        judged = ticket is not None and ticket.judged
        if not judged and (known.never_fits(demand) or known.violations(applicant.ref.kind, manifest)):
            if line is not None and ticket is not None:
                ticket.judged = True
            return None
        if line is None and not known.shortages(demand, now):
            self._promise(applicant, demand)
            return None
        return self._line_up(applicant, demand, settings, now)

    def _line_up(self, applicant: Applicant, demand: Demand, settings: BackOffConfig, now: datetime) -> Wait | None:
        line, ticket = self._join(applicant, demand, settings)
        namespace = self._namespace(applicant)
        admission = line.admission(ticket, now, namespace)
        if admission is not None:
            line.start(admission, namespace)
            self._promise(applicant, demand)
            return None
        return self._wait(line, ticket, applicant, now)

    def _join(self, applicant: Applicant, demand: Demand, settings: BackOffConfig) -> tuple[Line, Ticket]:
        line = self.lines.setdefault(_key(applicant), Line(settings))
        line.settings = settings
        line.tries.pop(applicant.uid, None)
        ticket = line.tickets.get(applicant.uid)
        if ticket is None:
            ticket = Ticket(applicant.uid, demand, applicant.queue, created=applicant.created)
            ticket.arrival, ticket.priority = next(self._arrivals), applicant.priority
            line.join(ticket)
        ticket.demand, ticket.called_at = demand, None
        self._places[applicant.uid] = _key(applicant)
        return line, ticket

    def _wait(self, line: Line, ticket: Ticket, applicant: Applicant, now: datetime) -> Wait:
        position, gate, namespace = line.position(ticket), line.gate, self._namespace(applicant)
        rest = now + _REST + position * _REST_BY_PLACE
        wake_at = rest
        if line.first is ticket:
            line.timekeeper, wake_at = ticket.uid, _soonest(now, gate, namespace)
        shortages = namespace.shortages(ticket.demand, now) if namespace else ()
        return Wait(wake_at, position, shortages, gate.overloaded and gate.is_closed(now))

    # --- After it ----------------------------------------------------------------------------------------------------

    def succeeded(self, applicant: Applicant, now: datetime, version: int = 0) -> None:
        """It was created; ``version`` is the object's."""
        line = self.lines.get(_key(applicant))
        if line is None and applicant.uid not in self._places:
            return
        namespace = self._namespace(applicant)
        if namespace is not None:
            namespace.keep_promise(applicant.uid, now, version)
        else:
            self._places.pop(applicant.uid, None)
        if line is not None and applicant.uid in line.tries:
            line.succeeded(applicant.uid, namespace)
            self._call(_key(applicant), now)

    def refused(
        self,
        applicant: Applicant,
        manifest: Mapping[str, Any],
        amounts: Amounts,
        settings: BackOffConfig,
        now: datetime,
    ) -> Wait:
        """It has to wait. ``amounts`` are those that a quota named; none: the API server itself can not keep up."""
        if settings.base_second <= 0:
            return Wait(now + LOOK_AGAIN, overloaded=not amounts)
        namespace = self._namespace(applicant)
        demand = (namespace or Namespace()).demand(applicant.ref.kind, manifest) or Demand({})
        if namespace is not None:
            namespace.release(applicant.uid)
        line = self.lines.setdefault(_key(applicant), Line(settings))
        tried = line.tries.get(applicant.uid)
        line.refused(applicant.uid, now, amounts, namespace)
        if tried is not None:
            line.join(tried.ticket)  # the old place
        line, ticket = self._join(applicant, demand, settings)
        ticket.judged = namespace is not None and namespace.never_fits(demand)
        self._call(_key(applicant), now)
        return self._wait(line, ticket, applicant, now)

    def leave(self, uid: str, now: datetime, *, alive: bool = False) -> None:
        """This task does not wait, or not any more: it was tried with another end, aborted, suspended, deleted.
        ``alive``: what was created for it lives, and takes its room."""
        key = self._places.get(uid)
        if key is None:
            return
        line = self.lines.get(key)
        waited = line is not None and (line.leave(uid) is not None or line.tries.pop(uid, None) is not None)
        if not alive:
            del self._places[uid]
            self._calls.pop(uid, None)
            if (namespace := self.namespaces.find(key[1])) is not None:
                namespace.release(uid)
        if line is not None and (waited or not alive):
            self._call(key, now)

    # --- Whose turn it is --------------------------------------------------------------------------------------------

    def heard(self, namespace: str, now: datetime) -> None:
        """What is known of this namespace has changed: there may be room."""
        for key in [key for key in self.lines if key[1] == namespace]:
            self._call(key, now, retime=False)
            self._call_hopeless(key)

    def called(self) -> list[str]:
        """The UIDs of the tasks whose turn has come since this was asked last: let them ask again."""
        if not self._calls:
            return []
        calls, self._calls = list(self._calls), {}
        return calls

    @property
    def waiting(self) -> int:
        """How many tasks are in line."""
        return sum(len(line.tickets) for line in self.lines.values())

    @property
    def closed_gates(self) -> int:
        """Lines in which a refusal is remembered."""
        return sum(line.gate.has_been_closed for line in self.lines.values())

    def _call(self, key: GateKey, now: datetime, *, retime: bool = True) -> None:
        """Call those whose turn it is, and the first in line if it does not keep the time yet or has to anew."""
        line = self.lines[key]
        if line.is_idle:
            if not line.gate.is_closed(now):
                del self.lines[key]
            return
        namespace = self.namespaces.find(key[1])
        tickets = [admission.ticket for admission in line.admitted(now, namespace)]
        if (first := line.first) is not None and first not in tickets and (retime or line.timekeeper != first.uid):
            tickets.append(first)
        for ticket in tickets:
            if ticket.called_at is None:
                ticket.called_at = now
                self._calls[ticket.uid] = None

    def _call_hopeless(self, key: GateKey) -> None:
        """Those who can never fit now shall hear it at once."""
        line, namespace = self.lines.get(key), self.namespaces.find(key[1])
        if line is None or namespace is None:
            return
        for ticket in itertools.islice(line.in_order(), LOOK_AHEAD):
            if not ticket.judged and namespace.never_fits(ticket.demand):
                self._calls[ticket.uid] = None

    def _promise(self, applicant: Applicant, demand: Demand) -> None:
        namespace = self._namespace(applicant)
        if namespace is not None:
            namespace.promise(applicant.uid, demand)
            self._places[applicant.uid] = _key(applicant)

    def _is_hopeless(self, applicant: Applicant, demand: Demand) -> bool:
        namespace = self._namespace(applicant)
        return namespace is not None and namespace.never_fits(demand)

    def _namespace(self, applicant: Applicant) -> Namespace | None:
        return self.namespaces.find(applicant.ref.namespace)


def _key(applicant: Applicant) -> GateKey:
    return applicant.ref.kind, applicant.ref.namespace


def _soonest(now: datetime, gate: Gate, namespace: Namespace | None) -> datetime:
    """When the first in line may see something new by the passing of time."""
    moments = [gate.opens_at] if gate.opens_at is not None else []
    if namespace is not None and (settles := namespace.settles_at()) is not None:
        moments.append(settles)
    return min((moment for moment in moments if moment > now), default=now + LOOK_AGAIN)
