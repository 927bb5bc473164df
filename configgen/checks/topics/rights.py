"""Rights: may this user install what the targets write, and may the controller do its work?

Asked by access reviews, which leave nothing behind. What the controller needs comes from
:mod:`pluginmachinery.api.rbac`, by way of the roles that are rendered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from configgen.checks.inspection import Inspection
from configgen.checks.results import Result, Status, error, listing, not_checked, ok, warning
from configgen.cluster.connection import Action, Unread, all_at_once, resource_text
from configgen.release.values import NAME
from configgen.release.webhook import WEBHOOK
from configgen.render import configmap
from pluginmachinery.api.rbac import Rule

_APPLY: Final = ("get", "create", "patch")
_RECORD: Final = ("get", "list", "create", "update", "delete")
"""Helm's, for the Secrets in which it keeps its releases."""
_USER, _GRANT, _WORK = "this user", "give the controller its rights", "do its work"


@dataclass(frozen=True, slots=True)
class _Right:
    """Several verbs on one resource, in one namespace (empty: the whole cluster)."""

    verbs: tuple[str, ...]
    group: str
    resource: str
    namespace: str
    name: str = ""

    def actions(self) -> list[Action]:
        return [Action(verb, self.group, self.resource, self.namespace, self.name) for verb in self.verbs]

    def __str__(self) -> str:
        within = f"in {self.namespace}" if self.namespace else "in all namespaces"
        named = f" {self.name}" if self.name else ""
        return f"{', '.join(self.verbs)} {resource_text(self.group, self.resource)}{named} {within}"


def check(inspection: Inspection) -> Iterator[Result]:
    if not inspection.installs:
        yield not_checked("rights of whoever installs, and of what runs", "Flyte's own charts bring their roles")
        return
    yield from _of_the_installer(inspection)
    yield from _of_the_controller(inspection)


def _of_the_installer(inspection: Inspection) -> Iterator[Result]:
    if inspection.cluster.may(Action("*", "*", "*")) is True:
        yield ok(f"{_USER} may install", "everything: this user is an administrator")
        return
    rights = [*dict.fromkeys(_installing(inspection))]
    mend = "have somebody install it who may, or ask for the right"
    yield from _judged(inspection, _USER, "install", rights, "", Status.WARNING, mend)
    if inspection.values.rbac.create:
        yield from _granting(inspection)


def _installing(inspection: Inspection) -> Iterator[_Right]:
    """What ``kubectl apply`` and ``helm`` do with the objects of a release; kinds that are not served are another
    topic."""
    definition = {"kind": "CustomResourceDefinition", "apiVersion": "apiextensions.k8s.io/v1", "metadata": {}}
    release = inspection.release
    for manifest in (configmap.manifest(release), *release.objects(named_home=True), definition):
        kinds = inspection.cluster.kinds(manifest["apiVersion"])
        kind = None if isinstance(kinds, Unread) else kinds.get(manifest["kind"])
        if kind is not None:
            within = manifest["metadata"].get("namespace") or inspection.home
            group = manifest["apiVersion"].rpartition("/")[0]
            yield _Right(_APPLY, group, kind.plural, within if kind.namespaced else "")
    if "helm" in inspection.environment.definition.targets:
        yield _Right(_RECORD, "", "secrets", inspection.home)


def _granting(inspection: Inspection) -> Iterator[Result]:
    """RBAC lets nobody write a role with rights that the writer has not, but who may escalate."""
    kind = "roles" if inspection.values.watch_namespaces else "clusterroles"
    spaces = inspection.values.watch_namespaces or ("",)
    group = "rbac.authorization.k8s.io"
    escalating = [inspection.cluster.may(Action(verb, group, kind, spaces[0])) for verb in ("escalate", "bind")]
    if all(one is True for one in escalating):
        yield ok(f"{_USER} may {_GRANT}", "may escalate and bind")
        return
    rights = [right for needed in _needed(inspection).values() for right in needed]
    mend = "RBAC refuses roles with more rights than their author has: have an administrator install them"
    yield from _judged(inspection, _USER, _GRANT, rights, "", Status.WARNING, mend)


