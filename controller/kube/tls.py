"""TLS with keys that are kept in memory."""

from __future__ import annotations

import os
import ssl
import tempfile
from pathlib import Path


def load_pair(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Have the context use this certificate and key (PEM). Raises ssl.SSLError where they do not fit.

    Python's ssl reads certificates from files only: they exist for a moment, readable by us alone.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = {"crt": Path(folder) / "crt", "key": Path(folder) / "key"}
        for name, text in (("crt", certificate), ("key", key)):
            descriptor = os.open(files[name], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
        context.load_cert_chain(files["crt"], files["key"])
