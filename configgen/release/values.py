"""Values of the release. Docstrings of the fields become the comments of ``values.yaml``, the descriptions of
``values.schema.json`` and the table of the chart's README.

:class:`ControllerValues` is about the controller's own objects. :class:`ReleaseValues`, what a layer's ``release.yaml``
may set, adds what the cluster has besides. :class:`ChartValues` adds what only the chart takes: the configuration's
documents and the plugins that rights are given for, which ``configgen render`` fills in.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, JsonValue

from pluginmachinery.config.sections import Affinity, CamelSection, Kubernetes, PodSecurityContext, Toleration

NAME: Final = "flyte-plugin-manager"
"""Name of the chart, of the usual release, and of the objects that kustomize installs."""
IMAGE: Final = f"ghcr.io/{NAME}/controller"

EnvVar = Annotated[dict[str, Any], Kubernetes("EnvVar")]
Volume = Annotated[dict[str, Any], Kubernetes("Volume")]
VolumeMount = Annotated[dict[str, Any], Kubernetes("VolumeMount")]
LabelSelector = Annotated[dict[str, Any], Kubernetes("LabelSelector")]
ImagePullSecret = Annotated[dict[str, Any], Kubernetes("LocalObjectReference")]
TopologySpreadConstraint = Annotated[dict[str, Any], Kubernetes("TopologySpreadConstraint")]
ResourceRequirements = Annotated[dict[str, Any], Kubernetes("ResourceRequirements")]


class Values(CamelSection):
    """A part of the values; what stands below its members is said in the chart's files."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class ImageValues(Values):
    """The controller's image."""

    repository: str = IMAGE
    """Registry and name."""
    tag: str = ""
    """Tag; empty: the chart's appVersion."""
    digest: str = Field("", pattern=r"^(sha256:[0-9a-f]{64})?$")
    """Digest (`sha256:…`); wins over the tag. The only reference that never changes under you."""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When the node pulls."""


class PolicyRule(Values):
    """A rule of a Role."""

    api_groups: tuple[str, ...] = ()
    """API groups; `""` is the core group."""
    resources: tuple[str, ...] = ()
    """Plural names, `pods` or `pods/log`."""
    verbs: tuple[str, ...] = ()
    """get, list, watch, create, update, patch, delete, …"""
    resource_names: tuple[str, ...] | None = None
    """Only objects of these names."""


class RbacValues(Values):
    """Rights of the controller."""

    create: bool = True
    """Create roles and bindings. false: you bind the service account yourself."""
    extra_rules: tuple[PolicyRule, ...] = ()
    """Rules beyond those of the plugins, for example for a plugin of your own."""


class ServiceAccountValues(Values):
    """The controller's service account."""

    create: bool = True
    """Create it. false: `name` exists already."""
    name: str = ""
    """Its name; empty: the release's."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """Annotations, for example the role of a cloud's workload identity."""


class ServiceValues(Values):
    """The service that metrics are scraped from."""

    port: int = Field(8080, ge=1024, le=65535)
    """Port of /metrics, /healthz and /readyz, in the container and of the service."""


class ServiceMonitorValues(Values):
    """A ServiceMonitor for the Prometheus operator."""

    enabled: bool = False
    """Create it; its CRD must be there."""
    interval: str = Field("30s", pattern=r"^([0-9]+(ms|[smhdwy]))+$")
    """How often to scrape."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels that your Prometheus selects on."""


class PodDisruptionBudgetValues(Values):
    """Keeps drains from taking all replicas at once. Made only with more than one replica."""

    enabled: bool = True
    """Create it."""
    max_unavailable: int = Field(1, ge=1)
    """How many replicas may be away at a time."""


def _webhook_resources() -> dict[str, Any]:
    return {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}}


class WebhookValues(Values):
    """The webhook that puts secrets into pods of FlytePropeller and of operators."""

    enabled: bool = False
    """Install it, with an account and rights of its own."""
    replicas: int = Field(2, ge=1, le=10)
    """Webhooks; all answer."""
    failure_policy: Literal["Fail", "Ignore"] = "Fail"
    """What happens to a pod that asks for secrets while no webhook answers: `Fail` refuses it, and its task is tried
    again; `Ignore` lets it start without its secrets."""
    timeout_seconds: int = Field(10, ge=1, le=30)
    """How long the API server waits for an answer."""
    port: int = Field(9443, ge=1024, le=65535)
    """Port that the pods listen on."""
    namespace_selector: LabelSelector = Field(default_factory=dict)
    """Namespaces whose pods are looked at. Empty: `watchNamespaces`, or all if that is empty too. Pods without the
    label `inject-flyte-secrets` never reach the webhook."""
    resources: ResourceRequirements = Field(default_factory=_webhook_resources)
    """Resources of the webhook's container."""
    extra_env: tuple[EnvVar, ...] = ()
    """Environment variables of the webhook: secrets of its own, `FLYTE_SECRET_<GROUP>_<KEY>`."""
    extra_volumes: tuple[Volume, ...] = ()
    """Volumes of the webhook's pods."""
    extra_volume_mounts: tuple[VolumeMount, ...] = ()
    """Where they are mounted: secrets of its own are files `/etc/secrets/<group>/<key>`."""


