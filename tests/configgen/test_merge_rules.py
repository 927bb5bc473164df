"""The merge rules, one example each: what two layers say, and what it comes to."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from configgen.layers.conflicts import conflicts
from configgen.layers.kinds import configuration_kind
from configgen.layers.merge import stack
from configgen.layers.nodes import Mapping, lookup, plain
from configgen.layers.reading import read_document


def layers(*texts: str) -> Mapping:
    return stack(
        read_document(text, layer=f"layer{index}", file=f"layer{index}.yaml", kind=configuration_kind())
        for index, text in enumerate(texts)
    )


K8S = "plugins: {{k8s: {{{}}}}}"
PLUGINS = "tasks: {{task-plugins: {{enabled-plugins: {}}}}}"

RULES: dict[str, tuple[str, str, str]] = {
    "mappings merge": (
        K8S.format("co-pilot: {cpu: 1, image: a}"), K8S.format("co-pilot: {image: b}"),
        K8S.format("co-pilot: {cpu: 1, image: b}"),
    ),
    "a scalar replaces": (K8S.format("default-cpus: 1"), K8S.format("default-cpus: 2"), K8S.format("default-cpus: 2")),
    "!remove takes a key out": (
        K8S.format("default-cpus: 1, scheduler-name: x"), K8S.format("default-cpus: !remove "),
        K8S.format("scheduler-name: x"),
    ),
    "!replace drops what a mapping has": (
        K8S.format("co-pilot: {cpu: 1, image: a}"), K8S.format("co-pilot: !replace {image: b}"),
        K8S.format("co-pilot: {image: b}"),
    ),
    "plugins add up": (PLUGINS.format("[a, b]"), PLUGINS.format("[c, A]"), PLUGINS.format("[A, b, c]")),
    "plugins are removed whatever their spelling": (
        PLUGINS.format("[K8S-ARRAY, b]"), PLUGINS.format("!remove [k8s-array]"), PLUGINS.format("[b]"),
    ),
    "plugins are replaced when told": (
        PLUGINS.format("[a, b]"), PLUGINS.format("!replace [c]"), PLUGINS.format("[c]"),
    ),
    "env vars: a list over a mapping": (
        K8S.format("default-env-vars: {A: 1, B: 2}"), K8S.format("default-env-vars: [{B: 3}, {C: 4}]"),
        K8S.format("default-env-vars: {A: 1, B: 3, C: 4}"),
    ),
    "env vars: a mapping over a list": (
        K8S.format("default-env-vars: [{A: 1}, {B: 2}]"), K8S.format("default-env-vars: {B: 3}"),
        K8S.format("default-env-vars: {A: 1, B: 3}"),
    ),
    "env vars: one is removed by its name": (
        K8S.format("default-env-vars: {A: 1, B: 2}"), K8S.format("default-env-vars: !remove [B]"),
        K8S.format("default-env-vars: {A: 1}"),
    ),
    "env vars: an empty list clears, as in Flyte": (
        K8S.format("default-env-vars: {A: 1}"), K8S.format("default-env-vars: []"), K8S.format("default-env-vars: []"),
    ),
    "env vars: an empty mapping says nothing, as in Flyte": (
        K8S.format("default-env-vars: {A: 1}"), K8S.format("default-env-vars: {}"),
        K8S.format("default-env-vars: {A: 1}"),
    ),
    "tolerations are known by key, operator, value and effect": (
        K8S.format("default-tolerations: [{key: a, operator: Exists}, {key: b, value: x}]"),
        K8S.format("default-tolerations: [{key: b, value: x, tolerationSeconds: 9}, {key: b, value: y}]"),
        K8S.format(
            "default-tolerations: [{key: a, operator: Exists}, "
            "{key: b, value: x, tolerationSeconds: 9}, {key: b, value: y}]"
        ),
    ),
    "Equal is the operator that is meant when none is written": (
        K8S.format("default-tolerations: [{key: b, value: x, operator: Equal}]"),
        K8S.format("default-tolerations: [{key: b, value: x}]"),
        K8S.format("default-tolerations: [{key: b, value: x}]"),
    ),
    "one toleration stands for a list of one": (
        K8S.format("resource-tolerations: {gpu: {key: a}}"), K8S.format("resource-tolerations: [{gpu: [{key: b}]}]"),
        K8S.format("resource-tolerations: {gpu: [{key: a}, {key: b}]}"),
    ),
    "other lists replace": (
        K8S.format("default-env-from-secrets: [a]"), K8S.format("default-env-from-secrets: [b]"),
        K8S.format("default-env-from-secrets: [b]"),
    ),
    "!append adds to them": (
        K8S.format("default-env-from-secrets: [a]"), K8S.format("default-env-from-secrets: !append [b]"),
        K8S.format("default-env-from-secrets: [a, b]"),
    ),
    "!remove takes elements out of them": (
        K8S.format("default-env-from-secrets: [a, b, c]"), K8S.format("default-env-from-secrets: !remove [b]"),
        K8S.format("default-env-from-secrets: [a, c]"),
    ),
    "spark features merge by name": (
        "plugins: {spark: {features: [{name: f, spark-config: {A: 1}}]}}",
        "plugins: {spark: {features: [{name: f, spark-config: [{B: 2}]}, {name: g}]}}",
        "plugins: {spark: {features: [{name: f, spark-config: {A: 1, B: 2}}, {name: g}]}}",
    ),
    "a container's env merges by name, each variable as a whole": (
        "plugins: {ray: {logsSidecar: {env: [{name: A, value: x}, {name: B, value: y}]}}}",
        "plugins: {ray: {logsSidecar: {env: [{name: A, valueFrom: {fieldRef: {fieldPath: z}}}]}}}",
        "plugins: {ray: {logsSidecar: {env: [{name: A, valueFrom: {fieldRef: {fieldPath: z}}}, {name: B, value: y}]}}}",
    ),
    "scopes merge by project and domain, and their k8s like the general one": (
        "plugin-manager: {scopes: [{project: p, k8s: {default-env-vars: [{A: 1}]}}]}",
        "plugin-manager: {scopes: [{project: p, k8s: {default-env-vars: {B: 2}}}, {project: p, domain: d}]}",
        "plugin-manager: {scopes: [{project: p, k8s: {default-env-vars: {A: 1, B: 2}}}, {project: p, domain: d}]}",
    ),
    "sections that are not ours: mappings merge, lists replace": (
        "admin: {a: {b: 1}, l: [1, 2]}", "admin: {a: {c: 2}, l: [3]}", "admin: {a: {b: 1, c: 2}, l: [3]}",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("lower", "upper", "expected"), RULES.values(), ids=RULES)
def test_what_two_layers_come_to(lower: str, upper: str, expected: str) -> None:
    merged = layers(lower, upper)
    assert plain(merged) == yaml.safe_load(expected)
    assert not list(conflicts(merged))


CONFLICTS: dict[str, tuple[str, str, str]] = {
    "a value over a mapping": (
        K8S.format("co-pilot: {cpu: 1}"), K8S.format("co-pilot: none"),
        "layer1.yaml:1:17: plugins.k8s.co-pilot: a single value over a mapping set at layer0.yaml:1:17; "
        "write it in the same form, or tag it !replace if the change is meant",
    ),
    "an empty value over a mapping": (
        "plugins: {k8s: {}}", "plugins:",
        "layer1.yaml:1:1: plugins: an empty value over a mapping set at layer0.yaml:1:1; "
        "write !remove to fall back to the built-in default, or drop the line",
    ),
    "a plugin removed that nobody added": (
        PLUGINS.format("[spark]"), PLUGINS.format("!remove [sparc]"),
        "layer1.yaml:1:50: tasks.task-plugins.enabled-plugins: !remove of sparc, which no layer beneath adds; "
        "did you mean spark?",
    ),
    "a key removed that nobody set": (
        "plugins: {}", K8S.format("default-cpus: !remove "),
        "layer1.yaml:1:17: plugins.k8s.default-cpus: !remove of a key that no layer beneath sets; drop the line",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("lower", "upper", "expected"), CONFLICTS.values(), ids=CONFLICTS)
def test_layers_that_disagree(lower: str, upper: str, expected: str) -> None:
    assert [str(problem) for problem in conflicts(layers(lower, upper))] == [expected]


def test_a_change_of_shape_that_is_meant_is_no_conflict() -> None:
    merged = layers("admin: {a: {b: 1}}", "admin: {a: !replace [1]}")
    assert plain(merged) == {"admin": {"a": [1]}}
    assert not list(conflicts(merged))


def test_the_chain_of_a_value_names_every_layer_that_set_it() -> None:
    merged = layers(K8S.format("default-cpus: 1"), "plugins: {}", K8S.format("default-cpus: 2"))
    leaf = lookup(merged, ("plugins", "k8s", "default-cpus"))
    assert leaf is not None
    assert [(origin.place.layer, origin.value) for origin in leaf.origins] == [("layer2", 2), ("layer0", 1)]


SCALARS: dict[str, Any] = {
    "yes": "yes", "on": "on", "true": True, "False": False, "~": None, "12": 12, "0x10": 16, "0o17": 15, "017": 15,
    "1_000": 1000, "1.5": 1.5, "1e3": 1000.0, "-.5": -0.5, "12:30": "12:30", "100m": "100m",
    "'12'": "12", "!!str 12": "12", "08": 8.0, "=": "=",
}  # fmt: skip


@pytest.mark.parametrize("text", SCALARS)
def test_scalars_mean_what_they_mean_to_flyte(text: str) -> None:
    value = plain(layers(f"admin: {{a: {text}}}"))["admin"]["a"]
    assert value == SCALARS[text]
    assert type(value) is type(SCALARS[text])
