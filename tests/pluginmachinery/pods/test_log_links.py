"""Log links: which there are, what they are called, and where they lead."""

from __future__ import annotations

import base64
import gzip
from typing import Any
from urllib.parse import unquote

import pytest

from pluginmachinery.config.logs import (
    AzureLogsTemplatePlugin,
    LogConfig,
    MessageFormat,
    TemplateLogPlugin,
    dashboard_links,
)
from pluginmachinery.pods.log_links import LogSource, plugin_links, task_logs
from tests.pluginmachinery.pods.pod_objects import STARTED, phase_of, pod, running, task

SOURCE = LogSource(
    namespace="ns", pod_name="pod-1", container_name="main", container_id="containerd://abc", log_name=" (User)"
)


def links(logs: LogConfig, source: LogSource = SOURCE, **task_parts: Any) -> list[tuple[str, str]]:
    return [(link["name"], link["uri"]) for link in task_logs(task(**task_parts), logs, source)]


@pytest.mark.parametrize(
    ("logs", "expected"),
    [
        pytest.param(LogConfig(), [], id="nothing configured"),
        pytest.param(
            dashboard_links(),
            [("Kubernetes Logs (User)", "http://localhost:30082/#!/log/ns/pod-1/pod?namespace=ns")],
            id="the default: a dashboard on this machine",
        ),
        pytest.param(
            LogConfig(kubernetes_enabled=True, kubernetes_url="https://k"),
            [("Kubernetes Logs (User)", "https://k/#!/log/ns/pod-1/pod?namespace=ns")],
            id="kubernetes by its address",
        ),
        pytest.param(
            LogConfig(cloudwatch_enabled=True, cloudwatch_region="eu-1", cloudwatch_log_group="/g"),
            [
                (
                    "Cloudwatch Logs (User)",
                    "https://console.aws.amazon.com/cloudwatch/home?region=eu-1#logEventViewer:group=/g;"
                    "stream=var.log.containers.pod-1_ns_main-abc.log",
                )
            ],
            id="cloudwatch by region and group",
        ),
        pytest.param(
            LogConfig(stackdriver_enabled=True, gcp_project="p", stackdriver_logresourcename="r"),
            [
                (
                    "Stackdriver Logs (User)",
                    "https://console.cloud.google.com/logs/viewer?project=p&angularJsUrl=%2Flogs%2Fviewer%3Fproject"
                    "%3Dp&resource=r&advancedFilter=resource.labels.pod_name%3Dpod-1",
                )
            ],
            id="stackdriver by project and resource",
        ),
        pytest.param(
            LogConfig(
                kubernetes_enabled=True,
                kubernetes_template_uri="k/{{ .podName }}",
                cloudwatch_enabled=True,
                cloudwatch_template_uri="c/{{ .podName }}",
                stackdriver_enabled=True,
                stackdriver_template_uri="s/{{ .podName }}",
                templates=(TemplateLogPlugin(display_name="T", template_uris=("t1", "t2")),),
            ),
            [
                ("Kubernetes Logs (User)", "k/pod-1"),
                ("Cloudwatch Logs (User)", "c/pod-1"),
                ("Stackdriver Logs (User)", "s/pod-1"),
                ("T (User)", "t1"),
                ("T (User)", "t2"),
            ],
            id="all of them, in this order",
        ),
    ],
)
def test_the_links_of_a_section(logs: LogConfig, expected: list[tuple[str, str]]) -> None:
    assert links(logs) == expected


def test_a_template_says_its_format_and_when_to_show_it() -> None:
    shown = TemplateLogPlugin(
        display_name="{{ .podName }}",
        template_uris=("u",),
        message_format=MessageFormat.CSV,
        show_while_pending=True,
        hide_once_finished=True,
    )
    plain = TemplateLogPlugin(display_name="plain", template_uris=("u",))
    assert task_logs(task(), LogConfig(templates=(shown, plain)), SOURCE) == (
        {
            "uri": "u",
            "name": "pod-1 (User)",
            "messageFormat": "CSV",
            "ShowWhilePending": True,
            "HideOnceFinished": True,
        },
        {"uri": "u", "name": "plain (User)", "messageFormat": "UNKNOWN"},
    )


def test_azure_without_an_address_has_no_link() -> None:
    assert links(LogConfig(azure_log_templates=(AzureLogsTemplatePlugin(display_name="Azure"),))) == []


def test_azure_packs_its_query_into_the_address() -> None:
    azure = AzureLogsTemplatePlugin(display_name="Azure", template_uris=("https://portal/q/",))
    ((name, uri),) = links(LogConfig(azure_log_templates=(azure,)))
    query = gzip.decompress(base64.b64decode(unquote(uri.removeprefix("https://portal/q/")))).decode()
    assert name == "Azure (User)"
    assert 'PodName == "pod-1"' in query
    assert links(LogConfig(azure_log_templates=(azure,))) == [(name, uri)]


