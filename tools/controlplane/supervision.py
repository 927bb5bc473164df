"""Starting components in order, waiting until each is ready, ending them in reverse order.

A component that ends before it is ready is an error that carries the tail of its log, because that is what the reader
needs; one that could not bind its port is told apart (`PortTaken`), since other ports mend it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.controlplane.components import Component
from tools.controlplane.errors import PortTaken, StartFailed
from tools.controlplane.processes import Process

POLL_INTERVAL = 0.02
WATCH_INTERVAL = 0.5
PORT_TAKEN = "address already in use"


@dataclass(frozen=True)
class Launch:
    """How a component is started, and how one knows that it is at work."""

    command: Sequence[str]
    is_ready: Callable[[], bool]
    folder: Path | None = None


class Supervisor:
    """The processes of one control plane.

    Args:
        logs: folder of the log files, one per component.
        ready_timeout: seconds a component has until it is ready.
        grace: seconds it has to end when asked to.
    """

    def __init__(self, logs: Path, *, ready_timeout: float, grace: float) -> None:
        self.logs = logs
        self.ready_timeout = ready_timeout
        self.grace = grace
        self._launches: dict[Component, Launch] = {}
        self._processes: dict[Component, Process] = {}

    @property
    def pids(self) -> dict[Component, int]:
        return {name: process.pid for name, process in self._processes.items()}

    def log(self, name: Component) -> Path:
        return self.logs / f"{name}.log"

    def start(self, launches: Iterable[tuple[Component, Launch]]) -> None:
        """Starts components together and returns when all of them are ready.

        Raises:
            StartFailed: one ended, or was not ready in time.
            PortTaken: one ended because its port was taken.
        """
        names = []
        for name, launch in launches:
            self._launches[name] = launch
            self._processes[name] = self._spawn(name)
            names.append(name)
        for name in names:
            self._wait_ready(name)

    def kill(self, name: Component) -> None:
        self._processes[name].kill()

    def restart(self, name: Component) -> None:
        """Starts it with the same command line; kills it first when it still runs."""
        self._processes[name].kill()
        self._processes[name] = self._spawn(name)
        self._wait_ready(name)

    def wait(self) -> None:
        """Blocks until a component ends by itself, which is an error.

        Raises:
            StartFailed: with the tail of its log.
        """
        while True:
            for name, process in self._processes.items():
                if process.returncode is not None:
                    raise self._failure(name, f"{name} ended with code {process.returncode}")
            time.sleep(WATCH_INTERVAL)

    def stop(self) -> None:
        """Ends all, the last started first; those that do not end in time are killed."""
        for name in reversed(self._processes):
            self._processes[name].stop(self.grace)
        self._processes.clear()

    def _spawn(self, name: Component) -> Process:
        launch = self._launches[name]
        self.logs.mkdir(parents=True, exist_ok=True)
        return Process.start(name, launch.command, self.log(name), folder=launch.folder)

    def _wait_ready(self, name: Component) -> None:
        process, launch = self._processes[name], self._launches[name]
        deadline = time.monotonic() + self.ready_timeout
        while not launch.is_ready():
            if process.returncode is not None:
                raise self._failure(name, f"{name} ended with code {process.returncode} before it was ready")
            if time.monotonic() > deadline:
                raise self._failure(name, f"{name} was not ready within {self.ready_timeout:g} s")
            time.sleep(POLL_INTERVAL)

    def _failure(self, name: Component, what: str) -> StartFailed:
        last_lines = self._processes[name].log_tail()
        kind = PortTaken if PORT_TAKEN in last_lines else StartFailed
        return kind(f"{what}; the end of its log:\n{last_lines or '(empty)'}")
