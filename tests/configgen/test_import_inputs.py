"""Which files are one environment, and what it is called."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import pytest

from configgen.importers.inputs import read_inputs

VALUES = "configuration: {inline: {plugins: {k8s: {default-cpus: 1}}}}\n"
CPUS = "plugins: {k8s: {default-cpus: 1}}\n"
PLUGINS = "tasks: {task-plugins: {enabled-plugins: [container]}}\n"

CASES: Mapping[str, tuple[dict[str, str], list[str], dict[str, list[str]]]] = {
    "values files are named by their files": (
        {"flyte-values-dev.yaml": VALUES, "values.prod.yaml": VALUES},
        ["flyte-values-dev.yaml", "values.prod.yaml"],
        {"dev": ["flyte-values-dev.yaml"], "prod": ["values.prod.yaml"]},
    ),
    "files of one name are named by their folders": (
        {"dev/values.yaml": VALUES, "prod/values.yaml": VALUES},
        ["dev/values.yaml", "prod/values.yaml"],
        {"dev": ["dev/values.yaml"], "prod": ["prod/values.yaml"]},
    ),
    "a folder of folders": (
        {"overlays/dev/values.yaml": VALUES, "overlays/prod/values.yaml": VALUES},
        ["overlays"],
        {"dev": ["overlays/dev/values.yaml"], "prod": ["overlays/prod/values.yaml"]},
    ),
    "a folder of single sections": (
        {"config/a.yaml": CPUS, "config/b.yml": PLUGINS, "config/.hidden.yaml": CPUS},
        ["config"],
        {"main": ["config/a.yaml", "config/b.yml"]},
    ),
    "a folder with values beside other things": (
        {"x/values-dev.yaml": VALUES, "x/Chart.yaml": "apiVersion: v2\nname: flyte\n"},
        ["x"],
        {"dev": ["x/values-dev.yaml"]},
    ),
    "single sections": ({"a.yaml": CPUS, "b.yaml": PLUGINS}, ["a.yaml", "b.yaml"], {"main": ["a.yaml", "b.yaml"]}),
    "plain files that say the same things": (
        {"dev.yaml": CPUS, "prod.yaml": CPUS},
        ["dev.yaml", "prod.yaml"],
        {"dev": ["dev.yaml"], "prod": ["prod.yaml"]},
    ),
    "names given, in Helm's order": (
        {"a.yaml": VALUES, "b.yaml": VALUES},
        ["prod=b.yaml", "prod=a.yaml"],
        {"prod": ["b.yaml", "a.yaml"]},
    ),
}


@pytest.mark.parametrize(("files", "arguments", "expected"), CASES.values(), ids=CASES)
def test_environments(
    files: dict[str, str],
    arguments: list[str],
    expected: dict[str, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    assert {one.name: [name for name, _ in one.files] for one in read_inputs(arguments)} == expected


def test_the_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(CPUS.encode())))
    (one,) = read_inputs(["-"])
    assert (one.name, [name for name, _ in one.files]) == ("main", ["stdin"])
