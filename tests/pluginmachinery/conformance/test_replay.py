"""Replay: lines of cases in, lines of answers out, whatever is in them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pluginmachinery.conformance.__main__ import main
from pluginmachinery.conformance.replay import answer, replay


def answers(*cases: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in replay(json.dumps(case) for case in cases)]


def test_bare_cases_and_recordings_are_answered_alike_and_blank_lines_skipped() -> None:
    case = {"id": "a", "op": "config", "config": {"plugins": {"k8s": {"scheduler-name": "x"}}}}
    bare, recorded = answers(case, {"case": case, "expected": {}})
    assert bare == recorded
    assert bare["config"]["plugins"]["k8s"]["scheduler-name"] == "x"
    assert list(replay(["\n", " "])) == []


@pytest.mark.parametrize("operation", ["nonsense", "../config", "config.x", "", None, "__init__"])
def test_an_operation_that_is_not_there_is_not_implemented(operation: str | None) -> None:
    assert answer({"id": "a", "op": operation}) == {"id": "a", "error": {"code": "NotImplemented"}}


@pytest.mark.parametrize("line", ["{", "[]", "5", '{"case": 5}'])
def test_a_line_that_is_no_case_is_told_and_the_others_go_on(line: str) -> None:
    bad, good = (json.loads(found) for found in replay([line, '{"id": "b", "op": "enabled"}']))
    assert bad["error"]["code"] == "BadCase"
    assert good["id"] == "b"


@pytest.mark.parametrize("operation", ["config", "enabled"])
def test_a_configuration_that_does_not_load_is_a_config_error(operation: str) -> None:
    got = answer({"id": "a", "op": operation, "config": {"plugins": {"k8s": []}}})
    assert got["error"]["code"] == "ConfigError"


def test_a_defect_is_told_and_the_next_case_goes_on() -> None:
    broken, good = answers({"id": "a", "op": "config", "config": "text"}, {"id": "b", "op": "enabled"})
    assert broken["error"]["code"] in ("ConfigError", "InternalError")
    assert good["plugins"]["setupError"] is True


def test_sections_are_shown_where_the_document_mentions_them_in_whatever_case() -> None:
    got = answer({"id": "a", "op": "config", "config": {"Plugins": {"SPARK": None}, "Tasks": {}}})
    assert set(got["config"]["plugins"]) == {"k8s", "spark"}
    assert "tasks" in got["config"]


def test_the_command_reads_a_file_and_writes_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text('{"id": "a", "op": "enabled"}\n{"id": "b", "op": "?"}\n')
    assert main(["replay", str(path)]) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ["a", "b"]
    assert main(["replay", str(tmp_path / "none")]) == 1
    assert "No such file" in capsys.readouterr().err


def test_the_module_runs_and_reads_the_standard_input() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pluginmachinery.conformance", "replay", "-"],
        input='{"id": "a", "op": "?"}\n',
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {"id": "a", "error": {"code": "NotImplemented"}}
