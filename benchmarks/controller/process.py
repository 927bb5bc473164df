"""A controller as a process of its own, and what processes have used."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from tools.controlplane.ports import free_ports


class Controller:
    """``controller run`` with a configuration; ends with the ``with`` block."""

    def __init__(self, kubeconfig: Path, config: str, folder: Path) -> None:
        (folder / "config").mkdir(parents=True, exist_ok=True)
        (folder / "config" / "plugins.yaml").write_text(config)
        self.port = free_ports(1)[0]
        self._log = (folder / "controller.log").open("ab")
        self._started = time.perf_counter()
        command = [sys.executable, "-m", "controller", "run", "--config", str(folder / "config")]
        command += ["--kubeconfig", str(kubeconfig), "--listen", f"127.0.0.1:{self.port}", "--log-format", "json"]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        self._usage = psutil.Process(self._process.pid)

    async def ready(self) -> float:
        """Seconds from its start until it was ready."""
        import aiohttp

        async with aiohttp.ClientSession() as session, asyncio.timeout(60):
            while True:
                try:
                    async with session.get(f"http://127.0.0.1:{self.port}/readyz") as answer:
                        if answer.status == 200:
                            return time.perf_counter() - self._started
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.02)

    def cpu(self) -> float:
        """CPU-seconds so far."""
        return _cpu(self._usage)

    def mib(self) -> float:
        """Resident memory."""
        return float(self._usage.memory_info().rss) / 2**20

    def __enter__(self) -> Controller:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        finally:
            self._process.kill()
            self._log.close()


@dataclass(frozen=True)
class Busy:
    """How busy the machine was: share of all its cores, and the control plane's part of what was used."""

    cores: float
    server: float

    @property
    def counts(self) -> bool:
        """Whether the server was the bottleneck; else a rate says something about the load instead."""
        return self.cores >= 0.9 and self.server >= 0.5

    def __str__(self) -> str:
        return f"{self.cores:.0%} busy, server {self.server:.0%}"


class Watch:
    """Takes the time, of the clock and of the processors, from its creation on."""

    def __init__(self, server: Iterable[int]) -> None:
        self._server = [psutil.Process(pid) for pid in server]
        self._started = time.perf_counter()
        self._before = self._used()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._started

    def busy(self) -> Busy:
        all_now, server_now = self._used()
        used = all_now - self._before[0]
        available = self.seconds * (psutil.cpu_count() or 1)
        return Busy(min(1.0, used / available), (server_now - self._before[1]) / used if used else 0.0)

    def _used(self) -> tuple[float, float]:
        times = psutil.cpu_times()
        return sum(times) - times.idle - getattr(times, "iowait", 0.0), sum(_cpu(one) for one in self._server)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
