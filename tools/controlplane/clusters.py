"""What tests, demo and benchmarks need of a cluster, whether it was started here or was there before.

Vocabulary: a *kubeconfig* says where the server is and who asks; `kubectl`, `helm` and `kustomize` run the pinned
binaries against it; `api` is plain HTTP to the same server with the same rights.
"""

# ruff: noqa: A002 -- `input` is the word that subprocess has for it

from __future__ import annotations

import functools
import os
import subprocess
from abc import ABC, abstractmethod
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.controlplane import kubeconfigs
from tools.controlplane.api import ApiClient
from tools.controlplane.binaries import locate
from tools.controlplane.errors import CommandFailed

TOKEN_LIFETIME = timedelta(hours=24)


class Cluster(ABC):
    """A Kubernetes cluster that is up between `start` and `stop` (or inside `with`)."""

    server: str
    """URL of the API server."""
    kubeconfig: Path
    """Kubeconfig of an administrator."""
    api: ApiClient
    """Requests as that administrator."""
    folder: Path
    """Where this cluster's own files lie; gone after `stop`."""
    output_root: Path | None = None
    """Folder below which simulated pods may write files; None: no pod of this cluster can."""

    @abstractmethod
    def start(self) -> Self:
        """Makes everything above usable."""

    @abstractmethod
    def stop(self) -> None:
        """Ends what `start` began; does nothing when there is nothing to end."""

    @property
    @abstractmethod
    def ca(self) -> bytes | None:
        """Certificate of the server's authority, PEM; None where the machine's own authorities vouch for it."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def kubectl(
        self, *arguments: str | Path, input: str = "", check: bool = True, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Runs kubectl as administrator.

        Raises:
            CommandFailed: it exited with another code than 0 and `check` is true.
        """
        return self._run("kubectl", arguments, input, check, timeout)

    def helm(
        self, *arguments: str | Path, input: str = "", check: bool = True, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Runs helm as administrator, with its caches and settings in `folder` instead of the user's home."""
        return self._run("helm", arguments, input, check, timeout)

    def kustomize(
        self, *arguments: str | Path, input: str = "", check: bool = True, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Runs kustomize."""
        return self._run("kustomize", arguments, input, check, timeout)

    def kubeconfig_for(
        self, service_account: str, namespace: str, *, lifetime: timedelta = TOKEN_LIFETIME, in_namespace: str = ""
    ) -> Path:
        """A kubeconfig with a service account's token, so that a local process runs with an installed account's rights.

        Args:
            lifetime: of the token; the server allows no less than ten minutes.
            in_namespace: the context's namespace; the account's own when empty.
        """
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": int(lifetime.total_seconds())},
        }
        answer = self.api.create(f"/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token", request)
        return kubeconfigs.write(
            self.folder / f"{namespace}.{service_account}.kubeconfig",
            server=self.server,
            ca=self.ca,
            user=f"system:serviceaccount:{namespace}:{service_account}",
            token=answer["status"]["token"],
            namespace=in_namespace or namespace,
        )

    def environ(self) -> dict[str, str]:
        """This process's environment, with the tools pointed at this cluster and away from the user's home."""
        return {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "KUBECACHEDIR": str(self.folder / "kubectl"),
            "HELM_CACHE_HOME": str(self.folder / "helm" / "cache"),
            "HELM_CONFIG_HOME": str(self.folder / "helm" / "config"),
            "HELM_DATA_HOME": str(self.folder / "helm" / "data"),
        }

    def _run(
        self, tool: str, arguments: tuple[str | Path, ...], input: str, check: bool, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        command = [str(_tool(tool)), *map(str, arguments)]
        done = subprocess.run(
            command, input=input, capture_output=True, text=True, timeout=timeout, env=self.environ(), check=False
        )
        if check and done.returncode != 0:
            raise CommandFailed([tool, *command[1:]], done.returncode, done.stdout, done.stderr)
        return done


@functools.cache
def _tool(name: str) -> Path:
    """Looked up once: telling whether one that a user brought fits means running it."""
    return locate([name])[name]
