"""Templates of log links: which variables there are and how they are filled."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pluginmachinery.pods.log_templates import _VALUES, LogSource, _fill_in_turn, fill
from tests.pluginmachinery.pods.pod_objects import task

EXECUTION = {
    "uniqueNodeId": "n0",
    "generatedName": "f123-n0-0",
    "id": {
        "taskId": {"project": "tp", "domain": "td", "name": "wf.task", "version": "v1"},
        "nodeExecutionId": {"executionId": {"project": "ep", "domain": "ed", "name": "f123"}},
        "retryAttempt": 2,
    },
}
SOURCE = LogSource(
    namespace="ns",
    pod_name="pod",
    pod_uid="uid",
    container_name="c",
    container_id="cri-o://id",
    host_name="host",
    node_name="node",
    log_name="log",
    started=datetime(1970, 1, 1, 0, 1, 30, 999999, tzinfo=UTC),
    finished=datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
    variables={"rayJobID": "j"},
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("logName", "log"),
        ("podName", "pod"),
        ("podUID", "uid"),
        ("namespace", "ns"),
        ("containerName", "c"),
        ("containerID", "id"),
        ("hostname", "host"),
        ("nodeName", "node"),
        ("nodeID", "n0"),
        ("generatedName", "f123-n0-0"),
        ("taskRetryAttempt", "2"),
        ("taskID", "wf.task"),
        ("taskVersion", "v1"),
        ("taskProject", "tp"),
        ("taskDomain", "td"),
        ("executionName", "f123"),
        ("executionProject", "ep"),
        ("executionDomain", "ed"),
        ("podRFC3339StartTime", "1970-01-01T00:01:30Z"),
        ("podRFC3339FinishTime", "1969-12-31T23:59:59Z"),
        ("podUnixStartTime", "90"),
        ("podUnixFinishTime", "-1"),
        ("rayJobID", "j"),
    ],
)
def test_every_variable(name: str, value: str) -> None:
    assert fill(f"<{{{{ .{name} }}}}>", task(execution=EXECUTION), SOURCE) == f"<{value}>"


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        pytest.param("{{.podName}}", "pod", id="without blanks"),
        pytest.param("{{ \t\n.PODNAME\r }}", "pod", id="any case, any blanks"),
        pytest.param("{{ $podName }}", "pod", id="with a dollar"),
        pytest.param("{{ podName }}", "{{ podName }}", id="with neither"),
        pytest.param("{{ .unheardOf }}", "{{ .unheardOf }}", id="unknown"),
        pytest.param("{ .podName }", "{ .podName }", id="one brace"),
        pytest.param("{{{ .podName }}}", "{pod}", id="a brace too many"),
        pytest.param("{{ .podName }}{{ .podName }}", "podpod", id="twice"),
        pytest.param("no variable", "no variable", id="none"),
        pytest.param("", "", id="empty"),
    ],
)
def test_how_variables_are_written(template: str, filled: str) -> None:
    assert fill(template, task(execution=EXECUTION), SOURCE) == filled


@pytest.mark.parametrize("name", ["hostname", "taskID", "executionName", "nodeID", "podRFC3339StartTime", "logName"])
def test_a_variable_without_a_value_stays(name: str) -> None:
    assert fill(f"{{{{ .{name} }}}}", task(), LogSource(namespace="ns")) == f"{{{{ .{name} }}}}"


@pytest.mark.parametrize("name", ["taskRetryAttempt", "podUnixStartTime", "podUnixFinishTime"])
def test_numbers_always_have_a_value(name: str) -> None:
    assert fill(f"{{{{ .{name} }}}}", task(), LogSource(namespace="ns")) == "0"


@pytest.mark.parametrize(
    ("container_id", "shown"), [("docker://a", "a"), ("a", "a"), ("x://a://b", "a"), ("x://", "{{ .containerID }}")]
)
def test_a_container_id_loses_its_runtime(container_id: str, shown: str) -> None:
    assert fill("{{ .containerID }}", task(), LogSource(namespace="ns", container_id=container_id)) == shown


def test_a_plugins_own_variable_goes_before_the_general_one() -> None:
    source = LogSource(namespace="ns", pod_name="general", variables={"podName": "own", "namespace": ""})
    assert fill("{{ .podName }} {{ .namespace }}", task(), source) == "own ns"


PLAIN = task()
WORDS = st.sampled_from(
    ["{{ .podName }}", "{{.namespace}}", "{{ $logName }}", "{{ .own }}", "{{ .x }}", "{", "}", " ."]
)
PIECES = WORDS | st.sampled_from(["podName", "namespace", "a", "\\1", "{{", "}}", "{{ .", "Name }}"])


@given(template=st.lists(PIECES, max_size=6), values=st.lists(st.lists(PIECES, max_size=3), min_size=4, max_size=4))
def test_filling_at_once_is_the_same_as_one_variable_after_the_other(template: Any, values: Any) -> None:
    """Also where a value is itself a template, which is the only case in which the order counts."""
    pod_name, namespace, log_name, own = ("".join(value) for value in values)
    source = LogSource(namespace=namespace, pod_name=pod_name, log_name=log_name, variables={"own": own})
    text = "".join(template)
    assert fill(text, PLAIN, source) == _fill_in_turn(text, PLAIN, source)


def test_the_order_of_the_variables_is_the_references() -> None:
    assert list(_VALUES)[1:8] == [
        "podname", "poduid", "namespace", "containername", "containerid", "hostname", "nodename",
    ]  # fmt: skip
