"""Operators: does something run that makes the objects of plugins come to anything? And our own controller?

An operator is known by the labels that its releases give to its pods, else by the name of its Deployment or of its
image. Whoever builds it differently has one that is not found: that is a warning, not an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from configgen.checks.inspection import Inspection
from configgen.checks.results import Asked, Result, error, not_checked, ok, warning
from configgen.cluster.connection import Object, Unread, labels_of, metadata, name_of
from configgen.operators import BY_NAME, Operator, needed
from configgen.release.values import NAME
from configgen.release.webhook import WEBHOOK


def check(inspection: Inspection) -> Iterator[Result]:
    if inspection.installs:
        yield _our_own(inspection, NAME, "the controller itself", inspection.values.replicas)
    if inspection.installs and inspection.values.webhook.enabled:
        yield _our_own(inspection, WEBHOOK, "the webhook", inspection.values.webhook.replicas)
    plugins = {plugin.id: plugin for plugin in inspection.environment.plugins}
    for name, ids in needed(plugins.values()).items():
        wanted = f"{name}, for {', '.join(ids)}"
        asked = inspection.asked_by(plugins[ids[0]])
        operator = BY_NAME.get(name)
        if operator is None:
            yield not_checked(wanted, "an operator of another package: how it is recognised is not known", asked)
        elif isinstance(inspection.deployments, Unread):
            yield not_checked(wanted, inspection.deployments.reason, asked)
        else:
            yield _judged(wanted, asked, operator, inspection.deployments)


def _our_own(inspection: Inspection, component: str, what: str, replicas: int) -> Result:
    wanted = f"{component}, {what}"
    found = inspection.installed(component)
    if isinstance(found, Unread):
        return not_checked(wanted, found.reason)
    if found is None:
        return warning(wanted, f"not installed in {inspection.home}", "install what configgen render writes")
    if not replicas and not _available(found):
        return ok(wanted, "0 replicas, as configured", inspection.asked_of_release("replicas"))
    return _running(wanted, Asked(), [found])


def _judged(wanted: str, asked: Asked, operator: Operator, deployments: list[Object]) -> Result:
    found = [one for one in deployments if _is(operator, one)]
    if not found:
        mend = f"install it: {operator.home}; if it runs under other names, nothing is wrong"
        return warning(wanted, "no Deployment of it was found, by its labels, name or image", mend, asked)
    return _running(wanted, asked, found)


def _running(wanted: str, asked: Asked, found: list[Object]) -> Result:
    available = [one for one in found if _available(one)]
    one = (available or found)[0]
    namespace, name = metadata(one).get("namespace"), name_of(one)
    where = f"{namespace}/{name}"
    if available:
        return ok(wanted, f"{where}, {_available(one)} available", asked)
    replicas = (one.get("spec") or {}).get("replicas", 1)
    mend = f"kubectl describe deployment {name} -n {namespace}"
    return error(wanted, f"{where}, none of {replicas} available", mend, asked)


def _available(deployment: Object) -> int:
    return int((deployment.get("status") or {}).get("availableReplicas") or 0)


def _is(operator: Operator, deployment: Mapping[str, Any]) -> bool:
    template = (deployment.get("spec") or {}).get("template") or {}
    labels = {**labels_of(deployment), **labels_of(template)}
    if operator.labels and operator.labels.items() <= labels.items():
        return _is_controller(labels)
    images = [str(one.get("image", "")) for one in (template.get("spec") or {}).get("containers") or ()]
    return name_of(deployment) == operator.deployment or any(_of_repository(operator, image) for image in images)


def _is_controller(labels: Mapping[str, str]) -> bool:
    """Charts label an operator's webhook like the operator, but for the component."""
    return labels.get("app.kubernetes.io/component") != "webhook"


def _of_repository(operator: Operator, image: str) -> bool:
    """``ghcr.io/kubeflow/spark-operator/controller:2.5.2``: mirrors keep the end of the path."""
    owner = f"/{operator.repository.lower()}"
    path = f"/{image.lower()}".partition("@")[0].rpartition(":")[0] or f"/{image.lower()}"
    return path.endswith((owner, f"{owner}/controller"))
