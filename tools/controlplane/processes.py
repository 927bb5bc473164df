"""Child processes that never outlive this one: started in a session of their own, with their output in a log file.

A session of its own keeps a terminal's Ctrl-C from reaching a child before its owner has decided the order of the
shut-down. `tether.py` has the kernel end it when this process is gone without deciding anything.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TETHER = Path(__file__).with_name("tether.py")

# PR_SET_PDEATHSIG means the parent *thread*: children are started by one that lives as long as the process.
_STARTER = ThreadPoolExecutor(1, thread_name_prefix="starts-processes")


class Process:
    """One running command. Create it with `Process.start`."""

    def __init__(self, name: str, log: Path, popen: subprocess.Popen[bytes]) -> None:
        self.name = name
        self.log = log
        self._popen = popen

    @classmethod
    def start(
        cls,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        *,
        environ: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> Process:
        """Starts `command` (an absolute path and its arguments); its output is appended to `log`."""
        tethered = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), *map(str, command)]
        with log.open("ab") as output:
            popen = _STARTER.submit(
                subprocess.Popen,
                tethered,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=environ,
                cwd=folder,
            ).result()
        return cls(name, log, popen)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._popen.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Until it ends.

        Raises:
            subprocess.TimeoutExpired: when it does not within `timeout` seconds.
        """
        return self._popen.wait(timeout)

    def terminate(self) -> None:
        """Asks it to end (SIGTERM); returns at once."""
        self._popen.terminate()

    def kill(self) -> None:
        """Ends it (SIGKILL) and waits until it is gone."""
        self._popen.kill()
        self._popen.wait()

    def stop(self, grace: float) -> None:
        """Asks it to end, and ends it when it has not within `grace` seconds."""
        self.terminate()
        try:
            self._popen.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()

    def log_tail(self, lines: int = 20) -> str:
        return tail(self.log, lines)


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log file, for an error message; empty where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - lines * 500))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
