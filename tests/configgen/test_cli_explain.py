"""`configgen explain`: meaning, value, and the chain of layers."""

from __future__ import annotations

import json

import pytest

from tests.configgen.conftest import EXAMPLE, Configgen


def test_a_value_with_the_chain_of_layers_that_set_it(configgen: Configgen) -> None:
    result = configgen("-C", EXAMPLE, "explain", "plugins.k8s.default-env-vars.LOG_LEVEL", "--env", "dev")
    assert result.exit_code == 0, result.output
    assert "plugins.k8s.default-env-vars.LOG_LEVEL = debug" in result.stdout
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert lines[-2].startswith("set by   environments/dev/config/dev.yaml:7:")
    assert lines[-1].startswith("over     base/config/pods.yaml:")


def test_meaning_type_and_default_of_a_field(configgen: Configgen) -> None:
    result = configgen("-C", EXAMPLE, "explain", "plugins.k8s.default-memory", "--env", "dev", "-o", "json")
    explained = json.loads(result.stdout)
    assert explained["meaning"].startswith("Memory of a container")
    assert explained["type"] == "quantity (500m, 1Gi)"
    assert explained["default"] == "1Gi"
    assert [value["value"] for value in explained["values"]] == ["128Mi"]


def test_everything_below_a_section(configgen: Configgen) -> None:
    result = configgen("-C", EXAMPLE, "explain", "task_resources.limits", "--env", "prod", "-o", "json")
    values = {value["path"]: value["value"] for value in json.loads(result.stdout)["values"]}
    assert values["task_resources.limits.cpu"] == "16"
    assert values["task_resources.limits.gpu"] == "4"


def test_an_element_of_a_list(configgen: Configgen) -> None:
    path = "tasks.task-plugins.enabled-plugins[sidecar]"
    result = configgen("-C", EXAMPLE, "explain", path, "--env", "dev")
    assert "base/config/plugins.yaml:7:9" in result.stdout


def test_a_key_with_dots_in_a_map_with_free_keys(configgen: Configgen) -> None:
    path = "plugins.k8s.default-annotations.cluster-autoscaler.kubernetes.io/safe-to-evict"
    result = configgen("-C", EXAMPLE, "explain", path, "--env", "dev")
    assert "base/config/pods.yaml" in result.stdout


def test_a_deprecated_key_says_what_to_use(configgen: Configgen) -> None:
    result = configgen("-C", EXAMPLE, "explain", "plugins.k8s.interruptible-node-selector", "--env", "dev")
    assert "deprecated; use interruptible-node-selector-requirement" in result.stdout


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("plugins.k8s.default-cpu", "there is no key 'default-cpu'; did you mean default-cpus?"),
        ("task_resources.maximum", "there is no key 'maximum'; keys here: defaults, limits"),
    ],
)
def test_a_key_that_does_not_exist(configgen: Configgen, path: str, message: str) -> None:
    result = configgen("-C", EXAMPLE, "explain", path, "--env", "dev")
    assert result.exit_code == 2
    assert message in result.stderr
