"""What the controller must be allowed to do, and no more, as rules of Kubernetes roles.

Rules for tasks hold wherever tasks run (a ClusterRole, or a Role in each followed namespace); rules for leadership hold
in the controller's own namespace. The kinds that may be created come from the plugins that are enabled.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from pluginmachinery.api import names
from pluginmachinery.core.actions import ResourceKind

Rule = dict[str, Any]

OUR_DISTRIBUTION = "flyte-plugin-manager"
_FOLLOW = ["get", "list", "watch"]


class Creates(Protocol):
    """What has to be known of a plugin: the kinds it makes, and who brings it."""

    @property
    def resources(self) -> tuple[ResourceKind, ...]: ...
    @property
    def distribution(self) -> str: ...


def controller_rules(*, plugins: Iterable[Creates]) -> list[Rule]:
    """What the controller needs wherever tasks run, in a stable order."""
    return [*task_rules(), *(rule for plugin in plugins for rule in plugin_rules(plugin))]


def task_rules() -> list[Rule]:
    """What it needs whatever plugins run.

    TaskExecutions are followed, patched (nothing but finalizers) and deleted (when their time is up), their status is
    written as a whole; pod templates are followed, quotas and limit ranges too, to foresee what is refused; what
    happens to a task is told as an event.
    """
    return [
        _rule(names.GROUP, names.PLURAL, [*_FOLLOW, "patch", "delete"]),
        _rule(names.GROUP, f"{names.PLURAL}/status", ["update"]),
        _rule("", "podtemplates", list(_FOLLOW)),
        _rule("", "resourcequotas", ["list", "watch"]),
        _rule("", "limitranges", ["list", "watch"]),
        _rule("events.k8s.io", "events", ["create", "patch"]),
    ]


def object_event_rules() -> list[Rule]:
    """What ``plugins.k8s.send-object-events`` needs beside the rest: the events of objects are followed."""
    return [_rule("events.k8s.io", "events", list(_FOLLOW))]


def plugin_rules(plugin: Creates) -> list[Rule]:
    """What a plugin adds: the objects of its kinds are created, followed, patched (finalizers) and deleted.

    Plugins of others may also replace an object when it is aborted.
    """
    verbs = [*_FOLLOW, "create", "patch", "delete"]
    if plugin.distribution != OUR_DISTRIBUTION:
        verbs.append("update")
    return [_rule(kind.group, kind.plural, verbs) for kind in plugin.resources]


def leader_rules() -> list[Rule]:
    """What leadership needs in the controller's own namespace."""
    return [_rule("coordination.k8s.io", "leases", ["get", "create", "update"])]


def certificate_rules(secret: str) -> list[Rule]:
    """What the webhook needs in its own namespace: the one secret that holds its certificates, which exists already."""
    return [{**_rule("", "secrets", ["get", "patch"]), "resourceNames": [secret]}]


def registration_rules(name: str) -> list[Rule]:
    """What the webhook needs beyond it: to tell the API server which authority to trust."""
    group, resource = "admissionregistration.k8s.io", "mutatingwebhookconfigurations"
    return [{**_rule(group, resource, ["get", "patch"]), "resourceNames": [name]}]


def _rule(group: str, resource: str, verbs: list[str]) -> Rule:
    return {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}
