"""Resource tokens: the same laws in memory and in a real Redis; and what only Redis has to stand."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.services import redis_tokens
from controller.services.configuration import StartError
from controller.services.redis_connections import PASSWORD_VARIABLE, open_redis
from controller.services.redis_tokens import RedisTokens, member, pool_text, read_member, read_pool
from controller.services.tokens import Holder, InMemoryTokens, Limits, Pool
from pluginmachinery.config import Configuration
from pluginmachinery.config.documents import read_as_flyte
from pluginmachinery.core.actions import Done, NotGranted
from pluginmachinery.plugins.registry import PluginRegistry
from tests.controller.services.redis_server import PASSWORD, RedisServer, redis_cluster, redis_sentinel

GPU = Pool("k8s-array", "gpu")
LIMIT = 2


def holder(owner: str, *, uid: str = "u", attempt: int = 0) -> Holder:
    return Holder("ns", "task", uid, attempt, owner)


def config(server: RedisServer, **more: Any) -> Configuration:
    manager = {"type": "redis", "redis": {"hostPaths": [server.address], "maxRetries": -1}}
    return read_as_flyte({"propeller": {"resourcemanager": manager}, "plugin-manager": {"token-store": more}})


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


class Replica(RedisTokens):
    """A controller's view of Redis; ``close`` is its death."""

    def __init__(self, server: RedisServer, *, lease: float = 120, prefix: str = "fpm") -> None:
        self.connection = open_redis(config(server), {PASSWORD_VARIABLE: PASSWORD})
        super().__init__(self.connection, lambda _: LIMIT, lease=lease, prefix=prefix)


Replicas = Callable[..., Replica]


@pytest.fixture
async def replicas(redis_server: RedisServer) -> AsyncIterator[Replicas]:
    """Makes replicas on an empty Redis."""
    redis_server.do("FLUSHALL")
    made: list[Replica] = []

    def make(server: RedisServer = redis_server, **options: Any) -> Replica:
        made.append(Replica(server, **options))
        return made[-1]

    yield make
    for replica in made:
        await replica.connection.close()


@pytest.fixture
def replica(replicas: Replicas) -> Replica:
    return replicas()


class Tasks:
    """``living`` are those that we act on, ``elsewhere`` those that the API server knows besides."""

    def __init__(self, *living: str, elsewhere: tuple[str, ...] = ()) -> None:
        self.living = set(living)
        self.elsewhere = set(elsewhere)
        self.asked: list[str] = []

    def lives(self, uid: str) -> bool:
        return uid in self.living

    async def is_over(self, holder: Holder) -> bool:
        self.asked.append(holder.uid)
        return holder.uid not in self.elsewhere


# --- Laws of both ----------------------------------------------------------------------------------------------------


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.needs("redis-server"))])
def tokens(request: pytest.FixtureRequest) -> Any:
    if request.param == "memory":
        return InMemoryTokens(lambda _: LIMIT)
    return request.getfixturevalue("replica")


async def granted(tokens: Any, *holders: Holder, pool: Pool = GPU) -> list[bool]:
    return [(await tokens.allocate(pool, each)).value for each in holders]


async def test_no_more_than_there_are_and_why(tokens: Any) -> None:
    assert await granted(tokens, holder("a"), holder("b")) == [True, True]
    refused = await tokens.allocate(GPU, holder("c"))
    assert refused == NotGranted(reason="2 of 2 tokens of gpu (k8s-array) are taken")
    assert refused.value is False


async def test_to_ask_and_to_give_back_twice_changes_nothing(tokens: Any) -> None:
    assert await granted(tokens, holder("a"), holder("a"), holder("b"), holder("c")) == [True, True, True, False]
    for _ in range(2):
        assert await tokens.release(GPU, holder("a")) == Done(True)
    assert await granted(tokens, holder("c"), holder("d")) == [True, False]


async def test_pools_of_two_plugins_do_not_meet(tokens: Any) -> None:
    await granted(tokens, holder("a"), holder("b"))
    assert await granted(tokens, holder("a"), pool=Pool("other", "gpu")) == [True]
    assert {(pool.plugin, pool.taken) for pool in tokens.pools()} == {("k8s-array", 2), ("other", 1)}


async def test_the_next_attempt_frees_what_the_last_one_left(tokens: Any) -> None:
    assert await granted(tokens, holder("a"), holder("b")) == [True, True]
    assert await granted(tokens, holder("a", attempt=1), holder("b", attempt=1)) == [True, True]
    assert await granted(tokens, holder("c", uid="v")) == [False]


