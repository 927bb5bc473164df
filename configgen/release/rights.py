"""The rights of the controller, from the plugins it runs: no more than these plugins need, no wider than it watches.

*Task rights* are for TaskExecutions and what plugins create; they hold in the watched namespaces, or by a ClusterRole
in all. *Own rights* hold in the controller's namespace: the Lease that it leads by, and pod templates, which are looked
up there for all tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from configgen.release.manifests import Manifest, named, service_account_name
from configgen.release.values import NAME, ReleaseValues
from pluginmachinery.api import rbac
from pluginmachinery.api.rbac import Rule
from pluginmachinery.plugins.registry import BUILTIN, PluginDeclaration

_API: Final = "rbac.authorization.k8s.io/v1"
TASKS: Final = NAME
"""Name of the roles in the watched namespaces, and of the ClusterRole."""
OWN: Final = f"{NAME}-own"
"""Name of the role in the controller's own namespace."""
TASK_RIGHTS: Final = {"plugins.flyte.org/rights": "tasks"}
"""Label on the roles with task rights, for patches of overlays that are written by hand."""


def rbac_objects(
    values: ReleaseValues, plugins: Sequence[PluginDeclaration], home: str, version: str, *, named_home: bool
) -> Iterator[Manifest]:
    """Roles and bindings. ``home`` is the controller's namespace; with ``named_home`` bindings name it, otherwise that
    is left to kustomize."""
    if not values.rbac.create:
        return
    account = {"kind": "ServiceAccount", "name": service_account_name(values)}
    if named_home:
        account["namespace"] = home
    rules = task_rules(plugins, values)
    for watched in values.watch_namespaces:
        yield from _role("Role", TASKS, rules, account, version, watched)
    if not values.watch_namespaces:
        yield from _role("ClusterRole", TASKS, rules, account, version)
    if own := own_rules(values, home):
        yield from _role("Role", OWN, own, account, version)


def task_rules(plugins: Iterable[PluginDeclaration], values: ReleaseValues) -> list[Rule]:
    """What is allowed where tasks run, each rule once."""
    extra = [rule.model_dump(by_alias=True, mode="json", exclude_none=True) for rule in values.rbac.extra_rules]
    return _once([*rbac.controller_rules(plugins=plugins), *extra])


def own_rules(values: ReleaseValues, home: str) -> list[Rule]:
    """What is allowed in the controller's own namespace beyond that."""
    leading = rbac.leader_rules() if values.leader_election else []
    elsewhere = values.watch_namespaces and home not in values.watch_namespaces
    return [*leading, *(_template_rules() if elsewhere else [])]


def _template_rules() -> list[Rule]:
    return [rule for rule in rbac.task_rules() if rule["resources"] == ["podtemplates"]]


def rules_for_chart() -> dict[str, Any]:
    """The same rules by their reason, for the chart, which can not ask the library."""
    running = [plugin for plugin in BUILTIN if plugin.implementation]
    return {
        "tasks": rbac.task_rules(),
        "leader": rbac.leader_rules(),
        "templates": _template_rules(),
        "certificates": rbac.certificate_rules(""),
        "registration": rbac.registration_rules(""),
        "plugins": {plugin.id: rbac.plugin_rules(plugin) for plugin in running},
    }


def foreign_rules(plugins: Iterable[PluginDeclaration]) -> list[Rule]:
    """Rules of plugins that the chart does not know."""
    foreign = [plugin for plugin in plugins if plugin.distribution != rbac.OUR_DISTRIBUTION]
    return _once(rule for plugin in foreign for rule in rbac.plugin_rules(plugin))


def _once(rules: Iterable[Rule]) -> list[Rule]:
    kept: list[Rule] = []
    for rule in rules:
        if rule not in kept:
            kept.append(rule)
    return kept


def _role(
    kind: str, name: str, rules: list[Rule], account: dict[str, str], version: str, within: str = ""
) -> Iterator[Manifest]:
    metadata = {"namespace": within} if within else {}
    role = named(kind, _API, name, version, **metadata)
    if name == TASKS:
        role["metadata"]["labels"] |= TASK_RIGHTS
    yield {**role, "rules": rules}
    binding = named(f"{kind}Binding", _API, name, version, **metadata)
    reference = {"apiGroup": _API.partition("/")[0], "kind": kind, "name": name}
    yield {**binding, "roleRef": reference, "subjects": [account]}
