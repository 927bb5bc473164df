"""Log links: addresses of a task's logs, made from templates.

A *template* is an address with variables such as ``{{ .podName }}``; a *log plugin* is a display name with one or more
templates; ``plugins.logs`` (and the log sections of single plugins) say which log plugins there are. A *dynamic* link
is one that a task asks for: its config names log plugins in ``link_type`` and may fill ``{{ .taskConfig.<key> }}``.

Links are ``flyteidl.core.TaskLog`` messages in protobuf JSON.
"""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pluginmachinery.config.logs import AzureLogsTemplatePlugin, LogConfig, TemplateLogPlugin
from pluginmachinery.pods.log_templates import NO_TIME, LogSource, fill

if TYPE_CHECKING:
    from pluginmachinery.core.tasks import TaskContext

__all__ = ["NO_TIME", "LogSource", "TaskLog", "plugin_links", "task_logs"]

TaskLog = dict[str, Any]

LINK_TYPE = "link_type"
"""Key of the task's config: names of the dynamic links it wants, separated by commas."""

_AZURE_QUERY = """ContainerLogV2
| where TimeGenerated between (datetime({{ .podRFC3339StartTime }}) - 1h .. datetime({{ .podRFC3339FinishTime }}) + 1h)
| where PodNamespace == "{{ .namespace }}" and PodName == "{{ .podName }}" and ContainerName == "{{ .containerName }}"
"""


def task_logs(task: TaskContext, logs: LogConfig, source: LogSource, *, dynamic: bool = True) -> tuple[TaskLog, ...]:
    """The links of one log section: Kubernetes, CloudWatch, Stackdriver, Azure, templates, then the dynamic ones.

    ``dynamic=False`` leaves out those that the task asks for (Spark makes them only for its driver).
    """
    links = list(_console_links(task, logs, source))
    wanted = _wanted_types(task) if dynamic else ()
    for azure in logs.azure_log_templates:
        links += _azure_links(task, azure, source)
    for template in logs.templates:
        links += _template_links(task, template, source)
        links += _dynamic_links(task, template, source, wanted.count(template.name))
    for name, template in logs.dynamic_log_links.items():
        # Here the templates themselves are the dynamic ones, and the format is always JSON.
        for link in _dynamic_links(task, template, source, wanted.count(name), templates=template.template_uris):
            links.append({**link, "messageFormat": "JSON"})
    return tuple(links)


def plugin_links(task: TaskContext, plugin: TemplateLogPlugin, source: LogSource) -> tuple[TaskLog, ...]:
    """The links of a single log plugin, such as the template of Ray's dashboard."""
    return (
        *_template_links(task, plugin, source),
        *_dynamic_links(task, plugin, source, _wanted_types(task).count(plugin.name)),
    )


def _console_links(task: TaskContext, logs: LogConfig, source: LogSource) -> Iterator[TaskLog]:
    if logs.kubernetes_enabled:
        yield _console_link(task, source, "Kubernetes Logs", logs.kubernetes_template_uri or _kubernetes_address(logs))
    if logs.cloudwatch_enabled:
        yield _console_link(task, source, "Cloudwatch Logs", logs.cloudwatch_template_uri or _cloudwatch_address(logs))
    if logs.stackdriver_enabled:
        address = logs.stackdriver_template_uri or _stackdriver_address(logs)
        yield _console_link(task, source, "Stackdriver Logs", address)


def _kubernetes_address(logs: LogConfig) -> str:
    return logs.kubernetes_url + "/#!/log/{{ .namespace }}/{{ .podName }}/pod?namespace={{ .namespace }}"


def _cloudwatch_address(logs: LogConfig) -> str:
    return (
        f"https://console.aws.amazon.com/cloudwatch/home?region={logs.cloudwatch_region}"
        f"#logEventViewer:group={logs.cloudwatch_log_group};stream=var.log.containers."
        "{{ .podName }}_{{ .namespace }}_{{ .containerName }}-{{ .containerId }}.log"
    )


def _stackdriver_address(logs: LogConfig) -> str:
    project = logs.gcp_project
    return (
        f"https://console.cloud.google.com/logs/viewer?project={project}"
        f"&angularJsUrl=%2Flogs%2Fviewer%3Fproject%3D{project}&resource={logs.stackdriver_logresourcename}"
        "&advancedFilter=resource.labels.pod_name%3D{{ .podName }}"
    )


def _console_link(task: TaskContext, source: LogSource, display_name: str, template: str) -> TaskLog:
    name = display_name + fill(source.log_name, task, source)
    return {"uri": fill(template, task, source), "name": name, "messageFormat": "JSON"}


def _template_links(task: TaskContext, plugin: TemplateLogPlugin, source: LogSource) -> Iterator[TaskLog]:
    for template in plugin.template_uris:
        name = fill(plugin.display_name, task, source) + fill(source.log_name, task, source)
        yield _link(fill(template, task, source), name, plugin)


def _link(uri: str, name: str, plugin: TemplateLogPlugin) -> TaskLog:
    link: TaskLog = {"uri": uri, "name": name, "messageFormat": plugin.message_format.name}
    # The message's fields really start with capitals, so their JSON names do too.
    if plugin.show_while_pending:
        link["ShowWhilePending"] = True
    if plugin.hide_once_finished:
        link["HideOnceFinished"] = True
    return link


def _azure_links(task: TaskContext, plugin: AzureLogsTemplatePlugin, source: LogSource) -> Iterator[TaskLog]:
    """Azure's portal takes the query packed into the address; the templates are the part before it."""
    if not plugin.template_uris:
        return
    # mtime=0: the same query gives the same address at any time.
    packed = base64.b64encode(gzip.compress(fill(_AZURE_QUERY, task, source).encode(), mtime=0)).decode()
    for address in plugin.template_uris:
        name = plugin.display_name + source.log_name
        yield {"uri": address + quote(packed, safe=""), "name": name, "messageFormat": "JSON"}


# --- Links that the task asks for ------------------------------------------------------------------------------------

_TASK_CONFIG = re.compile(r"\{\{[\t\n\f\r ]*.taskConfig[.$]([a-z_]+)[\t\n\f\r ]*\}\}", re.IGNORECASE | re.ASCII)


def _wanted_types(task: TaskContext) -> tuple[str, ...]:
    link_type = task.template.config.get(LINK_TYPE, "")
    return tuple(link_type.split(",")) if link_type else ()


def _dynamic_links(
    task: TaskContext,
    plugin: TemplateLogPlugin,
    source: LogSource,
    times: int,
    *,
    templates: tuple[str, ...] | None = None,
) -> Iterator[TaskLog]:
    """Each template once for each time that the task names the plugin. The display name is no template here."""
    # A key found for one template also fills the later ones, in whatever case they write it.
    known: dict[str, str] = {}
    for template in (plugin.dynamic_template_uris if templates is None else templates) * times:
        for key in _TASK_CONFIG.findall(template):
            value = task.template.config.get(key, "")
            if value:
                known.setdefault(key.lower(), value)
        uri = _fill_task_config(fill(template, task, source), known)
        yield _link(uri, plugin.display_name + source.log_name, plugin)


def _fill_task_config(template: str, known: Mapping[str, str]) -> str:
    return _TASK_CONFIG.sub(lambda match: known.get(match[1].lower(), match[0]), template)
