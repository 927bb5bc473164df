"""The phases of PyTorchJob, TFJob and MPIJob: one operator, one mapping for all three."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pluginmachinery.config import Configuration
from pluginmachinery.config.durations import Duration
from pluginmachinery.config.kubeflow import KubeflowConfig
from pluginmachinery.config.root import PluginsConfig
from pluginmachinery.core.errors import PluginError
from pluginmachinery.core.phases import ErrorKind, Phase, PhaseInfo
from pluginmachinery.core.plugins import KubernetesPlugin
from pluginmachinery.core.tasks import SavedPhase
from pluginmachinery.plugins.kubeflow.job_status import DOWNSTREAM_SYSTEM_ERROR, NO_CURRENT_CONDITION, OPERATOR_SILENT
from pluginmachinery.plugins.kubeflow.training_job import TrainingJobPlugin
from pluginmachinery.plugins.mpi import MPIPlugin
from pluginmachinery.plugins.pytorch import PyTorchPlugin
from pluginmachinery.plugins.registry import declaration_of, instance
from pluginmachinery.plugins.tensorflow import TensorflowPlugin
from pluginmachinery.pods.fields import MALFORMED_RESOURCE
from tests.pluginmachinery.plugins.training_tasks import CREATED, condition, job, seen, started, training_task

PLUGINS: tuple[TrainingJobPlugin, ...] = (PyTorchPlugin(), TensorflowPlugin(), MPIPlugin())


@pytest.fixture(params=PLUGINS, ids=lambda plugin: plugin.id)
def plugin(request: pytest.FixtureRequest) -> TrainingJobPlugin:
    found: TrainingJobPlugin = request.param
    return found


def phase_of(plugin: TrainingJobPlugin, saved: SavedPhase | None = None, **members: Any) -> PhaseInfo:
    task = training_task(plugin.id, {}, config=members.pop("config", None))
    return plugin.get_task_phase(seen(task, saved), job(plugin.replica_specs, {"Worker": 1}, **members))


def test_the_contract_of_kubernetes_plugins_is_kept(plugin: TrainingJobPlugin) -> None:
    contract: KubernetesPlugin = plugin
    assert isinstance(contract, KubernetesPlugin)
    identity = plugin.build_identity_resource(training_task(plugin.id, {}).metadata)
    assert identity == {"apiVersion": "kubeflow.org/v1", "kind": plugin.resource.kind}


def test_the_registry_knows_what_the_plugin_is(plugin: TrainingJobPlugin) -> None:
    declaration = declaration_of(plugin.id)
    assert declaration.resources == (plugin.resource,)
    assert isinstance(instance(declaration), type(plugin))


@pytest.mark.parametrize(
    ("status", "phase", "reason"),
    [
        pytest.param({"startTime": CREATED.isoformat()}, Phase.QUEUED, "JobCreated", id="no conditions yet"),
        pytest.param(started(condition("Created")), Phase.QUEUED, "JobCreated", id="created"),
        pytest.param(started(condition("")), Phase.QUEUED, "JobCreated", id="a condition without a type"),
        pytest.param(started(condition("Running")), Phase.RUNNING, "", id="running"),
        pytest.param(started(condition("Restarting")), Phase.RUNNING, "", id="restarting"),
        pytest.param(started(condition("Suspended")), Phase.QUEUED, "Suspended", id="suspended"),
        pytest.param(started(condition("Succeeded")), Phase.SUCCESS, "", id="succeeded"),
        pytest.param(started(condition("Failed")), Phase.RETRYABLE_FAILURE, "", id="failed"),
        pytest.param(started(condition("Novel")), Phase.UNDEFINED, "", id="a condition nobody knows"),
        pytest.param(
            started(condition("Created"), condition("Succeeded", minute=9), condition("Running", minute=5)),
            Phase.SUCCESS,
            "",
            id="the newest counts, whatever the order",
        ),
        pytest.param(
            started(condition("Created"), condition("Running", minute=5, status="False")),
            Phase.QUEUED,
            "JobCreated",
            id="one that no longer holds does not count",
        ),
        pytest.param(
            started(condition("Running"), condition("Succeeded")), Phase.RUNNING, "", id="the first of the same time"
        ),
        pytest.param(
            started({"type": "Succeeded", "status": "True"}, condition("Running")),
            Phase.RUNNING,
            "",
            id="one without a time is the oldest",
        ),
        pytest.param(
            started(
                {**condition("Created"), "lastTransitionTime": "2030-01-02T05:00:00+02:00"},
                condition("Running"),
            ),
            Phase.RUNNING,
            "",
            id="times are compared as moments, not as texts",
        ),
    ],
)
def test_conditions_become_phases(plugin: TrainingJobPlugin, status: Any, phase: Phase, reason: str) -> None:
    info = phase_of(plugin, status=status)
    assert (info.phase, info.reason) == (phase, reason)


def test_a_failure_tells_what_the_operator_said(plugin: TrainingJobPlugin) -> None:
    error = phase_of(plugin, status=started(condition("Failed"))).error
    assert error is not None
    assert (error.code, error.kind) == (DOWNSTREAM_SYSTEM_ERROR, ErrorKind.USER)
    assert "Rsn" in error.message
    assert "Msg" in error.message


def test_the_status_is_shown_with_its_newest_condition_first(plugin: TrainingJobPlugin) -> None:
    old, new = condition("Created"), condition("Running", minute=1)
    shown = phase_of(plugin, status=started(old, new)).info.custom_info
    assert shown == started(new, old)


def test_with_an_unknown_condition_nothing_is_shown(plugin: TrainingJobPlugin) -> None:
    info = phase_of(plugin, status=started(condition("Novel"))).info
    assert (info.logs, info.custom_info) == ((), None)


@pytest.mark.parametrize(
    "conditions",
    [pytest.param([], id="an empty list"), pytest.param([condition("Running", status="False")], id="none is true")],
)
def test_conditions_of_which_none_is_true_mean_ask_again(plugin: TrainingJobPlugin, conditions: Any) -> None:
    with pytest.raises(PluginError) as caught:
        phase_of(plugin, status=started(*conditions))
    assert caught.value.code == NO_CURRENT_CONDITION


@pytest.mark.parametrize(
    ("members", "timeout"),
    [
        pytest.param({}, Duration.of(minutes=59), id="later than the timeout"),
        pytest.param({"created": None}, Duration.of(hours=100), id="never created"),
        pytest.param({"status": {"conditions": [condition("Running")]}}, Duration(), id="conditions but no start"),
    ],
)
def test_a_silent_operator_is_an_error(plugin: TrainingJobPlugin, members: Any, timeout: Duration) -> None:
    with pytest.raises(PluginError) as caught:
        phase_of(plugin, config=with_timeout(timeout), **members)
    assert caught.value.code == OPERATOR_SILENT


@pytest.mark.parametrize(
    ("members", "timeout"),
    [
        pytest.param({}, Duration.of(hours=1), id="just in time"),
        pytest.param({"suspend": True}, Duration(), id="suspended"),
        pytest.param({"status": {"startTime": CREATED.isoformat()}}, Duration(), id="taken up"),
        pytest.param(
            {"created": (CREATED + timedelta(days=1)).isoformat()}, Duration(), id="created by a clock that is ahead"
        ),
    ],
)
def test_an_operator_has_time(plugin: TrainingJobPlugin, members: Any, timeout: Duration) -> None:
    assert phase_of(plugin, config=with_timeout(timeout), **members).phase is Phase.QUEUED


def with_timeout(timeout: Duration) -> Configuration:
    return Configuration(plugins=PluginsConfig(kf_operator=KubeflowConfig(timeout=timeout)))


@pytest.mark.parametrize(
    ("saved", "version"),
    [
        pytest.param(SavedPhase(), 0, id="nothing saved"),
        pytest.param(SavedPhase("Queued", 3, "Suspended"), 0, id="the same again"),
        pytest.param(SavedPhase("Queued", 3, "JobCreated"), 4, id="the same phase for another reason"),
        pytest.param(SavedPhase("Running", 3, "JobCreated"), 0, id="another phase"),
    ],
)
def test_news_within_a_phase_raise_its_version(plugin: TrainingJobPlugin, saved: SavedPhase, version: int) -> None:
    assert phase_of(plugin, saved, status=started(condition("Suspended"))).version == version


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"status": []}, id="a status that is a list"),
        pytest.param({"status": {"startTime": "yesterday"}}, id="a start that is no time"),
        pytest.param(
            {"status": {"startTime": CREATED.isoformat(), "conditions": "x"}}, id="conditions that are a text"
        ),
        pytest.param({"status": {"startTime": CREATED.isoformat(), "conditions": [1]}}, id="a number for a condition"),
        pytest.param({"spec": []}, id="a spec that is a list"),
        pytest.param({"metadata": {"name": 3}, "status": started(condition("Running"))}, id="a name that is a number"),
    ],
)
def test_an_object_that_is_no_job_is_named(plugin: TrainingJobPlugin, broken: Any) -> None:
    resource = job(plugin.replica_specs, {"Worker": 1}) | broken
    with pytest.raises(PluginError) as caught:
        plugin.get_task_phase(seen(training_task(plugin.id, {})), resource)
    assert caught.value.code == MALFORMED_RESOURCE


SCALARS = st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text(max_size=3) | st.just(CREATED.isoformat())
JUNK = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner))
CONDITIONS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["Created", "Running", "Failed", "x"]) | JUNK,
            "status": st.just("True") | JUNK,
            "lastTransitionTime": JUNK,
            "reason": JUNK,
        },
    )
    | JUNK,
    max_size=3,
)
GROUPS = st.dictionaries(
    st.sampled_from(["Master", "Worker", "PS", "Chief", "Evaluator"]),
    JUNK | st.fixed_dictionaries({"replicas": JUNK}),
    max_size=3,
)
JOBS = st.fixed_dictionaries(
    {},
    optional={
        "metadata": JUNK | st.fixed_dictionaries({}, optional={"name": JUNK, "creationTimestamp": JUNK}),
        "spec": JUNK
        | st.dictionaries(st.sampled_from([plugin.replica_specs for plugin in PLUGINS]), GROUPS, max_size=2),
        "status": JUNK | st.fixed_dictionaries({}, optional={"startTime": JUNK, "conditions": CONDITIONS | JUNK}),
    },
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(PLUGINS), JOBS)
def test_of_any_object_there_is_a_phase_or_a_typed_error(plugin: TrainingJobPlugin, resource: Any) -> None:
    try:
        phase = plugin.get_task_phase(seen(training_task(plugin.id, {})), resource).phase
    except PluginError:
        return
    assert phase in Phase
