"""Connections to Redis: a server, a cluster, or a primary that sentinels know. The only module that imports redis.

The library is imported when a connection is opened, because most installations have no Redis.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from controller.services.configuration import StartError
from pluginmachinery.config import Configuration
from pluginmachinery.config.resource_manager import RedisConfig

if TYPE_CHECKING:
    import redis.asyncio

PASSWORD_VARIABLE = "FLYTE_PLUGIN_MANAGER_REDIS_PASSWORD"  # noqa: S105 -- a name
_PORT = 6379
_TIMEOUT = 3.0
"""Seconds for a connection, and for an answer."""
_RETRIES = 3


class Redis:
    """The few commands that we need. They raise what :func:`unreachable` names. ``sentinels`` are closed with it."""

    def __init__(self, client: redis.asyncio.Redis, sentinels: Sequence[redis.asyncio.Redis] = ()) -> None:
        self._client: Any = client
        self._sentinels = sentinels

    async def script(self, text: str, keys: Sequence[str], arguments: Sequence[str | int]) -> Any:
        """Run a script, atomically. Its text goes along only where the server does not have it yet."""
        from redis.exceptions import NoScriptError

        digest = _digest(text)
        try:
            return await self._client.evalsha(digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return await self._client.eval(text, len(keys), *keys, *arguments)

    async def members(self, key: str) -> set[str]:
        found: set[str] = await self._client.smembers(key)
        return found

    async def remove(self, key: str, member: str) -> int:
        return int(await self._client.zrem(key, member))

    async def close(self) -> None:
        for client in (self._client, *self._sentinels):
            await client.aclose()


def open_redis(config: Configuration, environment: Mapping[str, str] = os.environ) -> Redis:
    """A connection as configured; nothing is sent yet. Raises StartError."""
    settings = config.propeller.resourcemanager.redis
    where = "propeller.resourcemanager.redis"
    try:
        import redis.asyncio  # noqa: F401
    except ImportError as error:
        message = "propeller.resourcemanager.type is redis: install flyte-plugin-manager[redis]"
        raise StartError([message]) from error
    if not settings.addresses:
        raise StartError([f"{where}.hostPaths is empty: give the addresses of Redis, host:port"])
    try:
        hosts = [_host(address) for address in settings.addresses]
    except ValueError as error:
        raise StartError([f"{where}.hostPaths: {error}"]) from error
    return _open(settings, hosts, _password(config, environment))


def unreachable() -> tuple[type[Exception], ...]:
    """What commands raise when Redis does not do its part."""
    from redis.exceptions import RedisClusterException, RedisError

    return (RedisError, RedisClusterException, OSError, TimeoutError)


def _open(settings: RedisConfig, hosts: Sequence[tuple[str, int, bool]], password: str) -> Redis:
    from redis.asyncio import Redis as Single
    from redis.asyncio import RedisCluster, Sentinel
    from redis.asyncio.cluster import ClusterNode
    from redis.asyncio.retry import Retry
    from redis.backoff import ExponentialBackoff

    tries = _RETRIES if settings.max_retries == 0 else max(0, settings.max_retries)
    options: dict[str, Any] = {
        "password": password or None,
        "decode_responses": True,
        "socket_timeout": _TIMEOUT,
        "socket_connect_timeout": _TIMEOUT,
        "ssl": any(tls for _, _, tls in hosts),
    }
    retry = Retry(ExponentialBackoff(cap=0.5, base=0.01), tries)
    if settings.primary_name:
        addresses = [(host, port) for host, port, _ in hosts]
        sentinels = Sentinel(addresses, socket_timeout=_TIMEOUT)  # type: ignore[no-untyped-call]
        return Redis(sentinels.master_for(settings.primary_name, retry=retry, **options), sentinels.sentinels)
    if len(hosts) > 1:
        nodes = [ClusterNode(host, port) for host, port, _ in hosts]
        cluster: Any = RedisCluster(startup_nodes=nodes, retry=retry, **options)
        return Redis(cluster)
    host, port, _ = hosts[0]
    return Redis(Single(host=host, port=port, retry=retry, **options))


def _host(address: str) -> tuple[str, int, bool]:
    """Host, port, and whether to speak TLS."""
    url = urlsplit(address if "://" in address else f"redis://{address}")
    if url.scheme not in ("redis", "rediss") or not url.hostname or url.username or url.password:
        shown = url.hostname or "one"
        raise ValueError(f"{shown}: an address is host:port or rediss://host:port, without a password")
    return url.hostname, url.port or _PORT, url.scheme == "rediss"


def _password(config: Configuration, environment: Mapping[str, str]) -> str:
    file = config.plugin_manager.token_store.host_key_file
    if not file:
        return environment.get(PASSWORD_VARIABLE) or config.propeller.resourcemanager.redis.host_key
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise StartError([f"plugin-manager.token-store.host-key-file {file} can not be read: {reason}"]) from error


def _digest(text: str) -> str:
    import hashlib

    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
