"""`controller run` as a process, and TaskExecutions to give it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pluginmachinery.api import names, shards
from tools.controlplane.api import wait_until
from tools.controlplane.clusters import Cluster
from tools.controlplane.errors import ApiError
from tools.controlplane.ports import free_ports

Tree = dict[str, Any]

API = "/apis/plugins.flyte.org/v1alpha1"
SCRIPT = "simulation.plugins.flyte.org/script"
TERMINAL = ("Succeeded", "Failed", "Aborted")
CONFIG: Tree = {"tasks": {"task-plugins": {"enabled-plugins": ["container"]}}}


class Controller:
    """A process that runs the controller; ended, by its own process id, when its ``with`` block is left."""

    def __init__(
        self,
        folder: Path,
        kubeconfig: Path,
        config: Mapping[str, Any],
        arguments: Sequence[str] = (),
        *,
        command: str = "run",
        module: str = "controller",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.port = free_ports(1)[0]
        self.config = folder / "config"
        self.config.mkdir(parents=True, exist_ok=True)
        (self.config / "plugins.yaml").write_text(yaml.safe_dump(dict(config)))
        self.log = folder / f"controller-{self.port}.log"
        self._command = [
            *(sys.executable, "-m", module, command),
            *("--config", str(self.config), "--kubeconfig", str(kubeconfig)),
            *("--listen", f"127.0.0.1:{self.port}", "--log-format", "json", *arguments),
        ]
        self._environment = environment or {}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Controller:
        with self.log.open("ab") as log:
            environment = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
            environment |= self._environment
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=environment)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def ready(self) -> Controller:
        wait_until(lambda: self.get("/readyz")[0] == 200 or self._check_alive(), timeout=30, what="readiness")
        return self

    def _check_alive(self) -> None:
        assert self.process.poll() is None, self.log.read_text()

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def kill(self) -> None:
        """As kill -9."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)

    def freeze(self) -> None:
        """As a machine that stands still: it holds what it holds and does nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def lines(self) -> list[Tree]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


class Tasks:
    """The TaskExecutions of one namespace."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.api = cluster.api
        self.namespace = namespace
        self.path = f"{API}/namespaces/{namespace}/taskexecutions"
        self.pods_path = f"/api/v1/namespaces/{namespace}/pods"

    def submit(self, name: str, script: Any = None, **spec: Any) -> Tree:
        """A container task whose pod plays this script (None: it runs and succeeds)."""
        annotations = {} if script is None else {SCRIPT: json.dumps(script)}
        container = {"image": "busybox", "command": ["sh", "-c", "true"]}
        body = {
            "apiVersion": "plugins.flyte.org/v1alpha1",
            "kind": "TaskExecution",
            "metadata": {"name": name, "labels": {names.SHARD: str(shards.bucket(self.namespace, name))}},
            "spec": {
                "template": {"type": "container", "container": container, **spec.pop("template", {})},
                "annotations": annotations,
                **spec,
            },
        }
        return self.api.create(self.path, body)

    def get(self, name: str) -> Tree:
        return self.api.get(f"{self.path}/{name}")

    def status(self, name: str) -> Tree:
        return self.get(name).get("status") or {}

    def phase(self, name: str) -> str:
        return self.status(name).get("phase", "")

    def all(self) -> dict[str, Tree]:
        return {item["metadata"]["name"]: item for item in self.api.items(self.path)}

    def phases(self) -> dict[str, str]:
        return {name: (item.get("status") or {}).get("phase", "") for name, item in self.all().items()}

    def pods(self) -> dict[str, Tree]:
        return {pod["metadata"]["name"]: pod for pod in self.api.items(self.pods_path)}

    def ended(self, *names: str, timeout: float = 60) -> dict[str, str]:
        """The phases of these (none: of all), once all have ended."""

        def phases() -> dict[str, str] | None:
            try:
                found = {name: phase for name, phase in self.phases().items() if not names or name in names}
            except (OSError, ApiError):  # the server is away for a moment
                return None
            return found if all(phase in TERMINAL for phase in found.values()) else None

        try:
            return wait_until(phases, timeout=timeout, what=f"the end of {', '.join(names) or 'all tasks'}")
        except TimeoutError:
            unfinished = {
                name: item.get("status")
                for name, item in self.all().items()
                if (item.get("status") or {}).get("phase") not in TERMINAL
            }
            raise TimeoutError(f"waited {timeout:g} s for tasks to end: {unfinished}") from None

    def until(self, name: str, *phases: str, timeout: float = 30) -> Tree:
        """The status, once it is in one of these phases."""
        what = f"{name} to be {' or '.join(phases)}"

        def status() -> Tree | None:
            found = self.status(name)
            return found if found.get("phase") in phases else None

        return wait_until(status, timeout=timeout, what=what)
