"""The watchdog: one decision must not hold the event loop for ever.

Plugins are synchronous code that runs on the event loop; one that loops or waits without end would stop every other
task, the renewal of the Lease and the probes with it. A thread looks on: a decision that lasts longer than allowed is
reported with its stack, and ended by an exception that is raised inside it – for the life cycle that is a plugin that
raised, a system failure of this one attempt.

What it can not end: code that never comes back to the interpreter (a native call that does not look for signals), and
code that catches every exception and goes on. Then ``/healthz`` does not answer either, and the kubelet starts the
container anew.

Time is counted in looks of the thread, not by a clock: of a process that was frozen, nothing is held against a plugin.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from pluginmachinery.core.actions import Observation
from pluginmachinery.lifecycle.advance import Decision, World

_log = logging.getLogger(__name__)

Decide = Callable[[World, Mapping[str, Any], Observation], Decision]

LOOKS = 4
"""So often a decision has to be seen before it has lasted too long."""
_SIGNAL = signal.SIGUSR1
"""What carries the exception into the thread of the event loop; also ends a sleep or a wait for a socket."""


class TookTooLong(Exception):
    """Raised inside a decision that does not end."""


class Watchdog:
    """Ends decisions that last longer than ``limit`` seconds (0: never). Start it in the main thread."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._current: Mapping[str, Any] | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="watchdog", daemon=True)
        self._before: Any = None

    def bounded(self, decide: Decide) -> Decide:
        """The same, under watch."""

        def decide_in_time(world: World, execution: Mapping[str, Any], observation: Observation) -> Decision:
            self._current = execution
            try:
                return decide(world, execution, observation)
            finally:
                self._current = None

        return decide_in_time if self._limit else decide

    def start(self) -> None:
        if self._limit:
            self._before = signal.signal(_SIGNAL, self._interrupt)
            self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._stopped.set()
            self._thread.join()
            signal.signal(_SIGNAL, self._before)

    def _look_on(self) -> None:
        seen, looks = None, 0
        while not self._stopped.wait(self._limit / LOOKS):
            now = self._current
            looks = looks + 1 if now is not None and now is seen else 0
            seen = now
            if now is not None and looks >= LOOKS:
                looks = 0
                self._report(now["metadata"])
                signal.pthread_kill(_main().ident or 0, _SIGNAL)

    def _report(self, metadata: Mapping[str, Any]) -> None:
        frame = sys._current_frames().get(_main().ident or 0)  # noqa: SLF001 -- the documented way to another thread's stack
        stack = "".join(traceback.format_stack(frame, limit=12)) if frame else "no stack"
        text = "a decision has not ended in %g s and is broken off; it is at\n%s"
        task = {"namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"]}
        _log.error(text, self._limit, stack, extra={"task": task})

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        # It runs in the thread of the event loop, between two steps of what that does: nothing can change in between.
        if self._current is not None:
            raise TookTooLong(f"no answer in {self._limit:g} s")


def _main() -> threading.Thread:
    return threading.main_thread()