def _of_the_controller(inspection: Inspection) -> Iterator[Result]:
    """The controller and, if it is installed, the webhook, each with its own account."""
    for rendered, rights in _needed(inspection).items():
        component, what = (WEBHOOK, "the webhook") if rendered == WEBHOOK else (NAME, "the controller")
        account = f"{inspection.home}:{inspection.account_of(component, rendered)}"
        who = f"{what} ({account.replace(':', '/')})"
        if inspection.installed(component) is None and inspection.values.rbac.create:
            yield not_checked(f"{who} may {_WORK}", "not installed yet: its roles are installed with it")
            continue
        mend = "apply the roles that configgen render writes; they follow from the enabled plugins"
        if not inspection.values.rbac.create:
            mend = "rbac.create is false: bind these rights to the service account yourself"
        yield from _judged(inspection, who, _WORK, rights, account, Status.ERROR, mend)


def _needed(inspection: Inspection) -> dict[str, list[_Right]]:
    """Account → what it needs, rules taken apart into single resources: as in the roles that are rendered."""
    rbac = inspection.values.rbac.model_copy(update={"create": True})
    manifests = inspection.release.changed(rbac=rbac).objects(named_home=True)
    rules = {_identity(one, one["kind"]): one["rules"] for one in manifests if one["kind"].endswith("Role")}
    needed: dict[str, list[_Right]] = {}
    for binding in manifests:
        if binding["kind"].endswith("RoleBinding"):
            role = binding["roleRef"]["kind"]
            within = binding["metadata"].get("namespace") or inspection.home
            space = within if role == "Role" else ""
            granted = rules[_identity(binding, role)]
            for subject in binding["subjects"]:
                rights = needed.setdefault(subject["name"], [])
                rights += [one for rule in granted for one in _taken_apart(rule, space) if one not in rights]
    return needed


def _identity(manifest: Mapping[str, Any], kind: str) -> tuple[str, str, str]:
    """A role, or the role that a binding names: the two have one name here."""
    return kind, str(manifest["metadata"].get("namespace", "")), str(manifest["metadata"]["name"])


def _taken_apart(rule: Rule, namespace: str) -> Iterator[_Right]:
    for group in rule.get("apiGroups") or ():
        for resource in rule.get("resources") or ():
            for name in rule.get("resourceNames") or ("",):
                yield _Right(tuple(rule.get("verbs") or ()), group, resource, namespace, name)


def _judged(
    inspection: Inspection, who: str, why: str, rights: Sequence[_Right], account: str, status: Status, mend: str
) -> Iterator[Result]:
    """One result if all is allowed, else one for each right that is not, or not wholly."""
    actions = [action for right in rights for action in right.actions()]
    answers = all_at_once(lambda action: inspection.cluster.may(action, account), actions)
    unknown = [answer for answer in answers.values() if isinstance(answer, Unread)]
    if unknown:
        yield not_checked(f"{who} may {why}", unknown[0].reason)
        return
    refused = [(right, _refused(right, answers)) for right in rights if _refused(right, answers)]
    if not refused:
        yield ok(f"{who} may {why}", f"all {len(actions)} actions are allowed ({listing(_resources(rights), 4)})")
    for right, verbs in refused:
        found = "not allowed" if len(verbs) == len(right.verbs) else f"not allowed: {', '.join(verbs)}"
        make = error if status is Status.ERROR else warning
        yield make(f"{who} may {right}, to {why}", found, mend)


def _refused(right: _Right, answers: dict[Action, Any]) -> list[str]:
    return [action.verb for action in right.actions() if not answers[action]]


def _resources(rights: Sequence[_Right]) -> list[str]:
    return list(dict.fromkeys(right.resource for right in rights))
