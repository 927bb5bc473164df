"""Plugins and settings of single projects and domains."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from pluginmachinery.config import Configuration
from pluginmachinery.config.documents import Document, read_strict
from pluginmachinery.core.actions import Create, Observation
from pluginmachinery.core.tasks import EPOCH
from pluginmachinery.lifecycle.advance import World, advance
from pluginmachinery.plugins.enabling import EnablingError
from pluginmachinery.plugins.registry import PluginRegistry
from pluginmachinery.plugins.scopes import Scopes

GENERAL = {"enabled-plugins": ["container"], "default-for-task-types": {"container": "container"}}


def configured(*scopes: dict[str, Any]) -> Configuration:
    tree = {"tasks": {"task-plugins": GENERAL}, "plugin-manager": {"scopes": list(scopes)}}
    return read_strict([Document("config.yaml", yaml.safe_dump(tree))])


SPARK_FOR_ML = {"project": "ml", "enabled-plugins": ["container", "spark"]}
TOLERANT_DEV = {"domain": "dev", "k8s": {"default-tolerations": [{"key": "dev", "operator": "Exists"}]}}


@pytest.mark.parametrize(
    ("project", "domain", "plugins", "tolerations"),
    [
        pytest.param("web", "prod", None, None, id="nothing matches"),
        pytest.param("ml", "prod", ["container", "spark"], [], id="a project"),
        pytest.param("web", "dev", ["container"], ["dev"], id="a domain"),
        pytest.param("ml", "dev", ["container", "spark"], ["dev"], id="both apply"),
    ],
)
def test_what_holds_where(project: str, domain: str, plugins: list[str] | None, tolerations: list[str] | None) -> None:
    found = Scopes.from_config(configured(SPARK_FOR_ML, TOLERANT_DEV)).find(project, domain)
    if plugins is None:
        assert found is None
        return
    assert found is not None
    config, registry = found
    assert sorted(each.id for each in registry.declarations) == plugins
    assert [each["key"] for each in config.plugins.k8s.default_tolerations] == tolerations


def test_the_plugins_of_all_scopes_are_known_together() -> None:
    scopes = Scopes.from_config(configured(SPARK_FOR_ML, TOLERANT_DEV))
    assert {each.id for each in scopes.declarations} == {"container", "spark"}


def test_a_scope_whose_plugins_do_not_fit_is_named() -> None:
    with pytest.raises(EnablingError, match=r"in the scope of project ml, domain any: .*sparc.*did you mean spark"):
        Scopes.from_config(configured({"project": "ml", "enabled-plugins": ["container", "sparc"]}))


def test_no_scopes_cost_nothing() -> None:
    config = configured()
    world = World(config, PluginRegistry.from_config(config), scopes=Scopes.from_config(config))
    assert world.of({"spec": {"template": {"type": "container"}}}) is world


def pod_of(project: str) -> dict[str, Any]:
    config = configured(TOLERANT_DEV | {"domain": "", "project": "ml"})
    world = World(config, PluginRegistry.from_config(config), scopes=Scopes.from_config(config))
    execution: dict[str, Any] = {
        "metadata": {"name": "t", "namespace": "ns", "uid": "u", "generation": 1},
        "spec": {"template": {"type": "container", "id": {"project": project}, "container": {"image": "i"}}},
    }
    decision = advance(world, execution, Observation(EPOCH))
    pod: dict[str, Any] = next(dict(action.object) for action in decision.actions if isinstance(action, Create))
    return pod


def test_a_task_runs_with_what_holds_for_its_project() -> None:
    assert [each["key"] for each in pod_of("ml")["spec"]["tolerations"]] == ["dev"]
    assert not pod_of("web")["spec"].get("tolerations")
