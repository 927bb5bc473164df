"""Who we are: kubeconfigs, service accounts, and what is said when neither will do."""

from __future__ import annotations

import base64
import dataclasses
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from controller.kube.client import ApiServer
from controller.kube.credentials import Authorization, Credentials, CredentialsError, find
from pluginmachinery.core.actions import Missing, ObjectRef, Refused, ResourceKind
from tests.controller.stub_apiserver import StubApiServer

PEM = "-----BEGIN CERTIFICATE-----\nxyz\n-----END CERTIFICATE-----\n"


def kubeconfig(folder: Path, name: str = "config", **changes: Any) -> Path:
    tree = {
        "current-context": "here",
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "tasks"}},
            {"name": "there", "context": {"cluster": "d", "user": "u"}},
        ],
        "clusters": [
            {"name": "c", "cluster": {"server": "https://c:6443/", "certificate-authority": "ca.crt"}},
            {"name": "d", "cluster": {"server": "https://d", "certificate-authority-data": _base64(PEM)}},
        ],
        "users": [{"name": "u", "user": {"token": "secret"}}],
    } | changes
    (folder / "ca.crt").write_text(PEM)
    file = folder / name
    file.write_text(yaml.safe_dump(tree))
    return file


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def user(**members: Any) -> list[dict[str, Any]]:
    return [{"name": "u", "user": members}]


def test_the_current_context_holds(tmp_path: Path) -> None:
    found = find(kubeconfig(tmp_path))
    assert (found.server, found.ca, found.token, found.namespace) == ("https://c:6443", PEM, "secret", "tasks")


def test_another_context_can_be_named(tmp_path: Path) -> None:
    found = find(kubeconfig(tmp_path), "there")
    assert (found.server, found.ca, found.namespace) == ("https://d", PEM, "default")


def test_kubeconfigs_of_the_environment_are_merged_and_the_first_wins(tmp_path: Path) -> None:
    first = kubeconfig(tmp_path, "first", **{"users": user(token="first"), "current-context": ""})
    second = kubeconfig(tmp_path, "second", users=user(token="second"), **{"current-context": "there"})
    found = find(environment={"KUBECONFIG": f"{first}:{second}"})
    assert (found.server, found.token) == ("https://d", "first")


@pytest.mark.parametrize(
    ("members", "header"),
    [
        ({"token": "t"}, "Bearer t"),
        ({"tokenFile": "token"}, "Bearer from-file"),
        ({"token": "t", "tokenFile": "token"}, "Bearer t"),
        ({"username": "me", "password": "pw"}, "Basic bWU6cHc="),
        ({}, ""),
    ],
    ids=["token", "file beside the kubeconfig", "token beats file", "password", "nothing"],
)
def test_authorization(tmp_path: Path, members: dict[str, str], header: str) -> None:
    (tmp_path / "token").write_text("from-file\n")
    assert Authorization(find(kubeconfig(tmp_path, users=user(**members)))).header() == header


def test_a_token_file_is_read_again_after_a_minute_and_kept_while_it_is_away(tmp_path: Path) -> None:
    now = 0.0
    token = tmp_path / "token"
    token.write_text("one")
    authorization = Authorization(Credentials("https://x", token_file=token), clock=lambda: now)
    assert authorization.header() == "Bearer one"
    token.write_text("two")
    assert authorization.header() == "Bearer one"
    now = 61.0
    assert authorization.header() == "Bearer two"
    token.unlink()
    now = 122.0
    assert authorization.header() == "Bearer two"


def test_a_pod_has_its_service_account(tmp_path: Path) -> None:
    for name, text in (("token", "sa"), ("ca.crt", PEM), ("namespace", "flyte")):
        (tmp_path / name).write_text(text)
    environment = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}
    found = find(environment=environment, service_account=tmp_path)
    assert (found.server, found.namespace) == ("https://[fd00::1]:6443", "flyte")
    assert Authorization(found).header() == "Bearer sa"


