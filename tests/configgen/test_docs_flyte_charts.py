"""docs/flyte-charts.md: its example file gives its transcript."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.configgen.conftest import Configgen

DOCUMENT = Path(__file__).parents[2] / "docs/flyte-charts.md"


def test_the_transcript(configgen: Configgen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = DOCUMENT.read_text("utf-8")
    monkeypatch.chdir(tmp_path)
    for name, content in re.findall(r"```yaml\n# (\S+)\n(.*?)```", text, re.DOTALL):
        Path(name).write_text(content, "utf-8")
    transcript = re.search(r"```console\n(\$ configgen migrate.*?)```", text, re.DOTALL)
    assert transcript
    told = ""
    for command in re.findall(r"^\$ (.*)$", transcript.group(1), re.MULTILINE):
        program, *arguments = command.split()
        if program == "configgen":
            result = configgen(*arguments)
            assert result.exit_code == 1
            told += f"$ {command}\n{result.stdout}"
        else:
            assert program == "cat"
            told += f"$ {command}\n{Path(arguments[0]).read_text('utf-8')}"
    if os.environ.get("UPDATE_GOLDEN"):
        DOCUMENT.write_text(text.replace(transcript.group(1), told), "utf-8")
    assert told == transcript.group(1)
