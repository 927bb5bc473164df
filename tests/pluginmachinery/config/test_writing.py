"""What we write, Flyte reads as we do."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings

from pluginmachinery.config.documents import Document, dump, read_as_flyte, read_strict, read_tree
from pluginmachinery.config.yaml_text import parse
from tests.pluginmachinery.config.trees import trees


@given(trees())
@example({"plugins": {"ray": {"defaults": {"headNode": {"ipAddress": ""}}, "nodeIPAddress": "10.0.0.1"}}})
@settings(max_examples=300)
def test_what_is_written_is_read_the_same_strictly_by_flyte_and_before_writing(tree: dict[str, Any]) -> None:
    documents = [Document("a.yaml", dump(tree))]
    wanted = read_tree(tree)
    assert read_strict(documents) == wanted
    as_flyte = read_as_flyte(documents)
    assert as_flyte.plugins == wanted.plugins
    assert (as_flyte.storage, as_flyte.task_resources) == (wanted.storage, wanted.task_resources)


@given(trees())
def test_writing_is_deterministic_and_writing_again_changes_nothing(tree: dict[str, Any]) -> None:
    text = dump(tree)
    assert dump(parse("a.yaml", text).tree or {}) == text


WRITTEN: dict[str, tuple[dict[str, Any], str]] = {
    "maps become lists of one-key mappings": (
        {"plugins": {"k8s": {"default-env-vars": {"AWS_REGION": "x", "B": "y"}}}},
        "plugins:\n  k8s:\n    default-env-vars:\n      - AWS_REGION: x\n      - B: y\n",
    ),
    "lists of mappings become one key each": (
        {"plugins": {"k8s": {"default-labels": [{"a": "x", "b": "y"}]}}},
        "plugins:\n  k8s:\n    default-labels:\n      - a: x\n      - b: y\n",
    ),
    "an empty map is an empty list, for an empty mapping would be overlooked": (
        {"plugins": {"k8s": {"default-annotations": {}}}},
        "plugins:\n  k8s:\n    default-annotations: []\n",
    ),
    "tolerations by resource": (
        {"plugins": {"k8s": {"resource-tolerations": {"nvidia.com/gpu": [{"key": "a"}]}}}},
        "plugins:\n  k8s:\n    resource-tolerations:\n      - nvidia.com/gpu:\n          - key: a\n",
    ),
    "maps of sections in lists": (
        {"plugins": {"spark": {"features": [{"name": "f", "spark-config": {"spark.A": "1"}}]}}},
        'plugins:\n  spark:\n    features:\n      - name: f\n        spark-config:\n          - spark.A: "1"\n',
    ),
    "our own section stays as it is, Flyte does not read it": (
        {"plugin-manager": {"scopes": [{"default-for-task-types": {"A": "spark"}}]}},
        "plugin-manager:\n  scopes:\n    - default-for-task-types:\n        A: spark\n",
    ),
    "sections of others stay as they are": (
        {"plugins": {"widgets": {"labels": {"A": "b"}}}, "admin": {"endpoint": "x"}},
        "plugins:\n  widgets:\n    labels:\n      A: b\nadmin:\n  endpoint: x\n",
    ),
}


@pytest.mark.parametrize(("tree", "text"), WRITTEN.values(), ids=WRITTEN)
def test_the_form(tree: dict[str, Any], text: str) -> None:
    assert dump(tree) == text


AMBIGUOUS = (
    *(
        "yes",
        "on",
        "5",
        "0x1F",
        "017",
        "1_000",
        "1:30",
        "2024-01-01",
        "~",
        "null",
        "",
        "=",
        ".5",
        "1e3",
        "true",
        "a: b",
    ),
    *(
        "# x",
        "a\nb\n",
        " a",
        "a ",
        "- a",
        "{a}",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a`",
        "<<",
        "'",
        '"',
        "\t",
        "ü",
        "\x07",
    ),
)


@pytest.mark.parametrize("value", AMBIGUOUS)
def test_a_text_is_a_text_for_every_reader_of_yaml(value: str) -> None:
    text = dump({"admin": {"a": value, "b": [value], value: "c"}})
    for tree in (parse("a.yaml", text).tree, yaml.safe_load(text)):
        assert tree == {"admin": {"a": value, "b": [value], value: "c"}}
