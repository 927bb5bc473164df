"""The root of everything that is read: :class:`Configuration`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from pluginmachinery.config.dask import DaskConfig
from pluginmachinery.config.echo import EchoConfig
from pluginmachinery.config.k8s import K8sPluginConfig
from pluginmachinery.config.kubeflow import KubeflowConfig
from pluginmachinery.config.logs import LogConfig, dashboard_links
from pluginmachinery.config.map_tasks import ArrayConfig, CatalogCacheConfig
from pluginmachinery.config.otel import OtelConfig
from pluginmachinery.config.plugin_manager import PluginManagerConfig
from pluginmachinery.config.propeller import PropellerConfig
from pluginmachinery.config.ray import RayConfig
from pluginmachinery.config.sections import Internal, PlainSection, Section
from pluginmachinery.config.spark import SparkConfig
from pluginmachinery.config.storage import StorageConfig, storage_defaults
from pluginmachinery.config.task_resources import TaskResources
from pluginmachinery.config.tasks import TasksConfig
from pluginmachinery.config.webhook import SecretLookupConfig, WebhookConfig


class PluginsConfig(Section):
    """``plugins``: one section for each plugin, ``k8s`` and ``logs`` for all."""

    k8s: K8sPluginConfig = K8sPluginConfig()
    """What holds for every Kubernetes object."""
    logs: LogConfig = dashboard_links()
    """Log links of plain pods."""
    spark: SparkConfig = SparkConfig()
    """Spark applications."""
    ray: RayConfig = RayConfig()
    """Ray jobs."""
    dask: DaskConfig = DaskConfig()
    """Dask jobs."""
    kf_operator: KubeflowConfig = KubeflowConfig()
    """Jobs of the Kubeflow training operator."""
    k8s_array: ArrayConfig = ArrayConfig()
    """Map tasks."""
    catalog_cache: CatalogCacheConfig = Field(CatalogCacheConfig(), alias="catalogCache")
    """Sizes of map tasks whose outputs are cached."""
    echo: EchoConfig = EchoConfig()
    """Tasks that hand their input back."""


class Configuration(Section):
    """Everything that is configured. ``Configuration()`` is what Flyte v1.16.8 does when nothing is."""

    plugins: PluginsConfig = PluginsConfig()
    """Sections of the plugins."""
    tasks: TasksConfig = TasksConfig()
    """Which plugins run, and how launching backs off."""
    task_resources: TaskResources = Field(TaskResources(), alias="task_resources")
    """Platform resources."""
    plugin_manager: PluginManagerConfig = PluginManagerConfig()
    """How the controller works."""
    propeller: PropellerConfig = PropellerConfig()
    """The few settings of Flyte's engine that we read."""
    otel: OtelConfig = OtelConfig()
    """Where traces go."""
    storage: Annotated[dict[str, Any], PlainSection(StorageConfig)] = Field(default_factory=storage_defaults)
    """The object store: Flyte's own keys, defaults filled in (:class:`~.storage.StorageConfig`)."""
    webhook: WebhookConfig = WebhookConfig()
    """The webhook that puts secrets into pods."""
    secrets: SecretLookupConfig = SecretLookupConfig()
    """Secrets that the webhook's own process has."""
    other: Annotated[dict[str, Any], Internal()] = {}
    """Sections of plugins that are not part of this package: ID of the section → its model, or the plain tree."""
