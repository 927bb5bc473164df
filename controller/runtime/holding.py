"""Holding a Lease: what a leader (:mod:`.leases`) and a member of a roster (:mod:`.memberships`) have in common.

Who holds it renews every ``retry`` seconds. Others count, by their own clock, how long the record has not changed, and
follow after ``duration``. The holder itself gives up ``deadline`` after its last renewal, well before that: a process
that was frozen finds out by its clock, before it writes anything.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypedDict, TypeVar

from controller.kube.client import ApiServer
from pluginmachinery.core.actions import ObjectRef, Refused, ResourceKind

_log = logging.getLogger(__name__)

LEASES = ResourceKind("coordination.k8s.io/v1", "Lease", "leases")

DURATION = 10.0
DEADLINE = 8.0
RETRY = 2.0
ANSWER_WITHIN = 5.0
"""Seconds; a server under load may take long to answer, and a connection that is dead must not be waited for longer
than the lease lasts."""

T = TypeVar("T")


class Timing(TypedDict, total=False):
    """Seconds, and the clock that they are counted by."""

    duration: float
    deadline: float
    retry: float
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


class Holding:
    """One replica's view of a Lease."""

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
        self.problem = ""
        """Why we can not even try to hold it; "": nothing."""
        self._api = api
        self._ref = ObjectRef(LEASES, namespace, name)
        self._identity = identity
        self._duration = duration
        self._deadline = deadline
        self._retry = retry
        self._clock = clock
        self._sleep = sleep
        self._renewed_at: float | None = None
        self._lost = False

    def _holds(self) -> bool:
        """Whether we may act at this moment. Once it was late, never again: whoever asked has stopped acting."""
        if self._renewed_at is not None and self._clock() >= self._renewed_at + self._deadline:
            self._lost = True
        return self._renewed_at is not None and not self._lost

    def _has_lost(self) -> bool:
        return self._renewed_at is not None and not self._holds()

    def _can_not(self, what: str, refused: Refused) -> None:
        problem = f"can not {what} the lease: {refused.reason}: {refused.message}"
        if problem != self.problem:
            _log.warning("%s", problem)
        self.problem = problem


async def within(seconds: float, request: Awaitable[T], *, otherwise: T) -> T:
    """What the request comes to, or ``otherwise`` when it takes too long."""
    try:
        async with asyncio.timeout(seconds):
            return await request
    except TimeoutError:
        return otherwise


def now_text() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
