"""``plugins.k8s-array`` and ``plugins.catalogCache``: map tasks, whose sub-tasks are pods."""

from __future__ import annotations

from pydantic import Field

from pluginmachinery.config.logs import LogConfig, dashboard_links
from pluginmachinery.config.sections import CamelSection, Toleration


class WorkQueueConfig(CamelSection):
    """A queue of Flyte's with its workers. Here nothing is queued; the size of the index still bounds arrays."""

    workers: int = Field(10, ge=0)
    """Workers of the queue."""
    max_retries: int = Field(5, ge=0)
    """How often an item is tried again."""
    max_items: int = Field(100000, ge=0)
    """Items that the queue remembers."""


class CatalogCacheConfig(CamelSection):
    """The queues to the catalogue of outputs. An array with more sub-tasks than either remembers is refused if it is to
    be cached."""

    reader: WorkQueueConfig = WorkQueueConfig(max_items=10000, max_retries=3)
    """Look-ups."""
    writer: WorkQueueConfig = WorkQueueConfig(max_items=10000, max_retries=3)
    """Entries."""


class TokenQuota(CamelSection):
    """A quota of tokens; each sub-task takes one while it runs."""

    primary_label: str = ""
    """Name of the quota."""
    limit: int = Field(0, ge=0)
    """How many tokens there are."""


class ArrayClusterAuth(CamelSection):
    """Credentials for another cluster, as files of the controller."""

    type: str = ""
    """Kind of the credentials."""
    token_path: str = ""
    """File with the bearer token."""
    cert_path: str = ""
    """File with the certificate authority."""


class ArrayClusterConfig(CamelSection):
    """Another Kubernetes cluster in which sub-tasks run."""

    name: str = ""
    """Name for people."""
    endpoint: str = ""
    """Address of the API server."""
    auth: ArrayClusterAuth = ArrayClusterAuth()
    """Credentials."""
    enabled: bool = False
    """Use it."""


class ArrayLogs(CamelSection):
    """Log links of sub-tasks."""

    config: LogConfig = dashboard_links()
    """Which links; ``plugins.logs`` does not count for sub-tasks."""


class ArrayConfig(CamelSection):
    """Map tasks."""

    scheduler: str = ""
    """Scheduler of the sub-tasks' pods; takes the place of the pod's own."""
    max_error_length: int = Field(1000, ge=0)
    """Characters of the error message that sums up those of sub-tasks."""
    max_array_job_size: int = Field(5000, ge=0)
    """Largest number of sub-tasks."""
    resource_config: TokenQuota = TokenQuota()
    """Limits how many sub-tasks of all tasks run at a time."""
    remote_cluster_config: ArrayClusterConfig = ArrayClusterConfig()
    """Another cluster for sub-tasks."""
    node_selector: dict[str, str] = Field({}, alias="node-selector")
    """Labels of the nodes for sub-tasks; takes the place of the pod's own."""
    tolerations: tuple[Toleration, ...] = ()
    """Taints that sub-tasks tolerate; takes the place of the pod's own."""
    namespace_template: str = ""
    """Namespace of the sub-tasks' pods; ``{{.namespace}}`` stands for the task's."""
    output_assembler: WorkQueueConfig = Field(WorkQueueConfig(), alias="OutputAssembler")
    """The queue that puts outputs together."""
    error_assembler: WorkQueueConfig = Field(WorkQueueConfig(), alias="ErrorAssembler")
    """The queue that puts errors together."""
    logs: ArrayLogs = ArrayLogs()
    """Log links of sub-tasks."""
