"""What is rendered means what was merged – to our controller and to Flyte's reader alike – and every leaf of it names
the layer that said so."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from configgen.diff.leaves import leaves, origins
from configgen.diff.sides import effective
from configgen.layers.kinds import configuration_kind
from configgen.layers.merge import stack
from configgen.layers.nodes import plain
from configgen.layers.reading import read_document
from configgen.render.releases import documents_of
from configgen.render.yaml_text import to_yaml
from pluginmachinery.config.documents import Document, read_as_flyte, read_strict, read_tree

names = st.sampled_from(["AWS_REGION", "lower", "Mixed.Dots/x", "nvidia.com/gpu", "yes", "1"])
texts = st.sampled_from(
    ["", "a", "true", "1e3", "0x10", "two words", "ünï", "{{ .podName }}", "#x", "a: b", "~", "x\ny"]
)
quantities = st.sampled_from(["100m", "1", "1.5Gi", "2e3", "0"])
durations = st.sampled_from(["0s", "90s", "1h30m", "250ms"])
tolerations = st.lists(
    st.fixed_dictionaries(
        {"key": names},
        optional={"operator": st.just("Exists"), "effect": st.sampled_from(["NoSchedule", "NoExecute"])},
    ),
    max_size=2,
    unique_by=lambda toleration: tuple(sorted(toleration.items())),
)


def maps(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    mappings = st.dictionaries(names, values, max_size=3)
    return mappings | mappings.map(lambda found: [{key: value} for key, value in found.items()])


selectors = st.fixed_dictionaries({"matchLabels": st.dictionaries(names, texts, min_size=1, max_size=2)})
affinities = selectors.map(
    lambda selector: {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone", "labelSelector": selector}]
        }
    }
)
k8s = st.fixed_dictionaries(
    {},
    optional={
        "default-env-vars": maps(texts),
        "default-annotations": maps(texts),
        "default-node-selector": maps(texts),
        "resource-tolerations": maps(tolerations),
        "default-tolerations": tolerations,
        "default-cpus": quantities,
        "pod-pending-timeout": durations,
        "inject-finalizer": st.booleans(),
        "default-affinity": affinities,
        "default-env-from-secrets": st.lists(texts, max_size=2),
        "default-security-context": st.just({"capabilities": {"drop": ["ALL"]}, "runAsUser": 1000}),
        "co-pilot": st.fixed_dictionaries({}, optional={"image": texts, "timeout": durations}),
    },
)
features = st.lists(
    st.fixed_dictionaries({"name": names}, optional={"spark-config": maps(texts)}),
    max_size=2,
    unique_by=lambda feature: feature["name"],
)
spark = st.fixed_dictionaries({}, optional={"spark-config-default": maps(texts), "features": features})
ray = st.fixed_dictionaries(
    {},
    optional={
        "ttlSecondsAfterFinished": st.integers(0, 100),
        "defaults": st.fixed_dictionaries({"headNode": st.fixed_dictionaries({"startParameters": maps(texts)})}),
    },
)
task_plugins = st.fixed_dictionaries(
    {"enabled-plugins": st.lists(st.sampled_from(["container", "Spark", "RAY"]), min_size=1, max_size=2, unique=True)},
    optional={"default-for-task-types": maps(st.just("container"))},
)
configurations = st.fixed_dictionaries(
    {},
    optional={
        "plugins": st.fixed_dictionaries({}, optional={"k8s": k8s, "spark": spark, "ray": ray}),
        "tasks": st.fixed_dictionaries(
            {"task-plugins": task_plugins},
            optional={"backoff": st.fixed_dictionaries({"max-duration": durations})},
        ),
        "task_resources": st.fixed_dictionaries({"limits": st.fixed_dictionaries({"cpu": quantities})}),
        "plugin-manager": st.fixed_dictionaries({"retries": st.fixed_dictionaries({"system": st.integers(0, 9)})}),
    },
)


@settings(max_examples=50, deadline=None)
@given(st.lists(configurations, min_size=1, max_size=3))
def test_rendered_documents_mean_what_was_merged(layers: list[dict[str, Any]]) -> None:
    merged = stack(
        read_document(to_yaml(layer), layer=f"l{index}", file=f"l{index}.yaml", kind=configuration_kind())
        for index, layer in enumerate(layers)
    )
    meant = read_tree(plain(merged))
    documents = [Document(name, text) for name, text in documents_of(plain(merged), "a test").items()]
    assert read_strict(documents) == meant
    as_flyte = read_as_flyte(documents)
    for section in ("plugins", "tasks", "task_resources"):
        assert getattr(as_flyte, section) == getattr(meant, section)


@settings(max_examples=50, deadline=None)
@given(st.lists(configurations, min_size=1, max_size=3))
def test_every_leaf_names_its_origin(layers: list[dict[str, Any]]) -> None:
    merged = stack(
        read_document(to_yaml(layer), layer=f"l{index}", file=f"l{index}.yaml", kind=configuration_kind())
        for index, layer in enumerate(layers)
    )
    for path, value in leaves(plain(merged)):
        if value == []:
            continue
        found = origins(merged, path)
        assert found, path
        assert found[0].place.line > 0


@settings(max_examples=30, deadline=None)
@given(st.lists(configurations, min_size=1, max_size=3))
def test_every_leaf_of_the_effective_configuration_is_said_somewhere_or_built_in(layers: list[dict[str, Any]]) -> None:
    merged = stack(
        read_document(to_yaml(layer), layer=f"l{index}", file=f"l{index}.yaml", kind=configuration_kind())
        for index, layer in enumerate(layers)
    )
    said = plain(merged)
    built_in = dict(leaves(effective(read_tree({}), {})))
    for path, value in leaves(effective(read_tree(said), said)):
        found = origins(merged, path)
        if found:
            assert (found[0].place.file, found[0].place.line > 0) == (f"{found[0].place.layer}.yaml", True), path
        else:
            assert path in built_in, path
            assert value == built_in[path], path
