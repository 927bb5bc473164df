"""Spark tasks → SparkApplications, their settings, states → phases, links."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pluginmachinery.config import Configuration
from pluginmachinery.config.documents import read_as_flyte
from pluginmachinery.core.errors import BAD_TASK_SPECIFICATION, PluginError
from pluginmachinery.core.phases import Phase, PhaseInfo
from pluginmachinery.core.tasks import PluginContext
from pluginmachinery.plugins.spark import SparkPlugin
from tests.pluginmachinery.plugins import operator_crds
from tests.pluginmachinery.plugins.training_tasks import k8s_config, pod_target, training_task

PLUGIN = SparkPlugin()
FILE = {"mainApplicationFile": "local:///main.py"}


def build(custom: Any = FILE, **task: Any) -> dict[str, Any]:
    return PLUGIN.build_resource(training_task("spark", custom, **task))


def spark_conf(own: dict[str, str], section: dict[str, Any] | None = None, **custom: Any) -> dict[str, str]:
    config = read_as_flyte({"plugins": {"spark": section or {}}})
    settings: dict[str, str] = build({**FILE, "sparkConf": own, **custom}, config=config)["spec"]["sparkConf"]
    return settings


def test_the_application_runs_the_task_image_and_arguments() -> None:
    spec = build()["spec"]
    assert (spec["image"], spec["arguments"], spec["mode"], spec["type"]) == ("img:v1", ["a1"], "cluster", "Python")
    assert spec["restartPolicy"] == {"type": "OnFailure", "onSubmissionFailureRetries": 14}


@pytest.mark.parametrize(
    ("own", "section", "expected"),
    [
        pytest.param(
            {"a": "1"}, {"spark-config-default": [{"a": "0"}, {"b": "0"}]}, {"a": "1", "b": "0"}, id="defaults"
        ),
        pytest.param(
            {"spark.driver.cores": "2"}, {}, {"spark.kubernetes.driver.limit.cores": "2"}, id="a limit from the cores"
        ),
        pytest.param(
            {"spark.executor.cores": "2", "spark.kubernetes.executor.request.cores": "1500m"},
            {},
            {"spark.kubernetes.executor.limit.cores": "1500m"},
            id="a limit from the requested cores",
        ),
        pytest.param(
            {"spark.driver.cores": "2", "spark.kubernetes.driver.limit.cores": "4"},
            {},
            {"spark.kubernetes.driver.limit.cores": "4"},
            id="a limit of its own",
        ),
        pytest.param(
            {"spark.flyte.big.enabled": " True "},
            {
                "features": [
                    {"name": "big", "spark-config": [{"x.Y": "1"}]},
                    {"name": "big", "spark-config": [{"z": "2"}]},
                ]
            },
            {"x.Y": "1", "spark.flyte.big.enabled": None, "z": None},
            id="a feature, the first of its name",
        ),
        pytest.param(
            {"spark.flyteorg.big.enabled": "true"},
            {},
            {"spark.flyteorg.big.enabled": "true"},
            id="a feature that nobody configured",
        ),
    ],
)
def test_settings(own: dict[str, str], section: dict[str, Any], expected: dict[str, str | None]) -> None:
    settings = spark_conf(own, section)
    assert {key: settings.get(key) for key in expected} == expected


def test_what_the_plugin_itself_sets() -> None:
    settings = spark_conf({"spark.kubernetes.executor.podNamePrefix": "mine"}, executorPath="/usr/bin/python3")
    assert settings["spark.kubernetes.executor.podNamePrefix"] == "job"
    assert settings["spark.pyspark.python"] == settings["spark.pyspark.driver.python"] == "/usr/bin/python3"
    assert settings["spark.kubernetes.driverEnv.FLYTE_START_TIME"] == "1893557045000"


@pytest.mark.parametrize(
    ("value", "cores"),
    [("3", 3), ("0", None), ("1.5", None), ("", None), ("99999999999", None)],
    ids=["a number", "zero", "a fraction", "nothing", "too much"],
)
def test_cores(value: str, cores: int | None) -> None:
    driver = build({**FILE, "sparkConf": {"spark.driver.cores": value}})["spec"]["driver"]
    assert driver.get("cores") == cores


def test_the_driver_is_never_interruptible() -> None:
    config = k8s_config(interruptible_tolerations=({"key": "spot", "operator": "Exists"},))
    spec = build(execution={"interruptible": True}, config=config)["spec"]
    assert "tolerations" not in spec["driver"]
    assert spec["executor"]["tolerations"] == [{"key": "spot", "operator": "Exists"}]


def test_a_pod_of_its_own_is_laid_over_by_container_name() -> None:
    own = {
        "podSpec": {"priorityClassName": "high", "containers": [{"name": "job", "image": "driver:1"}, {"name": "new"}]},
        "metadata": {"labels": {"a": "b"}},
    }
    spec = build({**FILE, "driverPod": own})["spec"]
    assert (spec["driver"]["image"], spec["driver"]["priorityClassName"]) == ("driver:1", "high")
    assert spec["driver"]["labels"] == {"a": "b"}
    assert spec["executor"]["image"] == "img:v1"


@pytest.mark.parametrize(
    ("execution", "account"),
    [
        pytest.param({}, "spark", id="the operator's usual one"),
        pytest.param({"serviceAccount": "a"}, "a", id="the execution's"),
        pytest.param(
            {"serviceAccount": "a", "securityContext": {"runAs": {"k8sServiceAccount": "b"}}}, "b", id="its run-as"
        ),
    ],
)
def test_service_accounts(execution: dict[str, Any], account: str) -> None:
    spec = build(execution=execution)["spec"]
    assert spec["driver"]["serviceAccount"] == spec["executor"]["serviceAccount"] == account


@pytest.mark.parametrize(
    "custom",
    [
        pytest.param({}, id="nothing to run"),
        pytest.param(None, id="no custom"),
        pytest.param({**FILE, "sparkConf": {"a": 1}}, id="a setting that is no text"),
        pytest.param({**FILE, "driverPod": {"podSpec": {"containers": "x"}}}, id="a pod that is none"),
        pytest.param({**FILE, "executorPod": {"primaryContainerName": "other"}}, id="a container that is not there"),
    ],
)
def test_bad_tasks(custom: Any) -> None:
    with pytest.raises(PluginError) as error:
        build(custom)
    assert error.value.code == BAD_TASK_SPECIFICATION


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["podSpec", "containers", "name", "image", "metadata", "labels"]), inner)
    ),
    max_leaves=8,
)


@given(
    custom=st.dictionaries(st.sampled_from(["driverPod", "executorPod", "sparkConf", "hadoopConf", "mainClass"]), JUNK)
)
def test_any_custom_is_an_application_or_a_typed_error(custom: dict[str, Any]) -> None:
    try:
        outcome = build(FILE | custom)["kind"]
    except PluginError as error:
        outcome = error.code
    assert outcome in ("SparkApplication", BAD_TASK_SPECIFICATION)


@pytest.mark.parametrize(
    ("custom", "task"),
    [
        pytest.param(FILE, {}, id="plain"),
        pytest.param({**FILE, "mainClass": "M", "applicationType": "JAVA", "hadoopConf": {"a": "b"}}, {}, id="java"),
        pytest.param(FILE, {"template": pod_target({"name": "main", "image": "m"})}, id="a pod"),
        pytest.param(
            {
                **FILE,
                "sparkConf": {"spark.driver.cores": "1", "spark.executor.instances": "3", "spark.driver.memory": "1g"},
            },
            {"execution": {"labels": {"a": "b"}, "annotations": {"c": "d"}}},
            id="sized",
        ),
        pytest.param(
            FILE,
            {
                "config": k8s_config(
                    default_tolerations=({"key": "a", "operator": "Exists"},),
                    default_node_selector={"pool": "x"},
                    scheduler_name="s",
                    default_pod_security_context={"runAsUser": 1000},
                    default_security_context={"capabilities": {"drop": ["ALL"]}},
                    default_pod_dns_config={"nameservers": ["10.0.0.1"]},
                )
            },
            id="a platform with defaults",
        ),
    ],
)
def test_the_operator_would_take_it(custom: Any, task: dict[str, Any]) -> None:
    application = build(custom, **task)
    application["metadata"] = {"name": "job"}
    assert operator_crds.problems(application, operator_crds.SPARK) == []


def phase_of(status: dict[str, Any], config: Configuration | None = None) -> PhaseInfo:
    application = {
        "metadata": {"name": "app", "namespace": "ns", "creationTimestamp": "2030-01-02T03:04:05Z"},
        "status": status,
    }
    return PLUGIN.get_task_phase(PluginContext(training_task("spark", FILE, config=config)), application)


@pytest.mark.parametrize(
    ("state", "phase", "reason"),
    [
        pytest.param("", Phase.QUEUED, "job queued", id="new"),
        pytest.param("SUBMITTED", Phase.INITIALIZING, "job submitted", id="submitted"),
        pytest.param("RUNNING", Phase.RUNNING, "", id="running"),
        pytest.param("COMPLETED", Phase.SUCCESS, "", id="completed"),
        pytest.param("FAILED", Phase.RETRYABLE_FAILURE, "", id="failed"),
        pytest.param("SUBMISSION_FAILED", Phase.RETRYABLE_FAILURE, "", id="submission failed"),
        pytest.param("UNHEARD_OF", Phase.RUNNING, "", id="a state of a later operator"),
    ],
)
def test_phases(state: str, phase: Phase, reason: str) -> None:
    info = phase_of({"applicationState": {"state": state, "errorMessage": "out of luck"}})
    assert (info.phase, info.reason) == (phase, reason)
    if phase is Phase.RETRYABLE_FAILURE:
        assert info.error is not None
        assert (info.error.code, "out of luck" in info.error.message) == ("DownstreamSystemError", True)


@pytest.mark.parametrize(
    ("state", "page"),
    [
        pytest.param("RUNNING", ("Spark Driver UI", "https://ui.example"), id="the driver's, while it runs"),
        pytest.param("COMPLETED", ("Spark History UI", "http://history/history/app-1"), id="the history server's"),
        pytest.param("SUBMITTED", None, id="none before"),
    ],
)
def test_spark_own_pages(state: str, page: tuple[str, str] | None) -> None:
    config = read_as_flyte({"plugins": {"spark": {"spark-history-server-url": "http://history"}}})
    info = phase_of(
        {
            "applicationState": {"state": state},
            "driverInfo": {"podName": "drv", "webUIIngressAddress": "ui.example"},
            "sparkApplicationId": "app-1",
        },
        config,
    ).info
    links = [(link["name"], link["uri"]) for link in info.logs if "UI" in link["name"]]
    assert links == ([page] if page else [])
    assert list((info.custom_info or {}).values()) == ([page[1]] if page else [])


def test_all_user_logs_are_shown_before_there_is_a_driver() -> None:
    section = {"logs": {"all-user": {"templates": [{"displayName": "All", "templateUris": ["http://l/{{.podName}}"]}]}}}
    info = phase_of({}, read_as_flyte({"plugins": {"spark": section}})).info
    assert info.logs == (
        {
            "name": "All(Spark-Submit/All User Logs)",
            "uri": "http://l/app",
            "messageFormat": "UNKNOWN",
            "ShowWhilePending": True,
        },
    )
