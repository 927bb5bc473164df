"""The command line itself: help everywhere, an example in each, and nothing heavy imported to show it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from configgen.cli import COMMANDS
from tests.configgen.conftest import Configgen

HEAVY = ("pydantic", "yaml", "ruamel", "rich", "jsonschema", "flyteidl", "google.protobuf")


def test_help_lists_every_command(configgen: Configgen) -> None:
    result = configgen("--help")
    assert result.exit_code == 0
    assert all(name in result.stdout for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example_and_its_exit_codes(command: str, configgen: Configgen) -> None:
    result = configgen(command, "--help")
    assert result.exit_code == 0
    assert "Example:" in result.stdout
    assert "Exit codes:" in result.stdout
    assert "-C DIR" in result.stdout


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)], ids=" ".join)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys; from configgen.cli import main\n"
        f"try: main({arguments!r})\n"
        f"finally: print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "heavy: []"


def test_a_misspelt_command(configgen: Configgen) -> None:
    result = configgen("rendr")
    assert result.exit_code == 2
    assert "No such command 'rendr'. Did you mean render?" in result.stderr
