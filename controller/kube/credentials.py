"""Where the API server is and who we are to it: a pod's service account, or a kubeconfig.

Both without the ``kubernetes`` package, which would cost 43 MiB at run time. A *token file* is read again every minute,
because the kubelet renews the projected token of a service account in place.
"""

from __future__ import annotations

import base64
import binascii
import os
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.kube.tls import load_pair

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_LIFETIME = 60.0
"""Seconds for which a token that was read from a file is used before it is read again."""


class CredentialsError(Exception):
    """We can not say who we are; ``mend`` tells the person what to do."""

    def __init__(self, message: str, mend: str) -> None:
        super().__init__(f"{message}: {mend}")


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """An API server and an identity. Certificates and keys are PEM text; "" is absent.

    ``repr`` shows the server only: secrets must not reach a log.
    """

    server: str
    ca: str = ""
    token: str = ""
    token_file: Path | None = None
    certificate: str = ""
    key: str = ""
    username: str = ""
    password: str = ""
    tls_server_name: str = ""
    insecure: bool = False
    namespace: str = "default"
    """The namespace of the service account or of the kubeconfig's context."""

    def __repr__(self) -> str:
        return f"Credentials(server={self.server!r})"

    def ssl_context(self) -> ssl.SSLContext | None:
        """What TLS needs; None for a plain http server."""
        if not self.server.startswith("https:"):
            return None
        context = ssl.create_default_context(cadata=self.ca or None)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate:
            _load_client_certificate(context, self.certificate, self.key)
        return context


@dataclass(slots=True)
class Authorization:
    """The ``Authorization`` header as it is now."""

    credentials: Credentials
    clock: Callable[[], float] = time.monotonic
    _header: str = field(default="", repr=False)
    _read_at: float | None = None

    def header(self) -> str:
        """The header's value, "" for none. Reads the token file when the last reading is old.

        A file that can not be read leaves the token as it was: it may be in the middle of a renewal.
        """
        file = self.credentials.token_file
        if self._read_at is None or (file and self.clock() - self._read_at >= TOKEN_LIFETIME):
            self._read_at = self.clock()
            self._header = self._read(file) or self._header
        return self._header

    def expire(self) -> bool:
        """The server did not accept us: read again at the next call. Says whether that can help."""
        if self.credentials.token_file is None:
            return False
        self._read_at = None
        return True

    def _read(self, file: Path | None) -> str:
        credentials = self.credentials
        if file is not None:
            try:
                token = file.read_text().strip()
            except (OSError, UnicodeDecodeError):
                token = ""
            return f"Bearer {token}" if token and _fits_a_line(token) else ""
        if credentials.token:
            return f"Bearer {credentials.token}"
        if credentials.username:
            pair = f"{credentials.username}:{credentials.password}".encode()
            return f"Basic {base64.b64encode(pair).decode()}"
        return ""


def _fits_a_line(token: str) -> bool:
    """Whether it can be part of a header; anything else would be two headers, or none."""
    return token.isascii() and token.isprintable()


def find(
    kubeconfig: Path | None = None,
    context: str | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    service_account: Path = SERVICE_ACCOUNT,
    home: Path | None = None,
) -> Credentials:
    """The credentials to use: ``kubeconfig`` if given, $KUBECONFIG, the pod's service account, ~/.kube/config.

    Raises CredentialsError where there is nothing, or what is there can not be used.
    """
    if kubeconfig is not None:
        return from_kubeconfig([kubeconfig], context)
    named = [Path(path) for path in environment.get("KUBECONFIG", "").split(os.pathsep) if path]
    if named:
        return from_kubeconfig(named, context)
    if context is None and (service_account / "token").exists():
        return from_service_account(service_account, environment)
    default = (home or Path.home()) / ".kube" / "config"
    if default.exists():
        return from_kubeconfig([default], context)
    raise CredentialsError(
        "no service account and no kubeconfig", "run in a pod, or give --kubeconfig or KUBECONFIG a kubeconfig's path"
    )


def from_service_account(folder: Path, environment: Mapping[str, str]) -> Credentials:
    """The credentials that the kubelet mounts into every pod."""
    host = environment.get("KUBERNETES_SERVICE_HOST", "kubernetes.default.svc")
    port = environment.get("KUBERNETES_SERVICE_PORT", "443")
    namespace = folder / "namespace"
    return Credentials(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        ca=_pem_file(folder / "ca.crt", "the service account's certificate authority"),
        token_file=folder / "token",
        namespace=namespace.read_text().strip() if namespace.exists() else "default",
    )


