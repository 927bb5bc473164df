"""What a configuration demands of nodes, and which nodes can give it.

A *demand* is one sort of pods: what they select nodes by, what they tolerate, which resource they ask for, and the key
that says so. The judgement is the same whether the nodes are the node pools of a source, of which labels are known, or
the nodes of a live cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from configgen.lint.node_pools import NodePool, meets, tolerates
from configgen.lint.subjects import Subject
from configgen.trees import mapping
from pluginmachinery.config.merging import entries
from pluginmachinery.config.problems import Path

Requirement = Mapping[str, Any]
Toleration = Mapping[str, Any]
_K8S: Final[Path] = ("plugins", "k8s")
_USUAL_GPU: Final = "nvidia.com/gpu"
_AWS_LABEL: Final = "k8s.amazonaws.com/accelerator"


@dataclass(frozen=True, slots=True)
class Demand:
    """``alternatives``: a node has to meet all requirements of one of them. ``said``: by the configuration itself, not
    by the defaults of the code. ``pods``: which ones, for people."""

    path: Path
    pods: str
    alternatives: tuple[tuple[Requirement, ...], ...]
    tolerations: tuple[Toleration, ...] = ()
    resource: str = ""
    said: bool = True
    selects: bool = True
    """By labels, so that pools of which nothing but labels is known can be judged."""

    def is_met_by(self, labels: Mapping[str, str]) -> bool:
        return any(all(meets(one, labels) for one in every) for every in self.alternatives)


@dataclass(frozen=True, slots=True)
class Offer:
    """What nodes make of a demand: those that take the pods, and what keeps the others from it, the nearest miss
    first: ``tainted`` have labels and resource, ``without_resource`` the labels alone."""

    takers: tuple[NodePool, ...]
    tainted: tuple[NodePool, ...]
    without_resource: tuple[NodePool, ...]


def offer(demand: Demand, pools: Iterable[NodePool]) -> Offer:
    """Which of these nodes take the pods of a demand."""
    takers: list[NodePool] = []
    tainted: list[NodePool] = []
    without: list[NodePool] = []
    for pool in pools:
        if not demand.is_met_by(pool.labels):
            continue
        if demand.resource and pool.resources is not None and demand.resource not in pool.resources:
            without.append(pool)
        elif uncovered(pool, demand.tolerations):
            tainted.append(pool)
        else:
            takers.append(pool)
    return Offer(tuple(takers), tuple(tainted), tuple(without))


def uncovered(pool: NodePool, tolerations: Iterable[Toleration]) -> list[Mapping[str, Any]]:
    """Taints that no toleration covers."""
    given = list(tolerations)
    return [taint for taint in pool.taints if not any(tolerates(one, taint) for one in given)]


def demands(subject: Subject) -> Iterator[Demand]:
    """All demands of a configuration: the general ones, then those of scopes that say something about nodes."""
    yield from _Section(subject, _K8S).demands()
    for path, scope in subject.elements("plugin-manager", "scopes"):
        if isinstance(scope, Mapping) and isinstance(scope.get("k8s"), Mapping):
            found = _Section(subject, (*path, "k8s")).demands()
            yield from (demand for demand in found if demand.said)


class _Section:
    """``plugins.k8s``, or the same keys in a scope, each in place of the general one."""

    def __init__(self, subject: Subject, base: Path) -> None:
        self._subject = subject
        self._base = base

    def demands(self) -> Iterator[Demand]:
        general, plain = self._alternatives(), self._tolerations("default-tolerations")
        requirement = self._value("non-interruptible-node-selector-requirement")
        usual = in_addition(general, [requirement]) if isinstance(requirement, Mapping) and requirement else general
        scoped = self._base != _K8S
        selecting = [key for key in ("default-node-selector", "default-affinity") if self._says(key)]
        for key in selecting:
            yield Demand((*self._base, key), "every pod", general, plain)
        key = "non-interruptible-node-selector-requirement"
        if self._says(key):
            yield Demand((*self._base, key), "pods that are not interruptible", usual, plain)
            selecting.append(key)
        if not scoped and not selecting:
            said = self._says("default-tolerations")
            yield Demand((*self._base, "default-tolerations"), "every pod", usual, plain, said=said, selects=False)
        yield from self._interruptible(general, plain)
        yield from self._gpus(usual, plain)
        yield from self._resources(usual, plain)
        yield from self._device_classes(usual, plain)

    def _interruptible(self, general: _Alternatives, plain: tuple[Toleration, ...]) -> Iterator[Demand]:
        tolerations = (*plain, *self._tolerations("interruptible-tolerations"))
        for key in ("interruptible-node-selector", "interruptible-node-selector-requirement"):
            if self._says(key):
                value = self._value(key)
                wanted = selected(value) if key.endswith("selector") else [value] if value else []
                if wanted:
                    alternatives = in_addition(general, wanted)
                    yield Demand((*self._base, key), "interruptible pods", alternatives, tolerations)

    def _gpus(self, usual: _Alternatives, plain: tuple[Toleration, ...]) -> Iterator[Demand]:
        resource = str(self._value("gpu-resource-name") or _USUAL_GPU)
        tolerations = (*plain, *self._for_resource(resource))
        path = (*self._base, "gpu-resource-name")
        if not self._says("gpu-resource-name"):
            given = entries(self._own("resource-tolerations"), (*self._base, "resource-tolerations"))
            path = next((entry.path for entry in given if str(entry.key) == resource), path)
        said = self._says("gpu-resource-name") or path[-1] != "gpu-resource-name"
        if said or self._base == _K8S:
            yield Demand(path, f"pods that ask for {resource}", usual, tolerations, resource, said=said, selects=False)
        key = "gpu-device-node-label"
        label = str(self._value(key) or _AWS_LABEL)
        if self._says(key) or self._base == _K8S:
            # Such pods tolerate the label's own taint.
            own = {"key": label, "operator": "Exists", "effect": "NoSchedule"}
            alternatives = in_addition(usual, [{"key": label, "operator": "Exists"}])
            pods = "pods that ask for a kind of GPU"
            found = (*tolerations, own)
            yield Demand((*self._base, key), pods, alternatives, found, resource, said=self._says(key))
        key = "gpu-partition-size-node-label"
        if self._says(key) and (label := str(self._value(key) or "")):
            own = {"key": label, "operator": "Exists", "effect": "NoSchedule"}
            alternatives = in_addition(usual, [{"key": label, "operator": "Exists"}])
            found = (*tolerations, own)
            yield Demand((*self._base, key), "pods that ask for a partition of a GPU", alternatives, found, resource)

    def _resources(self, usual: _Alternatives, plain: tuple[Toleration, ...]) -> Iterator[Demand]:
        """Tolerations for a resource tell that some nodes have it."""
        gpu = str(self._value("gpu-resource-name") or _USUAL_GPU)
        path = (*self._base, "resource-tolerations")
        for entry in entries(self._own("resource-tolerations"), path):
            name = str(entry.key)
            if name == gpu or "/" not in name:
                continue  # it has a demand of its own; CPU and memory are on every node
            tolerations = (*plain, *self._for_resource(name))
            yield Demand(entry.path, f"pods that ask for {name}", usual, tolerations, name, selects=False)

    def _device_classes(self, usual: _Alternatives, plain: tuple[Toleration, ...]) -> Iterator[Demand]:
        path = (*self._base, "accelerator-device-classes")
        for entry in entries(self._own("accelerator-device-classes"), path):
            if not isinstance(entry.value, Mapping):
                continue
            resource = str(entry.value.get("resource-name") or "")
            tolerations = (*plain, *self._for_resource(resource))
            for key in ("device-node-label", "partition-size-node-label"):
                if label := str(entry.value.get(key) or ""):
                    own = {"key": label, "operator": "Exists", "effect": "NoSchedule"}
                    alternatives = in_addition(usual, [{"key": label, "operator": "Exists"}])
                    pods = f"pods that ask for {entry.key}"
                    yield Demand((*entry.path, key), pods, alternatives, (*tolerations, own), resource)

    def _alternatives(self) -> _Alternatives:
        terms = required_terms(mapping(self._value("default-affinity")))
        return in_addition(terms, selected(self._value("default-node-selector")))

    def _tolerations(self, key: str) -> tuple[Toleration, ...]:
        return _listed(self._value(key))

    def _for_resource(self, resource: str) -> tuple[Toleration, ...]:
        value = self._value("resource-tolerations")
        return tuple(one for entry in entries(value, ()) if str(entry.key) == resource for one in _listed(entry.value))

    def _says(self, key: str) -> bool:
        return bool(self._own(key))

    def _own(self, key: str) -> Any:
        return self._subject.at(*self._base, key)

    def _value(self, key: str) -> Any:
        own = self._own(key)
        return own if own is not None else self._subject.at(*_K8S, key)


_Alternatives = tuple[tuple[Requirement, ...], ...]


def required_terms(affinity: Mapping[str, Any]) -> _Alternatives:
    """What a pod's affinity requires of nodes: one alternative for each term; one without requirements if nothing."""
    node = affinity.get("nodeAffinity") or {}
    terms = (node.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or ()
    return tuple(tuple(term.get("matchExpressions") or ()) for term in terms if isinstance(term, Mapping)) or ((),)


def in_addition(alternatives: _Alternatives, wanted: Iterable[Requirement]) -> _Alternatives:
    """Alternatives that all have some requirements more."""
    more = tuple(wanted)
    return tuple((*every, *more) for every in alternatives)


def selected(value: Any) -> list[Requirement]:
    """The requirements of a node selector, in either form of a map."""
    return [{"key": one.key, "operator": "In", "values": [one.value]} for one in entries(value, ())]


def _listed(value: Any) -> tuple[Toleration, ...]:
    if isinstance(value, Mapping):
        return (value,)
    return tuple(one for one in value if isinstance(one, Mapping)) if isinstance(value, list | tuple) else ()
