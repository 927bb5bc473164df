"""Nodes: does one take the pods that the configuration sends there?

What is demanded, and whether a node gives it, is judged as lint judges it (:mod:`configgen.lint.node_demands`); here
the nodes are those of the cluster. Autoscalers take nodes away that nobody needs: a pool that configgen.yaml declares
under ``node-pools`` counts as there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from configgen.checks.inspection import Inspection
from configgen.checks.results import Asked, Result, error, listing, not_checked, ok, warning
from configgen.cluster.connection import Object, Unread, labels_of, name_of
from configgen.layers.nodes import Path
from configgen.lint.node_demands import Demand, Offer, demands, in_addition, offer, required_terms, selected, uncovered
from configgen.lint.node_pools import NodePool, tolerates
from configgen.lint.walking import steps, type_name
from pluginmachinery.config.quantities import Quantity

_KEEPS_AWAY: Final = ("NoSchedule", "NoExecute")
_PASSING: Final = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/", "ToBeDeletedByClusterAutoscaler")
"""Taints of a node's state, which comes and goes."""
_FOR_ALL: Final = ("default-tolerations", "default-node-selector", "default-affinity", "nodeSelector")
"""Keys without whose nodes nothing runs."""
_DECLARE: Final = "mend it; if an autoscaler brings such nodes, declare them under node-pools in configgen.yaml"


def check(inspection: Inspection) -> Iterator[Result]:
    listed = inspection.cluster.items("/api/v1/nodes")
    if isinstance(listed, Unread) or not listed:
        why = listed.reason if isinstance(listed, Unread) else "the cluster has no nodes now"
        yield not_checked("nodes that take the pods of tasks", why)
        return
    nodes = [as_pool(node) for node in listed]
    if inspection.installs:
        own = _of_the_controller(inspection)
        yield _judged(inspection, own, offer(own, nodes), inspection.asked_of_release("nodeSelector"))
    template = _default_template(inspection)
    for demand in demands(inspection.subject):
        if demand.said or demand.path[-1] == "default-tolerations" or _offers_devices(nodes, demand.resource):
            whole = _with_template(demand, template)
            yield _judged(inspection, whole, offer(whole, nodes), inspection.asked(*demand.path))
    yield from _tolerations(inspection, nodes)


def _of_the_controller(inspection: Inspection) -> Demand:
    values = inspection.values
    alternatives = in_addition(required_terms(values.affinity), selected(values.node_selector))
    tolerations = tuple(dict(one) for one in values.tolerations)
    return Demand(("nodeSelector",), "the controller", alternatives, tolerations, selects=False)


def _default_template(inspection: Inspection) -> Mapping[str, Any]:
    """The spec of the pod template that is the base of every pod, the controller's own namespace last; empty without
    one."""
    name = inspection.subject.at("plugins", "k8s", "default-pod-template-name")
    spaces = inspection.task_namespaces
    if not isinstance(name, str) or not name:
        return {}
    for space in (*(() if isinstance(spaces, Unread) else spaces), inspection.home):
        found = inspection.cluster.get(f"/api/v1/namespaces/{space}/podtemplates/{name}")
        if isinstance(found, dict):
            spec: Mapping[str, Any] = (found.get("template") or {}).get("spec") or {}
            return spec
    return {}


def _with_template(demand: Demand, spec: Mapping[str, Any]) -> Demand:
    """What a demand comes to when the pods begin with a template."""
    selecting = in_addition(demand.alternatives, selected(spec.get("nodeSelector")))
    required = required_terms(spec.get("affinity") or {})
    alternatives = tuple((*every, *more) for every in selecting for more in required)
    return replace(
        demand, alternatives=alternatives, tolerations=(*demand.tolerations, *(spec.get("tolerations") or ()))
    )


def as_pool(node: Object) -> NodePool:
    """A node as a pool of one, without what passes: a node that is cordoned or just starting is still one."""
    taints = tuple(
        taint
        for taint in (node.get("spec") or {}).get("taints") or ()
        if taint.get("effect") in _KEEPS_AWAY and not str(taint.get("key")).startswith(_PASSING)
    )
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    resources = frozenset(name for name, amount in allocatable.items() if not Quantity.parse(str(amount)).is_zero)
    return NodePool(name_of(node), labels_of(node), taints=taints, resources=resources)


