"""The keys, certificates and tokens of one control plane, made anew for each and written to its data folder.

Elliptic-curve keys throughout: they take a millisecond to make, RSA ones up to a second.
"""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tools.controlplane.files import write_private

LIFETIME = timedelta(days=30)

ADMIN = "admin"
CONTROLLER_MANAGER = "system:kube-controller-manager"
SCHEDULER = "system:kube-scheduler"
NODE_SIMULATOR = "node-simulator"
USERS = {
    ADMIN: "system:masters",
    # Its own RBAC role expects one service account per controller; with all rights one token is enough.
    CONTROLLER_MANAGER: "system:masters",
    SCHEDULER: "",
    NODE_SIMULATOR: "system:masters",
}
"""User name → group. Components have names of their own so that the audit log tells them apart."""


@dataclass(frozen=True)
class Credentials:
    """Where the files lie, and the token of each user."""

    ca_file: Path
    server_certificate: Path
    server_key: Path
    service_account_key: Path
    token_file: Path
    tokens: dict[str, str]


def create(folder: Path) -> Credentials:
    """Makes everything and writes it below `folder`, readable for its owner only."""
    folder.mkdir(parents=True)
    authority_key, server_key, service_account_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    authority = _certificate("local-control-plane", authority_key, None)
    server = _certificate("kube-apiserver", server_key, (authority, authority_key))
    tokens = {user: secrets.token_hex(16) for user in USERS}
    # token,user,uid,"groups"
    rows = [f'{token},{user},{user},"{USERS[user]}"' for user, token in tokens.items()]
    return Credentials(
        ca_file=write_private(folder / "ca.crt", _pem(authority)),
        server_certificate=write_private(folder / "server.crt", _pem(server)),
        server_key=write_private(folder / "server.key", _key_pem(server_key)),
        service_account_key=write_private(folder / "service-accounts.key", _key_pem(service_account_key)),
        token_file=write_private(folder / "tokens.csv", "\n".join(rows).encode() + b"\n"),
        tokens=tokens,
    )


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None
) -> x509.Certificate:
    """Signed by `issuer`; without one it is an authority and signs itself."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issuer is None:
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True)
    else:
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        names = x509.SubjectAlternativeName([address, x509.DNSName("localhost")])
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer[1].public_key())
        builder = (
            builder.add_extension(names, critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(authority, critical=False)
        )
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
