"""Where material is kept: a Kubernetes secret that all replicas share, or a folder (``localCert``).

Both have Flyte's entries ``tls.crt``, ``tls.key`` and ``ca.crt``, and ours ``ca.key``. Where there is no ``ca.key``
somebody else – cert-manager, Flyte's ``init-certs`` – makes the certificates: they are served as they are.
"""

from __future__ import annotations

import base64
import binascii
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from controller.admission.certificates import Material
from controller.kube.client import ApiServer
from pluginmachinery.core.actions import Done, Missing, ObjectRef, Refused, ResourceKind

SECRETS = ResourceKind("v1", "Secret", "secrets")

_ENTRIES = {"ca.crt": "bundle", "ca.key": "authority_key", "tls.crt": "certificate", "tls.key": "key"}


class Unavailable(Exception):
    """It can not be read or written now; the text says why."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a store has. ``material`` None: nothing that can be served with yet."""

    material: Material | None
    version: str = ""
    exists: bool = True


class Store(Protocol):
    async def read(self) -> Held:
        """Raises Unavailable."""

    async def write(self, material: Material, over: Held) -> bool:
        """Replace what was read; False: somebody was faster, read again. Raises Unavailable."""


@dataclass(frozen=True, slots=True)
class SecretStore:
    """A Kubernetes secret. The chart creates it without content, so that we need no right to create secrets."""

    api: ApiServer
    namespace: str
    name: str

    async def read(self) -> Held:
        found = await self.api.get(self._ref)
        if isinstance(found, Refused):
            raise Unavailable(f"can not read the {self}: {found.reason}: {found.message}")
        if isinstance(found, Missing):
            return Held(None, exists=False)
        body = found.object
        return Held(_material(body.get("data") or {}), body["metadata"]["resourceVersion"])

    async def write(self, material: Material, over: Held) -> bool:
        metadata = {"name": self.name, "namespace": self.namespace}
        data = {entry: base64.b64encode(getattr(material, name).encode()).decode() for entry, name in _ENTRIES.items()}
        body: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
        if over.exists:
            change = {"data": data, "metadata": {"resourceVersion": over.version}}
            answer = await self.api.patch(self._ref, change)
        else:
            answer = await self.api.create(self._ref, {**body, "type": "Opaque"})
        if isinstance(answer, Done):
            return True
        if isinstance(answer, Missing) or answer.reason in ("Conflict", "AlreadyExists"):
            return False
        raise Unavailable(f"can not write the {self}: {answer.reason}: {answer.message}")

    def __str__(self) -> str:
        return f"secret {self.namespace}/{self.name}"

    @property
    def _ref(self) -> ObjectRef:
        return ObjectRef(SECRETS, self.namespace, self.name)


def _material(data: Mapping[str, str]) -> Material | None:
    try:
        texts = {name: base64.b64decode(data.get(entry) or "").decode() for entry, name in _ENTRIES.items()}
    except (binascii.Error, UnicodeDecodeError):
        return None
    return Material(**texts) if texts["certificate"] and texts["key"] else None


@dataclass(frozen=True, slots=True)
class FolderStore:
    """Files in a folder, for this process alone or mounted by somebody else."""

    folder: Path

    async def read(self) -> Held:
        try:
            texts = {name: self._text(entry) for entry, name in _ENTRIES.items()}
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(f"can not read the certificates in {self.folder}: {error}") from error
        return Held(Material(**texts) if texts["certificate"] and texts["key"] else None)

    def _text(self, entry: str) -> str:
        file = self.folder / entry
        return file.read_text("utf-8") if file.exists() else ""

    async def write(self, material: Material, over: Held) -> bool:  # noqa: ARG002 -- nobody else writes here
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for entry, name in _ENTRIES.items():
                self._replace(entry, getattr(material, name))
        except OSError as error:
            raise Unavailable(f"can not write certificates to {self.folder}: {error.strerror}") from error
        return True

    def _replace(self, entry: str, text: str) -> None:
        descriptor, temporary = tempfile.mkstemp(dir=self.folder)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(self.folder / entry)
