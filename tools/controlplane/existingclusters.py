"""A cluster that is there already: the current context of the user's kubeconfig, behind the same interface.

It is used only when somebody asks for it (FPM_USE_KUBECONFIG=1, or by argument), never because a KUBECONFIG happens
to be set: tests create and delete things.

Whatever the kubeconfig uses to log in (certificates, tokens, an exec plugin), kubectl knows how; so plain HTTP goes
through `kubectl proxy`, on a socket file that only this user can open.
"""

from __future__ import annotations

import json
import os
import subprocess
from base64 import b64decode
from pathlib import Path
from typing import Self

from tools.controlplane import folders
from tools.controlplane.api import ApiClient, wait_until
from tools.controlplane.binaries import locate
from tools.controlplane.clusters import Cluster
from tools.controlplane.errors import CommandFailed, ControlPlaneError, StartFailed
from tools.controlplane.files import write_private
from tools.controlplane.processes import Process

STOP_GRACE = 3.0


class ExistingCluster(Cluster):
    """The cluster of a kubeconfig's current context; what others run there is not touched.

    Args:
        kubeconfig: as kubectl takes it (one file, or several joined by `:`); KUBECONFIG or ~/.kube/config when absent.

    Raises:
        StartFailed: (on start) the cluster does not answer, or the kubeconfig cannot be used.
    """

    def __init__(self, kubeconfig: str | None = None) -> None:
        self._source = kubeconfig
        self._data: folders.DataFolder | None = None
        self._proxy: Process | None = None
        self._ca: bytes | None = None

    @property
    def ca(self) -> bytes | None:
        return self._ca

    def start(self) -> Self:
        folders.remove_abandoned()
        self._data = folders.DataFolder()
        self.folder = self._data.path
        try:
            self._read_kubeconfig()
            self._start_proxy()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        if self._proxy is not None:
            self._proxy.stop(STOP_GRACE)
            self._proxy = None
        if self._data is not None:
            self._data.remove()
            self._data = None

    def _read_kubeconfig(self) -> None:
        """Takes the current context alone, with the files it names put in, so that it stands on its own."""
        command = [
            str(locate(["kubectl"])["kubectl"]),
            "config",
            "view",
            "--minify",
            "--flatten",
            "--raw",
            "-o",
            "json",
        ]
        environ = {**os.environ, **({"KUBECONFIG": self._source} if self._source else {})}
        done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
        if done.returncode != 0:
            raise CommandFailed(["kubectl", *command[1:]], done.returncode, done.stdout, done.stderr)
        cluster = json.loads(done.stdout)["clusters"][0]["cluster"]
        if cluster.get("insecure-skip-tls-verify"):
            raise ControlPlaneError(
                "the kubeconfig skips the verification of the server: give it the server's authority"
            )
        self.server = cluster["server"]
        if encoded := cluster.get("certificate-authority-data"):
            self._ca = b64decode(encoded)
        self.kubeconfig = write_private(self.folder / "admin.kubeconfig", done.stdout.encode())

    def _start_proxy(self) -> None:
        socket = self.folder / "proxy.sock"
        command: list[str | Path] = [locate(["kubectl"])["kubectl"], "proxy", f"--unix-socket={socket}"]
        self._proxy = Process.start("kubectl-proxy", command, self.folder / "proxy.log", environ=self.environ())
        self.api = ApiClient(f"unix://{socket}")
        try:
            wait_until(self.api.is_ready, timeout=20, what=f"an answer from {self.server}")
        except TimeoutError as error:
            raise StartFailed(f"{error}; the end of kubectl proxy's log:\n{self._proxy.log_tail()}") from error