def _resources() -> dict[str, Any]:
    return {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}


class OperatorsValues(Values):
    """Operators that the enabled plugins need."""

    installed: tuple[str, ...] = ()
    """Operators that the cluster has already, such as `spark-operator`: nothing that installs them is rendered."""


class ControllerValues(Values):
    """How the controller is installed."""

    image: ImageValues = ImageValues()
    """The controller's image."""
    image_pull_secrets: tuple[ImagePullSecret, ...] = ()
    """Secrets for pulling it, `- name: …`."""
    replicas: int = Field(1, ge=0, le=10)
    """Controllers. One leads and the others stand by; with `plugin-manager.sharding.count` they share the work."""
    leader_election: bool = True
    """Elect the leader, or share the work, by a Lease. Off only for a single replica with strategy Recreate."""
    watch_namespaces: tuple[str, ...] = ()
    """Namespaces whose TaskExecutions are run; rights are given there only. Empty: all, by a ClusterRole."""
    data_root: str = ""
    """Where inputs and outputs of executions lie that name no paths themselves, for example `s3://bucket/flyte`. Empty:
    every execution has to name its own."""
    log_format: Literal["json", "text"] = "json"
    """Form of the log lines."""
    rbac: RbacValues = RbacValues()
    """Rights of the controller."""
    service_account: ServiceAccountValues = ServiceAccountValues()
    """The controller's service account."""
    resources: ResourceRequirements = Field(default_factory=_resources)
    """Resources of the controller's container."""
    service: ServiceValues = ServiceValues()
    """The service that metrics are scraped from."""
    service_monitor: ServiceMonitorValues = ServiceMonitorValues()
    """A ServiceMonitor for the Prometheus operator."""
    pod_disruption_budget: PodDisruptionBudgetValues = PodDisruptionBudgetValues()
    """Keeps drains from taking all replicas at once."""
    webhook: WebhookValues = WebhookValues()
    """The webhook that puts secrets into pods of FlytePropeller and of operators."""
    node_selector: dict[str, str] = Field(default_factory=dict)
    """Labels of the nodes that the controller runs on."""
    tolerations: tuple[Toleration, ...] = ()
    """Taints that the controller tolerates."""
    affinity: Affinity = Field(default_factory=dict)
    """Affinity of the controller's pods."""
    topology_spread_constraints: tuple[TopologySpreadConstraint, ...] = ()
    """How replicas are spread over zones and nodes."""
    priority_class_name: str = ""
    """Priority class of the controller's pods."""
    pod_annotations: dict[str, str] = Field(default_factory=dict)
    """Annotations of the controller's pods."""
    pod_labels: dict[str, str] = Field(default_factory=dict)
    """Labels of the controller's pods."""
    pod_security_context: PodSecurityContext = Field(default_factory=dict)
    """Additions to the pod's security context, for example `fsGroup`. The restricted profile stays."""
    extra_env: tuple[EnvVar, ...] = ()
    """Environment variables of the controller, for example credentials of the object store."""
    extra_volumes: tuple[Volume, ...] = ()
    """Volumes of the controller's pods."""
    extra_volume_mounts: tuple[VolumeMount, ...] = ()
    """Where they are mounted."""
    termination_grace_period_seconds: int = Field(30, ge=0)
    """How long the controller may take to finish its writes and give up its lease."""


class ReleaseValues(ControllerValues):
    """How the controller is installed: what a layer's `release.yaml` may set."""

    operators: OperatorsValues = OperatorsValues()
    """Operators that the enabled plugins need."""


class ChartRbacValues(RbacValues):
    """Rights of the controller."""

    plugins: tuple[str, ...] = ("container", "sidecar")
    """Plugins that rights are given for; keep it in step with `tasks.task-plugins.enabled-plugins`."""


class ChartValues(ControllerValues):
    """Everything the chart takes."""

    fullname_override: str = ""
    """Name of all objects; empty: the release's name."""
    shipped_config: bool = True
    """Begin with the documents in `files/config`; those of `config` replace the ones of their name. false: `config` is
    all there is."""
    config: dict[str, JsonValue] = Field(default_factory=dict)
    """Documents of Flyte's configuration format, by file name; text or a mapping. The controller merges them in the
    order of their names, so `zz-mine.yaml` has the last word."""
    rbac: ChartRbacValues = ChartRbacValues()
    """Rights of the controller."""