def _offers_devices(nodes: Iterable[NodePool], resource: str) -> bool:
    return bool(resource) and any(resource in (node.resources or ()) for node in nodes)


def _judged(inspection: Inspection, demand: Demand, found: Offer, asked: Asked) -> Result:
    wanted = _wanted(demand)
    everybody = demand.path[-1] in _FOR_ALL
    if found.takers:
        return ok(wanted, listing([one.name for one in found.takers], 3), asked)
    declared = [pool.name for pool in inspection.subject.node_pools if demand.is_met_by(pool.labels)]
    if declared and not found.tainted:
        return ok(wanted, f"no node now; declared in configgen.yaml: {listing(declared)}", asked)
    if found.tainted:
        taints = listing(_shown(taint for one in found.tainted for taint in uncovered(one, demand.tolerations)))
        nodes = listing([one.name for one in found.tainted], 3)
        told = f"only some whose taints nothing tolerates: {nodes}, with {taints}"
        make = error if demand.said or everybody else warning
        return make(wanted, told, f"add a toleration to {_place_of_tolerations(demand)}", asked)
    if found.without_resource:
        nodes = listing([one.name for one in found.without_resource], 3)
        return warning(wanted, f"no node has {demand.resource} to allocate, among them {nodes}", _DECLARE, asked)
    return (error if everybody else warning)(wanted, "no node", _DECLARE, asked)


def _wanted(demand: Demand) -> str:
    alternatives = [" and ".join(_requirement(one) for one in every) for every in demand.alternatives if every]
    selecting = f" with {' or '.join(alternatives)}" if alternatives else ""
    resource = f" that has {demand.resource}" if demand.resource and demand.resource not in demand.pods else ""
    return f"a node for {demand.pods}{selecting}{resource}"


def _requirement(requirement: Mapping[str, Any]) -> str:
    key, values = requirement.get("key"), [str(value) for value in requirement.get("values") or ()]
    match requirement.get("operator"):
        case "In" if len(values) == 1:
            return f"{key}={values[0]}"
        case "Exists":
            return f"the label {key}"
        case operator:
            return f"{key} {operator} {', '.join(values)}".rstrip()


def _place_of_tolerations(demand: Demand) -> str:
    if demand.pods == "the controller":
        return "release.yaml"
    if demand.resource:
        return f"plugins.k8s.resource-tolerations for {demand.resource}"
    key = "interruptible-tolerations" if demand.pods.startswith("interruptible") else "default-tolerations"
    return f"plugins.k8s.{key}"


def _shown(taints: Iterable[Mapping[str, Any]]) -> list[str]:
    """Taints as kubectl writes them, the most frequent first."""
    return [text for text, _ in Counter(_taint(one) for one in taints).most_common()]


def _taint(taint: Mapping[str, Any]) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint.get('key')}{value}:{taint.get('effect')}"


def _tolerations(inspection: Inspection, nodes: list[NodePool]) -> Iterator[Result]:
    """Tolerations that no taint needs are harmless; one that just misses a taint was meant otherwise."""
    taints = [taint for node in nodes for taint in node.taints]
    for path, toleration in _tolerations_of_pods(inspection):
        key = toleration.get("key")
        wanted = f"a taint for the toleration of {_toleration(toleration)}"
        asked = inspection.asked(*path)
        near = [taint for taint in taints if taint.get("key") == key]
        if not key or any(tolerates(toleration, taint) for taint in taints):
            yield ok(wanted, "there are nodes with it" if key else "it tolerates every taint", asked)
        elif near:
            found = f"no node has it; nodes have {listing(_shown(near))}"
            yield warning(wanted, found, "mend value, operator or effect", asked)
        else:
            yield ok(wanted, "no node has it now; the toleration does no harm", asked)


def _tolerations_of_pods(inspection: Inspection) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for step in steps(inspection.subject.tree):
        if type_name(step.kind) == "Toleration" and isinstance(step.value, Mapping):
            yield step.path, step.value


def _toleration(toleration: Mapping[str, Any]) -> str:
    value = "" if toleration.get("operator") == "Exists" else f"={toleration.get('value') or ''}"
    effect = f":{toleration['effect']}" if toleration.get("effect") else ""
    return f"{toleration.get('key') or 'every taint'}{value if toleration.get('key') else ''}{effect}"
