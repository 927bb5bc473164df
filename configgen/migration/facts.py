"""What differs between Flyte v1.16.8 and Flyte 2, for those who configure plugins: a table.

Every fact names the file of flyteorg/flyte, at :data:`COMMIT`, that shows it. Paths are Flyte's keys with dots between
them. What is not in the table is read by Flyte 2 as by Flyte 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from configgen.plugin_releases import RELEASES

COMMIT: Final = "6fadb90d6589"
"""The commit of flyteorg/flyte that the facts are of (2026-08-21)."""


class Change(StrEnum):
    """What happens to a field. ``RENAMED`` and ``MOVED`` fields mean the same under another path."""

    RENAMED = "renamed"
    MOVED = "moved"
    DROPPED = "dropped"
    DEFAULT = "changed default"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Fact:
    """``to``: the new path of what was renamed or moved, which says the mend. ``in_both``: Flyte 1
    understands the new form as well.
    ``plugin``: a changed default matters only where this plugin runs. ``to_decide``: a person has to put something
    in its place, and needs to see what it said: it is never taken out."""

    path: str
    change: Change
    message: str
    mend: str
    source: str
    to: str = ""
    in_both: bool = False
    plugin: str = ""
    to_decide: bool = False


_METADATA: Final = "executor/pkg/plugin/task_exec_metadata.go"
_TASKS: Final = "executor/pkg/config/task_plugin_config.go"
_K8S: Final = "flyteplugins/go/tasks/pluginmachinery/flytek8s/config/config.go"
_LOADER: Final = "executor/plugins/loader.go, executor/setup.go"
_STORAGE: Final = "flytestdlib/storage/config.go"
_CONNECTOR: Final = "flyteplugins/go/tasks/plugins/webapi/connector/config.go"
_RAY: Final = "flyteplugins/go/tasks/plugins/k8s/ray/config.go"
_SPARK: Final = "flyteplugins/go/tasks/plugins/k8s/spark/config.go"
_WEBHOOK: Final = "flyteplugins/go/tasks/pluginmachinery/secret/config/config.go"
_VALUES: Final = "charts/flyte-binary/values.yaml"
_TEMPLATE: Final = "charts/flyte-binary/templates/configmap.yaml"


def _dropped(
    path: str,
    source: str,
    message: str = "Flyte 2 does not read it",
    mend: str = "remove it",
    *,
    to_decide: bool = False,
) -> Fact:
    return Fact(path, Change.DROPPED, message, mend, source, to_decide=to_decide)


def _moved(path: str, to: str, source: str, *, message: str = "", in_both: bool = False) -> Fact:
    same_section = to.rpartition(".")[0] == path.rpartition(".")[0]
    change = Change.RENAMED if same_section else Change.MOVED
    told = message or f"has another {'name' if same_section else 'place'} in Flyte 2"
    return Fact(path, change, told, "", source, to, in_both)


_SYSTEM_FAILURES: Final = "propeller.node-config.max-node-retries-system-failures"

CONFIGURATION: Final[tuple[Fact, ...]] = (
    # Which plugins run
    _dropped(
        "tasks.task-plugins.enabled-plugins",
        _TASKS,
        "Flyte 2 runs every plugin that it is built with, and no list says otherwise",
        "remove it; what must not run has to be kept out by other means",
    ),
    _dropped("tasks.backoff", _TASKS, "Flyte 2 does not back off by configuration"),
    _dropped("tasks.max-plugin-phase-versions", _TASKS),
    _dropped("tasks.maxLogMessageLength", _TASKS),
    # Platform resources
    _dropped(
        "task_resources",
        _METADATA,
        "Flyte 2 has no platform-wide defaults and limits of resources",
        "rely on plugins.k8s.default-cpus and default-memory, and on LimitRange and ResourceQuota of the namespaces",
    ),
    # The engine
    _moved(_SYSTEM_FAILURES, "executor.maxSystemFailures", "executor/pkg/config/config.go"),
    _dropped("propeller", "manager/cmd/main.go", "Flyte 2 has no engine of this name"),
    # What holds for all Kubernetes objects
    _dropped("plugins.k8s.enable-distributed-error-aggregation", _K8S),
    _dropped("plugins.k8s.send-object-events", _K8S, "Flyte 2 parses it, and nothing looks at it"),
    _dropped("plugins.k8s.default-pod-template-resync", _K8S, "Flyte 2 watches pod templates, and does not look at it"),
    _dropped("plugins.k8s.update-base-backoff-duration", _K8S, "Flyte 2 parses it, and nothing looks at it"),
    _dropped("plugins.k8s.update-backoff-retries", _K8S, "Flyte 2 parses it, and nothing looks at it"),
    _dropped("plugins.k8s.co-pilot.storage", _K8S, "Flyte 2 parses it, and nothing looks at it"),
    Fact(
        "plugins.k8s.gpu-resource-name",
        Change.WARNING,
        "deprecated; a task that names a class of accelerators gets the resource of its class instead",
        "say the resource in accelerator-device-classes too, such as NVIDIA_GPU: {resource-name: …}",
        f"{_K8S}, flyteplugins/go/tasks/pluginmachinery/flytek8s/pod_helper.go",
    ),
    Fact(
        "plugins.k8s.co-pilot.image",
        Change.DEFAULT,
        "the default is cr.flyte.org/flyteorg/flyte-binary-v2:latest, no longer a release of flytecopilot",
        "name the image of your Flyte 2 release",
        _K8S,
    ),
    # Operators
    _dropped("plugins.ray.enableIngress", _RAY),
    Fact(
        "plugins.ray.serviceAccount",
        Change.DEFAULT,
        'the default is "default", no longer empty',
        "name the account if it is to be another one",
        _RAY,
        plugin="ray",
    ),
    Fact(
        "plugins.spark.enable-pod-template",
        Change.DEFAULT,
        "new and on: driver and executors get the whole pod specification where the SparkApplication CRD has a place",
        "set it to false to keep the former way",
        _SPARK,
        plugin="spark",
    ),
    # Connectors
    _moved(
        "plugins.agent-service.defaultAgent",
        "plugins.connector-service.defaultConnector",
        _CONNECTOR,
        in_both=True,
    ),
    _moved("plugins.agent-service.agents", "plugins.connector-service.connectors", _CONNECTOR, in_both=True),
    _moved(
        "plugins.agent-service.agentForTaskTypes",
        "plugins.connector-service.connectorForTaskTypes",
        _CONNECTOR,
        in_both=True,
    ),
    _moved("plugins.agent-service", "plugins.connector-service", _CONNECTOR, in_both=True),
    Fact(
        "plugins.connector-service.webApi.readRateLimiter.qps",
        Change.WARNING,
        "has to be a whole number in Flyte 2",
        "round it",
        "flyteplugins/go/tasks/pluginmachinery/webapi/pluginconfig.go",
    ),
    Fact(
        "plugins.connector-service.webApi.writeRateLimiter.qps",
        Change.WARNING,
        "has to be a whole number in Flyte 2",
        "round it",
        "flyteplugins/go/tasks/pluginmachinery/webapi/pluginconfig.go",
    ),
    # The object store
    _moved("storage.connection.endpoint", "storage.stow.config.endpoint", _STORAGE),
    _moved("storage.connection.auth-type", "storage.stow.config.auth_type", _STORAGE),
    _moved("storage.connection.access-key", "storage.stow.config.access_key_id", _STORAGE),
    _moved("storage.connection.secret-key", "storage.stow.config.secret_key", _STORAGE),
    _moved("storage.connection.region", "storage.stow.config.region", _STORAGE),
    _moved("storage.connection.disable-ssl", "storage.stow.config.disable_ssl", _STORAGE),
    _dropped("storage.connection", _STORAGE, "Flyte 2 reads the store's settings from storage.stow alone"),
    # Secrets
    Fact(
        "webhook.secretManagerType",
        Change.WARNING,
        "ignored where webhook.secretManagerTypes is set, which the chart does: [Embedded]",
        "say it as a list, webhook.secretManagerTypes",
        f"{_WEBHOOK}, {_TEMPLATE}",
    ),
    Fact(
        "webhook.secretManagerType",
        Change.DEFAULT,
        "the default is Embedded, no longer K8s",
        "say webhook.secretManagerTypes: [K8s] if Kubernetes secrets of the task's namespace are to be found",
        _WEBHOOK,
    ),
    # Plugins that are gone, and sections of Flyte 1's other parts
    *(
        _dropped(f"plugins.{section}", _LOADER, "Flyte 2 does not have the plugin")
        for section in (
            *("athena", "aws", "bigquery", "databricks", "echo", "k8s-array", "presto", "qubole", "sagemaker"),
            "snowflake",
        )
    ),
    *(
        _dropped(section, "manager/cmd/main.go", "Flyte 2 does not have the part that read it")
        for section in (
            *("admin", "auth", "catalog-cache", "cloudEvents", "cluster_resources", "clusterpools", "clusters"),
            *("datacatalog", "domains", "event", "externalEvents", "flyteadmin", "manager", "namespace_mapping"),
            *("notifications", "qualityOfService", "queues", "registration", "remoteData", "scheduler", "server"),
            "task_type_whitelist",
        )
    ),
)
"""Flyte's configuration, wherever it is written. Longer paths stand before the shorter ones that hold them."""

