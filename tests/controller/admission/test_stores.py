"""Where certificates are kept, and whom the API server trusts: each answer of an API server, each state of a folder."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from controller.admission.certificates import Material
from controller.admission.registrations import Registration, bundle_of
from controller.admission.stores import FolderStore, SecretStore, Unavailable
from controller.kube.client import ApiServer
from tests.controller.stub_apiserver import Request, StubApiServer, status

MATERIAL = Material(bundle="authority", authority_key="its key", certificate="certificate", key="key")
OTHER = dataclasses.replace(MATERIAL, certificate="another one")


@pytest.fixture
def store(api: ApiServer) -> SecretStore:
    return SecretStore(api, "flyte", "webhook")


def refuse(server: StubApiServer, verb: str, code: int = 403, reason: str = "Forbidden") -> None:
    async def fault(request: Request) -> web.Response | None:
        return status(code, reason, "not for you") if request.verb == verb else None

    server.faults.append(fault)


async def empty_secret(server: StubApiServer) -> None:
    """As the chart installs it."""
    await server.put("secrets", {"metadata": {"namespace": "flyte", "name": "webhook"}})


# --- A secret --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("installed", [True, False], ids=["it is there and empty", "nobody has made it"])
async def test_what_was_written_is_read_by_another_replica(
    server: StubApiServer, store: SecretStore, installed: bool
) -> None:
    if installed:
        await empty_secret(server)
    before = await store.read()
    assert (before.material, before.exists) == (None, installed)
    assert await store.write(MATERIAL, before)
    assert (await store.read()).material == MATERIAL


@pytest.mark.parametrize("installed", [True, False], ids=["it is there", "nobody has made it"])
async def test_of_two_that_write_over_the_same_one_is_told_to_read_again(
    server: StubApiServer, store: SecretStore, installed: bool
) -> None:
    if installed:
        await empty_secret(server)
    before = await store.read()
    assert await store.write(MATERIAL, before)
    assert not await store.write(OTHER, before)
    assert (await store.read()).material == MATERIAL


async def test_a_secret_that_goes_meanwhile_is_read_again(server: StubApiServer, store: SecretStore) -> None:
    await empty_secret(server)
    before = await store.read()
    await server.remove("secrets", "flyte", "webhook")
    assert not await store.write(MATERIAL, before)


@pytest.mark.parametrize(
    "data",
    [
        {"tls.crt": "no base64!", "tls.key": "a2V5"},
        {"tls.crt": base64.b64encode(b"\xff\xfe").decode(), "tls.key": "a2V5"},
        {"tls.crt": "Y2VydA=="},
    ],
    ids=["no base64", "no text", "without its key"],
)
async def test_what_is_no_material_is_replaced(server: StubApiServer, store: SecretStore, data: Any) -> None:
    await server.put("secrets", {"metadata": {"namespace": "flyte", "name": "webhook"}, "data": data})
    found = await store.read()
    assert found.material is None
    assert await store.write(MATERIAL, found)


@pytest.mark.parametrize(("verb", "word"), [("get", "read"), ("patch", "write")])
async def test_missing_rights_on_the_secret_are_told(
    server: StubApiServer, store: SecretStore, verb: str, word: str
) -> None:
    await empty_secret(server)
    refuse(server, verb)
    with pytest.raises(Unavailable, match=f"can not {word} the secret flyte/webhook: Forbidden: not for you"):
        await store.write(MATERIAL, await store.read())


# --- A folder --------------------------------------------------------------------------------------------------------


async def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = FolderStore(tmp_path / "file")
    assert (await store.read()).material is None
    with pytest.raises(Unavailable, match=r"can not write certificates to .*/file: "):
        await store.write(MATERIAL, await store.read())


async def test_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "tls.crt").write_bytes(b"\xff\xfe")
    with pytest.raises(Unavailable, match="can not read the certificates in"):
        await FolderStore(tmp_path).read()


# --- The registration ------------------------------------------------------------------------------------------------


@pytest.fixture
def registration(api: ApiServer) -> Registration:
    return Registration(api, "webhook")


async def installed(server: StubApiServer) -> None:
    hooks: list[Any] = [{"name": name, "clientConfig": {"service": {"name": "w"}}, "rules": []} for name in ("a", "b")]
    await server.put("mutatingwebhookconfigurations", {"metadata": {"name": "webhook"}, "webhooks": hooks})


async def test_a_bundle_is_published_and_nothing_else_is_touched(
    server: StubApiServer, registration: Registration
) -> None:
    await installed(server)
    before = await registration.read()
    assert bundle_of(before) == ""
    assert await registration.publish(before, "authority")
    after = await registration.read()
    assert bundle_of(after) == "authority"
    assert [{**hook, "clientConfig": {"service": {"name": "w"}}} for hook in after["webhooks"]] == before["webhooks"]


async def test_somebody_changed_the_registration_meanwhile(server: StubApiServer, registration: Registration) -> None:
    await installed(server)
    before = await registration.read()
    assert await registration.publish(before, "authority")
    assert not await registration.publish(before, "another")
    assert bundle_of(await registration.read()) == "authority"


async def test_a_registration_that_is_not_there_says_what_to_install(registration: Registration) -> None:
    with pytest.raises(Unavailable, match=r"there is no MutatingWebhookConfiguration webhook: install it"):
        await registration.read()


@pytest.mark.parametrize(("verb", "told"), [("get", "can not read Mutating"), ("patch", "can not write the caBundle")])
async def test_missing_rights_on_the_registration_are_told(
    server: StubApiServer, registration: Registration, verb: str, told: str
) -> None:
    await installed(server)
    refuse(server, verb)
    with pytest.raises(Unavailable, match=rf"{told}.*not for you"):
        await registration.publish(await registration.read(), "authority")


@pytest.mark.parametrize(
    "bundles",
    [("YQ==", "Yg=="), ("no base64!",), ()],
    ids=["two that differ", "no base64", "no webhooks"],
)
def test_a_bundle_that_is_none(bundles: tuple[str, ...]) -> None:
    assert bundle_of({"webhooks": [{"clientConfig": {"caBundle": bundle}} for bundle in bundles]}) == ""
