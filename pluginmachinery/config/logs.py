"""``plugins.logs``: links to the logs of a task, made from templates."""

from __future__ import annotations

import enum
from typing import Annotated

from pydantic import Field

from pluginmachinery.config.sections import CamelSection, Deprecated, Section, Since

KUBERNETES_DASHBOARD = "http://localhost:30082/#!/log/{{ .namespace }}/{{ .podName }}/pod?namespace={{ .namespace }}"


class MessageFormat(enum.IntEnum):
    """Format of the linked log (``flyteidl.core.TaskLog.MessageFormat``); documents hold the number."""

    UNKNOWN = 0
    CSV = 1
    JSON = 2


class TemplateScheme(enum.StrEnum):
    """Which variables a template may use. Flyte has deprecated the distinction."""

    POD = "Pod"
    TASK_EXECUTION = "TaskExecution"


class TemplateLogPlugin(CamelSection):
    """One kind of log link: its name and the templates of its addresses."""

    name: str = ""
    """Name of the log plugin."""
    display_name: str = ""
    """What the console shows."""
    template_uris: tuple[str, ...] = ()
    """Templates of the addresses, one link each. Variables are written ``{{ .podName }}``."""
    dynamic_template_uris: tuple[str, ...] = ()
    """Templates for links that a task asks for by its config."""
    message_format: MessageFormat = MessageFormat.UNKNOWN
    """Format of the linked log."""
    scheme: Annotated[TemplateScheme, Deprecated("nothing; all variables are known everywhere")] = TemplateScheme.POD
    """Which variables the templates use."""
    show_while_pending: bool = False
    """Show the link although the task is still pending."""
    hide_once_finished: bool = False
    """Do not show the link any more when the task has ended."""


class AzureLogsTemplatePlugin(TemplateLogPlugin):
    """A log link into Azure's log workspace, whose query is packed into the address."""


class LogConfig(Section):
    """Which log links a task gets."""

    cloudwatch_enabled: bool = False
    """Link to CloudWatch."""
    cloudwatch_region: Annotated[str, Deprecated("cloudwatch-template-uri")] = ""
    """AWS region of the logs."""
    cloudwatch_log_group: Annotated[str, Deprecated("cloudwatch-template-uri")] = ""
    """CloudWatch log group of the logs."""
    cloudwatch_template_uri: str = ""
    """Template of the CloudWatch address."""
    kubernetes_enabled: bool = False
    """Link to the Kubernetes dashboard."""
    kubernetes_url: Annotated[str, Deprecated("kubernetes-template-uri")] = ""
    """Address of the Kubernetes dashboard."""
    kubernetes_template_uri: str = ""
    """Template of the Kubernetes dashboard's address."""
    stackdriver_enabled: bool = False
    """Link to Google's Cloud Logging."""
    gcp_project: Annotated[str, Deprecated("stackdriver-template-uri")] = ""
    """Google Cloud project of the logs."""
    stackdriver_logresourcename: Annotated[str, Deprecated("stackdriver-template-uri")] = ""
    """Log resource of the logs."""
    stackdriver_template_uri: str = ""
    """Template of the Cloud Logging address."""
    dynamic_log_links: dict[str, TemplateLogPlugin] = {}
    """Links that a task asks for by name (``link_type`` in its config)."""
    templates: tuple[TemplateLogPlugin, ...] = ()
    """Any other links."""
    azure_log_templates: Annotated[tuple[AzureLogsTemplatePlugin, ...], Since("2")] = Field(default=())
    """Links into Azure's log workspaces."""


def dashboard_links() -> LogConfig:
    """The default of most plugins: a link to a dashboard on the user's own machine."""
    return LogConfig(kubernetes_enabled=True, kubernetes_template_uri=KUBERNETES_DASHBOARD)
