"""``propeller.resourcemanager``: where resource tokens are kept. Flyte's own section."""

from __future__ import annotations

from typing import ClassVar, Literal

from pluginmachinery.config.sections import CamelSection


class RedisConfig(CamelSection):
    """How Redis is reached."""

    passes_over_unknown: ClassVar[bool] = True

    host_paths: tuple[str, ...] = ()
    """Addresses, ``host:port``. One: a single server; several: a cluster, or sentinels where ``primaryName`` is given.
    ``rediss://host:port``: with TLS."""
    primary_name: str = ""
    """Name of the primary that sentinels know; only for sentinels."""
    host_path: str = ""
    """One address; used where ``hostPaths`` is empty."""
    host_key: str = ""
    """Password. Here it would stand in a ConfigMap: ``plugin-manager.token-store.host-key-file`` and the environment
    variable ``FLYTE_PLUGIN_MANAGER_REDIS_PASSWORD`` are better places, and go before it."""
    max_retries: int = 0
    """Tries after a command that failed; 0: three, a negative number: none."""

    @property
    def addresses(self) -> tuple[str, ...]:
        return self.host_paths or ((self.host_path,) if self.host_path else ())


class ResourceManagerConfig(CamelSection):
    """Resource tokens: how many of something may be used at a time, over all tasks."""

    passes_over_unknown: ClassVar[bool] = True

    type: Literal["noop", "redis"] = "noop"
    """``redis``: counted in Redis, for all replicas together, and kept over restarts. ``noop``: counted in the memory
    of each replica (Flyte counts nothing then)."""
    resource_max_quota: int = 1000
    """Largest quota; it holds for a quota that names no number of its own."""
    redis: RedisConfig = RedisConfig()
    """How Redis is reached."""
