"""Certificates: which ones to serve with now, and which ones next.

*Material* is everything that the replicas share: our certificate authority with its key, and the certificate and key
that they serve with. The API server trusts the *bundle* that stands in the MutatingWebhookConfiguration. Rotation never
lets the two disagree:

1. An authority past two thirds of its life gets a successor. The bundle has both then; what is served with stays.
2. When the new bundle is *published* – it stands in the configuration – a certificate of the new authority is issued.
3. An authority that has expired leaves the bundle.

A certificate past two thirds of its life is issued anew by the newest published authority. All of it is one pure
function, :func:`renewed`; who calls it often enough never serves with an expired certificate.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFETIME = timedelta(days=365)
LIFETIME = timedelta(days=90)
_CLOCKS_DIFFER = timedelta(hours=1)
"""Certificates are valid from so long before they were made."""


@dataclass(frozen=True, slots=True, repr=False)
class Material:
    """PEM texts. ``bundle``: authorities to trust, the newest first; ``authority_key`` "": somebody else issues, and
    nothing is renewed here."""

    bundle: str
    authority_key: str
    certificate: str
    key: str

    @property
    def is_ours(self) -> bool:
        return bool(self.authority_key)

    @property
    def expires(self) -> datetime:
        """When what is served with is no longer valid. Raises ValueError where it is no certificate."""
        return _certificate(self.certificate).not_valid_after_utc


def renewed(material: Material | None, names: Sequence[str], now: datetime, published: str) -> Material:
    """The material to have: the given one where nothing is to be done.

    ``names`` are DNS names and addresses that the API server calls us by, the most specific first. ``published`` is the
    bundle that the API server trusts at this moment.
    """
    if material is None:
        return _new(names, now)
    if not material.is_ours:
        return material
    try:
        return _renewed(material, names, now, published)
    except (ValueError, TypeError):  # not PEM, or a key of another kind: somebody spoiled it
        return _new(names, now)


def _renewed(material: Material, names: Sequence[str], now: datetime, published: str) -> Material:
    authorities = x509.load_pem_x509_certificates(material.bundle.encode())
    newest, served = authorities[0], _certificate(material.certificate)
    signer = _key(material.authority_key)
    if newest.public_key() != signer.public_key() or served.public_key() != _key(material.key).public_key():
        return _new(names, now)
    alive = [authority for authority in authorities if authority.not_valid_after_utc > now]
    if _is_old(newest, now):
        newest, signer = _authority(now)
        alive = [newest, *alive]
        material = replace(material, authority_key=_pem_key(signer))
    bundle = "".join(map(_pem, alive))
    if bundle != material.bundle:
        material = replace(material, bundle=bundle)
    issuer_changed = not _is_issued_by(served, newest)
    wanted = issuer_changed or _is_old(served, now) or _names_of(served) != sorted(names)
    if wanted and (_pem(newest) in published or served.not_valid_after_utc <= now):
        certificate, key = _issued(newest, signer, names, now)
        material = replace(material, certificate=certificate, key=key)
    return material


def _new(names: Sequence[str], now: datetime) -> Material:
    authority, signer = _authority(now)
    certificate, key = _issued(authority, signer, names, now)
    return Material(_pem(authority), _pem_key(signer), certificate, key)


def _is_old(certificate: x509.Certificate, now: datetime) -> bool:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now >= start + (end - start) * 2 / 3


def _is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _authority(now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    # A name of its own, so that a bundle with two authorities is never searched by a name that both have.
    name = _name(f"flyte-plugin-manager webhook {serial:x}"[:64])
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    made = (
        _builder(name, name, serial, key, now, now + AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return made, key


def _issued(
    authority: x509.Certificate, signer: ec.EllipticCurvePrivateKey, names: Sequence[str], now: datetime
) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    end = min(now + LIFETIME, authority.not_valid_after_utc)
    made = (
        _builder(_name(names[0][:64]), authority.subject, x509.random_serial_number(), key, now, end)
        .add_extension(x509.SubjectAlternativeName(list(map(_general_name, names))), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return _pem(made), _pem_key(key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    serial: int,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - _CLOCKS_DIFFER)
        .not_valid_after(end)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _names_of(certificate: x509.Certificate) -> list[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return sorted(str(name.value) for name in names)


def _certificate(text: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(text.encode())


def _key(text: str) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(text.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("not a key that was made here")
    return key


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _pem_key(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
