"""A real Redis server on this machine, in memory only, that can be stopped and started again."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from tools.controlplane.api import wait_until
from tools.controlplane.ports import free_ports

PASSWORD = "the-redis-password"


class RedisServer:
    """``options`` are further ones of its command line."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_ports(1)[0]
        self._folder = folder
        self._options = options
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
            [*command, "--dir", str(self._folder), "--save", "3600 1", *self._options], stdout=subprocess.DEVNULL
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


@contextmanager
def redis_cluster(folder: Path) -> Iterator[RedisServer]:
    """A cluster of one node that has all slots."""
    bus = str(free_ports(1)[0])
    with RedisServer(folder, "--cluster-enabled", "yes", "--cluster-port", bus) as node:
        node.do("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        wait_until(lambda: "cluster_state:ok" in node.do("CLUSTER", "INFO"), what="the cluster")
        yield node


@contextmanager
def redis_sentinel(folder: Path, primary: RedisServer, name: str) -> Iterator[str]:
    """The address of a sentinel that knows this primary by name."""
    (port,) = free_ports(1)
    config = folder / "sentinel.conf"
    config.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {folder}\n"
        f"sentinel monitor {name} 127.0.0.1 {primary.port} 1\nsentinel auth-pass {name} {PASSWORD}\n"
    )
    process = subprocess.Popen(["redis-server", str(config), "--sentinel"], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: _answers(port), what="the sentinel")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> bool:
    try:
        with redis.Redis(port=port) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
