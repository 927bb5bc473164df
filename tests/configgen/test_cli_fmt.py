"""`configgen fmt`: one order, the same meaning, every comment kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings

from configgen.formatting import formatted
from configgen.render.yaml_text import to_yaml
from tests.configgen.conftest import EXAMPLE, PLUGINS, Configgen, small_disk, tree
from tests.configgen.test_round_trip import configurations

UNORDERED = """\
# Of the whole file.

# Of task resources.
task_resources:
  limits:
    memory: 1Gi # at the line
    # Of the CPU.
    cpu: "2"
plugins:
  k8s:
    default-node-selector:
      b: x
      a: !remove
    default-cpus: 1
"""
ORDERED = """\
# Of the whole file.

plugins:
  k8s:
    default-cpus: 1
    default-node-selector:
      a: !remove
      b: x
# Of task resources.
task_resources:
  limits:
    # Of the CPU.
    cpu: "2"
    memory: 1Gi # at the line
"""


def test_entries_move_with_their_comments() -> None:
    assert formatted(UNORDERED, "a.yaml") == ORDERED


def test_block_texts_and_braces_stay_as_they_are() -> None:
    text = "plugins:\n  k8s: {scheduler-name: b, x: 1}\n  athena:\n    z: |\n      # no comment\n\n      x\n    a: 1\n"
    assert formatted(text, "a.yaml") == text


@settings(max_examples=60, deadline=None)
@given(configurations)
def test_formatting_keeps_the_meaning_and_is_done_once(configuration: dict[str, Any]) -> None:
    text = to_yaml(configuration)
    once = formatted(text, "a.yaml")
    assert yaml.safe_load(once) == yaml.safe_load(text)
    assert formatted(once, "a.yaml") == once
    assert sorted(once.splitlines()) == sorted(text.splitlines())


def test_check_writes_nothing(configgen: Configgen, make_source: Callable[..., Path]) -> None:
    source = make_source({"base": {"config/a.yaml": PLUGINS, "config/b.yaml": UNORDERED}})
    before = tree(source)
    result = configgen("-C", source, "fmt", "--check")
    assert (result.exit_code, result.stdout) == (1, "would format base/config/b.yaml\n")
    assert tree(source) == before
    assert configgen("-C", source, "fmt").exit_code == 0
    assert tree(source)["base/config/b.yaml"] == ORDERED
    assert configgen("-C", source, "fmt", "--check").exit_code == 0


def test_the_example_renders_the_same_in_order(configgen: Configgen, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(EXAMPLE, source)
    rendered = []
    for out in (tmp_path / "before", tmp_path / "after"):
        assert configgen("-C", source, "render", "--all", "--target", "configmap", "--out", out).exit_code == 0
        documents = {name: text for name, text in tree(out).items() if "/config/" in name}
        rendered.append({name: yaml.safe_load(text) for name, text in documents.items()})
        assert configgen("-C", source, "fmt").exit_code == 0
    assert rendered[0] == rendered[1]
    assert configgen("-C", source, "fmt", "--check").exit_code == 0


def test_one_bad_file_leaves_all_as_they_were(configgen: Configgen, make_source: Callable[..., Path]) -> None:
    source = make_source({"base": {"config/a.yaml": UNORDERED, "config/b.yaml": "plugins: [\n"}})
    before = tree(source)
    result = configgen("-C", source, "fmt")
    assert result.exit_code == 2
    assert "base/config/b.yaml:2" in result.stderr
    assert tree(source) == before


def test_a_full_disk_leaves_all_as_they_were(configgen: Configgen, make_source: Callable[..., Path]) -> None:
    source = make_source({"base": {"config/a.yaml": UNORDERED}})
    before = tree(source)
    with small_disk(20):
        result = configgen("-C", source, "fmt")
    assert result.exit_code == 2
    assert "can not be written" in result.stderr
    assert tree(source) == before


def test_the_shipped_examples_are_in_order(configgen: Configgen) -> None:
    result = configgen("-C", EXAMPLE, "fmt", "--check")
    assert (result.exit_code, result.stdout) == (0, "")


def test_what_init_and_import_write_is_in_order(configgen: Configgen, tmp_path: Path) -> None:
    assert configgen("-C", tmp_path / "new", "init").exit_code == 0
    assert configgen("-C", tmp_path / "new", "fmt", "--check").exit_code == 0
    (tmp_path / "values.yaml").write_text(
        "configmap:\n  k8s: {plugins: {k8s: {scheduler-name: x, default-env-vars: [{B: c}, {A: b}]}}}\n"
        "  task_resource_defaults: {task_resources: {limits: {memory: 1Gi, cpu: 1}}}\n"
    )
    assert configgen("import", tmp_path / "values.yaml", "--into", tmp_path / "imported").exit_code == 0
    assert configgen("-C", tmp_path / "imported", "fmt", "--check").stdout == ""


def test_release_values_are_put_in_order_too(configgen: Configgen, make_source: Callable[..., Path]) -> None:
    release = "# why two\nreplicas: 2\nimage: {tag: v1}\n"
    source = make_source({"base": {"config/a.yaml": PLUGINS, "release.yaml": release}})
    assert configgen("-C", source, "fmt").stdout == "format base/release.yaml\n"
    assert (source / "base/release.yaml").read_text() == "image: {tag: v1}\n# why two\nreplicas: 2\n"


def test_a_layer_that_is_missing_is_told(configgen: Configgen, make_source: Callable[..., Path]) -> None:
    source = make_source({"base": {"config/a.yaml": PLUGINS}}, dev=["base", "gone"])
    result = configgen("-C", source, "fmt", "--check")
    assert result.exit_code == 2
    assert "environments.dev.layers: the layer 'gone' is no folder of the source" in result.stderr
