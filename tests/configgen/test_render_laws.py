"""Laws of rendering: what is cut apart comes together again, and differences lead where they say."""

from __future__ import annotations

import copy
from typing import Any

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from configgen.render.configmap import content_hash
from configgen.render.helm import overrides
from configgen.render.json_patch import json_patch
from configgen.render.splitting import split
from configgen.render.yaml_text import to_yaml

keys = st.sampled_from(["a", "b/c", "d~e", "containers", "co-pilot", "k8s", "task-plugins", "logs"])
scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "x", "1e3", "yes"])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=12
)
mappings = st.dictionaries(keys, values, max_size=4)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12) | st.sampled_from(
    [
        "yes",
        "NO",
        "1e3",
        "0o17",
        "012",
        "12:30",
        "1_000",
        ".5",
        "~",
        "null",
        "=",
        "<<",
        "a: b",
        "# x",
        "a\nb\n",
        " x ",
        "-",
    ]
)


@given(mappings, mappings)
@example({"containers": 1}, {"containers": 2})
@example({"containers": [{"a": 1}, {"b": 1}]}, {"containers": [{"a": 2}, {}]})
def test_a_patch_turns_one_manifest_into_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    found = copy.deepcopy(before)
    for operation in json_patch(before, after):
        _apply(found, operation)
    assert found == after


def _apply(document: Any, operation: dict[str, Any]) -> None:
    *parents, last = [step.replace("~1", "/").replace("~0", "~") for step in operation["path"].split("/")[1:]]
    for step in parents:
        document = document[int(step) if isinstance(document, list) else step]
    if operation["op"] == "remove":
        del document[last]
    else:
        assert operation["op"] == ("replace" if last in document else "add")
        document[last] = operation["value"]


without_nulls = st.recursive(
    st.integers(-5, 5) | st.just("x"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(keys, without_nulls, max_size=3), st.dictionaries(keys, without_nulls, max_size=3))
def test_helm_gets_what_is_wanted_by_merging_the_overrides(default: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert _merged_by_helm(default, overrides(default, wanted)) == wanted


def _merged_by_helm(default: Any, values: dict[str, Any]) -> dict[str, Any]:
    """Mappings merge, null deletes, everything else replaces."""
    merged = dict(default) if isinstance(default, dict) else {}
    for key, value in values.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _merged_by_helm(merged[key], value)
        else:
            merged[key] = value
    return merged


sections = st.sampled_from(["plugins", "tasks", "task_resources", "plugin-manager", "propeller", "storage", "my-own"])


@given(st.dictionaries(sections, st.dictionaries(keys, st.dictionaries(keys, scalars, min_size=1)), max_size=5))
def test_the_documents_together_are_the_whole(tree: dict[str, Any]) -> None:
    together: dict[str, Any] = {}
    for document in split(tree).values():
        _unite(together, document)
    assert together == {key: value for key, value in tree.items() if value or key not in ("plugins", "tasks")}


def _unite(target: dict[str, Any], addition: dict[str, Any]) -> None:
    for key, value in addition.items():
        if key in target and isinstance(value, dict):
            _unite(target[key], value)
        else:
            assert key not in target, "a value in two documents"
            target[key] = copy.deepcopy(value)


@given(st.dictionaries(texts, texts, max_size=5))
def test_texts_stay_texts_in_yaml(content: dict[str, str]) -> None:
    assert yaml.safe_load(to_yaml(content)) == content


@given(st.dictionaries(texts, texts, max_size=4))
def test_the_hash_of_a_config_map_knows_content_and_not_order(documents: dict[str, str]) -> None:
    assert content_hash(documents) == content_hash(dict(reversed(documents.items())))
    assert content_hash({**documents, "new": "x"}) != content_hash({**documents, "new": "y"})
