"""`import`, then `render`, gives back what Flyte read before – for every form, and for several environments at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from configgen.importers import chart_defaults, importing, inputs
from configgen.importers.forms import Form
from configgen.importers.layer_text import to_yaml as layer_text
from configgen.importers.patches import common, patch
from configgen.layers.environments import Source
from configgen.layers.kinds import configuration_kind
from configgen.layers.merge import overlay, stack
from configgen.layers.nodes import EMPTY, plain
from configgen.layers.nodes import Mapping as Tree
from configgen.layers.reading import read_document
from configgen.render.releases import documents_of
from configgen.render.yaml_text import to_yaml
from pluginmachinery.config import Configuration
from pluginmachinery.config.documents import Document, read_as_flyte
from tests.configgen.test_round_trip import k8s, maps, quantities, ray, spark

tasks = st.fixed_dictionaries(
    {
        "task-plugins": st.fixed_dictionaries(
            {"enabled-plugins": st.permutations(["container", "Spark", "sidecar", "K8S-ARRAY"])},
            optional={"default-for-task-types": maps(st.just("container"))},
        )
    }
)
plugins = st.fixed_dictionaries({"k8s": k8s}, optional={"spark": spark, "ray": ray})
resources = st.fixed_dictionaries({"limits": st.fixed_dictionaries({"cpu": quantities})})


MEMBERS = {"tasks": "enabled_plugins", "plugins": "k8s", "task_resources": "task_resource_defaults"}


@st.composite
def sections(draw: st.DrawFn) -> dict[str, Any]:
    found = {"tasks": draw(tasks), "plugins": draw(plugins)}
    return found | draw(st.fixed_dictionaries({}, optional={"task_resources": resources}))


def effective(config: Configuration) -> dict[str, Any]:
    """What counts: plugin IDs as Flyte compares them, connectors by the name of today."""
    dumped = config.model_dump(by_alias=True, include={"plugins", "tasks", "task_resources"})
    task_plugins = dumped["tasks"]["task-plugins"]
    task_plugins["enabled-plugins"] = [name.lower() for name in task_plugins["enabled-plugins"]]
    return dumped


def imported(files: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """What Flyte reads of each environment of the new source, in the order of the files."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in files.items():
            (folder / file).write_text(text, "utf-8")
        result = importing.run(inputs.read_inputs([str(folder / file) for file in files]))
        for file, text in result.files.items():
            (folder / "source" / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / "source" / file).write_text(text, "utf-8")
        source = Source(folder / "source")
        for one in result.environments:
            documents = documents_of(plain(source.environment(one.name).config), "a test")
            yield effective(read_as_flyte([Document(*document) for document in documents.items()]))


@settings(max_examples=25, deadline=None)
@given(sections())
def test_a_configuration_file(said: dict[str, Any]) -> None:
    assert list(imported({"a.yaml": to_yaml(said)})) == [effective(read_as_flyte([Document("a", to_yaml(said))]))]


@settings(max_examples=25, deadline=None)
@given(sections())
def test_a_config_map(said: dict[str, Any]) -> None:
    texts = {f"{index}.yaml": to_yaml({key: value}) for index, (key, value) in enumerate(said.items())}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x-8f7d9c"}, "data": texts}
    before = effective(read_as_flyte([Document(*document) for document in texts.items()]))
    assert list(imported({"dump.yaml": to_yaml(manifest)})) == [before]


@settings(max_examples=25, deadline=None)
@given(st.lists(sections(), min_size=2, max_size=3))
def test_several_values_files_of_flyte_core(said: list[dict[str, Any]]) -> None:
    files, before = {}, []
    for index, one in enumerate(said):
        values = {"configmap": {MEMBERS[key]: {key: value} for key, value in one.items()}}
        files[f"values-e{index}.yaml"] = to_yaml(values)
        members = merged(chart_defaults.chart_defaults(Form.FLYTE_CORE).tree, values)["configmap"]
        before.append(effective(read_as_flyte([Document(name, to_yaml(member)) for name, member in members.items()])))
    assert list(imported(files)) == before


def merged(lower: Any, upper: Any) -> Any:
    """Helm's merge."""
    if not (isinstance(lower, Mapping) and isinstance(upper, Mapping)):
        return upper
    return {**lower, **{key: merged(lower[key], value) if key in lower else value for key, value in upper.items()}}


leaf = st.sampled_from([1, "1", "a", True])
free = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["x", "y"]), max_size=3)
canonical = st.fixed_dictionaries(
    {},
    optional={
        "plugins": st.fixed_dictionaries(
            {},
            optional={
                "k8s": st.fixed_dictionaries(
                    {},
                    optional={
                        "default-env-vars": free,
                        "default-cpus": st.sampled_from(["1", "2"]),
                        "default-env-from-secrets": st.lists(st.sampled_from("ab"), max_size=2),
                        "default-tolerations": st.lists(
                            st.sampled_from("ab").map(lambda key: {"key": key, "operator": "Exists"}),
                            max_size=2,
                            unique_by=lambda found: found["key"],
                        ),
                        "resource-tolerations": st.dictionaries(
                            st.sampled_from("gh"), st.lists(st.just({"key": "a"}), max_size=1), max_size=2
                        ),
                    },
                ),
                "athena": st.dictionaries(
                    st.sampled_from("ab"), leaf | st.dictionaries(st.sampled_from("xy"), leaf, min_size=1), min_size=1
                ),
            },
        ),
        "tasks": st.fixed_dictionaries(
            {
                "task-plugins": st.fixed_dictionaries(
                    {"enabled-plugins": st.lists(st.sampled_from(["spark", "ray", "dask"]), unique=True, min_size=1)}
                )
            }
        ),
    },
)


def layer(said: Mapping[str, Any]) -> Tree:
    return read_document(layer_text(said), layer="l", file="l.yaml", kind=configuration_kind())


@settings(max_examples=200, deadline=None)
@given(canonical, canonical)
def test_a_patch_leads_from_one_tree_to_the_other(lower: dict[str, Any], upper: dict[str, Any]) -> None:
    found = overlay(layer(patch({}, lower)), layer(patch(lower, upper)))
    assert without_nothing(plain(found)) == without_nothing(plain(layer(patch({}, upper))))


@settings(max_examples=100, deadline=None)
@given(canonical, st.lists(canonical, min_size=1, max_size=3))
def test_the_common_base_is_common(below: dict[str, Any], trees: list[dict[str, Any]]) -> None:
    shared = common(trees, below)
    layers = [layer(patch({}, below)), layer(patch(below, shared))]
    for tree in trees:
        found = stack([EMPTY, *layers, layer(patch(shared, tree))])
        assert without_nothing(plain(found)) == without_nothing(plain(layer(patch({}, tree))))


def without_nothing(tree: Any) -> Any:
    """Empty mappings say nothing."""
    if isinstance(tree, dict):
        members = {key: without_nothing(value) for key, value in tree.items()}
        return {key: value for key, value in members.items() if value != {}}
    return tree


def test_environments_that_agree_leave_nothing_to_their_layers() -> None:
    tree = yaml.safe_load("plugins: {k8s: {default-cpus: '2'}}")
    assert patch(common([tree, tree], {}), tree) == {}