class Asked:
    """Who was let to ask again."""

    def __init__(self, gone: str = "") -> None:
        self.uids: list[str] = []
        self._gone = gone

    def __call__(self, uid: str) -> bool:
        self.uids.append(uid)
        return uid != self._gone


async def test_what_is_given_back_is_told_to_who_was_refused_first(tokens: Any) -> None:
    asked = tokens.lines.ask = Asked(gone="gone")
    await granted(tokens, holder("a"), holder("b"))
    for uid in ("gone", "first", "second", "u"):
        await granted(tokens, holder("x", uid=uid), holder("y", uid=uid))
    await tokens.release(GPU, holder("a"))
    assert asked.uids == ["gone", "first"], "one token, one task; nobody has the one that is gone"
    await tokens.release(GPU, holder("a"))
    assert asked.uids == ["gone", "first"], "nothing was given back"
    assert await granted(tokens, holder("x", uid="first")) == [True]
    await tokens.release(GPU, holder("b"))
    assert asked.uids == ["gone", "first", "second"]
    await tokens.release(GPU, holder("x", uid="first"))
    assert asked.uids == ["gone", "first", "second", "u"]


async def test_who_does_not_wait_any_more_is_not_called(tokens: Any) -> None:
    asked = tokens.lines.ask = Asked()
    await granted(tokens, holder("a"), holder("b"))
    await granted(tokens, *(holder("x", uid=uid) for uid in ("ended", "content", "served", "waits")))
    tokens.forget("ended")
    await tokens.release(GPU, holder("x", uid="content"))
    await tokens.release(GPU, holder("a"))
    assert await granted(tokens, holder("x", uid="served")) == [True]
    assert asked.uids == ["served"]
    await tokens.release(GPU, holder("b"))
    assert asked.uids == ["served", "waits"]


# --- Redis -----------------------------------------------------------------------------------------------------------


@pytest.mark.needs("redis-server")
async def test_the_end_of_a_task_frees_what_it_has(replica: Replica) -> None:
    await granted(replica, holder("a"), holder("b"))
    replica.forget("u")
    await replica.sweep(Tasks())
    assert await granted(replica, holder("c", uid="v")) == [True]


@pytest.mark.needs("redis-server")
async def test_what_an_ended_task_had_is_free_at_once(redis_server: RedisServer, replica: Replica) -> None:
    key = "{fpm}:tokens:pool:k8s-array/gpu"
    await granted(replica, holder("a"))
    redis_server.do("ZADD", key, "XX", 1, member(holder("a")))
    keeping = asyncio.create_task(replica.keep(Tasks("u")))
    async with asyncio.timeout(10):
        while float(redis_server.do("ZSCORE", key, member(holder("a")))) == 1:  # until the first round renews it
            await asyncio.sleep(0.005)
        replica.forget("u")
        while redis_server.do("ZCARD", key):
            await asyncio.sleep(0.005)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


@pytest.mark.needs("redis-server")
async def test_replicas_that_ask_together_never_exceed_a_quota(replicas: Replicas, replica: Replica) -> None:
    others = [replica, *(replicas() for _ in range(3))]
    answers = await asyncio.gather(
        *(each.allocate(GPU, holder(f"{number}-{place}")) for place, each in enumerate(others) for number in range(25))
    )
    assert sum(answer.value for answer in answers) == LIMIT


@pytest.mark.needs("redis-server")
async def test_installations_with_prefixes_of_their_own_do_not_meet(replicas: Replicas, replica: Replica) -> None:
    other = replicas(prefix="fpm:other")
    await granted(replica, holder("a"), holder("b"))
    assert await granted(other, holder("a"), holder("b")) == [True, True]


@pytest.mark.needs("redis-server")
async def test_a_crash_frees_nothing_of_a_task_that_lives_and_all_of_one_that_is_gone(
    replicas: Replicas, replica: Replica
) -> None:
    await granted(replica, holder("a", uid="lives"), holder("b", uid="gone"))
    # It dies here; another one starts and finds what nobody renews.
    successor = replicas(lease=0.0)
    called = successor.lines.ask = Asked()
    await granted(successor, holder("c", uid="waits"))
    tasks = Tasks("lives")
    await successor.sweep(tasks)
    assert called.uids == ["waits"]
    assert tasks.asked == ["gone"], "what lives here is no question to the API server"
    assert await granted(successor, holder("c"), holder("d")) == [True, False]
    successor.forget("lives")
    await successor.sweep(Tasks())
    assert await granted(successor, holder("d")) == [True], "it was adopted, and given back when it ended"


