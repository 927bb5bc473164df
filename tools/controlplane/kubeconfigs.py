"""Kubeconfig files: one server, one user, one token."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import yaml

from tools.controlplane.files import write_private


def write(path: Path, *, server: str, ca: bytes | None, user: str, token: str, namespace: str = "default") -> Path:
    """Writes a kubeconfig whose only context is `user` at `server`; returns `path`.

    Args:
        ca: certificate of the server's authority, PEM, put into the file so that it stands on its own; None where the
            machine's own authorities vouch for the server.
    """
    name = "local-control-plane"
    cluster = {"server": server}
    if ca is not None:
        cluster["certificate-authority-data"] = b64encode(ca).decode()
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": user, "namespace": namespace}}],
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": user, "user": {"token": token}}],
    }
    return write_private(path, yaml.safe_dump(document, sort_keys=False).encode())
