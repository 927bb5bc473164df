"""Objects that are named: service accounts, Secrets, ConfigMaps, pod templates, classes, schedulers.

Only whether they exist is asked, by their metadata: the content of a Secret never leaves the API server.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from configgen.checks import references
from configgen.checks.inspection import Inspection
from configgen.checks.references import Reference
from configgen.checks.results import Asked, Result, error, listing, not_checked, ok, warning
from configgen.cluster.connection import Object, Unread, all_at_once, name_of
from configgen.layers.nodes import dotted, plain
from configgen.release.manifests import service_account_name

_CLASSES: Final = {
    "priorityclasses": ("PriorityClass", "/apis/scheduling.k8s.io/v1/priorityclasses"),
    "runtimeclasses": ("RuntimeClass", "/apis/node.k8s.io/v1/runtimeclasses"),
}
_KINDS: Final = {
    "serviceaccounts": "ServiceAccount",
    "secrets": "Secret",
    "configmaps": "ConfigMap",
    "persistentvolumeclaims": "PersistentVolumeClaim",
}
_SPARK: Final = "spark"
"""The account of a driver where neither execution nor task names one."""


def check(inspection: Inspection) -> Iterator[Result]:
    if inspection.installs:
        yield from _own_account(inspection)
    yield from _accounts_of_tasks(inspection)
    named = list(references.of_configuration(inspection.subject))
    if inspection.installs:
        named += references.of_release(plain(inspection.environment.release))
    for reference in dict.fromkeys(named):
        path = reference.path
        asked = inspection.asked_of_release(*path) if reference.home else inspection.asked(*path)
        yield from _judged(inspection, reference, asked)


def _own_account(inspection: Inspection) -> Iterator[Result]:
    asked = inspection.asked_of_release("serviceAccount", "name")
    name = service_account_name(inspection.values)
    own = Reference("serviceaccounts", name, (), home=True)
    if inspection.values.service_account.create and inspection.controller is None:
        yield ok(f"ServiceAccount {name} in {inspection.home}", "comes with the installation", asked)
    else:
        yield from _judged(inspection, own if inspection.controller is None else _installed(inspection), asked)


def _accounts_of_tasks(inspection: Inspection) -> Iterator[Result]:
    configuration = inspection.environment.configuration
    enabled = {plugin.id: plugin for plugin in inspection.environment.plugins}
    if (ray := configuration.plugins.ray.service_account) and "ray" in enabled:
        asked = inspection.asked("plugins", "ray", "serviceAccount")
        yield from _judged(inspection, Reference("serviceaccounts", ray, ()), asked)
    if _SPARK in enabled:
        reference = Reference("serviceaccounts", _SPARK, (), optional=True)
        yield from _judged(inspection, reference, inspection.asked_by(enabled[_SPARK]))
    for index, allowed in enumerate(configuration.plugin_manager.policy.service_accounts):
        if not allowed.endswith("*"):
            asked = inspection.asked("plugin-manager", "policy", "service-accounts", index)
            yield from _judged(inspection, Reference("serviceaccounts", allowed, (), optional=True), asked)


def _installed(inspection: Inspection) -> Reference:
    return Reference("serviceaccounts", inspection.account, (), home=True)


def _judged(inspection: Inspection, reference: Reference, asked: Asked) -> Iterator[Result]:
    if reference.plural in _CLASSES:
        kind, path = _CLASSES[reference.plural]
        found = inspection.cluster.get(f"{path}/{reference.name}", metadata_only=True)
        yield _of_one(f"{kind} {reference.name}", found, asked)
    elif reference.plural == "schedulers":
        yield _scheduler(inspection, reference.name, asked)
    elif reference.plural == "podtemplates":
        yield from _pod_template(inspection, reference.name, asked)
    else:
        yield _in_namespaces(inspection, reference, asked)


def _of_one(wanted: str, found: Object | Unread | None, asked: Asked) -> Result:
    if isinstance(found, Unread):
        return not_checked(wanted, found.reason, asked)
    if found is None:
        return error(wanted, "does not exist: such pods are refused", "create it, or mend the name", asked)
    return ok(wanted, "exists", asked)


def _in_namespaces(inspection: Inspection, reference: Reference, asked: Asked) -> Result:
    wanted = f"{_KINDS[reference.plural]} {reference.name}"
    spaces = (inspection.home,) if reference.home else inspection.task_namespaces
    if isinstance(spaces, Unread):
        return not_checked(wanted, spaces.reason, asked, "name the namespaces with --namespace")

    def ask(space: str) -> Object | Unread | None:
        path = f"/api/v1/namespaces/{space}/{reference.plural}/{reference.name}"
        return inspection.cluster.get(path, metadata_only=True)

    answers = all_at_once(ask, spaces)
    missing = [space for space, answer in answers.items() if answer is None]
    unread = [answer for answer in answers.values() if isinstance(answer, Unread)]
    if missing:
        found = f"missing in {listing(missing)}"
        if reference.optional:
            return warning(wanted, f"{found}; pods that do not need it start without", "create it there", asked)
        return error(wanted, found, "create it there, or mend the name", asked)
    if unread:
        return not_checked(wanted, unread[0].reason, asked)
    return ok(wanted, f"exists in {listing(list(spaces))}", asked)


def _pod_template(inspection: Inspection, name: str, asked: Asked) -> Iterator[Result]:
    """Looked up in the execution's namespace, then in the controller's; what it names has to be there too."""
    wanted = f"PodTemplate {name}"
    spaces = inspection.task_namespaces
    tried = [inspection.home] if isinstance(spaces, Unread) else [*dict.fromkeys((*spaces, inspection.home))]
    found = {space: inspection.cluster.get(f"/api/v1/namespaces/{space}/podtemplates/{name}") for space in tried}
    templates = {space: one for space, one in found.items() if isinstance(one, dict)}
    unread = [one for one in found.values() if isinstance(one, Unread)]
    without = [space for space in tried if space not in templates and space != inspection.home]
    if inspection.home not in templates and (without or not templates):
        if unread:
            yield not_checked(wanted, unread[0].reason, asked)
        else:
            nowhere = f"neither in {inspection.home}, for all tasks, nor in {listing(without)}"
            mend = f"create it in {inspection.home}: without it tasks do not get what it has"
            yield error(wanted, nowhere if without else f"not in {inspection.home}", mend, asked)
    else:
        yield ok(wanted, f"exists in {listing(list(templates))}", asked)
    for space, template in templates.items():
        for reference in dict.fromkeys(references.of_template(template.get("template") or {})):
            yield from _judged(
                inspection, reference, Asked(f"{dotted(reference.path)} of {wanted}", f"namespace {space}")
            )


def _scheduler(inspection: Inspection, name: str, asked: Asked) -> Result:
    """Schedulers are no objects; those that elect a leader hold a Lease of their name."""
    wanted = f"scheduler {name}"
    leases = inspection.cluster.items("/apis/coordination.k8s.io/v1/leases", metadata_only=True)
    if isinstance(leases, Unread):
        return not_checked(wanted, leases.reason, asked)
    if any(name_of(lease) in (name, f"{name}-lock") for lease in leases) or name == "default-scheduler":
        return ok(wanted, "it leads", asked)
    why = "no Lease of this name; schedulers can not be told otherwise"
    return not_checked(wanted, why, asked, "make sure that it runs, or pods stay Pending for ever")
