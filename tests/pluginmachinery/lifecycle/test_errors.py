"""When nothing can be decided: errors are counted and waited for, defects of plugins are failures of the platform."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pluginmachinery.api import names
from pluginmachinery.core import phases
from pluginmachinery.core.actions import Create, Delete, ObjectRef, Observe, Outputs, ReadOutputs, Refused, WriteInputs
from pluginmachinery.core.errors import PluginError
from pluginmachinery.core.phases import ErrorKind, ExecutionError
from pluginmachinery.core.transitions import Transition
from pluginmachinery.lifecycle.budgets import MAX_ERRORS
from tests.pluginmachinery.lifecycle.simulation import (
    NAMESPACE,
    POD,
    Cluster,
    Controller,
    PodLike,
    Scripted,
    execution,
    later,
    world,
)

DOWN = Refused("InternalError", "etcd is down", 500)
ERROR = Transition(phases.undefined(), error=ExecutionError("InternalError", "etcd is down", ErrorKind.SYSTEM))


def run_until_settled(controller: Controller, cluster: Cluster, limit: int = 200) -> list[float]:
    """Run, and go on at each wake-up; the seconds waited in between."""
    waits = []
    for _ in range(limit):
        controller.run()
        if controller.wake_at is None or cluster.execution is None:
            return waits
        waits.append((controller.wake_at - cluster.now).total_seconds())
        cluster.now = controller.wake_at
    raise AssertionError("it never settles")


def test_a_short_outage_costs_nothing_but_time() -> None:
    cluster = Cluster(execution(), refuse=lambda action: DOWN if isinstance(action, Create) else None)
    controller = Controller(world(PodLike()), cluster)
    controller.run()
    assert cluster.status["phase"] == "Accepted"
    assert cluster.status["systemErrors"]["count"] == 1
    assert cluster.status["systemErrors"]["code"] == "InternalError"
    assert controller.wake_at is not None
    cluster.now = controller.wake_at
    cluster.refuse = lambda action: None
    controller.run()
    assert cluster.status["phase"] == "Queued"
    assert not {"systemErrors", "failures"} & cluster.status.keys()


def test_waits_grow_and_a_long_outage_is_one_system_failure() -> None:
    cluster = Cluster(execution(), refuse=lambda action: DOWN if isinstance(action, Create) else None)
    controller = Controller(world(PodLike()), cluster)
    waits = run_until_settled(controller, cluster)
    assert cluster.status["phase"] == "Failed"
    assert cluster.status["failures"] == {"system": 4}
    assert len(waits) == 4 * MAX_ERRORS
    first = waits[:MAX_ERRORS]
    assert first == sorted(first)
    assert 180 < sum(first) < 400, "an outage of minutes is survived"


def test_events_before_the_wait_is_over_do_not_count() -> None:
    cluster = Cluster(execution())
    plugin = Scripted([ERROR])
    controller = Controller(world(plugin), cluster)
    for _ in range(50):
        controller.run()
    assert plugin.calls == ["handle"]
    assert cluster.status["systemErrors"]["count"] == 1


def test_errors_that_are_not_in_a_row_do_not_add_up() -> None:
    cluster = Cluster(execution())
    plugin = Scripted([ERROR, phases.running()] * (2 * MAX_ERRORS))
    controller = Controller(world(plugin), cluster)
    for _ in range(4 * MAX_ERRORS):
        controller.run()
        later(cluster, 3600)
    assert cluster.status["phase"] == "Running"
    assert "failures" not in cluster.status


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(ERROR, "InternalError", id="the plugin says so"),
        pytest.param(PluginError("BadState", "conditions are empty"), "BadState", id="a PluginError escapes"),
        pytest.param(phases.undefined(), "UndefinedPhase", id="an undefined phase"),
    ],
)
def test_what_counts_as_an_error(answer: Any, code: str) -> None:
    cluster = Cluster(execution())
    controller = Controller(world(Scripted([answer])), cluster)
    controller.run()
    assert cluster.status["systemErrors"]["code"] == code
    run_until_settled(controller, cluster)
    assert cluster.status["error"]["code"] == code
    assert cluster.status["error"]["kind"] == "SYSTEM"


@pytest.mark.parametrize(
    "defect",
    [
        pytest.param(KeyError("rayCluster"), id="it raises"),
        pytest.param(RecursionError("too deep"), id="it recurses"),
        pytest.param("nonsense", id="it answers junk"),
        pytest.param(None, id="it answers nothing"),
    ],
)
def test_a_defect_of_a_plugin_is_a_system_failure_at_once(defect: Any) -> None:
    cluster = Cluster(execution())
    plugin = Scripted([defect])
    Controller(world(plugin), cluster).run()
    assert cluster.status["phase"] == "Failed"
    assert cluster.status["failures"] == {"system": 4}
    assert cluster.status["error"]["code"] == "PluginPanic"
    assert "plugin scripted raised" in cluster.status["error"]["message"]


def test_a_defect_tells_where_it_is() -> None:
    cluster = Cluster(execution())
    Controller(world(Scripted([KeyError("rayCluster")])), cluster).run()
    assert "KeyError: 'rayCluster' (simulation.py:" in cluster.status["error"]["message"]


def test_a_plugin_that_asks_for_ever_more_is_stopped() -> None:
    asks = Transition(phases.undefined(), {"n": 1}, (Observe(ObjectRef(POD, NAMESPACE, "x")),))
    cluster = Cluster(execution())
    Controller(world(Scripted([asks], cleanup=[asks])), cluster).run()
    assert cluster.status["phase"] == "Failed"
    assert cluster.status["error"]["code"] == "PluginDoesNotSettle"


def test_a_clean_up_that_never_works_is_given_up() -> None:
    plugin = Scripted([phases.retryable_failure("Error", "exit 1", cleanup=True)], cleanup=[ERROR])
    cluster = Cluster(execution())
    controller = Controller(world(plugin), cluster)
    run_until_settled(controller, cluster)
    assert cluster.status["phase"] == "Failed"
    assert not {"pending", "systemErrors"} & cluster.status.keys()
    assert plugin.calls.count("abort") == MAX_ERRORS + 1
    assert plugin.calls.count("finalize") == MAX_ERRORS + 1


def test_a_plugin_that_vanishes_from_the_configuration_does_not_kill_what_runs_at_once() -> None:
    cluster = Cluster(execution())
    controller = Controller(world(PodLike()), cluster)
    controller.run()
    cluster.set_pod("task-0", "Running")
    controller.run()
    controller.world.plugins.clear()
    controller.world.registry.load = lambda plugin_id: (_ for _ in ()).throw(_not_enabled())  # type: ignore[method-assign]
    controller.run()
    assert cluster.status["phase"] == "Running"
    assert cluster.status["systemErrors"]["code"] == "PluginNotAvailable"
    assert cluster.pods.keys() == {"task-0"}


def _not_enabled() -> Exception:
    from tests.pluginmachinery.lifecycle.simulation import NoSuchPlugin

    return NoSuchPlugin("scripted is not enabled")


def test_a_store_that_is_down_delays_success() -> None:
    reads: list[Refused | Outputs] = [Refused("StoreUnavailable", "500")] * 3 + [Outputs({"literals": {}})]
    cluster = Cluster(execution(outputPrefix="s3://b/o", metadata={"finalizers": [names.FINALIZER]}))
    cluster.outputs = _Sequence(reads)  # type: ignore[assignment]
    controller = Controller(world(PodLike()), cluster)
    controller.run()
    cluster.set_pod("task-0", "Succeeded")
    controller.run()
    assert cluster.status["pending"] == {"step": "ReadOutputs", "outcome": "Succeeded"}
    assert cluster.status["systemErrors"]["code"] == "OutputsNotReadable"
    del cluster.pods["task-0"]  # a pod that is cleaned up meanwhile does not matter any more
    run_until_settled(controller, cluster)
    assert cluster.status["phase"] == "Succeeded"
    assert "failures" not in cluster.status


class _Sequence:
    def __init__(self, answers: list[Any]) -> None:
        self.answers = answers

    def get(self, prefix: str, default: object) -> Any:
        return self.answers.pop(0)


def test_a_store_that_stays_down_is_a_system_failure() -> None:
    cluster = Cluster(execution(outputPrefix="s3://b/o"))
    cluster.refuse = lambda action: Refused("StoreUnavailable", "500") if isinstance(action, ReadOutputs) else None
    controller = Controller(world(Scripted([phases.success()])), cluster)
    run_until_settled(controller, cluster)
    assert cluster.status["failures"] == {"system": 4}
    assert cluster.status["error"]["code"] == "OutputsNotReadable"


def test_inputs_that_can_not_be_written_hold_the_launch() -> None:
    command = {"container": {"image": "i", "args": ["{{.input}}"]}}
    cluster = Cluster(execution(template=command, inputs={"literals": {}}, inputPath="s3://b/in.pb"))
    cluster.refuse = lambda action: Refused("StoreUnavailable", "503") if isinstance(action, WriteInputs) else None
    controller = Controller(world(PodLike()), cluster)
    controller.run()
    assert cluster.status["systemErrors"]["code"] == "InputsNotWritten"
    assert cluster.created == []
    assert controller.wake_at is not None
    assert controller.wake_at - cluster.now < timedelta(seconds=2)
    cluster.refuse = lambda action: None
    cluster.now = controller.wake_at
    controller.run()
    assert cluster.created == ["task-0"]


def test_deletion_that_is_refused_is_tried_again() -> None:
    cluster = Cluster(execution(abort=False))
    controller = Controller(world(PodLike()), cluster)
    controller.run()
    assert cluster.execution is not None
    cluster.execution["spec"]["abort"] = True
    cluster.refuse = lambda action: Refused("Forbidden", "no", 403) if isinstance(action, Delete) else None
    controller.run()
    assert cluster.status["phase"] == "Aborting"
    assert cluster.status["systemErrors"]["code"] == "Forbidden"
    cluster.refuse = lambda action: None
    run_until_settled(controller, cluster)
    assert cluster.status["phase"] == "Aborted"
    assert cluster.pods == {}


def test_a_plugin_may_give_a_task_up() -> None:
    plugin = Scripted([phases.PhaseInfo(phases.Phase.ABORTED, reason="the remote job was cancelled")])
    cluster = Cluster(execution())
    Controller(world(plugin), cluster).run()
    assert cluster.status["phase"] == "Aborted"
    assert cluster.status["reason"] == "the remote job was cancelled"
    assert plugin.calls == ["handle", "finalize"]


def test_a_spec_that_another_version_accepted_is_a_failure_and_no_crash() -> None:
    cluster = Cluster(execution())
    controller = Controller(world(PodLike()), cluster)
    controller.run()
    assert cluster.execution is not None
    cluster.execution["spec"]["template"]["container"] = {"image": 7}
    fresh = Controller(world(PodLike()), cluster)
    run_until_settled(fresh, cluster)
    assert cluster.status["phase"] == "Failed"
    assert cluster.status["error"]["code"] == "BadTaskTemplate"


def test_a_plugin_that_vanishes_between_two_attempts() -> None:
    cluster = Cluster(execution(template={"metadata": {"retries": {"retries": 1}}}))
    plugin = Scripted([phases.retryable_failure("Error", "exit 1")])
    controller = Controller(world(plugin), cluster)
    controller.turn()
    controller.world.plugins.clear()
    controller.world.registry.load = lambda plugin_id: (_ for _ in ()).throw(_not_enabled())  # type: ignore[method-assign]
    controller.run()
    assert cluster.status["systemErrors"]["code"] == "PluginNotAvailable"
    run_until_settled(controller, cluster)
    assert cluster.status["phase"] == "Failed"
    assert cluster.status["failures"] == {"user": 1, "system": 4}
