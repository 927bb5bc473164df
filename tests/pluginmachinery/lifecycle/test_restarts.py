"""After a restart: what a controller that remembers nothing looks at."""

import pytest

from pluginmachinery.core.actions import Found, ObjectRef, Observation
from pluginmachinery.lifecycle.advance import advance
from tests.pluginmachinery.lifecycle.simulation import NAMESPACE, POD, Cluster, Controller, execution
from tests.pluginmachinery.lifecycle.test_container import pod_status, real_world

GIVEN = {"literals": {"n": {"scalar": {"primitive": {"integer": "3"}}}}}
UNREADABLE = {"literals": 7}


@pytest.mark.parametrize(
    ("pod", "exit_code", "phase"),
    [
        pytest.param("Running", None, "Running", id="it runs on"),
        pytest.param("Succeeded", 0, "Succeeded", id="it has succeeded"),
        pytest.param("Failed", 3, "Retrying", id="it has failed"),
    ],
)
def test_a_pod_is_judged_without_the_inputs_of_its_task(pod: str, exit_code: int | None, phase: str) -> None:
    cluster = Cluster(execution(inputs=GIVEN))
    Controller(real_world(), cluster).run()
    pod_status(cluster, "task-0", pod, exit_code)
    assert cluster.execution is not None
    seen = cluster.execution | {"spec": cluster.execution["spec"] | {"inputs": UNREADABLE}}
    objects = {ObjectRef(POD, NAMESPACE, name): Found(made) for name, made in cluster.pods.items()}
    decision = advance(real_world(), seen, Observation(cluster.now, objects))
    assert decision.status["phase"] == phase
