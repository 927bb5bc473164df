"""What a pod's simulation annotations mean, and how a bad one is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tools.controlplane.errors import ScriptError
from tools.controlplane.simulation.scripts import RUNS, SCRIPT, SUCCEEDS, WRITES, ContainerState, Step, script_of


def pod(script: Any = None, *, writes: Any = None, env: Any = None, **spec: Any) -> dict[str, Any]:
    annotations = {}
    if script is not None:
        annotations[SCRIPT] = script if isinstance(script, str) else json.dumps(script)
    if writes is not None:
        annotations[WRITES] = json.dumps(writes)
    return {
        "metadata": {"annotations": annotations},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "env": env}], **spec},
    }


def test_a_task_without_a_script_runs_and_succeeds() -> None:
    assert script_of(pod()) == SUCCEEDS


def test_a_pod_that_is_always_restarted_just_runs() -> None:
    assert script_of(pod(restartPolicy="Always")) == RUNS


def test_yaml_is_read_as_json_is() -> None:
    text = """
    - {after: 0.1, phase: Running}
    - after: 2
      phase: Failed
      containers: {"*": {exitCode: 3, message: boom}}
    """
    boom = ContainerState(exit_code=3, message="boom")
    assert script_of(pod(text)).steps == (
        Step(after=0.1, phase="Running"),
        Step(after=2, phase="Failed", containers={"*": boom}),
    )


ATTEMPTS = [[{"phase": "Failed"}], [{"phase": "Running"}, {"phase": "Succeeded"}]]


@pytest.mark.parametrize(
    ("env", "phases"),
    [
        pytest.param(None, ["Failed"], id="no attempt number is attempt 0"),
        pytest.param("0", ["Failed"], id="attempt 0"),
        pytest.param("1", ["Running", "Succeeded"], id="attempt 1"),
        pytest.param("7", ["Running", "Succeeded"], id="beyond the list: its last script"),
    ],
)
def test_each_attempt_may_have_a_script(env: str | None, phases: list[str]) -> None:
    variables = [{"name": "FLYTE_ATTEMPT_NUMBER", "value": env}] if env is not None else None
    assert [step.phase for step in script_of(pod(ATTEMPTS, env=variables)).steps] == phases


def test_written_files_come_with_the_last_step() -> None:
    steps = script_of(pod([{"phase": "Running"}, {"phase": "Succeeded"}], writes={"outputs.pb": "eA=="})).steps
    assert [step.writes for step in steps] == [{}, {"outputs.pb": "eA=="}]


def test_hang_ends_a_script_and_on_delete_says_how_it_dies() -> None:
    script = script_of(pod([{"phase": "Running"}, {"hang": True}, {"onDelete": {"after": 2, "exitCode": 0}}]))
    assert len(script.steps) == 1
    assert (script.termination.after, script.termination.exit_code) == (2, 0)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        pytest.param({"exitCode": 3}, 3, id="exit code"),
        pytest.param({"signal": 9}, 137, id="signal"),
        pytest.param({"reason": "OOMKilled"}, 137, id="out of memory"),
        pytest.param({"reason": "Error"}, 1, id="a reason alone"),
    ],
)
def test_exit_codes_that_are_not_said(state: dict[str, Any], code: int) -> None:
    assert ContainerState.model_validate(state).code == code


@pytest.mark.parametrize(
    ("script", "message"),
    [
        pytest.param("[", "neither YAML nor JSON", id="no YAML"),
        pytest.param("phase: Running", "a list of steps is expected, this is a dict", id="a mapping"),
        pytest.param([{"phase": "Runing"}], r"script\[0\]\.phase: Input should be 'Pending', 'Running'", id="phase"),
        pytest.param([{"phaze": "Running"}], r"script\[0\]\.phaze: Extra inputs", id="unknown key"),
        pytest.param([{"after": -1}], r"script\[0\]\.after: .*greater than or equal to 0", id="back in time"),
        pytest.param([{"phase": "Failed"}, {"phase": "Running"}], "nothing follows Succeeded, Failed", id="revived"),
        pytest.param([{"hang": True}, {"phase": "Running"}], r"script\[1\]: nothing follows .* hang", id="wakes up"),
        pytest.param(
            [{"containers": {"main": {"waiting": "X", "exitCode": 1}}}],
            "a container is one of: waiting, running, or terminated",
            id="two states at once",
        ),
        pytest.param(
            [{"containers": {"mian": {"exitCode": 1}}}], r"containers are \['\*', 'main'\], not mian", id="no such name"
        ),
    ],
)
def test_a_bad_script_is_refused_with_its_place(script: Any, message: str) -> None:
    with pytest.raises(ScriptError, match=message):
        script_of(pod(script))


def sub_task(index: str | None, script: Any) -> dict[str, Any]:
    return pod(script, env=None if index is None else [{"name": "FLYTE_K8S_ARRAY_INDEX", "value": index}])


@pytest.mark.parametrize(
    ("index", "phase"),
    [
        pytest.param("3", "Failed", id="its own"),
        pytest.param("4", "Succeeded", id="that of all others"),
        pytest.param(None, "Succeeded", id="no sub-task at all"),
    ],
)
def test_each_sub_task_of_a_map_task_may_have_a_script(index: str | None, phase: str) -> None:
    script = {"3": [{"phase": "Failed"}], "*": [{"phase": "Succeeded"}]}
    assert [step.phase for step in script_of(sub_task(index, script)).steps] == [phase]


def test_a_sub_task_without_a_script_is_told() -> None:
    with pytest.raises(ScriptError, match="without a script for sub-task '4'"):
        script_of(sub_task("4", {"3": []}))
