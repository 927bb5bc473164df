"""`configgen catalog`: all plugins, found by whatever one knows of them."""

from __future__ import annotations

import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from configgen.operators import BY_NAME
from configgen.plugin_releases import REFERENCE, RELEASES
from pluginmachinery.plugins.registry import BUILTIN
from tests.configgen.conftest import EXAMPLE, Configgen


def test_every_plugin_of_the_registry_is_there(configgen: Configgen) -> None:
    entries = {entry["id"]: entry for entry in json.loads(configgen("catalog", "-o", "json").stdout)}
    assert entries.keys() >= {declaration.id for declaration in BUILTIN}
    assert list(entries) == sorted(entries)
    for declaration in BUILTIN:
        assert entries[declaration.id]["task_types"] == list(declaration.task_types)
        assert entries[declaration.id]["implemented"] is (declaration.implementation is not None)


def test_what_is_told_of_a_plugin(configgen: Configgen) -> None:
    (entry,) = json.loads(configgen("catalog", "SparkApplication", "-o", "json").stdout)
    assert entry == {
        "id": "spark",
        "task_types": ["spark"],
        "fallback": False,
        "implemented": True,
        "objects": [
            {
                "kind": "SparkApplication",
                "api_version": "sparkoperator.k8s.io/v1beta2",
                "resource": "sparkapplications",
                "crd": "sparkapplications.sparkoperator.k8s.io",
                "version": "v1beta2",
                "served": ["v1beta2"],
                "verbs": ["get", "list", "watch", "create", "patch", "delete"],
            }
        ],
        "config_section": "plugins.spark",
        "operator_component": "spark-operator",
        "operator_version": BY_NAME["spark-operator"].tag,
        "operator_install": BY_NAME["spark-operator"].install_command,
        "flyte_versions": "since v0.1.0, Flyte 2 since v2.0.24",
        "flyte": {"first": "v0.1.0", "last": None, "flyte2": "v2.0.24"},
        "distribution": "flyte-plugin-manager",
        "note": "",
    }


@pytest.mark.parametrize(
    ("word", "ids"),
    [
        ("kubeflow.org", ["mpi", "pytorch", "tensorflow"]),
        ("container_array", ["aws_array", "k8s-array"]),
        ("KF-Operator", ["mpi", "pytorch", "tensorflow"]),
        ("former name", ["agent-service"]),
    ],
)
def test_a_plugin_is_found_by_what_one_knows(word: str, ids: list[str], configgen: Configgen) -> None:
    found = json.loads(configgen("catalog", word, "-o", "json").stdout)
    assert [entry["id"] for entry in found] == ids


def test_nothing_found(configgen: Configgen) -> None:
    result = configgen("catalog", "nonsense")
    assert result.exit_code == 1
    assert "0 plugins" in result.stdout


def test_which_plugins_run_in_an_environment(configgen: Configgen) -> None:
    result = configgen("-C", EXAMPLE, "catalog", "--env", "prod", "-o", "json")
    enabled = [entry["id"] for entry in json.loads(result.stdout) if entry["enabled"]]
    assert enabled == ["container", "sidecar"]
    assert "sidecar  (implemented, enabled)" in configgen("-C", EXAMPLE, "catalog", "--env", "prod").stdout


def test_a_plugin_of_old(configgen: Configgen) -> None:
    text = configgen("catalog", "sagemaker_training_job_task").stdout
    assert "sagemaker_training  (known, not implemented)" in text
    assert "v0.7.0 to v1.10.0" in text


def test_releases_are_told_of_every_plugin_of_flyte() -> None:
    assert set(RELEASES) == {declaration.id for declaration in BUILTIN}
    for releases in RELEASES.values():
        told = [version for version in (releases.first, releases.last or REFERENCE) if version]
        assert sorted(told, key=_number) == told
        assert (releases.flyte2 or "v2").startswith("v2")


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("v").split("."))


def test_the_table_of_the_documentation(configgen: Configgen) -> None:
    page = (EXAMPLE.parents[1] / "docs/catalog.md").read_text("utf-8")
    assert configgen("catalog", "-o", "markdown").stdout.strip() in page


class _References(HTMLParser):
    """Everything that a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "srcset", "data", "action")]


def test_the_page_needs_nothing_else(configgen: Configgen) -> None:
    page = configgen("catalog", "-o", "html").stdout
    references = _References()
    references.feed(page)
    assert references.found == []
    assert "url(" not in page
    assert "@import" not in page
    assert "fetch(" not in page


@pytest.mark.needs("chromium")
def test_the_page_searches_in_a_browser(configgen: Configgen, tmp_path: Path) -> None:
    page = tmp_path / "plugins.html"
    page.write_text(configgen("catalog", "-o", "html").stdout, "utf-8")
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*command, "--dump-dom", f"{page.as_uri()}#kubeflow.org%20tf"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    articles = re.findall(r"<article([^>]*)><h2>([^<]+)", done.stdout)
    assert [name for attributes, name in articles if "hidden" not in attributes] == ["tensorflow"]
    assert f"1 of {len(articles)}" in done.stdout
