"""The laws of merging, on generated layers: patches compose in any grouping, and nothing loses its origin."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from configgen.layers.kinds import configuration_kind
from configgen.layers.merge import overlay, stack
from configgen.layers.nodes import EMPTY, Mapping, leaves, lookup, plain
from configgen.layers.reading import read_document

PLUGINS = ["container", "sidecar", "spark", "Ray", "k8s-array"]
TOLERATIONS = [
    {"key": "nvidia.com/gpu", "operator": "Exists"},
    {"key": "nvidia.com/gpu", "operator": "Exists", "tolerationSeconds": 30},
    {"key": "spot", "value": "true", "effect": "NoSchedule"},
]


class Tagged:
    """A value with one of our tags, for the dumper below."""

    def __init__(self, tag: str, value: Any) -> None:
        self.tag, self.value = tag, value

    def __repr__(self) -> str:
        return f"{self.tag} {self.value!r}"


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_tagged(self, data: Tagged) -> yaml.Node:
        node = self.represent_data("" if data.value is None else data.value)
        node.tag = data.tag
        if isinstance(node, yaml.ScalarNode):
            node.style = ""
        return node


_Dumper.add_representer(Tagged, _Dumper.represent_tagged)

removed_key = st.just(Tagged("!remove", None))
quantities = st.sampled_from(["100m", "1", 2, "0.5"])
texts = st.sampled_from(["a", "b", "true", 3])


def lists(elements: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    plain_lists = st.lists(elements, max_size=3, unique_by=str)
    tags = st.sampled_from(["!append", "!remove", "!replace"])
    return plain_lists | st.builds(Tagged, tags, plain_lists) | removed_key


def maps(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keys = st.sampled_from(["A", "b.c", "Zone"])
    mappings = st.dictionaries(keys, values | removed_key, max_size=3)
    pairs = st.dictionaries(keys, values, max_size=3).map(lambda found: [{key: value} for key, value in found.items()])
    removals = st.builds(Tagged, st.just("!remove"), st.lists(keys, max_size=2, unique=True))
    return mappings | mappings.map(lambda found: Tagged("!replace", found)) | pairs | removals | removed_key


tolerations = st.lists(st.sampled_from(TOLERATIONS), max_size=2, unique_by=lambda found: found["key"])
sections = st.fixed_dictionaries(
    {},
    optional={
        "tasks": st.fixed_dictionaries(
            {},
            optional={
                "task-plugins": st.fixed_dictionaries(
                    {},
                    optional={
                        "enabled-plugins": lists(st.sampled_from(PLUGINS)),
                        "default-for-task-types": maps(texts),
                    },
                )
            },
        ),
        "plugins": st.fixed_dictionaries(
            {},
            optional={
                "k8s": st.fixed_dictionaries(
                    {},
                    optional={
                        "default-cpus": quantities | removed_key,
                        "default-env-vars": maps(texts),
                        "default-tolerations": tolerations | tolerations.map(lambda found: Tagged("!remove", found)),
                        "resource-tolerations": maps(tolerations),
                        "default-env-from-secrets": lists(st.sampled_from(["x", "y", "z"])),
                        "co-pilot": st.dictionaries(st.sampled_from(["cpu", "image"]), texts | removed_key),
                    },
                )
                | removed_key
            },
        ),
        "admin": st.recursive(
            texts | removed_key,
            lambda inner: st.dictionaries(st.sampled_from("pqr"), inner, max_size=2) | st.lists(texts, max_size=2),
            max_leaves=6,
        ),
    },
)


def read(content: dict[str, Any], name: str) -> Mapping:
    text = yaml.dump(content, Dumper=_Dumper, sort_keys=False)
    return read_document(text, layer=name, file=f"{name}.yaml", kind=configuration_kind())


@st.composite
def layers(draw: st.DrawFn, count: int) -> list[Mapping]:
    return [read(draw(sections), f"layer{index}") for index in range(count)]


@given(layers(3))
def test_layers_can_be_fused_in_any_grouping(stacked: list[Mapping]) -> None:
    low, middle, high = stacked
    assert repr(overlay(overlay(low, middle), high)) == repr(overlay(low, overlay(middle, high))), "order included"


@given(layers(2))
def test_a_fused_pair_acts_on_what_lies_beneath_like_the_two(stacked: list[Mapping]) -> None:
    base = read(
        {
            "tasks": {"task-plugins": {"enabled-plugins": ["spark", "container"]}},
            "plugins": {
                "k8s": {"default-tolerations": TOLERATIONS[::2], "default-env-vars": {"A": "base", "Z": "base"}}
            },
        },
        "base",
    )
    assert repr(stack([base, *stacked])) == repr(overlay(base, stack(stacked)))


@given(layers(1))
def test_saying_the_same_again_changes_nothing_but_who_said_it(stacked: list[Mapping]) -> None:
    (layer,) = stacked
    once = stack([layer])
    if not _appends(layer):
        assert plain(overlay(once, layer)) == plain(once)


def _appends(layer: Mapping) -> bool:
    secrets = lookup(layer, ("plugins", "k8s", "default-env-from-secrets"))
    return secrets is not None and secrets.origins[0].verb.name == "APPEND"


@given(layers(1))
def test_the_empty_layer_is_neutral(stacked: list[Mapping]) -> None:
    (layer,) = stacked
    assert overlay(layer, EMPTY) == layer
    assert overlay(EMPTY, layer) == layer


@given(layers(3))
def test_every_leaf_names_a_place_that_says_it(stacked: list[Mapping]) -> None:
    merged = stack(stacked)
    for path, leaf in leaves(merged):
        assert all(origin.place.layer.startswith("layer") and origin.place.line for origin in leaf.origins), path
        orders = [origin.place.layer for origin in leaf.origins]
        assert orders == sorted(orders, reverse=True), "newest first"
