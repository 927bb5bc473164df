"""The pace of writing: how many writes may be under way at once, as the API server takes them.

When the API server refuses a write for want of breath – 429, of itself or of its priority and fairness – all writers
are quiet for as long as it asks, and from then on half as many write at once; each write that is answered lets a
little more. (Additive increase, multiplicative decrease, as TCP finds the pace of a network.) Reads and watches are not
slowed: what we know must not grow old because we write too much.

While writers wait for their turn, those that end something go first – outcomes of tasks, deletions –, then those that
begin something.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable

from controller.kube import answers
from controller.kube.answers import Answer

LONGEST_QUIET = 60.0
"""Seconds; whatever a server or a proxy asks for."""

Later = Callable[[float, Callable[[], None]], object]
"""Calls a function after so many seconds."""


def call_later(seconds: float, call: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_later(seconds, call)


class Pace:
    """Shared by all writers of a process. ``most`` writes are under way at once when nothing is in the way."""

    def __init__(self, most: int, *, later: Later = call_later) -> None:
        self._most = float(most)
        self._later = later
        self.limit = float(most)
        """Writes that may be under way at once, rounded down."""
        self.under_way = 0
        self.throttled = 0
        """Writes that were refused for want of breath, so far."""
        self._quiet = 0
        """Timers that keep all quiet."""
        self._slowed_at = 0.0
        self._first: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """Writers that wait for their turn."""
        return len(self._first) + len(self._others)

    async def write(self, request: Callable[[], Awaitable[Answer]], *, first: bool) -> Answer:
        """Do this when it is its turn. ``first``: it goes before others."""
        if self._is_free and not self.waiting:
            self.under_way += 1
        else:
            await self._turn(self._first if first else self._others)
        try:
            started = asyncio.get_running_loop().time()
            answer = await request()
            self._heed(answer, started)
            return answer
        finally:
            self.under_way -= 1
            self._next()

    @property
    def _is_free(self) -> bool:
        return not self._quiet and self.under_way < int(self.limit)

    async def _turn(self, line: deque[asyncio.Future[None]]) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with contextlib.suppress(ValueError):
                    line.remove(turn)
            else:  # it was given the turn and does not take it
                self.under_way -= 1
                self._next()
            raise

    def _next(self) -> None:
        while self.waiting and self._is_free:
            turn = (self._first or self._others).popleft()
            if not turn.done():
                self.under_way += 1
                turn.set_result(None)

    def _heed(self, answer: Answer, started: float) -> None:
        if not isinstance(answer, answers.Throttled):
            if self.limit < self._most:
                self.limit = min(self._most, self.limit + 1 / self.limit)
            return
        self.throttled += 1
        self._quiet += 1
        self._later(min(answer.retry_after, LONGEST_QUIET), self._end_of_quiet)
        if started >= self._slowed_at:  # what was sent before says nothing about the pace since
            self.limit = max(1.0, self.limit / 2)
            self._slowed_at = asyncio.get_running_loop().time()

    def _end_of_quiet(self) -> None:
        self._quiet -= 1
        self._next()
