"""``plugin-manager``: our own settings. Flyte ignores the section."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from pluginmachinery.config.durations import Duration
from pluginmachinery.config.k8s import K8sPluginConfig
from pluginmachinery.config.sections import NotNegative, PartOf, Section, Span

PolicyLevel = Literal["privileged", "baseline", "restricted"]
"""The levels of the Kubernetes Pod Security Standards, from anything goes to hardened."""
MOST_SHARDS = 60
"""Beyond, parts would be of very unequal size: some of one bucket (:mod:`pluginmachinery.api.shards`), some of two."""


class RetriesConfig(Section):
    """Failure budgets of a task beyond the user's own retries."""

    system: int | None = Field(None, ge=0)
    """How often a task is tried again after failures that are not its own.
    Absent: ``propeller.node-config.max-node-retries-system-failures``."""
    interruptible_threshold: int | None = None
    """System failures after which a task is no longer run interruptibly; a negative number counts from the last
    attempt. Absent: ``propeller.node-config.interruptible-failure-threshold``."""


class ShardingConfig(Section):
    """Several replicas share the TaskExecutions of a cluster."""

    count: int = Field(1, ge=1, le=MOST_SHARDS)
    """Parts that are dealt out to the replicas; 1: one replica leads, the others stand by. Two to four parts for each
    replica share evenly also when one is away."""
    label: str = "plugins.flyte.org/shard"
    """Label that says which part an object belongs to: a number below 120, modulo the count. ``controller submit``
    sets it; what does not have it belongs to part 0. It is not changed while the task lives."""


class GarbageCollectionConfig(Section):
    """What happens to TaskExecutions that have ended."""

    ttl: Annotated[Duration | None, NotNegative()] = None
    """Delete them after this time, unless they say ``ttlSecondsAfterFinished`` themselves. Absent: keep them."""
    max_ended_per_namespace: int | None = Field(None, ge=0)
    """Keep so many of them in each namespace, the ones that ended last, and delete the others, whatever their time to
    live. With sharding, so many of each part. Absent: keep them."""
    deletions_per_second: int = Field(10, ge=1, le=1000)
    """How fast they are deleted where many are due at once."""
    interval: Span = Duration.of(minutes=5)
    """How often to look for what is beyond that number, and for objects whose TaskExecution is gone."""


class PolicyConfig(Section):
    """What a task may bring into a pod, by the levels of the Pod Security Standards; checked on every built object."""

    deny: PolicyLevel = "baseline"
    """A task whose object contains what this level forbids fails (PolicyDenied); ``privileged`` forbids nothing."""
    warn: PolicyLevel = "baseline"
    """What this level forbids, and ``deny`` does not, is only told."""
    service_accounts: tuple[str, ...] = ()
    """Service accounts that a payload may name besides the execution's own and the configured ones; ``*`` at the end
    stands for any ending."""

    @property
    def warns_beyond_denial(self) -> bool:
        """Can there be something to tell that does not fail the task?"""
        return self.warn not in ("privileged", self.deny)


class SecretsConfig(Section):
    """How tasks get the Kubernetes secrets that they ask for."""

    inject: Literal["kubernetes", "webhook"] = "kubernetes"
    """``kubernetes``: files and variables are put into the pods as they are made, and no webhook is needed.
    ``webhook``: Flyte's webhook does it; it is needed for secrets that are not Kubernetes' (AWS, GCP, Vault)."""


class EventsConfig(Section):
    """Kubernetes events about tasks: failures, retries, waits and aborts. What goes well makes none."""

    enabled: bool = True
    """Write them."""
    per_second: float = Field(5.0, gt=0)
    """How many are written at most, on average, for all tasks together; the rest is dropped and counted."""
    burst: int = Field(50, ge=1)
    """How many may be written at once after a quiet time."""


class TokenStoreConfig(Section):
    """Resource tokens in Redis, beside ``propeller.resourcemanager``, which says where Redis is."""

    lease: Duration = Duration.of(minutes=2)
    """A token that was not renewed for this long is looked at: it is freed if its task has ended or is gone. Tokens of
    tasks that live are never freed, however long nobody renewed them."""
    prefix: str = "flyte-plugin-manager"
    """Begins the names of all keys. Installations that share a Redis need one each: what one does not find in its own
    cluster it takes for gone."""
    host_key_file: str = ""
    """File with the password of Redis, as a mounted Secret. Absent: the environment variable
    ``FLYTE_PLUGIN_MANAGER_REDIS_PASSWORD``, else ``propeller.resourcemanager.redis.hostKey``."""


class ScopeConfig(Section):
    """What differs for one project, one domain, or one project in one domain."""

    project: str = ""
    """Project for which it holds; empty: all."""
    domain: str = ""
    """Domain for which it holds; empty: all."""
    enabled_plugins: tuple[str, ...] | None = None
    """Plugins that run there, in place of ``tasks.task-plugins.enabled-plugins``."""
    default_for_task_types: dict[str, str] | None = None
    """Merged over ``tasks.task-plugins.default-for-task-types``."""
    k8s: Annotated[dict[str, Any], PartOf(K8sPluginConfig)] | None = None
    """Keys of ``plugins.k8s``, each in place of the general one; ``co-pilot`` key by key."""
    policy: PolicyConfig | None = None
    """Levels that hold there, in place of the general ones."""


class PluginManagerConfig(Section):
    """How the controller works."""

    retries: RetriesConfig = RetriesConfig()
    """Failure budgets."""
    coalesce: Span = Duration.of(seconds=2)
    """A phase that is not final is written at most once in this time; a task that ends sooner costs one write less.
    Final phases are written at once. 0s: every phase is written at once."""
    workers: int = Field(64, ge=1)
    """How many requests to the API server are in flight at most."""
    plugin_timeout: Span = Duration.of(seconds=3)
    """How long one call of a plugin may take. It holds up everything else meanwhile; one that lasts longer is broken
    off, and counts as a system failure of the attempt. 0s: it may take for ever."""
    sharding: ShardingConfig = ShardingConfig()
    """Several controllers for one cluster."""
    gc: GarbageCollectionConfig = GarbageCollectionConfig()
    """What happens to TaskExecutions that have ended."""
    optional_plugins: tuple[str, ...] = ()
    """Plugins without which the controller starts too: one that can not be loaded is reported, its tasks fail."""
    policy: PolicyConfig = PolicyConfig()
    """What a task may bring into a pod."""
    secrets: SecretsConfig = SecretsConfig()
    """How tasks get their secrets."""
    events: EventsConfig = EventsConfig()
    """Kubernetes events about tasks."""
    token_store: TokenStoreConfig = TokenStoreConfig()
    """Resource tokens in Redis."""
    scopes: tuple[ScopeConfig, ...] = ()
    """What differs for single projects and domains. All that match apply, the more specific ones later."""