def from_kubeconfig(files: list[Path], context: str | None = None) -> Credentials:
    """The current (or named) context of these files, merged as kubectl does: the first that names a thing wins."""
    entries: dict[str, dict[str, tuple[Mapping[str, Any], Path]]] = {"contexts": {}, "clusters": {}, "users": {}}
    for file in files:
        tree = _read_yaml(file)
        context = context or tree.get("current-context")
        for plural, known in entries.items():
            for entry in tree.get(plural) or ():
                known.setdefault(entry["name"], (entry.get(plural[:-1]) or {}, file))
    where = ", ".join(map(str, files))
    if not context:
        raise CredentialsError(f"{where} has no current context", "name one with --context")
    chosen, _ = _entry(entries, "contexts", context, where)
    cluster, cluster_file = _entry(entries, "clusters", chosen.get("cluster", ""), where)
    user, user_file = _entry(entries, "users", chosen["user"], where) if chosen.get("user") else ({}, files[0])
    _refuse_programs(user, chosen.get("user", ""), where)
    _refuse_unsupported(cluster, user, where)
    if not cluster.get("server"):
        raise CredentialsError(f"cluster {chosen.get('cluster')!r} of {where} has no server", "add its URL")
    if not _fits_a_line(user.get("token") or ""):
        raise CredentialsError(f"the token of user {chosen.get('user')!r} of {where} is none", "write it in one line")
    token_file = user.get("tokenFile")
    return Credentials(
        server=str(cluster["server"]).rstrip("/"),
        ca=_pem(cluster, "certificate-authority", cluster_file),
        token=user.get("token") or "",
        token_file=_relative(token_file, user_file) if token_file and not user.get("token") else None,
        certificate=_pem(user, "client-certificate", user_file),
        key=_pem(user, "client-key", user_file),
        username=user.get("username") or "",
        password=user.get("password") or "",
        tls_server_name=cluster.get("tls-server-name") or "",
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        namespace=chosen.get("namespace") or "default",
    )


def _read_yaml(file: Path) -> Mapping[str, Any]:
    import yaml

    try:
        tree = yaml.safe_load(file.read_text())
    except OSError as error:
        raise CredentialsError(f"{file} can not be read ({error.strerror})", "give the path of a kubeconfig") from error
    except yaml.YAMLError as error:
        raise CredentialsError(f"{file} is not YAML ({error})", "give the path of a kubeconfig") from error
    if not isinstance(tree, Mapping):
        raise CredentialsError(f"{file} is not a kubeconfig", "give the path of a kubeconfig")
    return tree


def _entry(
    entries: Mapping[str, Mapping[str, tuple[Mapping[str, Any], Path]]], plural: str, name: str, where: str
) -> tuple[Mapping[str, Any], Path]:
    known = entries[plural]
    if name not in known:
        raise CredentialsError(f"{where} has no {plural[:-1]} {name!r}", f"it has {', '.join(sorted(known)) or 'none'}")
    return known[name]


def _refuse_programs(user: Mapping[str, Any], name: str, where: str) -> None:
    for key in ("exec", "auth-provider"):
        if user.get(key):
            program = user[key].get("command") or user[key].get("name") or "a program"
            raise CredentialsError(
                f"user {name!r} of {where} logs in by {key} ({program}), which a controller does not run",
                "give its kubeconfig a token, for example one of 'kubectl create token', or a client certificate",
            )


def _refuse_unsupported(cluster: Mapping[str, Any], user: Mapping[str, Any], where: str) -> None:
    """To pass over these would be to go another way, or to act as another, than the person meant."""
    for entry, key in ((cluster, "proxy-url"), (user, "as"), (user, "as-groups"), (user, "as-uid")):
        if entry.get(key):
            raise CredentialsError(
                f"{where} has {key}, which a controller does not use", "give a kubeconfig without it"
            )


def _pem(entry: Mapping[str, Any], key: str, file: Path) -> str:
    """``<key>-data`` (base64) or the file that ``<key>`` names, relative to the kubeconfig."""
    if entry.get(f"{key}-data"):
        try:
            return base64.b64decode(entry[f"{key}-data"], validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise CredentialsError(
                f"{key}-data of {file} is not base64 text", "write the PEM file in base64"
            ) from error
    return _pem_file(_relative(entry[key], file), key) if entry.get(key) else ""


def _pem_file(file: Path, what: str) -> str:
    try:
        return file.read_text()
    except OSError as error:
        raise CredentialsError(f"{what} {file} can not be read ({error.strerror})", "correct its path") from error


def _relative(path: str, file: Path) -> Path:
    return file.parent / path


def _load_client_certificate(context: ssl.SSLContext, certificate: str, key: str) -> None:
    try:
        load_pair(context, certificate, key)
    except ssl.SSLError as error:
        raise CredentialsError(f"client certificate and key do not fit ({error.reason})", "correct them") from error
