"""`configgen render` as people and pipelines call it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from configgen.targets import FLYTE_TARGETS
from pluginmachinery.config.documents import Document, read_as_flyte, read_strict
from tests.configgen.conftest import EXAMPLE, PLUGINS, Configgen, compare_golden, tree

GOLDEN = Path(__file__).parent / "golden"
ROOT = EXAMPLE.parents[1]


def test_the_example_renders_to_what_is_on_record(configgen: Configgen, tmp_path: Path) -> None:
    result = configgen("-C", EXAMPLE, "render", "--all", "--target", "helm,configmap", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    compare_golden(tree(tmp_path), GOLDEN / "rendered")


def test_the_example_for_flytes_own_charts_is_what_is_on_record(configgen: Configgen, tmp_path: Path) -> None:
    result = configgen("-C", EXAMPLE, "render", "--env", "prod", "--target", ",".join(FLYTE_TARGETS), "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert "the target flyte2 leaves it out: Flyte 2 has no platform-wide defaults" in result.stderr
    compare_golden(tree(tmp_path), GOLDEN / "flyte-charts")


def test_flytes_charts_are_rendered_for_those_who_ask(
    configgen: Configgen, make_source: Callable[..., Path], tmp_path: Path
) -> None:
    source = make_source({"base": {"config/a.yaml": PLUGINS}})
    arguments = ("render", "-C", source, "--all", "--out", tmp_path / "out")
    assert configgen(*arguments).exit_code == 0
    assert {name.split("/")[0] for name in tree(tmp_path / "out")} == {"kustomize", "helm", "configmap"}
    assert configgen(*arguments, "--target", "flyte2").exit_code == 0
    result = configgen(*arguments, "--check")
    assert (result.exit_code, result.stdout) == (1, "would remove flyte2/test/values.yaml\n")


def test_what_a_target_can_not_express_is_told_with_its_place(
    configgen: Configgen, make_source: Callable[..., Path], tmp_path: Path
) -> None:
    scopes = "plugin-manager:\n  scopes:\n  - project: a\n    k8s: {scheduler-name: b}\n"
    source = make_source({"base": {"config/a.yaml": PLUGINS, "config/b.yaml": scopes}})
    result = configgen("render", "-C", source, "--all", "--target", "flyte-core", "--out", tmp_path / "out")
    assert result.exit_code == 0
    place = "warning: base/config/b.yaml:2:3: plugin-manager.scopes: "
    assert place + "the target flyte-core can not express overrides per project and domain; drop" in result.stderr
    assert "plugin-manager" not in (tmp_path / "out/flyte-core/test/values.yaml").read_text()


def test_the_overlays_of_the_repository_are_what_the_example_renders_to(configgen: Configgen, tmp_path: Path) -> None:
    assert configgen("-C", EXAMPLE, "render", "--all", "--target", "kustomize", "--out", tmp_path).exit_code == 0
    assert tree(tmp_path / "kustomize") == tree(ROOT / "kustomize")


def test_rendering_twice_changes_nothing(configgen: Configgen, tmp_path: Path) -> None:
    first = configgen("render", "-C", EXAMPLE, "--all", "--out", tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    second = configgen("render", "-C", EXAMPLE, "--all", "--out", tmp_path)
    assert "create " in first.stdout
    assert second.stdout == ""
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_all_targets_carry_the_same_documents(configgen: Configgen, tmp_path: Path) -> None:
    configgen("-C", EXAMPLE, "render", "--env", "prod", "--out", tmp_path)
    files = tree(tmp_path / "kustomize/overlays/prod/config")
    assert files
    assert files == tree(tmp_path / "configmap/prod/config")
    assert files == yaml.safe_load((tmp_path / "configmap/prod/configmap.yaml").read_text())["data"]
    assert files == yaml.safe_load((tmp_path / "helm/prod/values.yaml").read_text())["config"]


def test_both_readings_of_the_rendered_documents_agree(configgen: Configgen, tmp_path: Path) -> None:
    configgen("-C", EXAMPLE, "render", "--env", "prod", "--target", "configmap", "--out", tmp_path)
    documents = [Document(name, text) for name, text in tree(tmp_path / "configmap/prod/config").items()]
    strict, as_flyte = read_strict(documents), read_as_flyte(documents)
    assert strict.plugins == as_flyte.plugins
    assert strict.tasks == as_flyte.tasks
    assert strict.task_resources == as_flyte.task_resources
    assert strict.plugins.k8s.default_env_vars == {"LOG_LEVEL": "info"}


def test_check_names_what_is_stale_and_writes_nothing(configgen: Configgen, tmp_path: Path) -> None:
    out, source = tmp_path / "out", tmp_path / "source"
    shutil.copytree(EXAMPLE, source)
    arguments = ("render", "-C", source, "--all", "--target", "configmap", "--out", out)
    assert configgen(*arguments).exit_code == 0
    assert configgen(*arguments, "--check").exit_code == 0
    limits = source / "environments/prod/config/limits.yaml"
    limits.write_text(limits.read_text().replace("64Gi", "32Gi"))
    before = tree(out)
    result = configgen(*arguments, "--check")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "would update configmap/prod/config/task_resource_defaults.yaml",
        "would update configmap/prod/configmap.yaml",
    ]
    assert tree(out) == before


def test_a_change_of_content_changes_the_name_of_the_config_map(configgen: Configgen, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(EXAMPLE, source)

    def name() -> str:
        configgen("render", "-C", source, "--env", "dev", "--target", "configmap", "--out", tmp_path)
        return str(yaml.safe_load((tmp_path / "configmap/dev/configmap.yaml").read_text())["metadata"]["name"])

    before = name()
    assert name() == before
    (source / "environments/dev/config/dev.yaml").write_text("plugins: {k8s: {scheduler-name: mine}}")
    assert name() != before


def test_an_environment_that_is_gone_leaves_nothing_behind(
    configgen: Configgen, make_source: Callable[..., Path], tmp_path: Path
) -> None:
    layers = {"base": {"config/a.yaml": PLUGINS}}
    source, out = make_source(layers, dev=["base"], old=["base"]), tmp_path / "out"
    configgen("render", "-C", source, "--all", "--out", out)
    make_source(layers, dev=["base"])
    configgen("render", "-C", source, "--env", "dev", "--out", out)
    assert (out / "helm/old/values.yaml").exists(), "one environment alone says nothing about others"
    configgen("render", "-C", source, "--all", "--target", "configmap", "--out", out)
    assert not (out / "configmap/old").exists()
    assert (out / "helm/old/values.yaml").exists(), "one target alone says nothing about others"
    configgen("render", "-C", source, "--all", "--out", out)
    assert not any("old" in name for name in tree(out))


def test_enabling_a_plugin_brings_its_rights(
    configgen: Configgen, make_source: Callable[..., Path], tmp_path: Path
) -> None:
    source = make_source(
        {
            "base": {"config/a.yaml": PLUGINS},
            "spark": {"config/spark.yaml": "tasks: {task-plugins: {enabled-plugins: [spark]}}"},
        },
        plain=["base"],
        spark=["base", "spark"],
    )
    configgen("render", "-C", source, "--all", "--out", tmp_path)

    def rules(environment: str) -> str:
        folder = tmp_path / f"kustomize/overlays/{environment}"
        return "".join(path.read_text() for path in sorted(folder.glob("patches/cluster-role-*")))

    assert "sparkapplications" not in rules("plain")
    assert "sparkapplications" in rules("spark")
    values = yaml.safe_load((tmp_path / "helm/spark/values.yaml").read_text())
    assert values["rbac"]["plugins"] == ["container", "spark"]


USAGE = {
    "neither --env nor --all": (("--out", "x"), "Give either --env or --all."),
    "both --env and --all": (("--all", "--env", "dev", "--out", "x"), "Give either --env or --all."),
    "an unknown target": (("--all", "--target", "helmm", "--out", "x"), "no target 'helmm'; known: kustomize, helm"),
    "no --out": (("--all",), "Missing option '--out'"),
    "an unknown environment": (("--env", "prd", "--out", "x"), "no environment 'prd'; did you mean prod?"),
}


@pytest.mark.parametrize(("arguments", "message"), USAGE.values(), ids=USAGE)
def test_a_command_line_that_is_wrong(configgen: Configgen, arguments: tuple[str, ...], message: str) -> None:
    result = configgen("render", "-C", EXAMPLE, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
