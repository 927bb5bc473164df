"""A real Redis server on this machine, in memory only, that can be stopped and started again."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import redis

from tools.controlplane.ports import free_ports

PASSWORD = "the-redis-password"


class RedisServer:
    def __init__(self, folder: Path) -> None:
        self.port = free_ports(1)[0]
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> RedisServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Return once it answers. What it had is still there: it saves when it is stopped."""
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--requirepass", PASSWORD]
        self._process = subprocess.Popen(
            [*command, "--dir", str(self._folder), "--save", "3600 1"], stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        while True:
            try:
                with redis.Redis(port=self.port, password=PASSWORD) as client:
                    client.ping()
                return
            except redis.RedisError:
                assert time.monotonic() < deadline, "redis-server does not answer"
                time.sleep(0.02)

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(10)

    def do(self, *command: Any) -> Any:
        """One command, as an administrator."""
        with redis.Redis(port=self.port, password=PASSWORD, decode_responses=True) as client:
            return client.execute_command(*command)
