"""Ray tasks → RayJobs, their runtime environment, states → phases, links."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pluginmachinery.config.documents import read_as_flyte
from pluginmachinery.core.errors import BAD_TASK_SPECIFICATION, PluginError
from pluginmachinery.core.phases import ErrorKind, Phase
from pluginmachinery.core.tasks import PluginContext
from pluginmachinery.plugins.ray import RayPlugin
from pluginmachinery.plugins.ray_cluster.runtime_env import BAD_RUNTIME_ENVIRONMENT
from tests.pluginmachinery.plugins import operator_crds
from tests.pluginmachinery.plugins.training_tasks import CREATED, k8s_config, pod_target, training_task

PLUGIN = RayPlugin()
GROUP = {"groupName": "g", "replicas": 2, "minReplicas": 1, "maxReplicas": 4}


def custom(**cluster: Any) -> dict[str, Any]:
    return {"rayCluster": {"workerGroupSpec": [GROUP], **cluster}}


def build(own: Any = None, section: dict[str, Any] | None = None, **task: Any) -> dict[str, Any]:
    if section is not None:
        task["config"] = read_as_flyte({"plugins": {"ray": section}})
    return PLUGIN.build_resource(training_task("ray", custom() if own is None else own, **task))


def head(job: dict[str, Any]) -> dict[str, Any]:
    group: dict[str, Any] = job["spec"]["rayClusterSpec"]["headGroupSpec"]
    return group


def workers(job: dict[str, Any], index: int = 0) -> dict[str, Any]:
    group: dict[str, Any] = job["spec"]["rayClusterSpec"]["workerGroupSpecs"][index]
    return group


def containers(group: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = group["template"]["spec"]["containers"]
    return found


def test_head_and_workers_run_ray_and_the_submitter_the_task() -> None:
    job = build()
    assert [containers(group)[0]["name"] for group in (head(job), workers(job))] == ["ray-head", "ray-worker"]
    assert [containers(group)[0]["args"] for group in (head(job), workers(job))] == [[], []]
    submitter = job["spec"]["submitterPodTemplate"]["spec"]["containers"][0]
    assert (submitter["name"], submitter["args"]) == ("job", ["a1"])


@pytest.mark.parametrize(
    ("args", "entrypoint"),
    [
        pytest.param(["a", "b c"], "a b c", id="joined, not quoted"),
        pytest.param(["a", "", "b"], "a '' b", id="an empty argument is kept"),
    ],
)
def test_entrypoint(args: list[str], entrypoint: str) -> None:
    job = build(template={"container": {"image": "i", "args": args}})
    assert job["spec"]["entrypoint"] == entrypoint
    assert job["spec"]["submitterPodTemplate"]["spec"]["containers"][0]["args"] == args


@pytest.mark.parametrize(
    ("group", "bounds"),
    [
        pytest.param({"replicas": 2, "minReplicas": 1, "maxReplicas": 4}, (1, 2, 4), id="as given"),
        pytest.param({"replicas": 2, "minReplicas": 3, "maxReplicas": 4}, (2, 2, 4), id="too high a minimum"),
        pytest.param({"replicas": 5}, (0, 5, 5), id="no maximum"),
    ],
)
def test_worker_bounds_give_way_to_the_number_wanted(group: dict[str, int], bounds: tuple[int, int, int]) -> None:
    spec = workers(build(custom(workerGroupSpec=[group])))
    assert (spec["minReplicas"], spec["replicas"], spec["maxReplicas"]) == bounds


@pytest.mark.parametrize(
    ("own", "section", "expected"),
    [
        pytest.param({}, {}, {"include-dashboard": "true", "disable-usage-stats": "true"}, id="defaults"),
        pytest.param(
            {"headGroupSpec": {"rayStartParams": {"include-dashboard": "false"}}},
            {},
            {"include-dashboard": "false", "node-ip-address": "$MY_POD_IP"},
            id="the task's own",
        ),
        pytest.param(
            {}, {"defaults": {"headNode": {"startParameters": [{"a": "b"}]}}}, {"a": "b"}, id="the platform's"
        ),
        pytest.param(
            {"headGroupSpec": {"rayStartParams": {}}},
            {"defaults": {"headNode": {"startParameters": [{"a": "b"}]}}},
            {"a": None},
            id="explicitly none of the platform's",
        ),
        pytest.param({}, {"enableUsageStats": True, "defaults": {"headNode": {"startParameters": []}}},
                     {"disable-usage-stats": None}, id="statistics wanted"),
    ],
)  # fmt: skip
def test_start_parameters_of_the_head(own: Any, section: Any, expected: dict[str, str | None]) -> None:
    parameters = head(build(custom(**own), section))["rayStartParams"]
    assert {key: parameters.get(key) for key in expected} == expected


def test_the_configuration_is_not_changed_by_a_task() -> None:
    config = read_as_flyte({"plugins": {"ray": {"defaults": {"headNode": {"startParameters": [{"a": "b"}]}}}}})
    before = config.plugins.ray.model_dump()
    build(config=config)
    assert config.plugins.ray.model_dump() == before


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        pytest.param({}, (True, 3600), id="the platform's"),
        pytest.param({"shutdownAfterJobFinishes": True, "ttlSecondsAfterFinished": 7}, (True, 7), id="the task's"),
        pytest.param({"ttlSecondsAfterFinished": 7}, (True, 3600), id="a delay without the wish does not count"),
        pytest.param({"shutdownAfterJobFinishes": True}, (True, None), id="at once"),
    ],
)
def test_shutdown(own: dict[str, Any], expected: tuple[bool, int | None]) -> None:
    spec = build({**custom(), **own})["spec"]
    assert (spec["shutdownAfterJobFinishes"], spec.get("ttlSecondsAfterFinished")) == expected


SIDECAR = {"name": "logs", "image": "fluent", "volumeMounts": [{"name": "x", "mountPath": "/x"}]}


def test_the_logs_sidecar_reads_what_the_head_writes() -> None:
    spec = head(build(section={"logsSidecar": SIDECAR}))["template"]["spec"]
    ray, logs = spec["containers"]
    assert ray["volumeMounts"] == [{"name": "system-ray-state", "mountPath": "/tmp/ray"}]
    assert logs["volumeMounts"][-1] == {"name": "system-ray-state", "mountPath": "/tmp/ray", "readOnly": True}
    assert spec["volumes"] == [{"name": "system-ray-state", "emptyDir": {}}]


def test_the_logs_sidecar_uses_a_mount_that_is_there() -> None:
    main = {"name": "main", "image": "m", "volumeMounts": [{"name": "own", "mountPath": "/tmp/ray"}]}
    spec = head(build(section={"logsSidecar": SIDECAR}, template=pod_target(main)))["template"]["spec"]
    assert spec["containers"][1]["volumeMounts"][-1] == {"name": "own", "mountPath": "/tmp/ray", "readOnly": True}
    assert not spec.get("volumes")


def test_a_pod_of_its_own_is_laid_over_by_container_name() -> None:
    own = {
        "podSpec": {"runtimeClassName": "nvidia", "containers": [{"name": "ray-worker", "image": "w:1"}]},
        "metadata": {"labels": {"a": "b"}},
    }
    job = build(custom(workerGroupSpec=[{**GROUP, "k8sPod": own}]))
    template = workers(job)["template"]
    assert (template["spec"]["runtimeClassName"], containers(workers(job))[0]["image"]) == ("nvidia", "w:1")
    assert template["metadata"]["labels"] == {"a": "b"}
    assert "runtimeClassName" not in head(job)["template"]["spec"]


@pytest.mark.parametrize(
    ("section", "execution", "account"),
    [
        pytest.param({}, {}, None, id="none"),
        pytest.param({}, {"serviceAccount": "a"}, "a", id="the execution's"),
        pytest.param({"serviceAccount": "ray"}, {"serviceAccount": "a"}, "ray", id="the configured one wins"),
    ],
)
def test_service_accounts(section: Any, execution: Any, account: str | None) -> None:
    job = build(section=section, execution=execution)
    assert head(job)["template"]["spec"].get("serviceAccountName") == account


def in_base64(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        pytest.param({"runtimeEnvYaml": "pip: []\n"}, "pip: []\n", id="yaml as it is"),
        pytest.param({"runtimeEnvYaml": "a", "runtimeEnv": in_base64({"b": 1})}, "a", id="yaml wins"),
        pytest.param({"runtimeEnv": in_base64({"pip": ["x"], "n": 2.0})}, "n: 2\npip:\n- x\n", id="json"),
        pytest.param({"runtimeEnv": in_base64({"v": {"A": "1", "B": "on"}})}, 'v:\n  A: "1"\n  B: "on"\n', id="texts"),
    ],
)
def test_runtime_environment(own: dict[str, str], expected: str) -> None:
    assert build({**custom(), **own})["spec"]["runtimeEnvYAML"] == expected


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(st.characters(codec="ascii", exclude_categories=["Cc"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="ascii")), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.text("ab1: -", max_size=4), JSON_VALUES, max_size=3))
def test_any_runtime_environment_means_the_same_as_yaml(value: dict[str, Any]) -> None:
    text = build({**custom(), "runtimeEnv": in_base64(value)})["spec"]["runtimeEnvYAML"]
    assert yaml.safe_load(text) == value


@pytest.mark.parametrize(
    ("own", "code"),
    [
        pytest.param({}, BAD_TASK_SPECIFICATION, id="no cluster"),
        pytest.param({"rayCluster": {"workerGroupSpec": {}}}, BAD_TASK_SPECIFICATION, id="no list of groups"),
        pytest.param(
            custom(headGroupSpec={"k8sPod": {"podSpec": {"containers": "x"}}}), BAD_TASK_SPECIFICATION, id="a bad pod"
        ),
        pytest.param({**custom(), "runtimeEnv": "!!!"}, BAD_RUNTIME_ENVIRONMENT, id="no base64"),
        pytest.param({**custom(), "runtimeEnv": in_base64([1])}, BAD_RUNTIME_ENVIRONMENT, id="no object"),
    ],
)
def test_bad_tasks(own: Any, code: str) -> None:
    with pytest.raises(PluginError) as error:
        build(own)
    assert error.value.code == code


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["headGroupSpec", "workerGroupSpec", "k8sPod", "podSpec", "replicas", "rayStartParams"]),
            inner,
        )
    ),
    max_leaves=8,
)


@given(own=st.dictionaries(st.sampled_from(["rayCluster", "runtimeEnv", "ttlSecondsAfterFinished"]), JUNK))
def test_any_custom_is_a_job_or_a_typed_error(own: dict[str, Any]) -> None:
    try:
        outcome = build(own)["kind"]
    except PluginError as error:
        outcome = error.code
    assert outcome in ("RayJob", BAD_TASK_SPECIFICATION, BAD_RUNTIME_ENVIRONMENT)


@pytest.mark.parametrize(
    ("own", "task"),
    [
        pytest.param(custom(), {}, id="plain"),
        pytest.param(
            custom(
                enableAutoscaling=True,
                autoscalerOptions={
                    "upscalingMode": "UPSCALING_MODE_CONSERVATIVE",
                    "idleTimeoutSeconds": 60,
                    "env": [{"key": "A", "value": "b"}],
                    "image": "auto:1",
                    "resources": {"limits": [{"name": "CPU", "value": "1"}]},
                },
            ),
            {},
            id="autoscaling",
        ),
        pytest.param(custom(), {"section": {"logsSidecar": SIDECAR}}, id="a logs sidecar"),
        pytest.param(custom(), {"template": pod_target({"name": "main", "image": "m"})}, id="a pod"),
        pytest.param(
            custom(),
            {"config": k8s_config(default_tolerations=({"key": "a", "operator": "Exists"},))},
            id="tolerations",
        ),
    ],
)
def test_the_operator_would_take_it(own: Any, task: dict[str, Any]) -> None:
    job = build(own, **task)
    job["metadata"] = {"name": "job"}
    assert operator_crds.problems(job, operator_crds.RAY) == []


def ray_job(**status: str) -> dict[str, Any]:
    metadata = {"name": "job", "namespace": "ns", "creationTimestamp": CREATED.isoformat()}
    return {"metadata": metadata, "status": status}


@pytest.mark.parametrize(
    ("status", "phase", "reason"),
    [
        pytest.param("", Phase.QUEUED, "Scheduling", id="new"),
        pytest.param("Initializing", Phase.INITIALIZING, "cluster is creating", id="initializing"),
        pytest.param("Running", Phase.RUNNING, "", id="running"),
        pytest.param("Complete", Phase.SUCCESS, "", id="complete"),
        pytest.param("Suspended", Phase.QUEUED, "Suspended", id="suspended"),
        pytest.param("Suspending", Phase.QUEUED, "Suspending", id="suspending"),
    ],
)
def test_phases(status: str, phase: Phase, reason: str) -> None:
    info = PLUGIN.get_task_phase(PluginContext(training_task("ray", custom())), ray_job(jobDeploymentStatus=status))
    assert (info.phase, info.reason) == (phase, reason)


def test_a_failed_job_is_the_platform_s_failure_and_is_cleaned_up() -> None:
    job = ray_job(jobDeploymentStatus="Failed", reason="AppFailed", message="boom")
    info = PLUGIN.get_task_phase(PluginContext(training_task("ray", custom())), job)
    assert info.error is not None
    assert (info.phase, info.error.kind, info.error.code) == (
        Phase.RETRYABLE_FAILURE,
        ErrorKind.SYSTEM,
        "TaskFailedWithError",
    )
    assert info.cleanup_on_failure
    assert "[AppFailed] boom" in info.error.message


@pytest.mark.parametrize("status", ["ValidationFailed", "Retrying", "Waiting", "Novel"])
def test_statuses_that_say_nothing_are_asked_again(status: str) -> None:
    with pytest.raises(PluginError) as error:
        PLUGIN.get_task_phase(PluginContext(training_task("ray", custom())), ray_job(jobDeploymentStatus=status))
    assert error.value.code == "UnknownDeploymentStatus"


@pytest.mark.parametrize(
    ("status", "links"),
    [
        pytest.param({"jobStatus": "RUNNING", "dashboardURL": "x"}, ["http://d/c1/j1"], id="while it runs"),
        pytest.param({"jobStatus": "SUCCEEDED", "dashboardURL": "x"}, [], id="not when it has ended"),
        pytest.param({"jobStatus": "RUNNING"}, [], id="not before there is one"),
    ],
)
def test_the_dashboard_is_linked(status: dict[str, str], links: list[str]) -> None:
    template = {"displayName": "Ray Dashboard", "templateUris": ["http://d/{{.rayClusterName}}/{{.rayJobID}}"]}
    config = read_as_flyte({"plugins": {"ray": {"dashboardURLTemplate": template}}})
    job = ray_job(jobDeploymentStatus="Running", jobId="j1", rayClusterName="c1", **status)
    info = PLUGIN.get_task_phase(PluginContext(training_task("ray", custom(), config=config)), job)
    assert [link["uri"] for link in info.info.logs] == links
