"""``plugins.ray``: Ray jobs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pluginmachinery.config.logs import LogConfig, TemplateLogPlugin
from pluginmachinery.config.sections import (
    CamelSection,
    Container,
    Deprecated,
    Int32,
    OmitEmpty,
    OneOf,
    Since,
    Unlisted,
    Until,
)

POD_IP = "$MY_POD_IP"
SERVICE_TYPES = ("", "ClusterIP", "NodePort", "LoadBalancer", "ExternalName")
SUBMISSION_MODES = ("", "K8sJobMode", "HTTPMode", "SidecarMode")


class ClusterAuth(CamelSection):
    """Credentials for another cluster, as files of the controller."""

    token_path: str = ""
    """File with the bearer token."""
    ca_cert_path: str = ""
    """File with the certificate authority."""


class ClusterConfig(CamelSection):
    """Another Kubernetes cluster in which objects are created."""

    name: str = ""
    """Name for people."""
    endpoint: str = ""
    """Address of the API server."""
    auth: ClusterAuth = ClusterAuth()
    """Credentials."""
    enabled: bool = False
    """Use it."""


class RayNodeConfig(CamelSection):
    """Defaults of one kind of Ray node."""

    start_parameters: Annotated[dict[str, str], Unlisted()] = {}
    """Parameters of ``ray start``; the task's own win."""
    ip_address: Annotated[str, OmitEmpty()] = ""
    """Address that the node announces."""


def _usual_node() -> RayNodeConfig:
    return RayNodeConfig(start_parameters={"disable-usage-stats": "true"}, ip_address=POD_IP)


class RayDefaults(CamelSection):
    """Defaults of head and worker nodes."""

    head_node: RayNodeConfig = _usual_node()
    """Defaults of the head node."""
    worker_node: RayNodeConfig = _usual_node()
    """Defaults of worker nodes."""


class RayConfig(CamelSection):
    """Defaults of Ray jobs."""

    shutdown_after_job_finishes: Annotated[bool, OmitEmpty()] = True
    """Delete the Ray cluster when its job has ended."""
    ttl_seconds_after_finished: Annotated[Int32, OmitEmpty()] = Field(3600, ge=0)
    """Seconds until the Ray cluster is deleted; only with ``shutdownAfterJobFinishes``."""
    service_type: Annotated[str, OmitEmpty(), OneOf(SERVICE_TYPES)] = "NodePort"
    """Type of the head's service: ClusterIP, NodePort or LoadBalancer."""
    enable_ingress: Annotated[bool, OmitEmpty(), Until("1")] = False
    """Have KubeRay create an Ingress for the head's service."""
    include_dashboard: Annotated[bool, OmitEmpty()] = True
    """Start Ray's dashboard."""
    dashboard_host: Annotated[str, OmitEmpty()] = "0.0.0.0"  # noqa: S104 - Flyte's default: the dashboard is reached through the head's service
    """Address on which the dashboard listens."""
    node_ip_address: Annotated[
        str, OmitEmpty(), Unlisted(), Deprecated("defaults.headNode.ipAddress and defaults.workerNode.ipAddress")
    ] = Field("", alias="nodeIPAddress")
    """Address that nodes announce. Read only where those in ``defaults`` are empty; by default they are not."""
    remote_cluster_config: ClusterConfig = ClusterConfig()
    """Another cluster for Ray jobs."""
    logs: LogConfig = LogConfig()
    """Log links of Ray jobs."""
    logs_sidecar: Container | None = None
    """Container that is added to the head pod to ship logs."""
    dashboard_url_template: TemplateLogPlugin | None = Field(None, alias="dashboardURLTemplate")
    """Link to the dashboard of the job's head node."""
    defaults: RayDefaults = RayDefaults()
    """Defaults of head and worker nodes."""
    enable_usage_stats: bool = False
    """Let Ray report usage statistics to its authors."""
    service_account: str = ""
    """Service account of head and workers; wins over everything else."""
    submission_mode: Annotated[str, Since("2"), OneOf(SUBMISSION_MODES)] = "K8sJobMode"
    """How KubeRay submits the job: K8sJobMode, HTTPMode or SidecarMode."""

    def with_old_addresses(self) -> RayConfig:
        """As Flyte reads it: addresses that were emptied are filled from the deprecated setting."""
        if not self.node_ip_address:
            return self
        nodes = {
            attribute: node.model_copy(update={"ip_address": node.ip_address or self.node_ip_address})
            for attribute, node in (("head_node", self.defaults.head_node), ("worker_node", self.defaults.worker_node))
        }
        return self.model_copy(update={"defaults": self.defaults.model_copy(update=nodes)})
