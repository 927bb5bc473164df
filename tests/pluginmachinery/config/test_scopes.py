"""Scopes: what differs for a project and domain."""

from __future__ import annotations

from pluginmachinery.config import Quantity
from pluginmachinery.config.documents import Document, read_strict
from pluginmachinery.config.scopes import scoped

CONFIG = read_strict(
    [
        Document(
            "a.yaml",
            """
plugins:
  k8s:
    default-cpus: 1
    scheduler-name: general
    co-pilot: {image: general, cpu: 250m}
tasks:
  task-plugins:
    enabled-plugins: [container, spark]
    default-for-task-types: {container: container, spark: spark}
plugin-manager:
  scopes:
    - {project: p, domain: d, k8s: {default-cpus: 4}}
    - {project: p, enabled-plugins: [container], k8s: {default-cpus: 3, co-pilot: {image: project}}}
    - {domain: d, k8s: {default-cpus: 2, scheduler-name: domain}, default-for-task-types: {spark: container}}
    - {project: p, k8s: {default-memory: 5Gi}}
""",
        )
    ]
)


def test_where_nothing_matches_the_configuration_is_the_general_one() -> None:
    assert scoped(CONFIG, "other", "other") is CONFIG


def test_the_more_specific_scope_wins_whatever_the_order() -> None:
    k8s = scoped(CONFIG, "p", "d").plugins.k8s
    assert (k8s.default_cpus, k8s.scheduler_name) == (Quantity.parse("4"), "domain")
    assert scoped(CONFIG, "p", "x").plugins.k8s.default_cpus == Quantity.parse("3")
    assert scoped(CONFIG, "x", "d").plugins.k8s.default_cpus == Quantity.parse("2")


def test_scopes_of_one_rank_all_apply() -> None:
    assert scoped(CONFIG, "p", "x").plugins.k8s.default_memory == Quantity.parse("5Gi")


def test_the_list_of_plugins_is_replaced_and_defaults_are_merged() -> None:
    task_plugins = scoped(CONFIG, "p", "d").tasks.task_plugins
    assert task_plugins.enabled_plugins == ("container",)
    assert task_plugins.default_for_task_types == {"container": "container", "spark": "container"}


def test_sections_within_are_merged_key_by_key() -> None:
    copilot = scoped(CONFIG, "p", "x").plugins.k8s.co_pilot
    assert (copilot.image, copilot.cpu) == ("project", "250m")
