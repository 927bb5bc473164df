"""Custom resource definitions: of TaskExecution, and of what the enabled plugins create.

The API server says to everybody which kinds it serves; the definitions themselves, which say why one is not served, may
need a right.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from configgen.checks.inspection import Inspection
from configgen.checks.results import Asked, Result, Status, error, not_checked, ok, warning
from configgen.cluster.connection import Object, Unread, resource_text
from configgen.operators import BY_NAME
from pluginmachinery.api import names
from pluginmachinery.api.crd import custom_resource_definition
from pluginmachinery.core.actions import ResourceKind

_TASKS = ResourceKind(names.API_VERSION, names.KIND, names.PLURAL)
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def check(inspection: Inspection) -> Iterator[Result]:
    if inspection.installs:
        yield _our_own(inspection)
    for kind, (asked, mend) in _needed(inspection).items():
        yield _judged(inspection, kind, asked, mend)
    if inspection.installs:
        yield from _of_the_release(inspection)


def _of_the_release(inspection: Inspection) -> Iterator[Result]:
    """Kinds of others that the release installs objects of: a ServiceMonitor, for one."""
    for api_version, kind in dict.fromkeys((one["apiVersion"], one["kind"]) for one in inspection.release.objects()):
        kinds = inspection.cluster.kinds(api_version)
        if not isinstance(kinds, Unread) and kind not in kinds:
            asked = inspection.asked_of_release(f"{kind[0].lower()}{kind[1:]}", "enabled")
            mend = "install what brings it, or switch it off in release.yaml"
            yield error(f"{kind} of {api_version}, which the release installs", "not served", mend, asked)


def _needed(inspection: Inspection) -> dict[ResourceKind, tuple[Asked, str]]:
    """Kinds that no Kubernetes has by itself → who asks for them, and how they come."""
    needed: dict[ResourceKind, tuple[Asked, str]] = {}
    for plugin in inspection.environment.plugins:
        operator = BY_NAME.get(plugin.operator_component or "")
        mend = (
            f"install the operator: {operator.home}" if operator else f"install what {plugin.distribution} works with"
        )
        for kind in plugin.resources:
            if "." in kind.group:
                needed.setdefault(kind, (inspection.asked_by(plugin), mend))
    return needed


def _our_own(inspection: Inspection) -> Result:
    mend = "apply the definition: the chart and the overlays bring it"
    result = _judged(inspection, _TASKS, Asked(), mend)
    if result.status is Status.ERROR and inspection.controller is None:
        return warning(result.wanted, f"{result.found}; it comes with the installation", mend)
    found = inspection.cluster.get(f"{_DEFINITIONS}/{resource_text(_TASKS.group, _TASKS.plural)}")
    if (
        result.status is Status.OK
        and isinstance(found, dict)
        and _schema(found) != _schema(custom_resource_definition())
    ):
        old = "is not the definition of this version: fields that it does not know are dropped"
        return warning(result.wanted, old, "apply it by hand: helm installs definitions, and never updates them")
    return result


def _judged(inspection: Inspection, kind: ResourceKind, asked: Asked, mend: str) -> Result:
    version = kind.api_version.rpartition("/")[2]
    name = resource_text(kind.group, kind.plural)
    wanted = f"{name}, version {version}"
    definition = inspection.cluster.get(f"{_DEFINITIONS}/{name}")
    if isinstance(definition, dict):
        return _of_definition(definition, version, wanted, asked, mend)
    served = inspection.cluster.get(f"/apis/{kind.api_version}")
    plurals = [one.get("name") for one in (served.get("resources") or ())] if isinstance(served, dict) else []
    if kind.plural in plurals:
        return ok(wanted, "served", asked)
    if isinstance(served, Unread):
        return not_checked(wanted, served.reason, asked)
    return error(wanted, "not installed" if definition is None else "not served", mend, asked)


def _of_definition(definition: Object, version: str, wanted: str, asked: Asked, mend: str) -> Result:
    versions = [one["name"] for one in definition["spec"]["versions"] if one.get("served")]
    if version not in versions:
        found = f"installed, but serves only {', '.join(versions) or 'nothing'}"
        return error(wanted, found, f"the release is another one than our plugin is made for; {mend}", asked)
    conditions = (definition.get("status") or {}).get("conditions") or ()
    established: Object = next((one for one in conditions if one.get("type") == "Established"), {})
    if established.get("status") != "True":
        why = established.get("message") or established.get("reason") or "nothing is told"
        return error(wanted, f"installed, but not established: {why}", "kubectl describe crd says more", asked)
    return ok(wanted, "established", asked)


def _schema(definition: Object) -> Any:
    """What decides about the fields of objects."""
    return [one.get("schema") for one in definition["spec"]["versions"] if one["name"] == names.VERSION]
