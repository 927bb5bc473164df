"""The workflow of docs/diffs.md runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import yaml

from tests.configgen.conftest import PLUGINS
from tests.configgen.test_cli_diff_sides import git

DOCS = Path(__file__).parents[2] / "docs/diffs.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)


def test_the_workflow_writes_the_comment(make_source: Callable[..., Path], tmp_path: Path) -> None:
    layers = {"base": {"config/a.yaml": PLUGINS}, "more": {"config/b.yaml": "plugins: {k8s: {default-labels: {a: b}}}"}}
    source = make_source(layers, prod=["base", "more"]).rename(tmp_path / "configuration")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "configuration")
    git(tmp_path, "commit", "-q", "-m", "first")
    (source / "more/config/b.yaml").write_text("plugins: {k8s: {default-labels: {a: c}}}")
    (workflow,) = blocks("yaml")
    steps = yaml.safe_load(workflow)["jobs"]["diff"]["steps"]
    (script,) = [step["run"] for step in steps if "configgen" in step.get("run", "")]
    bin_folder = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": bin_folder, "BASE": "main", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    subprocess.run(["bash", "-eo", "pipefail", "-c", script], cwd=tmp_path, env=environment, check=True)
    comment = (tmp_path / "diff.md").read_text()
    assert "### main:prod → prod" in comment
    assert "`label a: b → c`" in comment
    assert (tmp_path / "summary").read_text() == comment
