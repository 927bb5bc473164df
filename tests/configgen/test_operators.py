"""The table of operators: pinned, published somewhere, and serving what our plugins write."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
import yaml

from configgen.operators import BY_NAME, OPERATORS, Operator, needed
from pluginmachinery.plugins.registry import BUILTIN, PluginDeclaration
from tests.configgen.conftest import EXAMPLE
from tests.pluginmachinery.plugins.operator_crds import path_of
from tools.fetch_crds import CRDS

NEEDING = [plugin for plugin in BUILTIN if plugin.operator_component]


@pytest.mark.parametrize("plugin", NEEDING, ids=[plugin.id for plugin in NEEDING])
def test_the_operator_serves_what_the_plugin_writes(plugin: PluginDeclaration) -> None:
    operator = BY_NAME[str(plugin.operator_component)]
    for kind in plugin.resources:
        assert kind.api_version.rpartition("/")[2] in operator.crds[f"{kind.plural}.{kind.group}"]


def test_kinds_of_others_need_an_operator() -> None:
    creating = [plugin for plugin in BUILTIN if any("." in kind.group for kind in plugin.resources)]
    assert [plugin.id for plugin in creating if not plugin.operator_component] == []


def test_every_operator_is_needed_by_a_plugin() -> None:
    assert {plugin.operator_component for plugin in NEEDING} == set(BY_NAME)


@pytest.mark.parametrize("operator", OPERATORS, ids=BY_NAME)
def test_the_release_is_pinned(operator: Operator) -> None:
    assert operator.manifests or operator.chart
    assert re.fullmatch(r"v?\d+\.\d+\.\d+", operator.tag)
    if operator.address:
        assert re.search(rf"(\?ref=|/){re.escape(operator.tag)}(&|/)", operator.address)
        assert operator.address.startswith(("https://github.com/", "https://raw.githubusercontent.com/"))
    if operator.chart:
        assert operator.chart.version == operator.tag.removeprefix("v")
        assert operator.chart.repository.startswith("https://")


@dataclass(frozen=True)
class _Plugin:
    id: str
    operator_component: str | None


PLUGINS = [_Plugin("a", "zebra"), _Plugin("mpi", "training-operator"), _Plugin("container", None)]
PLUGINS += [_Plugin("tensorflow", "training-operator"), _Plugin("spark", "spark-operator")]


def test_what_plugins_need() -> None:
    found = needed(PLUGINS)
    assert list(found) == ["spark-operator", "training-operator", "zebra"]
    assert found["training-operator"] == ["mpi", "tensorflow"]


def test_what_is_there_already_is_not_needed() -> None:
    assert list(needed(PLUGINS, ["spark-operator", "zebra"])) == ["training-operator"]


@pytest.mark.parametrize(
    ("name", "file"),
    [(crds.name, file) for crds in CRDS for file in crds.files],
    ids=[file for crds in CRDS for file in crds.files],
)
def test_the_release_serves_what_the_table_says(name: str, file: str) -> None:
    crd = yaml.load(path_of(f"{name}/{file}").read_text(), yaml.CSafeLoader)
    served = [version["name"] for version in crd["spec"]["versions"] if version["served"]]
    told = {crd: versions for operator in OPERATORS for crd, versions in operator.crds.items()}
    assert sorted(served) == sorted(told[crd["metadata"]["name"]])


def test_the_table_of_the_documentation() -> None:
    page = (EXAMPLE.parents[1] / "docs/operators.md").read_text("utf-8")
    served = needed(plugin for plugin in BUILTIN if plugin.implementation)
    for name, plugins in served.items():
        operator = BY_NAME[name]
        forms = [form for form, there in (("manifests", operator.manifests), ("chart", operator.chart)) if there]
        release = f"[{operator.repository}]({operator.home}) {operator.tag}"
        row = f"| `{name}` | {', '.join(plugins)} | {release} | {', '.join(forms)} | `{operator.namespace}` |"
        assert row in page
