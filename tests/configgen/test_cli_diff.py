"""`configgen diff`: by meaning, with the places of both sides."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.configgen.conftest import EXAMPLE, PLUGINS, Configgen, compare_golden

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_difference_of_the_example_environments(form: str, configgen: Configgen) -> None:
    result = configgen("-C", EXAMPLE, "diff", "dev", "prod", "-o", form)
    assert result.exit_code == 1
    compare_golden({f"dev-prod.{form}": result.stdout}, GOLDEN / "diff" / form)


SAME = {
    "quantities": ("plugins: {k8s: {default-cpus: 1000m}}", "plugins: {k8s: {default-cpus: 1}}"),
    "durations": (
        "plugins: {k8s: {pod-pending-timeout: 90s}}",
        "plugins: {k8s: {pod-pending-timeout: 1m30s}}",
    ),
    "the two forms of a map": (
        "plugins: {k8s: {default-env-vars: {A: x, B: y}}}",
        "plugins: {k8s: {default-env-vars: [{B: y}, {A: x}]}}",
    ),
    "the order of tolerations": (
        "plugins: {k8s: {default-tolerations: [{key: a}, {key: b}]}}",
        "plugins: {k8s: {default-tolerations: [{key: b}, {key: a}]}}",
    ),
    "a default, said or not": ("plugins: {k8s: {default-memory: 1Gi}}", "plugins: {}"),
    "the spelling of plugins": (
        "tasks: {task-plugins: {enabled-plugins: [SIDECAR]}}",
        "tasks: {task-plugins: {enabled-plugins: [sidecar]}}",
    ),
}


@pytest.mark.parametrize(("left", "right"), SAME.values(), ids=SAME)
def test_what_comes_to_the_same_is_no_difference(
    left: str, right: str, configgen: Configgen, make_source: Callable[..., Path]
) -> None:
    result = configgen("-C", two(make_source, left, right), "diff", "left", "right")
    assert (result.exit_code, result.stdout) == (0, "left and right come to the same.\n")


def two(make_source: Callable[..., Path], left: str, right: str) -> Path:
    layers = {"base": {"config/a.yaml": PLUGINS}, "l": {"config/l.yaml": left}, "r": {"config/r.yaml": right}}
    return make_source(layers, left=["base", "l"], right=["base", "r"])


def changes(configgen: Configgen, source: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(configgen("-C", source, "diff", "left", "right", "-o", "json").stdout)[
        "changes"
    ]
    return found


def test_a_difference_names_value_and_origin_of_both_sides(
    configgen: Configgen, make_source: Callable[..., Path]
) -> None:
    source = two(
        make_source, "plugins: {k8s: {default-cpus: 2}}", "tasks: {task-plugins: {enabled-plugins: [sidecar]}}"
    )
    cpus, plugin = changes(configgen, source)
    assert cpus["path"] == "plugins.k8s.default-cpus"
    assert cpus["before"]["value"] == "2"
    assert [(o["layer"], o["file"], o["line"]) for o in cpus["before"]["origins"]] == [("l", "l/config/l.yaml", 1)]
    assert cpus["after"] == {"value": "1", "origins": []}
    assert plugin["path"] == "tasks.task-plugins.enabled-plugins[sidecar]"
    assert plugin["before"] is None
    assert plugin["after"]["origins"][0]["file"] == "r/config/r.yaml"


def test_secrets_are_not_shown(configgen: Configgen, make_source: Callable[..., Path]) -> None:
    source = two(
        make_source,
        "storage: {connection: {secret-key: hunter2}}",
        "storage: {connection: {secret-key: other}}\nplugins: {k8s: {default-env-vars: {AWS_SECRET_ACCESS_KEY: x}}}",
    )
    for form in ("text", "json"):
        printed = configgen("-C", source, "diff", "left", "right", "-o", form).stdout
        assert "secret-key" in printed
        assert "AWS_SECRET_ACCESS_KEY" in printed
        assert "hunter2" not in printed
        assert "other" not in printed.replace("another", "")


def test_sections_that_are_not_ours_are_compared_as_they_are(
    configgen: Configgen, make_source: Callable[..., Path]
) -> None:
    source = two(make_source, "admin: {endpoint: a}", "admin: {endpoint: b}")
    assert [change["path"] for change in changes(configgen, source)] == ["admin.endpoint"]


def test_an_error_is_not_a_difference(configgen: Configgen) -> None:
    result = configgen("-C", EXAMPLE, "diff", "dev", "stage")
    assert result.exit_code == 2
    assert "no environment 'stage'; known: dev, prod" in result.stderr