# --- Dynamic links ---------------------------------------------------------------------------------------------------

VSCODE = TemplateLogPlugin(
    display_name="VSCode {{.podName}}",
    template_uris=("v/{{ .taskConfig.port }}/{{.podName}}",),
    show_while_pending=True,
)
WITH_VSCODE = LogConfig(dynamic_log_links={"vscode": VSCODE, "other": TemplateLogPlugin(template_uris=("o",))})


@pytest.mark.parametrize(
    ("config", "uris"),
    [
        pytest.param({}, [], id="none is asked for"),
        pytest.param({"link_type": ""}, [], id="nor by an empty text"),
        pytest.param({"link_type": "vscode", "port": "80"}, ["v/80/pod-1"], id="asked for, filled from the config"),
        pytest.param({"link_type": "vscode"}, ["v/{{ .taskConfig.port }}/pod-1"], id="the key is not there"),
        pytest.param({"link_type": "vscode", "port": ""}, ["v/{{ .taskConfig.port }}/pod-1"], id="or empty"),
        pytest.param({"link_type": "x,vscode,other", "port": "1"}, ["v/1/pod-1", "o"], id="several; unknown ones too"),
        pytest.param({"link_type": "x, other"}, [], id="blanks are part of a name"),
        pytest.param({"link_type": "other,other"}, ["o", "o"], id="twice"),
    ],
)
def test_a_task_asks_for_dynamic_links(config: dict[str, str], uris: list[str]) -> None:
    assert [uri for _, uri in links(WITH_VSCODE, template={"config": config})] == uris


def test_the_display_name_of_a_dynamic_link_is_no_template_and_its_format_is_json() -> None:
    (link,) = task_logs(task(template={"config": {"link_type": "vscode"}}), WITH_VSCODE, SOURCE)
    assert link["name"] == "VSCode {{.podName}} (User)"
    assert (link["messageFormat"], link["ShowWhilePending"]) == ("JSON", True)


def test_keys_of_the_config_are_found_as_written_and_fill_every_case() -> None:
    both = TemplateLogPlugin(template_uris=("{{.taskConfig.Port}}", "{{ $taskconfig.port }}"))
    config = {"link_type": "l", "Port": "1"}
    assert [uri for _, uri in links(LogConfig(dynamic_log_links={"l": both}), template={"config": config})] == [
        "1",
        "1",
    ]


def test_dynamic_links_can_be_left_out() -> None:
    asking = task(template={"config": {"link_type": "vscode"}})
    assert task_logs(asking, WITH_VSCODE, SOURCE, dynamic=False) == ()


def test_a_single_plugin_has_static_and_dynamic_links() -> None:
    dashboard = TemplateLogPlugin(
        name="ray", display_name="D", template_uris=("s/{{ .rayJobId }}",), dynamic_template_uris=("d",)
    )
    source = LogSource(namespace="ns", variables={"rayJobID": "j1"})
    assert [link["uri"] for link in plugin_links(task(), dashboard, source)] == ["s/j1"]
    asking = task(template={"config": {"link_type": "ray"}})
    assert [link["uri"] for link in plugin_links(asking, dashboard, source)] == ["s/j1", "d"]


# --- Links of a pod --------------------------------------------------------------------------------------------------


def everything(*names: str) -> LogConfig:
    uri = "|".join(f"{{{{ .{name} }}}}" for name in names)
    return LogConfig(kubernetes_enabled=True, kubernetes_template_uri=uri)


def uri_of(pod_: dict[str, Any], logs: LogConfig) -> str:
    (link,) = phase_of(pod_, logs=logs).info.logs
    uri: str = link["uri"]
    return uri


def test_a_pod_fills_what_it_knows() -> None:
    whole = pod("Running", running() | {"containerID": "containerd://abc"}, running("side"))
    whole["spec"] |= {"hostname": "host", "nodeName": "node"}
    names = ("podName", "podUID", "namespace", "containerName", "containerID", "hostname", "nodeName")
    times = ("podRFC3339StartTime", "podUnixStartTime", "podRFC3339FinishTime", "podUnixFinishTime")
    assert uri_of(whole, everything(*names)) == "pod-1|pod-uid|ns|main|abc|host|node"
    assert uri_of(whole, everything(*times)) == (
        f"2030-01-01T11:00:00Z|{int(STARTED.timestamp())}|2030-01-01T12:00:00Z|{int(STARTED.timestamp()) + 3600}"
    )


def test_a_pod_without_a_start_has_gos_zero_time() -> None:
    timeless = pod("Running", running())
    del timeless["metadata"]["creationTimestamp"]
    filled = uri_of(timeless, everything("podRFC3339StartTime", "podUnixStartTime"))
    assert filled == "0001-01-01T00:00:00Z|-62135596800"


def test_a_pod_without_containers_has_no_links() -> None:
    assert phase_of(pod("Running") | {"spec": {}}, logs=dashboard_links()).info.logs == ()
