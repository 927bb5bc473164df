"""Certificates: made, renewed and rotated so that the API server trusts what is served at every moment."""

from __future__ import annotations

import dataclasses
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from controller.admission.certificates import AUTHORITY_LIFETIME, LIFETIME, Material, renewed
from controller.kube.tls import load_pair

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("webhook.flyte.svc", "webhook.flyte", "127.0.0.1")


def trusts(bundle: str, material: Material, now: datetime, name: str = "webhook.flyte.svc") -> bool:
    """Would a client that trusts this bundle accept what is served?"""
    roots = Store(x509.load_pem_x509_certificates(bundle.encode()))
    verifier = PolicyBuilder().store(roots).time(now).build_server_verifier(x509.DNSName(name))
    try:
        verifier.verify(x509.load_pem_x509_certificate(material.certificate.encode()), [])
    except x509.verification.VerificationError:
        return False
    return True


@pytest.fixture(scope="module")
def fresh() -> Material:
    return renewed(None, NAMES, NOW, "")


def test_what_is_made_is_trusted_by_its_names_only(fresh: Material) -> None:
    assert trusts(fresh.bundle, fresh, NOW)
    assert not trusts(fresh.bundle, fresh, NOW, "other.flyte.svc")
    assert not trusts(renewed(None, NAMES, NOW, "").bundle, fresh, NOW)
    assert fresh.expires == NOW + LIFETIME


def test_what_is_made_can_be_served_with(fresh: Material) -> None:
    load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), fresh.certificate, fresh.key)


def test_what_is_in_order_stays(fresh: Material) -> None:
    assert renewed(fresh, NAMES, NOW + timedelta(days=30), fresh.bundle) == fresh


def test_an_old_certificate_is_issued_anew_by_the_same_authority(fresh: Material) -> None:
    now = NOW + timedelta(days=61)
    found = renewed(fresh, NAMES, now, fresh.bundle)
    assert found.expires == now + LIFETIME
    assert (found.bundle, found.authority_key) == (fresh.bundle, fresh.authority_key)
    assert trusts(fresh.bundle, found, now)


def test_another_name_needs_another_certificate(fresh: Material) -> None:
    found = renewed(fresh, ("renamed.flyte.svc",), NOW, fresh.bundle)
    assert trusts(fresh.bundle, found, NOW, "renamed.flyte.svc")


def test_an_authority_is_succeeded_in_two_steps(fresh: Material) -> None:
    now = NOW + timedelta(days=244)
    served = dataclasses.replace(renewed(fresh, NAMES, now - timedelta(days=10), fresh.bundle), bundle=fresh.bundle)
    announced = renewed(served, NAMES, now, fresh.bundle)
    assert announced.certificate == served.certificate
    assert announced.bundle.endswith(fresh.bundle)
    assert announced.bundle != fresh.bundle
    assert renewed(announced, NAMES, now, fresh.bundle) == announced, "not published yet"
    switched = renewed(announced, NAMES, now, announced.bundle)
    assert not trusts(fresh.bundle, switched, now)
    assert trusts(announced.bundle, switched, now)
    assert trusts(announced.bundle, served, now), "replicas that have not switched yet"
    late = NOW + AUTHORITY_LIFETIME + timedelta(days=1)
    assert fresh.bundle not in renewed(switched, NAMES, late, announced.bundle).bundle


@pytest.mark.parametrize("behind", [0, 1, 3], ids=["published at once", "a look behind", "three looks behind"])
def test_three_years_without_a_moment_of_distrust(behind: int) -> None:
    """The API server trusts what was written ``behind`` looks ago; a look an hour, replicas a look behind."""
    material = renewed(None, NAMES, NOW, "")
    written = [material.bundle] * (behind + 1)
    before = material
    certificates = set()
    for hours in range(0, 3 * 365 * 24, 7):
        now = NOW + timedelta(hours=hours)
        # The configuration is read as it was written; the API server acts by what it has seen of it.
        before, material = material, renewed(material, NAMES, now, written[-1])
        written = [*written[1:], material.bundle]
        certificates.add(material.certificate)
        if before is not material:
            assert trusts(written[0], before, now), "a replica that has not looked again"
    assert len(certificates) > 12
    assert trusts(written[0], material, now)


SPOILED = {
    "no certificate": {"certificate": "rubbish"},
    "no key": {"key": "rubbish"},
    "no authority": {"bundle": ""},
    "another authority's key": {"authority_key": renewed(None, NAMES, NOW, "").authority_key},
    "another certificate's key": {"key": renewed(None, NAMES, NOW, "").key},
}


@pytest.mark.parametrize("spoiled", SPOILED.values(), ids=SPOILED)
def test_what_was_spoiled_is_made_anew(fresh: Material, spoiled: dict[str, str]) -> None:
    found = renewed(dataclasses.replace(fresh, **spoiled), NAMES, NOW, fresh.bundle)
    assert trusts(found.bundle, found, NOW)


def test_what_has_expired_is_made_anew_at_once(fresh: Material) -> None:
    late = NOW + 2 * AUTHORITY_LIFETIME
    found = renewed(fresh, NAMES, late, fresh.bundle)
    assert trusts(found.bundle, found, late)


def test_what_somebody_else_issued_is_never_touched(fresh: Material) -> None:
    theirs = dataclasses.replace(fresh, authority_key="")
    assert renewed(theirs, ("other",), NOW + 2 * AUTHORITY_LIFETIME, "") == theirs


def test_no_key_is_shown(fresh: Material) -> None:
    assert "KEY" not in repr(fresh)
