"""``plugins.k8s``: what holds for every Kubernetes object that a plugin creates."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pluginmachinery.config.copilot import FlyteCoPilotConfig
from pluginmachinery.config.durations import Duration
from pluginmachinery.config.quantities import Quantity
from pluginmachinery.config.sections import (
    Affinity,
    Deprecated,
    NodeSelectorRequirement,
    OneOf,
    PodDNSConfig,
    PodSecurityContext,
    PodTemplate,
    Section,
    SecurityContext,
    Since,
    Span,
    Toleration,
    Unlisted,
    Until,
)


class AcceleratorDeviceClassConfig(Section):
    """How one class of accelerators (``NVIDIA_GPU``, ``GOOGLE_TPU``, …) is asked for in this cluster."""

    resource_name: str = ""
    """Kubernetes resource of the devices, such as ``nvidia.com/gpu``."""
    device_node_label: str = ""
    """Node label that names the device."""
    partition_size_node_label: str = ""
    """Node label that names the size of a partition."""
    unpartitioned_node_selector_requirement: NodeSelectorRequirement | None = None
    """Node selector requirement of pods that want a whole device."""
    unpartitioned_toleration: Toleration | None = None
    """Toleration of pods that want a whole device."""
    pod_template: PodTemplate | None = None
    """Pod template that is the base of pods that use this class."""


class K8sPluginConfig(Section):
    """Defaults and switches for pods and operator objects."""

    inject_finalizer: bool = False
    """Put the finalizer ``flyte.org/finalizer-k8s`` on every created object and take it off when the task ends."""
    default_annotations: dict[str, str] = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
    """Annotations of every created object; the task's own win. Setting this replaces the default entry."""
    default_labels: dict[str, str] = {}
    """Labels of every created object; the task's own win."""
    default_env_vars: dict[str, str] = {}
    """Environment variables of every task container."""
    default_env_vars_from_env: dict[str, str] = {}
    """Environment variables of every task container (name → variable of the controller's environment to copy)."""
    default_env_from_configmaps: tuple[str, ...] = ()
    """ConfigMaps whose entries become environment variables of every task container; a missing one is no error."""
    default_env_from_secrets: tuple[str, ...] = ()
    """Secrets whose entries become environment variables of every task container; a missing one is no error."""
    default_cpus: Quantity = Quantity.parse("1000m")
    """CPU of a container for which nobody says anything."""
    default_memory: Quantity = Quantity.parse("1024Mi")
    """Memory of a container for which nobody says anything."""
    default_tolerations: tuple[Toleration, ...] = ()
    """Tolerations of every pod."""
    default_node_selector: dict[str, str] = {}
    """Node selector of every pod."""
    default_affinity: Annotated[Affinity | None, Unlisted()] = None
    """Affinity of every pod."""
    scheduler_name: str = ""
    """Scheduler of every pod; empty: the cluster's default."""
    interruptible_tolerations: tuple[Toleration, ...] = ()
    """Tolerations that interruptible pods get in addition."""
    interruptible_node_selector: Annotated[dict[str, str], Deprecated("interruptible-node-selector-requirement")] = {}
    """Node selector that interruptible pods get in addition."""
    interruptible_node_selector_requirement: NodeSelectorRequirement | None = None
    """Required node affinity of interruptible pods."""
    non_interruptible_node_selector_requirement: NodeSelectorRequirement | None = None
    """Required node affinity of all other pods."""
    resource_tolerations: dict[str, tuple[Toleration, ...]] = {}
    """Tolerations of pods that ask for a resource (resource name → tolerations)."""
    co_pilot: FlyteCoPilotConfig = FlyteCoPilotConfig()
    """The data sidecar."""
    delete_resource_on_finalize: bool = False
    """Delete the object as soon as the task has ended. Log links into the cluster then end with it."""
    create_container_error_grace_period: Span = Duration.of(minutes=3)
    """How long a container may be in CreateContainerError before the task fails."""
    create_container_config_error_grace_period: Span = Duration()
    """How long a container may be in CreateContainerConfigError before the task fails."""
    image_pull_backoff_grace_period: Span = Duration.of(minutes=3)
    """How long a container may be in ImagePullBackOff before the attempt fails."""
    image_pull_policy: Annotated[str, OneOf(("", "Always", "IfNotPresent", "Never"))] = ""
    """Pull policy of task containers (Always, IfNotPresent, Never); empty: the cluster's default."""
    pod_pending_timeout: Span = Duration()
    """How long a pod may be pending before the attempt fails; 0s: for ever."""
    gpu_device_node_label: str = "k8s.amazonaws.com/accelerator"
    """Node label that names the GPU device."""
    gpu_partition_size_node_label: str = "k8s.amazonaws.com/gpu-partition-size"
    """Node label that names the size of a GPU partition."""
    gpu_unpartitioned_node_selector_requirement: NodeSelectorRequirement | None = None
    """Node selector requirement of pods that want a whole GPU; absent: the partition label must not exist."""
    gpu_unpartitioned_toleration: Toleration | None = None
    """Toleration of pods that want a whole GPU."""
    gpu_resource_name: str = "nvidia.com/gpu"
    """Kubernetes resource that a task's ``gpu`` means. One name for the whole platform."""
    accelerator_devices: Annotated[dict[str, str], Since("2")] = {}
    """Accelerator device as tasks name it → value of the node label."""
    accelerator_device_classes: Annotated[dict[str, AcceleratorDeviceClassConfig], Since("2")] = {}
    """Class of accelerators → how it is asked for in this cluster."""
    default_pod_security_context: PodSecurityContext | None = None
    """Security context of every pod that brings none."""
    default_security_context: SecurityContext | None = None
    """Security context of every primary container that brings none."""
    enable_host_networking_pod: bool | None = None
    """Run pods in the host's network; absent: left to the pod template."""
    default_pod_dns_config: PodDNSConfig | None = None
    """DNS settings of every pod that brings none."""
    default_pod_template_name: str = ""
    """PodTemplate that is the base of every pod, looked up in the execution's namespace, then in the default one."""
    default_pod_template_resync: Span = Duration.of(seconds=30)
    """How often pod templates are read again. Ours are watched, so nothing waits for this."""
    send_object_events: bool = False
    """Report the Kubernetes events of the object with the task's phase."""
    update_base_backoff_duration: int = Field(10, ge=0)
    """First delay, in milliseconds, before an update that met a conflict is tried again."""
    update_backoff_retries: int = Field(5, ge=0)
    """How often an update that met a conflict is tried."""
    add_tolerations_for_extended_resources: tuple[str, ...] = ()
    """Extended resources for which a toleration of the same key is added (operator plugins only, not plain pods)."""
    enable_distributed_error_aggregation: Annotated[bool, Until("1")] = False
    """Gather the errors of the workers of a distributed task."""
    disable_inject_owner_references: Annotated[bool, Since("2")] = False
    """Create objects without an owner reference."""
