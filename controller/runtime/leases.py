"""Leadership: of several replicas one acts, the one that holds a Lease.

The holder renews every ``retry`` seconds. Others count, by their own clock, how long the record has not changed, and
take it over after ``duration``. The holder itself gives up ``deadline`` after its last renewal, well before that: a
process that was frozen finds out by its clock, before it writes anything. With the defaults a dead holder is followed
within ``retry + duration + retry`` = 14 seconds.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from controller.kube.answers import Answer
from controller.kube.client import ApiServer
from pluginmachinery.core.actions import Done, Found, Missing, ObjectRef, Refused, ResourceKind

_log = logging.getLogger(__name__)

LEASES = ResourceKind("coordination.k8s.io/v1", "Lease", "leases")

DURATION = 10.0
DEADLINE = 8.0
RETRY = 2.0
ANSWER_WITHIN = 5.0
"""Seconds; a server under load may take long to answer, and a connection that is dead must not be waited for longer
than the lease lasts."""

T = TypeVar("T")


async def within(seconds: float, request: Awaitable[T], *, otherwise: T) -> T:
    """What the request comes to, or ``otherwise`` when it takes too long."""
    try:
        async with asyncio.timeout(seconds):
            return await request
    except TimeoutError:
        return otherwise


class Lease:
    """One replica's view of the Lease. ``acquired`` is set when it leads for the first time."""

    def __init__(
        self,
        api: ApiServer,
        namespace: str,
        name: str,
        identity: str,
        *,
        duration: float = DURATION,
        deadline: float = DEADLINE,
        retry: float = RETRY,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.acquired = asyncio.Event()
        self.holder = ""
        """Who holds it, as far as we know; "": nobody."""
        self._api = api
        self._ref = ObjectRef(LEASES, namespace, name)
        self._identity = identity
        self._duration = duration
        self._deadline = deadline
        self._retry = retry
        self._clock = clock
        self._sleep = sleep
        self.problem = ""
        """Why we can not even try to lead; "": nothing."""
        self._renewed_at: float | None = None
        self._lost = False
        self._seen: tuple[Any, float] = (None, 0.0)
        self._lease: dict[str, Any] | None = None

    def leads(self) -> bool:
        """Whether we may act at this moment. Once it was late, never again: whoever asked has stopped acting."""
        if self._renewed_at is not None and self._clock() >= self._renewed_at + self._deadline:
            self._lost = True
        return self._renewed_at is not None and not self._lost

    async def run(self) -> None:
        """Acquire, then renew. Returns when the Lease was lost."""
        while not self._is_lost():
            asked_at = self._clock()
            if await within(ANSWER_WITHIN, self._try(), otherwise=False):
                if self._renewed_at is None:
                    _log.info("leading as %s", self._identity)
                self._renewed_at = asked_at
                self.acquired.set()
            if not self._is_lost():
                await self._sleep(self._retry)
        _log.error("lost the lease %s/%s to %s", self._ref.namespace, self._ref.name, self.holder or "silence")

    def _is_lost(self) -> bool:
        return self._renewed_at is not None and not self.leads()

    async def release(self) -> None:
        """Let another replica take over at once."""
        if self._lease is not None and self.leads():
            self._lost = True
            free = self._lease["spec"] | {"holderIdentity": "", "leaseDurationSeconds": 1}
            await self._put(self._lease | {"spec": free})

    async def _try(self) -> bool:
        """Whether we hold it now. Who has lost it does not take it back: it has to start anew."""
        if self._renewed_at is not None and self._lease is not None:
            if await self._renew(self._lease):
                return True
            # Somebody changed the record: see who holds it.
            self._lease = None
        found = await self._api.get(self._ref)
        if isinstance(found, Missing):
            return await self._take(None)
        if isinstance(found, Refused):
            return self._can_not("read", found)
        return await self._look_at(found)

    async def _look_at(self, found: Found) -> bool:
        spec = found.object.get("spec") or {}
        self.holder = spec.get("holderIdentity") or ""
        if self.holder == self._identity:
            self._lease = dict(found.object)
            return await self._renew(self._lease)
        if self._renewed_at is not None:
            self._lost = True
            return False
        record = (self.holder, spec.get("renewTime"), spec.get("leaseTransitions"))
        if record != self._seen[0]:
            self._seen = (record, self._clock())
        expired = self._clock() - self._seen[1] >= (spec.get("leaseDurationSeconds") or self._duration)
        return await self._take(dict(found.object)) if not self.holder or expired else False

    async def _take(self, lease: dict[str, Any] | None) -> bool:
        spec = (lease or {}).get("spec") or {}
        wanted = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(self._duration),
            "acquireTime": now_text(),
            "renewTime": now_text(),
            "leaseTransitions": (spec.get("leaseTransitions") or 0) + 1,
        }
        if lease is not None:
            return await self._put(lease | {"spec": wanted})
        metadata = {"name": self._ref.name, "namespace": self._ref.namespace}
        body = {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": metadata, "spec": wanted}
        return self._keep(await self._api.create(self._ref, body))

    async def _renew(self, lease: dict[str, Any]) -> bool:
        return await self._put(lease | {"spec": lease["spec"] | {"renewTime": now_text()}})

    async def _put(self, lease: dict[str, Any]) -> bool:
        return self._keep(await self._api.update(self._ref, lease))

    def _keep(self, answer: Answer) -> bool:
        if isinstance(answer, Done):
            self._lease = answer.value
            self.holder = answer.value["spec"].get("holderIdentity") or ""
            self.problem = ""
            return True
        if isinstance(answer, Refused) and answer.reason not in ("Conflict", "AlreadyExists"):
            return self._can_not("write", answer)
        return False

    def _can_not(self, what: str, refused: Refused) -> bool:
        problem = f"can not {what} the lease: {refused.reason}: {refused.message}"
        if problem != self.problem:
            _log.warning("%s", problem)
        self.problem = problem
        return False


def now_text() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