KEPT_IN_SOURCES: Final = frozenset({"tasks.task-plugins.enabled-plugins"})
"""Dropped by Flyte 2, and read by configgen itself: it stays in a source, and is left out of what is rendered."""

GONE_PLUGINS: Final = frozenset(name for name, releases in RELEASES.items() if releases.flyte2 is None)
"""IDs that Flyte 2 does not have: it passes over a default that names one, with a line in its log, and tasks of a type
that nobody knows run as plain containers (executor/pkg/plugin/registry.go)."""
PLUGIN_SUCCESSORS: Final = {"agent-service": "connector-service"}

VALUES: Final[tuple[Fact, ...]] = (
    *(
        _moved(f"configuration.database.{key}", f"configuration.database.postgres.{key}", _VALUES)
        for key in ("username", "password", "passwordPath", "host", "port", "dbname", "options")
    ),
    _moved(
        "flyte-core-components.admin.seedProjects", "flyte-core-components.runs.seedProjects", "runs/config/config.go"
    ),
    _dropped("flyte-core-components.admin", _VALUES, "Flyte 2 does not have this part"),
    _dropped("flyte-core-components.propeller", _VALUES, "Flyte 2 does not have this part"),
    _dropped("flyte-core-components.dataCatalog", _VALUES, "Flyte 2 does not have this part"),
    _moved(
        "configuration.connectorService",
        "configuration.inline.plugins.connector-service",
        _TEMPLATE,
        message="the chart has the value, and renders it nowhere",
    ),
    *(
        _moved(
            f"configuration.agentService.{old}",
            f"configuration.inline.plugins.connector-service.{new}",
            _TEMPLATE,
        )
        for old, new in (
            ("defaultAgent", "defaultConnector"),
            ("agents", "connectors"),
            ("agentForTaskTypes", "connectorForTaskTypes"),
        )
    ),
    _moved("configuration.agentService", "configuration.inline.plugins.connector-service", _TEMPLATE),
    _dropped(
        "configuration.auth",
        _VALUES,
        "the chart does not set up authentication",
        "put a proxy in front (ingress.apiJwtIngress, ingress.wellknownIngress), and remove it",
        to_decide=True,
    ),
    _dropped("configuration.propeller", _VALUES, "Flyte 2 has no engine of this name"),
    _dropped(
        "configuration.storage.userDataContainer",
        _VALUES,
        "there is one container for all",
        "say where data goes in flyte-core-components.runs.storagePrefix, and remove it",
        to_decide=True,
    ),
    _dropped(
        "clusterResourceTemplates",
        _VALUES,
        "the chart makes no objects in namespaces of projects",
        "make them by other means, and remove it",
        to_decide=True,
    ),
    *(
        _dropped(path, _VALUES, "one port serves everything")
        for path in (
            *("service.ports.grpc", "service.nodePorts.grpc", "service.grpcAnnotations"),
            *("ingress.separateGrpcIngress", "ingress.grpcAnnotations", "ingress.grpcIngressClassName"),
            *("ingress.grpcTls", "ingress.grpcExtraPaths"),
        )
    ),
    *(
        Fact(path, Change.WARNING, "names an image of Flyte 1", "take the one of your Flyte 2 release", _VALUES)
        for path in ("configuration.co-pilot.image", "deployment.image")
    ),
)
"""Values of the chart flyte-binary."""

CORE_VALUES: Final[tuple[Fact, ...]] = tuple(
    _dropped(path, _VALUES, "the chart flyte-binary has no such flag")
    for path in ("sparkoperator.enabled", "databricks.enabled", "daskoperator")
)
"""Values of the chart flyte-core, which Flyte 2 does not have, beside those that become documents."""

PLATFORM_VARIABLES: Final = ("_U_EP_OVERRIDE", "_U_INSECURE", "_U_USE_ACTIONS")
"""Variables of every task that Flyte 2's chart sets in ``plugins.k8s.default-env-vars`` (:data:`_TEMPLATE`), and that a
list in ``configuration.inline`` replaces."""
