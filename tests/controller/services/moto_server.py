"""moto's S3 server, in a virtual environment of its own.

moto and the kubernetes package can not be installed side by side, so moto lives in the cache folder, in an environment
that is made once for each content of ``requirements/moto.txt`` (pinned by hashes).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from tools.controlplane.api import wait_until
from tools.controlplane.binaries import cache_folder
from tools.controlplane.builds import PARTIAL, lock
from tools.controlplane.ports import free_ports

REQUIREMENTS = Path(__file__).parents[3] / "requirements" / "moto.txt"


class MotoServer:
    """One process; use as a context manager."""

    def __init__(self, folder: Path) -> None:
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self._command = [str(_python()), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        self._log = folder / "moto.log"

    def __enter__(self) -> MotoServer:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=self._log.parent)
        wait_until(self._answers, timeout=60, what="moto's server")
        return self

    def __exit__(self, *_: object) -> None:
        self.wake()
        self._process.terminate()
        self._process.wait(10)

    def freeze(self) -> None:
        """It is there, and does not answer any more."""
        self._process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def reset(self, *buckets: str) -> None:
        """Nothing but these buckets, empty."""
        self._ask("POST", "/moto-api/reset")
        for bucket in buckets:
            self._ask("PUT", f"/{bucket}")

    def _answers(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        try:
            self._ask("POST", "/moto-api/reset")
        except OSError:
            return False
        return True

    def _ask(self, method: str, path: str) -> None:
        with urllib.request.urlopen(urllib.request.Request(self.url + path, method=method), timeout=10):
            pass


def _python() -> Path:
    """The interpreter that has moto; makes its environment if it is not there."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    key = hashlib.sha256(REQUIREMENTS.read_bytes() + version.encode()).hexdigest()[:16]
    folder = cache_folder().with_name("moto") / key
    if not folder.exists():
        with lock(folder.parent, lambda _: None):
            if not folder.exists():
                _make(folder)
    return folder / "bin" / "python"


def _make(folder: Path) -> None:
    partial = folder.with_name(folder.name + PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(partial)], check=True)
    install = [str(partial / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([*install, "--require-hashes", "-r", str(REQUIREMENTS)], check=True, env=environment)
    partial.rename(folder)
