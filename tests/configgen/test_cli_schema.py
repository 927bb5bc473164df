"""`configgen schema`: schemas that take what the readers take, refuse typos, and explain every key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings

from configgen.schema import config_schema
from pluginmachinery.config.strict import FLYTE_SECTIONS
from tests.configgen.conftest import EXAMPLE, Configgen
from tests.configgen.editor_yaml import Loader
from tests.pluginmachinery.config.trees import trees


def _validator(configgen: Configgen, what: str) -> jsonschema.Draft7Validator:
    schema = json.loads(configgen("schema", "--what", what).stdout)
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def _mistakes(validator: jsonschema.Draft7Validator, text: str) -> list[str]:
    return [error.message for error in validator.iter_errors(yaml.load(text, Loader))]


@pytest.mark.parametrize(
    ("what", "pattern"),
    [("source", "**/config/*.yaml"), ("release", "**/release.yaml"), ("environments", "configgen.yaml")],
)
def test_the_shipped_source_fits(what: str, pattern: str, configgen: Configgen) -> None:
    validator = _validator(configgen, what)
    files = sorted(EXAMPLE.glob(pattern))
    assert files
    assert {file.name: _mistakes(validator, file.read_text()) for file in files} == {file.name: [] for file in files}


def test_what_is_rendered_fits(configgen: Configgen, tmp_path: Path) -> None:
    configgen("-C", EXAMPLE, "render", "--all", "--target", "configmap", "--out", tmp_path)
    validator = _validator(configgen, "config")
    files = sorted(tmp_path.glob("configmap/*/config/*.yaml"))
    assert files
    assert {file.name: _mistakes(validator, file.read_text()) for file in files} == {file.name: [] for file in files}


LIBERTIES = {
    "a key taken out": "plugins: {k8s: {scheduler-name: !remove }}",
    "a section taken out": "plugins: {spark: !remove }",
    "keys of a map taken out": "plugins: {k8s: {default-labels: !remove [a]}}",
    "a map as a list": "plugins: {k8s: {default-labels: [{a: b}]}}",
    "one toleration for a list": "plugins: {k8s: {default-tolerations: {key: a, operator: Exists}}}",
    "elements added": "plugins: {k8s: {default-env-from-secrets: !append [a]}}",
}


@pytest.mark.parametrize("text", LIBERTIES.values(), ids=LIBERTIES)
def test_liberties_of_the_source(text: str, configgen: Configgen) -> None:
    assert _mistakes(_validator(configgen, "source"), text) == []


TYPOS = {
    "an unknown key": "plugins: {k8s: {schedular-name: a}}",
    "an unknown key in a structure of Kubernetes": "plugins: {k8s: {default-tolerations: [{kye: a}]}}",
    "an unknown key in a scope": "plugin-manager: {scopes: [{k8s: {schedular-name: a}}]}",
    "an unknown section": "pluggins: {}",
    "a bad amount": "task_resources: {limits: {cpu: two}}",
    "a bad time span": "plugins: {k8s: {pod-pending-timeout: 1 day}}",
    "a number for a text": "plugins: {k8s: {scheduler-name: 3}}",
    "a negative time span": "plugins: {k8s: {pod-pending-timeout: -1s}}",
    "a negative amount": "task_resources: {limits: {cpu: -2}}",
    "a negative amount in a text": "plugins: {k8s: {co-pilot: {memory: -1Gi}}}",
    "a number beyond its bounds": "plugin-manager: {sharding: {count: 100}}",
    "a word that the cluster refuses": "plugins: {k8s: {image-pull-policy: always}}",
    "another word": "plugin-manager: {policy: {deny: most}}",
}


@pytest.mark.parametrize("what", ["source", "config"])
@pytest.mark.parametrize("text", TYPOS.values(), ids=TYPOS)
def test_mistakes_are_seen(text: str, what: str, configgen: Configgen) -> None:
    assert len(_mistakes(_validator(configgen, what), text)) == 1


def test_every_key_is_explained(configgen: Configgen) -> None:
    schema = json.loads(configgen("schema", "--what", "config").stdout)
    silent = [name for name, member in schema["properties"].items() if not member.get("description")]
    for section in ("k8s", "spark", "ray", "logs"):
        members = schema["properties"]["plugins"]["properties"][section]["properties"]
        silent += [name for name, member in members.items() if not member.get("description")]
    assert silent == []
    assert schema["properties"].keys() >= FLYTE_SECTIONS


def test_defaults_and_deprecation_are_told(configgen: Configgen) -> None:
    schema = json.loads(configgen("schema").stdout)
    k8s = schema["properties"]["plugins"]["properties"]["k8s"]["properties"]
    assert k8s["default-cpus"]["default"] == "1"
    assert k8s["interruptible-node-selector"]["deprecated"] is True
    assert "Only Flyte 2" in k8s["accelerator-devices"]["description"]


def test_a_mistake_in_configgen_yaml(configgen: Configgen) -> None:
    text = "environments: {prod: {layers: [], namespace: Flyte}}"
    assert len(_mistakes(_validator(configgen, "environments"), text)) == 2


def test_mistakes_in_a_release(configgen: Configgen) -> None:
    validator = _validator(configgen, "release")
    assert _mistakes(validator, "{replicas: 3, operators: {installed: [spark-operator]}}") == []
    for text in ("replicas: 11", "service: {port: 80}", "image: {digest: 'sha256:0'}", "operators: {instaled: []}"):
        assert len(_mistakes(validator, text)) == 1, text


@settings(max_examples=60, deadline=None)
@given(tree=trees())
def test_the_schema_takes_what_strict_reading_takes(tree: dict[str, Any]) -> None:
    """Whatever is made from the description of the configuration, ranges included."""
    assert [error.message for error in _CONFIG.iter_errors(tree)] == []


_CONFIG = jsonschema.Draft7Validator(config_schema())
