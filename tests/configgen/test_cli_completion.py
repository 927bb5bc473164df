"""TAB: what the shell is offered, by click's own protocol, and in a real bash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from configgen.cli import main
from tests.configgen.conftest import EXAMPLE

SOURCE = ["-C", str(EXAMPLE)]

OFFERS: dict[str, tuple[list[str], str, list[str]]] = {
    "commands": ([], "s", ["simulate", "schema"]),
    "environments": ([*SOURCE, "render", "--env"], "", ["dev", "prod"]),
    "environments, the folder after the command": (["explain", *SOURCE, "--env"], "p", ["prod"]),
    "the second of two environments": ([*SOURCE, "lint", "--env"], "dev,", ["dev,prod"]),
    "targets": (["render", "--target"], "he", ["helm"]),
    "the second of two targets": (["render", "--target"], "helm,ku", ["helm,kustomize"]),
    "plugins": (["catalog"], "pyt", ["pytorch"]),
    "sections": (["explain"], "task_", ["task_resources", "task_resources.defaults", "task_resources.limits"]),
    "sections of sections": (
        ["explain"],
        "plugins.k8s.co-pilot.i",
        ["plugins.k8s.co-pilot.image", "plugins.k8s.co-pilot.input-vol-name"],
    ),
    "fields": (["explain"], "plugins.k8s.default-c", ["plugins.k8s.default-cpus"]),
    "fields, by the order of the model": (
        ["explain"],
        "task_resources.limits.",
        [f"task_resources.limits.{name}" for name in ("cpu", "memory", "gpu", "storage", "ephemeralStorage")],
    ),
    "no such section": (["explain"], "nonsense.", []),
    "tasks": ([*SOURCE, "simulate", "--task"], "spa", ["spark", "spark-interruptible", "spa"]),
    "sides": ([*SOURCE, "diff"], "HEAD:p", ["HEAD:prod", "HEAD:p"]),
    "forms": (["diff", "-o"], "ma", ["markdown"]),
    "no source": (["-C", "/nonexistent", "render", "--env"], "", []),
}


@pytest.mark.parametrize(("words", "incomplete", "expected"), OFFERS.values(), ids=OFFERS)
def test_what_is_offered(words: list[str], incomplete: str, expected: list[str]) -> None:
    offered = ShellComplete(main, {}, "configgen", "_CONFIGGEN_COMPLETE").get_completions(words, incomplete)
    assert sorted(item.value for item in offered) == sorted(expected)


def test_every_environment_and_target_is_completed() -> None:
    """Whoever adds a command with --env gets TAB with it."""
    import click

    from configgen.cli import COMMANDS

    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        for parameter in command.params:
            if {"--env", "--target", "--task", "--against"} & set(parameter.opts):
                assert parameter._custom_shell_complete is not None, (name, parameter.opts)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts(shell: str) -> None:
    done = answer({"_CONFIGGEN_COMPLETE": f"{shell}_source"})
    assert "_CONFIGGEN_COMPLETE" in done
    checker = shutil.which(shell)
    if checker is not None:
        subprocess.run([checker, "-n"], input=done, text=True, check=True, timeout=60)


def test_environments_are_offered_without_the_models() -> None:
    program = (
        "import sys; from configgen.cli import main\n"
        f"try: main({[*SOURCE, 'render']!r}, prog_name='configgen')\n"
        "except SystemExit: pass\n"
        "print([name for name in ('pydantic', 'ruamel', 'jsonschema', 'kubernetes') if name in sys.modules])"
    )
    words = {
        "_CONFIGGEN_COMPLETE": "bash_complete",
        "COMP_WORDS": f"configgen {' '.join(SOURCE)} render --env ",
        "COMP_CWORD": "5",
    }
    command = [sys.executable, "-c", program]
    environment = {**os.environ, **words}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == ["plain,dev", "plain,prod", "[]"]


BASH = """
source "$SCRIPT"
COMP_WORDS=(configgen -C "$SOURCE" render --env "")
COMP_CWORD=5
COMP_LINE="${COMP_WORDS[*]}"
_configgen_completion configgen
printf '%s\\n' "${COMPREPLY[@]}"
"""


def test_in_a_real_bash(tmp_path: Path, command: Path) -> None:
    (tmp_path / "complete.bash").write_text(answer({"_CONFIGGEN_COMPLETE": "bash_source"}))
    environment = {
        **os.environ,
        "PATH": f"{command}{os.pathsep}{os.environ['PATH']}",
        "SCRIPT": str(tmp_path / "complete.bash"),
        "SOURCE": str(EXAMPLE),
    }
    done = subprocess.run(
        ["bash", "-c", BASH], env=environment, capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path
    )
    assert done.stdout.splitlines() == ["dev", "prod"]


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """A folder with ``configgen`` in it."""
    program = tmp_path / "bin/configgen"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m configgen "$@"\n')
    program.chmod(0o755)
    return program.parent


def answer(variables: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "configgen"],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout
