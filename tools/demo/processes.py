"""Our own command lines as processes, and the controllers that run beside the demo."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.controlplane.api import ApiClient, wait_until
from tools.controlplane.errors import ApiError

STOP_GRACE = 10
"""Seconds a controller has to end on SIGTERM."""


class CommandError(Exception):
    """A command of ours failed; the message is what it said."""


def call(module: str, *arguments: object, may_exit: Sequence[int] = (0,), env: Mapping[str, str] | None = None) -> str:
    """Run ``python -m <module>`` and return what it printed.

    Raises CommandError where the exit code is none of ``may_exit``.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})})
    if done.returncode not in may_exit:
        raise CommandError(f"{module} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


class ControllerProcess:
    """``controller run`` as a child process; it ends with the ``with`` block."""

    def __init__(self, arguments: Sequence[str], *, port: int, log: Path, env: Mapping[str, str]) -> None:
        self.arguments = arguments
        self.log = log
        self._env = {**os.environ, **env}
        self._probes = ApiClient(f"http://127.0.0.1:{port}")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ControllerProcess:
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "controller", *self.arguments]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=self._env)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def wait_ready(self) -> None:
        """Raises CommandError if it ends instead."""
        wait_until(self._is_ready, timeout=30, what="the controller to be ready")

    def _is_ready(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise CommandError(f"the controller ended:\n{self.log.read_text()[-4000:]}")
        try:
            self._probes.request("GET", "/readyz")
        except (ApiError, OSError):
            return False
        return True
