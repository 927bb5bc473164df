"""The example tasks by the command line, run by a real controller on simulated nodes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controller.cli import main
from tests.cluster.controllers import Controller
from tools.controlplane.clusters import Cluster

EXAMPLES = Path(__file__).parents[2] / "examples" / "tasks"
Command = Callable[..., Result]


@pytest.fixture
def command(cluster: Cluster, namespace: str, run: Callable[..., Controller]) -> Command:
    """``controller …`` for the test's namespace, in which a controller runs."""
    if cluster.output_root is None:
        pytest.skip("pods of this cluster can not write outputs")
    run("--data-root", str(cluster.output_root)).ready()

    def command(*arguments: str) -> Result:
        options = ["--kubeconfig", str(cluster.kubeconfig), "-n", namespace]
        return CliRunner().invoke(main, [*arguments, *options])

    return command


def phases(output: str) -> list[str]:
    """The phases that were printed, one after the other."""
    return [line.split()[1] for line in output.splitlines()[1:] if line[2:3] == ":"]


def test_a_task_that_succeeds_prints_its_outputs(command: Command) -> None:
    done = command("submit", str(EXAMPLES / "hello.yaml"), "--wait", "--timeout", "60s")
    assert done.exit_code == 0, done.output
    assert phases(done.output)[-1] == "Succeeded"
    values = json.loads(command("get", "hello", "--outputs", "-o", "json").output)
    assert values
    assert all(f"{name} = {json.dumps(value)}" in done.output for name, value in values.items())


def test_a_task_that_fails_by_its_own_error(command: Command) -> None:
    done = command("submit", str(EXAMPLES / "broken.yaml"), "--wait", "--timeout", "60s")
    assert done.exit_code == 1, done.output
    assert "USER:ValueError: ValueError: no column 'price' in the data" in done.output
    told = command("describe", "broken").output
    assert "attempt 0 failed, spent a user retry" in told
    assert "attempt 1 failed" in told


def test_a_task_that_succeeds_at_the_second_attempt(command: Command) -> None:
    done = command("submit", str(EXAMPLES / "flaky.yaml"), "--wait", "--timeout", "60s")
    assert done.exit_code == 0, done.output
    assert "Failures:  1 user" in command("describe", "flaky").output


def test_a_task_that_never_ends_is_aborted(command: Command) -> None:
    assert command("submit", str(EXAMPLES / "endless.yaml"), "--timeout", "2s").exit_code == 3
    done = command("abort", "endless", "--wait", "--timeout", "30s")
    assert done.exit_code == 0, done.output
    assert phases(done.output)[-1] == "Aborted"
