"""Replicas keep certificates in step: through a store that only one of them writes at a time, and the registration."""

from __future__ import annotations

import base64
import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.admission.certificates import Material
from controller.admission.keeping import Keeper
from controller.admission.registrations import bundle_of
from controller.admission.stores import FolderStore, Held, Unavailable

NAMES = ("webhook.flyte.svc",)


class SharedStore:
    """A store as the API server is one: who writes over something old is refused."""

    def __init__(self, *, exists: bool = True) -> None:
        self.held = Held(None, "0", exists)
        self.writes = 0
        self.trouble = ""
        self._versions = itertools.count(1)

    async def read(self) -> Held:
        if self.trouble:
            raise Unavailable(self.trouble)
        return self.held

    async def write(self, material: Material, over: Held) -> bool:
        if over.version != self.held.version:
            return False
        self.writes += 1
        self.held = Held(material, str(next(self._versions)))
        return True


class SharedRegistration:
    def __init__(self, name: str = "webhook") -> None:
        self.name = name
        self.configuration: dict[str, Any] = {"webhooks": [{"clientConfig": {}}]}
        self.writes = 0
        self.trouble = ""

    async def read(self) -> dict[str, Any]:
        if self.trouble:
            raise Unavailable(self.trouble)
        return self.configuration if self.name else {}

    async def publish(self, configuration: dict[str, Any], bundle: str) -> bool:
        if configuration is not self.configuration:
            return False
        self.writes += 1
        encoded = base64.b64encode(bundle.encode()).decode()
        self.configuration = {"webhooks": [{"clientConfig": {"caBundle": encoded}}]}
        return True

    @property
    def bundle(self) -> str:
        return bundle_of(self.configuration)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Replica:
    def __init__(self, store: Any, registration: Any, clock: Clock) -> None:
        self.installed: list[Material] = []
        self.keeper = Keeper(store, registration, NAMES, self.installed.append, clock=clock)  # type: ignore[arg-type]

    async def look(self) -> None:
        await self.keeper.look()

    @property
    def serves(self) -> Material:
        return self.installed[-1]


@pytest.mark.parametrize("exists", [True, False], ids=["an empty secret", "no secret"])
async def test_the_first_one_makes_certificates_and_the_second_one_uses_them(exists: bool) -> None:
    store, registration, clock = SharedStore(exists=exists), SharedRegistration(), Clock()
    first, second = Replica(store, registration, clock), Replica(store, registration, clock)
    await first.look()
    await second.look()
    assert first.serves == second.serves
    assert registration.bundle == first.serves.bundle
    assert (store.writes, registration.writes) == (1, 1)
    assert first.keeper.ready.is_set()


async def test_in_order_nothing_is_written_and_nothing_installed_anew() -> None:
    store, registration, clock = SharedStore(), SharedRegistration(), Clock()
    replica = Replica(store, registration, clock)
    for _ in range(5):
        await replica.look()
    assert (store.writes, registration.writes, len(replica.installed)) == (1, 1, 1)


