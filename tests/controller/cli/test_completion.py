"""Completion scripts, and what a shell is told that runs one."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from click.testing import CliRunner

from controller.cli import main


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_the_shell_can_read(shell: str) -> None:
    printed = CliRunner().invoke(main, ["completion", shell])
    assert printed.exit_code == 0
    assert f"_CONTROLLER_COMPLETE={shell}_complete" in printed.output
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=printed.output, text=True, check=True)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("controller re", ["plain,retry"]),
        ("controller get --wat", ["plain,--watch"]),
        ("controller get --kubeconfig /nowhere tr", []),
    ],
    ids=["a command", "an option", "names of tasks where there is no cluster"],
)
def test_what_is_offered(words: str, offered: list[str]) -> None:
    told = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")), "_CONTROLLER_COMPLETE": "bash_complete"}
    assert CliRunner().invoke(main, [], env=told, prog_name="controller").output.split() == offered
