"""The workflow that `init` writes and the action of this repository, run as GitHub runs them: step by step in bash, in
a repository with two commits. Only pip and gh are not the real ones."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.configgen.conftest import Configgen

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github/actions/configgen/action.yml"
RECORD = '#!/bin/sh\nprintf "%s\\n" "$(basename "$0") $*" >> "$RECORD"\n'
EVENT = {"github.event.pull_request.number": "7", "github.base_ref": "main", "github.token": "t0ken"}


@pytest.fixture
def checkout(configgen: Configgen, tmp_path: Path) -> Path:
    """A clone whose branch differs from ``origin/main`` in one commit, which gives prod more memory."""
    origin = tmp_path / "origin"
    assert configgen("-C", origin, "init").exit_code == 0
    assert configgen("-C", origin, "render", "--all", "--out", origin / "deploy").exit_code == 0
    git(origin, "init", "-q", "-b", "main")
    git(origin, "add", "-A")
    git(origin, "commit", "-q", "-m", "a source")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", origin, clone], check=True, timeout=60)
    layer = clone / "environments/prod/config/prod.yaml"
    layer.write_text(layer.read_text().replace("16Gi", "32Gi"))
    git(clone, "commit", "-q", "-a", "-m", "more memory")
    return clone


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, timeout=60)


class Runner:
    """Runs steps as GitHub's runner does: bash that stops at the first error, files for the summary and outputs."""

    def __init__(self, checkout: Path, folder: Path) -> None:
        self.checkout = checkout
        self.folder = folder
        programs = folder / "bin"
        programs.mkdir(parents=True)
        for name in ("pip", "gh"):
            (programs / name).write_text(RECORD)
            (programs / name).chmod(0o755)
        configgen = programs / "configgen"
        configgen.write_text(f'#!/bin/sh\nexec {sys.executable} -m configgen "$@"\n')
        configgen.chmod(0o755)
        self.environment = {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
            "GITHUB_OUTPUT": str(folder / "output"),
            "RUNNER_TEMP": str(folder),
            "RECORD": str(folder / "record"),
            "PYTHONPATH": str(ROOT),
        }

    def run(self, step: Mapping[str, Any], values: Mapping[str, str], shared: Mapping[str, str]) -> int:
        said = {name: substituted(value, values) for name, value in {**shared, **step.get("env", {})}.items()}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", substituted(step["run"], values)]
        environment = {**self.environment, **said}
        return subprocess.run(command, cwd=self.checkout, env=environment, timeout=120, check=False).returncode

    def text(self, name: str) -> str:
        return (self.folder / name).read_text() if (self.folder / name).exists() else ""


def substituted(text: Any, values: Mapping[str, str]) -> str:
    """``${{ … }}`` filled in; what is not among the values is an error of the test, or of the file."""
    return re.sub(r"\$\{\{\s*([\w.]+)\s*\}\}", lambda match: values[match.group(1)], str(text))


def workflow_steps(checkout: Path) -> tuple[list[dict[str, Any]], dict[str, str]]:
    workflow = yaml.load((checkout / ".github/workflows/configuration.yaml").read_text(), yaml.BaseLoader)
    assert workflow["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert list(workflow["on"]) == ["pull_request"]
    (job,) = workflow["jobs"].values()
    return [step for step in job["steps"] if "run" in step], workflow["env"]


def test_the_workflow_of_init(checkout: Path, tmp_path: Path) -> None:
    runner = Runner(checkout, tmp_path / "runner")
    steps, shared = workflow_steps(checkout)
    assert [step["name"] for step in steps] == ["Install", "Lint", "Render", "Effect", "Post"]
    assert [runner.run(step, EVENT, shared) for step in steps] == [0] * 5
    assert runner.text("record").splitlines() == [
        "pip install flyte-plugin-manager",
        "gh pr comment 7 --body-file effect.md --edit-last --create-if-none",
    ]
    effect = (checkout / "effect.md").read_text()
    assert "32Gi" in effect
    assert runner.text("summary.md") == effect
    assert (tmp_path / "runner/rendered/helm/prod/values.yaml").exists()


def test_the_workflow_of_init_stops_at_a_mistake(checkout: Path, tmp_path: Path) -> None:
    layer = checkout / "environments/prod/config/prod.yaml"
    layer.write_text(layer.read_text().replace("memory", "memroy"))
    runner = Runner(checkout, tmp_path / "runner")
    steps, shared = workflow_steps(checkout)
    codes = {step["name"]: runner.run(step, EVENT, shared) for step in steps[:-1]}
    assert codes == {"Install": 0, "Lint": 1, "Render": 2, "Effect": 1}
    assert runner.text("summary.md") == ""


def act(runner: Runner, **inputs: str) -> dict[str, int]:
    """Run the action with inputs: step → exit code, up to the first failure."""
    action = yaml.load(ACTION.read_text(), yaml.BaseLoader)
    assert action["runs"]["using"] == "composite"
    assert set(inputs) <= set(action["inputs"])
    given = {f"inputs.{name}": inputs.get(name, one["default"]) for name, one in action["inputs"].items()}
    codes = {}
    for step in action["runs"]["steps"]:
        assert step["shell"] == "bash"
        if "if" in step:
            assert step["if"] == "inputs.base != ''"
            if not given["inputs.base"]:
                continue
        codes[step["name"]] = runner.run(step, given, {})
        if codes[step["name"]]:
            break
    return codes


def test_the_action(checkout: Path, tmp_path: Path) -> None:
    runner = Runner(checkout, tmp_path / "runner")
    codes = act(runner, base="origin/main", version="0.1.0")
    assert codes == {"Install": 0, "Lint": 0, "Render": 0, "Effect": 0}
    assert runner.text("record") == "pip install --quiet flyte-plugin-manager==0.1.0\n"
    assert "32Gi" in runner.text("summary.md")
    effect = tmp_path / "runner/effect.md"
    assert runner.text("output") == f"effect={effect}\ndiffers=true\n"
    assert effect.read_text() == runner.text("summary.md")


def test_the_action_where_nothing_differs(checkout: Path, tmp_path: Path) -> None:
    runner = Runner(checkout, tmp_path / "runner")
    assert act(runner, base="HEAD")["Effect"] == 0
    assert "differs=false" in runner.text("output")


def test_the_action_finds_rendered_files_stale(checkout: Path, tmp_path: Path) -> None:
    runner = Runner(checkout, tmp_path / "runner")
    assert act(runner, rendered="deploy") == {"Install": 0, "Lint": 0, "Render": 1}
    shutil.rmtree(tmp_path / "runner")
    runner = Runner(checkout, tmp_path / "runner")
    git(checkout, "checkout", "-q", "origin/main")
    assert act(runner, rendered="deploy") == {"Install": 0, "Lint": 0, "Render": 0}


def test_the_action_takes_nothing_for_a_command(checkout: Path, tmp_path: Path) -> None:
    """Inputs reach the shell as variables, so that a branch's name runs nothing."""
    runner = Runner(checkout, tmp_path / "runner")
    codes = act(runner, base='$(touch "$RUNNER_TEMP/pwned")"; touch "$RUNNER_TEMP/pwned')
    assert codes["Effect"] == 2
    assert not (tmp_path / "runner/pwned").exists()