async def test_a_year_of_rotations_with_two_replicas() -> None:
    store, registration, clock = SharedStore(), SharedRegistration(), Clock()
    replicas = [Replica(store, registration, clock) for _ in range(2)]
    for hour in range(0, 400 * 24, 12):
        clock.now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
        await replicas[hour % 24 // 12].look()
        for replica in replicas:
            if replica.installed:
                assert replica.serves.expires > clock.now
    assert replicas[0].installed[0].bundle not in registration.bundle
    assert store.writes < 20


async def test_one_that_was_slower_uses_what_the_other_made() -> None:
    store, registration, clock = SharedStore(), SharedRegistration(), Clock()
    slow, fast = Replica(store, registration, clock), Replica(store, registration, clock)
    read = store.read
    looked = False

    async def read_late() -> Held:
        nonlocal looked
        held = await read()
        if not looked:
            looked = True
            await fast.look()
        return held

    store.read = read_late  # type: ignore[method-assign]
    await slow.look()
    assert slow.serves == fast.serves
    assert store.writes == 1


async def test_a_bundle_that_somebody_took_out_is_put_back() -> None:
    store, registration, clock = SharedStore(), SharedRegistration(), Clock()
    replica = Replica(store, registration, clock)
    await replica.look()
    registration.configuration = {"webhooks": [{"clientConfig": {}}]}
    await replica.look()
    assert registration.bundle == replica.serves.bundle


async def test_without_registration_it_serves_all_the_same_and_says_what_is_wrong() -> None:
    store, registration, clock = SharedStore(), SharedRegistration(), Clock()
    registration.trouble = "there is no MutatingWebhookConfiguration webhook"
    replica = Replica(store, registration, clock)
    with pytest.raises(Unavailable, match="there is no Mutating"):
        await replica.look()
    assert replica.keeper.ready.is_set()
    registration.trouble = ""
    await replica.look()
    assert registration.bundle == replica.serves.bundle


async def test_a_registration_that_somebody_else_keeps_is_not_asked_for() -> None:
    store, registration, clock = SharedStore(), SharedRegistration(name=""), Clock()
    replica = Replica(store, registration, clock)
    for _ in range(3):
        await replica.look()
    clock.now += timedelta(days=300)
    for _ in range(3):
        await replica.look()
    assert registration.writes == 0
    assert replica.serves.expires > clock.now


async def test_a_store_that_can_not_be_read_is_told_of_and_tried_again() -> None:
    store, registration, clock = SharedStore(), SharedRegistration(), Clock()
    store.trouble = "can not read the secret: Forbidden"
    waits: list[float] = []

    class Enough(Exception):
        pass

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            store.trouble = ""
        if len(waits) == 5:
            raise Enough

    keeper = Keeper(store, registration, NAMES, lambda _: None, clock=clock, sleep=sleep)  # type: ignore[arg-type]
    with pytest.raises(Enough):
        await keeper.run()
    assert keeper.problem == ""
    assert all(wait < 5 for wait in waits[:3])
    assert waits[3] == 30.0


async def test_certificates_of_somebody_else_that_can_not_be_used() -> None:
    store, registration = SharedStore(), SharedRegistration()
    store.held = Held(Material("", "", "rubbish", "rubbish"), "7")

    def install(_: Material) -> None:
        raise OSError("no start line")

    keeper = Keeper(store, registration, NAMES, install, clock=Clock())  # type: ignore[arg-type]
    with pytest.raises(Unavailable, match="can not be used: no start line"):
        await keeper.look()
    assert not keeper.ready.is_set()
    assert store.writes == 0


async def test_a_folder_keeps_certificates_for_one_process(tmp_path: Path) -> None:
    store, registration, clock = FolderStore(tmp_path / "certs"), SharedRegistration(), Clock()
    first, later = Replica(store, registration, clock), Replica(store, registration, clock)
    await first.look()
    await later.look()
    assert first.serves == later.serves
    assert sorted(file.name for file in (tmp_path / "certs").iterdir()) == ["ca.crt", "ca.key", "tls.crt", "tls.key"]
    assert all(file.stat().st_mode & 0o77 == 0 for file in (tmp_path / "certs").iterdir())


async def test_files_that_were_mounted_are_served_as_they_are_and_read_again(tmp_path: Path) -> None:
    clock, registration = Clock(), SharedRegistration()
    made = Replica(SharedStore(), SharedRegistration(), clock)
    await made.look()

    def mount(material: Material) -> None:
        for entry, text in (("tls.crt", material.certificate), ("tls.key", material.key), ("ca.crt", material.bundle)):
            (tmp_path / entry).write_text(text)

    mount(made.serves)
    replica = Replica(FolderStore(tmp_path), registration, clock)
    await replica.look()
    assert replica.serves.certificate == made.serves.certificate
    assert registration.bundle == made.serves.bundle
    another = Replica(SharedStore(), SharedRegistration(), clock)
    await another.look()
    mount(another.serves)
    await replica.look()
    assert replica.serves.certificate == another.serves.certificate
    assert not (tmp_path / "ca.key").exists()