def test_the_home_folder_comes_last(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    kubeconfig(tmp_path / ".kube")
    assert find(environment={}, service_account=tmp_path / "none", home=tmp_path).token == "secret"


@pytest.mark.parametrize(
    ("changes", "context", "message"),
    [
        (
            {"users": user(exec={"command": "aws"})},
            None,
            r"user 'u' of .* logs in by exec \(aws\).*kubectl create token",
        ),
        ({"users": user(token="t", **{"as": "admin"})}, None, "has as, which a controller does not use"),
        ({"users": user(token="two\r\nlines")}, None, "the token of user 'u' of .* is none: write it in one line"),
        ({"current-context": ""}, None, "no current context: name one with --context"),
        ({}, "nowhere", "no context 'nowhere': it has here, there"),
        ({"clusters": []}, None, "no cluster 'c': it has none"),
        ({"clusters": [{"name": "c", "cluster": {}}]}, None, "cluster 'c' of .* has no server"),
        (
            {"clusters": [{"name": "c", "cluster": {"server": "https://c", "certificate-authority": "no"}}]},
            None,
            "certificate-authority .*/no can not be read",
        ),
        (
            {"clusters": [{"name": "c", "cluster": {"server": "https://c", "certificate-authority-data": "%"}}]},
            None,
            "certificate-authority-data of .* is not base64",
        ),
    ],
    ids=[
        "program",
        "as another",
        "a token that would be two headers",
        "no context",
        "unknown context",
        "unknown cluster",
        "no server",
        "no file",
        "not base64",
    ],
)
def test_what_can_not_be_used_says_so(
    tmp_path: Path, changes: dict[str, Any], context: str | None, message: str
) -> None:
    with pytest.raises(CredentialsError, match=message):
        find(kubeconfig(tmp_path, **changes), context)


@pytest.mark.parametrize("text", ["- a\n", "a: [\n"], ids=["a list", "broken"])
def test_a_file_that_is_no_kubeconfig(tmp_path: Path, text: str) -> None:
    (tmp_path / "x").write_text(text)
    with pytest.raises(CredentialsError, match="give the path of a kubeconfig"):
        find(tmp_path / "x")


def test_nothing_at_all(tmp_path: Path) -> None:
    with pytest.raises(
        CredentialsError, match="no service account and no kubeconfig: run in a pod, or give --kubeconfig"
    ):
        find(environment={}, service_account=tmp_path, home=tmp_path)


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    found = find(kubeconfig(tmp_path))
    assert "secret" not in repr(found) + repr(Authorization(found))


async def test_a_client_certificate_opens_the_door(tmp_path: Path) -> None:
    authority, server, client = certificates()
    (tmp_path / "server.pem").write_text(server)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=authority)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(tmp_path / "server.pem")
    certificate, _, key = client.partition("-----BEGIN PRIVATE KEY")
    key = f"-----BEGIN PRIVATE KEY{key}"
    async with StubApiServer(tls=context) as stub:
        cluster = {"server": stub.url, "certificate-authority-data": _base64(authority)}
        identity = {"client-certificate-data": _base64(certificate), "client-key-data": _base64(key)}
        clusters = [{"name": "c", "cluster": cluster}]
        found = find(kubeconfig(tmp_path, clusters=clusters, users=user(**identity)))
        ref = ObjectRef(ResourceKind("v1", "Pod", "pods"), "ns", "a")
        known, stranger = ApiServer(found), ApiServer(dataclasses.replace(found, certificate="", key=""))
        assert isinstance(await known.get(ref), Missing)
        refused = await stranger.get(ref)
        assert isinstance(refused, Refused)
        assert refused.reason == "Unreachable"
        await known.close()
        await stranger.close()
    with pytest.raises(CredentialsError, match="do not fit"):
        dataclasses.replace(found, certificate=authority).ssl_context()


def certificates() -> tuple[str, str, str]:
    """An authority's certificate; certificate and key of a server and of a client."""
    now = datetime.now(UTC)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])

    def certificate(name: x509.Name, key: ec.EllipticCurvePrivateKey, authority: bool) -> x509.Certificate:
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        return (
            x509.CertificateBuilder(authority_name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(address, critical=False)
            .sign(authority_key, hashes.SHA256())
        )

    def pem(one: x509.Certificate) -> str:
        return one.public_bytes(serialization.Encoding.PEM).decode()

    def pair(common_name: str) -> str:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return pem(certificate(name, key, authority=False)) + private.decode()

    return pem(certificate(authority_name, authority_key, authority=True)), pair("server"), pair("client")
