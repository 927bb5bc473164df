"""The hooks that other repositories use are commands that exist, and hold on the shipped example."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.configgen.conftest import EXAMPLE, Configgen

HOOKS: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text())
ARGUMENTS = {"configgen-fmt": ["--help"], "configgen-lint": [], "configgen-render-check": ["--all", "--out"]}


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: str(hook["id"]))
def test_a_hook_runs(hook: dict[str, Any], tmp_path: Path, configgen: Configgen) -> None:
    program, *words = shlex.split(hook["entry"])
    assert program == "configgen"
    arguments = [*words, *ARGUMENTS[hook["id"]]]
    if hook["id"] == "configgen-render-check":
        arguments.append(str(tmp_path))
        assert configgen("-C", EXAMPLE, *arguments).exit_code == 1, "nothing is rendered yet"
        rendered = [word for word in arguments if word != "--check"]
        assert configgen("-C", EXAMPLE, *rendered).exit_code == 0
    assert configgen("-C", EXAMPLE, *arguments).exit_code == 0