@pytest.mark.needs("redis-server")
async def test_what_lives_on_another_replica_is_left_and_not_asked_for_again(
    redis_server: RedisServer, replicas: Replicas, replica: Replica
) -> None:
    await granted(replica, holder("a", uid="theirs"), holder("b", uid="theirs"))
    redis_server.do("ZADD", "{fpm}:tokens:pool:k8s-array/gpu", "XX", 1, member(holder("a", uid="theirs")))
    tasks = Tasks(elsewhere=("theirs",))
    await replicas().sweep(tasks)
    await replicas().sweep(tasks)
    assert tasks.asked == ["theirs"], "once in a lease, and only about what was not renewed"
    assert await granted(replica, holder("c")) == [False]


@pytest.mark.needs("redis-server")
async def test_what_another_replica_acts_on_now_is_not_given_back(replica: Replica) -> None:
    await granted(replica, holder("a"), holder("b"))
    await replica.sweep(Tasks())  # the shard was handed over: its tasks are not ours any more
    assert await granted(replica, holder("c", uid="v")) == [False]


@pytest.mark.needs("redis-server")
async def test_whoever_acts_renews(redis_server: RedisServer, replica: Replica) -> None:
    await granted(replica, holder("a"))
    key = "{fpm}:tokens:pool:k8s-array/gpu"
    redis_server.do("ZADD", key, "XX", 1, member(holder("a")))
    await replica.sweep(Tasks("u"))
    assert float(redis_server.do("ZSCORE", key, member(holder("a")))) > 1


@pytest.mark.needs("redis-server")
async def test_junk_in_a_pool_does_not_stay_for_ever(redis_server: RedisServer, replica: Replica) -> None:
    await granted(replica, holder("a"))
    redis_server.do("ZADD", "{fpm}:tokens:pool:k8s-array/gpu", 1, "what is this")
    await replica.sweep(Tasks("u"))
    assert await granted(replica, holder("b")) == [True]


