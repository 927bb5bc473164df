"""A breaker: who does not answer is not asked by everybody, each for half a minute.

A worker that waits for a store can not handle other tasks; when all of them wait, nothing goes on that would need no
store at all. After some failures in a row the breaker is *open*: who asks is refused at once. After a pause one may
*probe*; what comes of that closes the breaker, or keeps it open for a longer pause.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

MOST_FAILURES = 3
"""In a row, of whatever requests: one file that can not be read is not the whole store."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 15.0


class Open(Exception):
    """Not now. Why others failed is not said: it may be about what is theirs."""


class Breaker:
    """For one place that is asked. ``is_failure`` says which exceptions mean that there was no answer."""

    def __init__(self, is_failure: Callable[[Exception], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._is_failure = is_failure
        self._clock = clock
        self._failures = 0
        self._pause = FIRST_PAUSE
        self._until = 0.0
        self._probing = False

    @property
    def _is_closed(self) -> bool:
        return self._failures < MOST_FAILURES

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """Around one request. Raises Open in its stead."""
        probe = not self._is_closed
        if probe:
            if self._probing or self._clock() < self._until:
                raise Open
            self._probing = True
        try:
            yield
        except Exception as error:
            if self._is_failure(error):
                self._failed(probe)
            else:
                self._answered()
            raise
        else:
            self._answered()
        finally:
            if probe:
                self._probing = False

    def _failed(self, probe: bool) -> None:
        self._failures += 1
        if probe:
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
        if probe or self._failures == MOST_FAILURES:
            self._until = self._clock() + self._pause

    def _answered(self) -> None:
        self._failures = 0
        self._pause = FIRST_PAUSE
