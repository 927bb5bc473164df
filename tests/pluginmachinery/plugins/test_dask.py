"""Dask tasks → DaskJobs, and their states → phases."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pluginmachinery.core.errors import BAD_TASK_SPECIFICATION, PluginError
from pluginmachinery.core.phases import Phase
from pluginmachinery.core.tasks import PluginContext, SavedPhase
from pluginmachinery.plugins.dask import DaskPlugin
from tests.pluginmachinery.plugins import operator_crds
from tests.pluginmachinery.plugins.training_tasks import k8s_config, pod_target, training_task

PLUGIN = DaskPlugin()
CUSTOM = {
    "workers": {
        "numberOfWorkers": 3,
        "image": "workers:1",
        "resources": {"limits": [{"name": "CPU", "value": "1500m"}, {"name": "MEMORY", "value": "2Gi"}]},
    },
    "scheduler": {"image": "scheduler:1"},
}


def build(custom: Any = CUSTOM, **task: Any) -> dict[str, Any]:
    return PLUGIN.build_resource(training_task("dask", custom, **task))


def container_of(job: dict[str, Any], role: str) -> dict[str, Any]:
    spec = job["spec"]
    pods = {"job": spec["job"], **spec["cluster"]["spec"]}
    container: dict[str, Any] = pods[role]["spec"]["containers"][0]
    return container


@pytest.mark.parametrize(
    ("role", "name", "image", "restart"),
    [
        pytest.param("job", "job-runner", "img:v1", "Never", id="runner"),
        pytest.param("scheduler", "scheduler", "scheduler:1", "Always", id="scheduler"),
        pytest.param("worker", "dask-worker", "workers:1", "Always", id="workers"),
    ],
)
def test_three_roles_of_one_pod(role: str, name: str, image: str, restart: str) -> None:
    job = build()
    container = container_of(job, role)
    assert (container["name"], container["image"]) == (name, image)
    pods = {"job": job["spec"]["job"], **job["spec"]["cluster"]["spec"]}
    assert pods[role]["spec"]["restartPolicy"] == restart


def test_workers_are_told_their_limits() -> None:
    args = ["dask-worker", "--name", "$(DASK_WORKER_NAME)", "--nthreads", "2", "--memory-limit", "2Gi"]
    assert container_of(build(), "worker")["args"] == args


def test_the_runner_keeps_the_task_command() -> None:
    assert container_of(build(), "job")["command"] == ["cmd"]


def test_the_service_finds_the_scheduler_by_the_cluster_name() -> None:
    service = build()["spec"]["cluster"]["spec"]["scheduler"]["service"]
    assert service["selector"] == {"dask.org/cluster-name": "job", "dask.org/component": "scheduler"}
    assert [port["port"] for port in service["ports"]] == [8786, 8787]


def test_only_workers_may_be_interrupted() -> None:
    config = k8s_config(interruptible_tolerations=({"key": "spot", "operator": "Exists"},))
    job = build(execution={"interruptible": True}, config=config)
    tolerated = [
        [toleration["key"] for toleration in pod["spec"].get("tolerations", ())]
        for pod in (job["spec"]["job"], *(job["spec"]["cluster"]["spec"][role] for role in ("scheduler", "worker")))
    ]
    assert tolerated == [[], [], ["spot"]]


@pytest.mark.parametrize(
    ("custom", "execution"),
    [
        pytest.param({"workers": []}, {}, id="a list where a group belongs"),
        pytest.param({"workers": {"resources": {"limits": [{"name": "CPU", "value": "x"}]}}}, {}, id="no amount"),
        pytest.param(None, {}, id="no custom"),
        pytest.param(CUSTOM, {"generatedName": "x" * 64}, id="a name too long for a service"),
        pytest.param(CUSTOM, {"generatedName": "a.b"}, id="a name with a dot"),
    ],
)
def test_bad_tasks(custom: Any, execution: dict[str, Any]) -> None:
    with pytest.raises(PluginError) as error:
        build(custom, execution=execution)
    assert error.value.code == BAD_TASK_SPECIFICATION


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["workers", "scheduler", "image", "resources", "limits", "numberOfWorkers", "name", "value"]
            ),
            children,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(custom=st.dictionaries(st.sampled_from(["workers", "scheduler", "other"]), JUNK))
def test_any_custom_is_a_job_or_a_typed_error(custom: dict[str, Any]) -> None:
    try:
        outcome = build(custom)["kind"]
    except PluginError as error:
        outcome = error.code
    assert outcome in ("DaskJob", BAD_TASK_SPECIFICATION)


@pytest.mark.parametrize(
    "task",
    [
        pytest.param({}, id="plain"),
        pytest.param({"template": pod_target({"name": "main", "image": "m"})}, id="a pod"),
        pytest.param({"execution": {"labels": {"a": "b"}, "annotations": {"c": "d"}}}, id="labels"),
    ],
)
def test_the_operator_would_take_it(task: dict[str, Any]) -> None:
    job = build(**task)
    # Flyte gives the cluster labels that the CRD of a DaskJob has no place for: the API server drops them.
    dropped = {"metadata": job["spec"]["cluster"].pop("metadata")}
    assert set(dropped["metadata"]) == {"labels", "annotations"}
    assert operator_crds.problems(job, operator_crds.DASK) == []


@pytest.mark.parametrize(
    ("status", "phase", "reason"),
    [
        pytest.param("", Phase.INITIALIZING, "unknown", id="no status yet"),
        pytest.param("JobCreated", Phase.INITIALIZING, "job created", id="job created"),
        pytest.param("ClusterCreated", Phase.INITIALIZING, "cluster created", id="cluster created"),
        pytest.param("Running", Phase.RUNNING, "", id="running"),
        pytest.param("Successful", Phase.SUCCESS, "", id="successful"),
        pytest.param("Failed", Phase.RETRYABLE_FAILURE, "", id="failed"),
        pytest.param("Novel", Phase.RUNNING, "", id="a state of a later operator"),
    ],
)
def test_phases(status: str, phase: Phase, reason: str) -> None:
    context = PluginContext(training_task("dask", CUSTOM))
    job = {"metadata": {"namespace": "n"}, "status": {"jobStatus": status, "jobRunnerPodName": "runner"}}
    info = PLUGIN.get_task_phase(context, job)
    assert (info.phase, info.reason) == (phase, reason)
    assert "/log/n/runner/" in info.info.logs[0]["uri"]


def test_a_new_reason_within_a_phase_raises_the_version() -> None:
    saved = SavedPhase("Initializing", 3, "job created")
    context = PluginContext(training_task("dask", CUSTOM), saved)
    info = PLUGIN.get_task_phase(context, {"status": {"jobStatus": "ClusterCreated"}})
    assert info.version == 4
