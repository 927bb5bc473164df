"""The controller's rights."""

from __future__ import annotations

from pluginmachinery.api import names, rbac
from pluginmachinery.plugins.registry import BUILTIN, PluginDeclaration, declaration_of


def allowed(rules: list[rbac.Rule], group: str, resource: str) -> set[str]:
    return {v for rule in rules if group in rule["apiGroups"] and resource in rule["resources"] for v in rule["verbs"]}


def test_only_kinds_of_enabled_plugins_can_be_made() -> None:
    rules = rbac.controller_rules(plugins=[declaration_of("container"), declaration_of("ray")])
    assert "create" in allowed(rules, "", "pods")
    assert "create" in allowed(rules, "ray.io", "rayjobs")
    assert allowed(rules, "sparkoperator.k8s.io", "sparkapplications") == set()


def test_nothing_is_allowed_by_wildcard_and_nobody_reads_secrets() -> None:
    rules = rbac.controller_rules(plugins=BUILTIN) + rbac.leader_rules()
    mentioned = [word for rule in rules for words in rule.values() for word in words]
    assert "*" not in mentioned
    assert not {"secrets", "configmaps", "pods/exec", "pods/log", "deletecollection", "escalate"} & set(mentioned)


def test_specs_of_tasks_are_nobodys_to_replace_and_statuses_only_the_controllers() -> None:
    rules = rbac.controller_rules(plugins=[])
    assert "update" not in allowed(rules, names.GROUP, names.PLURAL)
    assert "create" not in allowed(rules, names.GROUP, names.PLURAL)
    assert allowed(rules, names.GROUP, f"{names.PLURAL}/status") == {"update"}


def test_plugins_of_others_may_replace_what_they_made() -> None:
    ours = declaration_of("ray")
    theirs = PluginDeclaration("theirs", ("x",), resources=ours.resources, distribution="somebody")
    assert "update" not in allowed(rbac.plugin_rules(ours), "ray.io", "rayjobs")
    assert "update" in allowed(rbac.plugin_rules(theirs), "ray.io", "rayjobs")