@pytest.mark.needs("redis-server")
async def test_without_redis_tasks_wait_and_what_is_owed_is_paid_later(
    replicas: Replicas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(redis_tokens, "_PAUSE", 0.0)
    with RedisServer(tmp_path) as server:
        replica = replicas(server)
        await granted(replica, holder("a"), holder("b"))
        server.stop()
        waits = await replica.allocate(GPU, holder("c"))
        assert isinstance(waits, NotGranted)
        assert "the token store can not be reached" in waits.reason
        assert await replica.release(GPU, holder("a")) == Done(True)
        await replica.sweep(Tasks("u"))
        server.start()
        await replica.sweep(Tasks("u"))
        assert await granted(replica, holder("c"), holder("d")) == [True, False]
    assert caplog.text.count("Redis can not be reached") == 1, "told once, not with every task"
    assert PASSWORD not in caplog.text


@pytest.mark.needs("redis-server")
async def test_a_wrong_password_is_a_reason_to_wait_and_is_not_told(redis_server: RedisServer) -> None:
    connection = open_redis(config(redis_server), {PASSWORD_VARIABLE: "the-wrong-one"})
    tokens = RedisTokens(connection, lambda _: 1, lease=120, prefix="fpm")
    waits = await tokens.allocate(GPU, holder("a"))
    await connection.close()
    assert isinstance(waits, NotGranted)
    assert "AuthenticationError" in waits.reason
    assert "the-wrong-one" not in waits.reason


@pytest.mark.needs("redis-server")
async def test_the_password_comes_from_a_file_first(redis_server: RedisServer, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    connection = open_redis(config(redis_server, **{"host-key-file": str(file)}), {PASSWORD_VARIABLE: "wrong"})
    tokens = RedisTokens(connection, lambda _: 1, lease=120, prefix=str(tmp_path))
    assert await tokens.allocate(GPU, holder("a")) == Done(True)
    await connection.close()


async def holds_what_redis_has_to(section: dict[str, Any]) -> None:
    """All that is asked of Redis, through a connection that is configured like this."""
    connection = open_redis(
        read_as_flyte({"propeller": {"resourcemanager": {"type": "redis", "redis": section}}}),
        {PASSWORD_VARIABLE: PASSWORD},
    )
    tokens = RedisTokens(connection, lambda _: LIMIT, lease=0.0, prefix="fpm")
    assert await granted(tokens, holder("a"), holder("b", uid="gone"), holder("c")) == [True, True, False]
    await tokens.release(GPU, holder("a"))
    assert await granted(tokens, holder("c"), holder("d")) == [True, False]
    await tokens.sweep(Tasks("u"))
    assert await granted(tokens, holder("d"), holder("e")) == [True, False]
    await connection.close()


@pytest.mark.needs("redis-server")
async def test_a_redis_cluster(tmp_path: Path) -> None:
    with redis_cluster(tmp_path) as node:
        await holds_what_redis_has_to({"hostPaths": [node.address, node.address]})


@pytest.mark.needs("redis-server")
async def test_a_primary_that_sentinels_know(redis_server: RedisServer, tmp_path: Path) -> None:
    redis_server.do("FLUSHALL")
    with redis_sentinel(tmp_path, redis_server, "tokens") as sentinel:
        await holds_what_redis_has_to({"hostPaths": [sentinel], "primaryName": "tokens"})


# --- Names, numbers, starts ------------------------------------------------------------------------------------------

TEXT = st.text(max_size=8) | st.sampled_from(["a", "a/b", "a:b", "a%2Fb", ""])


@given(st.tuples(TEXT, TEXT), st.tuples(TEXT, TEXT))
def test_no_two_pools_have_one_name(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (pool_text(Pool(*one)) == pool_text(Pool(*other))) == (one == other)
    assert read_pool(pool_text(Pool(*one))) == Pool(*one)


@given(TEXT, TEXT, st.integers(0, 9), TEXT)
def test_a_holder_is_read_as_it_was_written(name: str, uid: str, attempt: int, owner: str) -> None:
    written = Holder("ns", name, uid, attempt, owner)
    assert read_member(member(written)) == written


def test_how_many_tokens_a_quota_has() -> None:
    settings = read_as_flyte(
        {
            "tasks": {"task-plugins": {"enabled-plugins": ["k8s-array", "container"]}},
            "plugins": {"k8s-array": {"resourceConfig": {"primaryLabel": "gpu", "limit": 5}}},
            "propeller": {"resourcemanager": {"resourceMaxQuota": 70}},
        }
    )
    limits = Limits(settings, PluginRegistry.from_config(settings))
    assert [limits(Pool(*pool)) for pool in (("k8s-array", "gpu"), ("k8s-array", "x"), ("container", "x"))] == [
        5,
        70,
        70,
    ]
    assert limits(Pool("nobody", "x")) == 70


def test_a_plugin_of_somebody_else_names_its_own_quotas() -> None:
    class Licences:
        """Needs one of a few licences."""

        id = "licensed"

        def token_quotas(self, config: Configuration) -> dict[str, int]:
            return {"seats": len(config.tasks.task_plugins.enabled_plugins)}

    class Registry:
        def load(self, plugin_id: str) -> Any:
            assert plugin_id == "licensed"
            return Licences()

    settings = read_as_flyte({"tasks": {"task-plugins": {"enabled-plugins": ["a", "b", "licensed"]}}})
    limits = Limits(settings, cast("PluginRegistry", Registry()))
    assert limits(Pool("licensed", "seats")) == 3


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({}, "hostPaths is empty"),
        ({"hostPath": "http://redis"}, "redis: an address is host:port"),
        (
            {"hostPath": "redis://:secret@host"},
            "host: an address is host:port or rediss://host:port, without a password",
        ),
        ({"hostPath": "host:port"}, "Port could not be cast"),
    ],
    ids=["no address", "another scheme", "a password in the address", "no port"],
)
def test_an_address_that_is_none(section: dict[str, Any], told: str) -> None:
    settings = read_as_flyte({"propeller": {"resourcemanager": {"type": "redis", "redis": section}}})
    with pytest.raises(StartError, match=told) as error:
        open_redis(settings, {})
    assert "secret" not in str(error.value)


def test_a_host_key_file_that_is_not_there() -> None:
    settings = read_as_flyte(
        {
            "propeller": {"resourcemanager": {"redis": {"hostPath": "h:1"}}},
            "plugin-manager": {"token-store": {"host-key-file": "/nowhere"}},
        }
    )
    with pytest.raises(StartError, match="host-key-file /nowhere can not be read: No such file"):
        open_redis(settings, {})


def test_without_redis_in_the_configuration_its_library_is_not_imported() -> None:
    code = "import sys, controller.services.tokens, controller.services.redis_tokens; assert 'redis' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
