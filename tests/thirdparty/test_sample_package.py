"""The sample package: installed, it is found, its section is known, and it conforms."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from controller.services.configuration import StartError, load
from pluginmachinery.api.rbac import plugin_rules
from pluginmachinery.plugins.registry import discover
from tests.thirdparty.packages import SAMPLE

CONFIG = """
tasks: {task-plugins: {enabled-plugins: [container, batch-job]}}
plugins: {batch-job: {backoff-limit: 2, active-deadline: 1h}}
"""


def in_a_process_of_its_own(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=SAMPLE, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path, installed_sample: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(installed_sample))
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path


def test_it_is_discovered_with_what_it_declares(folder: Path) -> None:
    (declaration,) = discover().declarations
    assert (declaration.id, declaration.distribution) == ("batch-job", "flyte-batch-job")
    assert plugin_rules(declaration) == [
        {
            "apiGroups": ["batch"],
            "resources": ["jobs"],
            "verbs": ["get", "list", "watch", "create", "patch", "delete", "update"],
        }
    ]


def test_its_section_is_read_strictly_and_its_task_type_is_its_own(folder: Path) -> None:
    loaded = load(folder)
    section = loaded.config.other["batch-job"]
    assert (section.backoff_limit, str(section.active_deadline)) == (2, "1h0m0s")
    assert loaded.registry.resolve("batch-job").id == "batch-job"


def test_a_key_that_its_section_does_not_have_is_an_error_with_its_place(folder: Path) -> None:
    (folder / "config.yaml").write_text(CONFIG.replace("backoff-limit", "backof-limit"))
    with pytest.raises(StartError) as refused:
        load(folder)
    (line,) = refused.value.lines
    assert "config.yaml:3" in line
    assert "plugins.batch-job.backof-limit" in line
    assert "backoff-limit" in line.replace("backof-limit", "")


def test_it_conforms_by_its_own_examples(installed_sample: Path) -> None:
    arguments = ("check", "batch-job", "--examples", "flyte_batch_job/examples.yaml")
    done = in_a_process_of_its_own(installed_sample, "pluginmachinery.conformance", *arguments)
    assert done.stdout.startswith("batch-job: conforms"), done.stdout + done.stderr


def test_its_own_tests_pass(installed_sample: Path) -> None:
    arguments = ("pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", ".", "tests")
    done = in_a_process_of_its_own(installed_sample, *arguments)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
