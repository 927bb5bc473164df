"""What installs operators follows from the enabled plugins, and every address comes from the table."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from configgen.operators import BY_NAME, OPERATORS, Operator
from configgen.release.values import ReleaseValues
from configgen.render import operators
from configgen.render.release import Release
from pluginmachinery.plugins.registry import BUILTIN, PluginDeclaration, declaration_of
from tests.configgen.conftest import PLUGINS, Configgen, tree

Make = Callable[..., Path]
IMPLEMENTED = {plugin.operator_component for plugin in BUILTIN if plugin.implementation and plugin.operator_component}


@pytest.fixture
def rendered(configgen: Configgen, make_source: Make, tmp_path: Path) -> Callable[..., Path]:
    """Render an environment with these plugins and this release; gives the folder."""

    def render(plugins: str, release: str = "") -> Path:
        config = PLUGINS.replace("container", plugins)
        source = make_source({"base": {"config/a.yaml": config, "release.yaml": release}})
        result = configgen("-C", source, "render", "--env", "test", "--out", tmp_path / "out")
        assert result.exit_code == 0, result.stderr
        return tmp_path / "out"

    return render


def _components(out: Path) -> list[str]:
    """Names of the operators that the environment's kustomization has."""
    file = out / "kustomize/operators/test/kustomization.yaml"
    if not file.exists():
        return []
    folders = [(file.parent / folder).resolve() for folder in yaml.safe_load(file.read_text())["components"]]
    assert all((folder / "kustomization.yaml").is_file() for folder in folders)
    return [folder.name for folder in folders]


@pytest.mark.parametrize(
    ("plugins", "release", "operators"),
    [
        pytest.param("container, sidecar, echo", "", [], id="none where pods are enough"),
        pytest.param("container, spark", "", ["spark-operator"], id="one"),
        pytest.param("mpi, pytorch, tensorflow", "", ["training-operator"], id="one for several plugins"),
        pytest.param("dask, ray", "", ["kuberay-operator", "dask-operator"], id="several, in the order of the table"),
        pytest.param(
            "ray, spark", "operators: {installed: [ray, spark-operator]}", ["kuberay-operator"], id="not again"
        ),
    ],
)
def test_operators_follow_from_plugins(
    plugins: str, release: str, operators: list[str], rendered: Callable[..., Path]
) -> None:
    out = rendered(plugins, release)
    assert _components(out) == operators
    listed = out / "helm/test/operators.yaml"
    assert [name for name in BY_NAME if listed.exists() and name in listed.read_text()] == operators


def test_overlays_name_nothing_of_operators(rendered: Callable[..., Path]) -> None:
    out = rendered(", ".join(plugin.id for plugin in BUILTIN if plugin.operator_component and plugin.implementation))
    offline = {**tree(out / "kustomize/overlays"), **tree(out / "kustomize/base")}
    assert not [name for name, text in offline.items() if "://" in text or "operators/" in text]


def test_a_plugin_that_is_disabled_again_takes_its_operator_along(
    configgen: Configgen, make_source: Make, tmp_path: Path
) -> None:
    source = make_source({"base": {"config/a.yaml": PLUGINS.replace("container", "container, spark")}})
    render = ("-C", source, "render", "--all", "--out", tmp_path / "out")
    assert "create kustomize/operators/test/kustomization.yaml" in configgen(*render).stdout
    (source / "base/config/a.yaml").write_text(PLUGINS)
    removed = [line for line in configgen(*render).stdout.splitlines() if line.startswith("remove")]
    assert {"remove helm/test/operators.yaml", "remove kustomize/operators/test/kustomization.yaml"} <= set(removed)
    assert not (tmp_path / "out/kustomize/operators").exists()


def test_what_is_installed_is_no_value_of_the_chart(rendered: Callable[..., Path]) -> None:
    out = rendered("container, spark", "operators: {installed: [spark-operator]}")
    assert "operators" not in yaml.safe_load((out / "helm/test/values.yaml").read_text())


def test_an_operator_of_another_package_is_told() -> None:
    theirs = PluginDeclaration("batch", ("batch",), operator_component="batch-operator", distribution="theirs")
    alone = Release("prod", "flyte", ReleaseValues(), {}, {}, (theirs,), "the environment prod")
    assert operators.environment(alone) == {}
    assert operators.helmfile(alone) is None
    beside = replace(alone, plugins=(theirs, declaration_of("ray")))
    told = "# not installed by this: batch-operator, which batch needs\n"
    assert told in operators.environment(beside)["kustomization.yaml"]
    assert told in str(operators.helmfile(beside))


def _addresses(content: Any) -> set[str]:
    """Every address in a parsed file."""
    if isinstance(content, dict):
        return set().union(*map(_addresses, content.values()))
    if isinstance(content, list):
        return set().union(*map(_addresses, content))
    return {content} if isinstance(content, str) and "://" in content else set()


def _pinned(operator: Operator) -> set[str]:
    return {address for address in (operator.address, operator.chart and operator.chart.repository) if address}


@pytest.mark.parametrize("name", sorted(IMPLEMENTED))
def test_a_component_has_the_release_of_the_table(name: str, rendered: Callable[..., Path]) -> None:
    folder = rendered("container") / "kustomize/components/operators" / name
    component, release = (yaml.safe_load((folder / file).read_text()) for file in _FILES)
    operator = BY_NAME[name]
    assert (component["kind"], component["resources"]) == ("Component", ["release"])
    assert _addresses(release)
    assert _addresses(release) <= _pinned(operator)
    for chart in release.get("helmCharts", []):
        assert operator.chart
        assert (chart["name"], chart["version"]) == (operator.chart.name, operator.chart.version)
        assert chart["namespace"] == release["namespace"] == operator.namespace
    if "namespace.yaml" in release["resources"]:
        namespace = yaml.safe_load((folder / "release/namespace.yaml").read_text())
        assert namespace["metadata"]["name"] == release["namespace"] == operator.namespace


_FILES = ("kustomization.yaml", "release/kustomization.yaml")


def test_every_implemented_plugin_has_its_component(rendered: Callable[..., Path]) -> None:
    folders = (rendered("container") / "kustomize/components/operators").iterdir()
    assert {folder.name for folder in folders} == IMPLEMENTED


def test_the_helmfile_has_the_charts_of_the_table(rendered: Callable[..., Path]) -> None:
    text = (rendered("dask, ray, spark, mpi") / "helm/test/operators.yaml").read_text()
    content = yaml.safe_load(text)
    repositories = {entry["name"]: entry["url"] for entry in content["repositories"]}
    for release in content["releases"]:
        chart = BY_NAME[release["name"]].chart
        assert chart
        repository, _, name = release["chart"].partition("/")
        assert (repositories[repository], name, release["version"]) == (chart.repository, chart.name, chart.version)
    told = set(re.findall(r"https://[^\s']+", text))
    assert told <= set().union(*map(_pinned, OPERATORS))
    assert str(BY_NAME["training-operator"].address) in told
