"""The rights of the controller, from the plugins it runs: no more than these plugins need, no wider than it watches.

*Task rights* are for TaskExecutions and what plugins create; they hold in the watched namespaces, or by a ClusterRole in
all. *Own rights* hold in the controller's namespace: the Lease it leads by.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from configgen.release.manifests import Manifest, named, service_account_name
from configgen.release.values import NAME, ReleaseValues

Rule = dict[str, Any]

_API: Final = "rbac.authorization.k8s.io/v1"
TASKS: Final = NAME
LEADER: Final = f"{NAME}-leader"
"""Name of the role in the controller's own namespace."""
TASK_RIGHTS: Final = {"plugins.flyte.org/rights": "tasks"}
"""Label on the roles that plugins add to; kustomize components find them by it."""


@dataclass(frozen=True, slots=True)
class Rights:
    """Rules by where they hold."""

    tasks: tuple[Rule, ...]
    own: tuple[Rule, ...]


def rbac_objects(values: ReleaseValues, rights: Rights, namespace: str, version: str) -> Iterator[Manifest]:
    """Roles and bindings. ``namespace`` is the controller's own; "" leaves it to kustomize."""
    if not values.rbac.create:
        return
    rules = [*rights.tasks, *(_rule(rule) for rule in values.rbac.extra_rules)]
    account = service_account_name(values)
    if values.watch_namespaces:
        for watched in values.watch_namespaces:
            yield from _role("Role", TASKS, rules, account, namespace, version, watched)
    else:
        yield from _role("ClusterRole", TASKS, rules, account, namespace, version, "")
    if values.leader_election:
        yield from _role("Role", LEADER, list(rights.own), account, namespace, version, "")


def _role(
    kind: str, name: str, rules: Sequence[Rule], account: str, own: str, version: str, within: str
) -> Iterator[Manifest]:
    metadata = {"namespace": within} if within else {}
    role = named(kind, _API, name, version, **metadata)
    binding = named(f"{kind}Binding", _API, name, version, **metadata)
    if name == TASKS:
        role["metadata"]["labels"] |= TASK_RIGHTS
    subject = {"kind": "ServiceAccount", "name": account}
    if own:
        subject["namespace"] = own
    yield {**role, "rules": list(rules)}
    reference = {"apiGroup": _API.partition("/")[0], "kind": kind, "name": name}
    yield {**binding, "roleRef": reference, "subjects": [subject]}


def _rule(rule: Any) -> Rule:
    return dict(rule.model_dump(by_alias=True, mode="json", exclude_defaults=True))


def without_repetition(rules: Iterable[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """Each rule once, in the order of first mention."""
    kept: list[Rule] = []
    for rule in rules:
        if rule not in kept:
            kept.append(dict(rule))
    return tuple(kept)
