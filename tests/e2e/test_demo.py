"""``make demo`` holds what it promises, and says so when it does not."""

from __future__ import annotations

import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tools.controlplane.binaries import find
from tools.demo.narration import Narrator
from tools.demo.rows import Row, node, outcome, tolerated


@pytest.mark.cluster
@pytest.mark.timeout(240)
def test_every_row_of_the_demo_is_as_it_should_be(tmp_path: Path) -> None:
    assert find("kube-apiserver"), "the control plane is not built: run `make binaries`"
    done = subprocess.run(
        [sys.executable, "-m", "tools.demo", "--keep", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "19 of 19 rows as they should be" in done.stdout
    assert "22 differences between dev and prod" in done.stdout
    assert 'greeting = "hello, world"' in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_row_that_is_wrong_shows_what_was() -> None:
    written = StringIO()
    narrator = Narrator(Console(file=written, width=100), clock=lambda: 0.0)
    narrator.table([Row("dev", "hello", "Succeeded", "Succeeded"), Row("dev", "gpu", "Succeeded", "Failed with X")])
    lines = [line.split() for line in written.getvalue().splitlines() if line.strip()]
    assert lines[1] == ["✓", "dev", "hello", "Succeeded"]
    assert lines[2] == ["✗", "dev", "gpu", "Succeeded", "Failed", "with", "X"]


@pytest.mark.parametrize(
    ("status", "text"),
    [
        pytest.param({"phase": "Succeeded"}, "Succeeded", id="at once"),
        pytest.param({"phase": "Succeeded", "attempt": 1}, "Succeeded after 2 attempts", id="retried"),
        pytest.param({"phase": "Failed", "error": {"code": "X"}}, "Failed with X", id="failed"),
        pytest.param(None, "no status", id="never seen"),
    ],
)
def test_outcomes(status: dict[str, object] | None, text: str) -> None:
    assert outcome({"status": status}) == text


def test_a_pod_that_is_not_there_ran_nowhere() -> None:
    assert (node({}), tolerated({})) == ("none", "nothing")
