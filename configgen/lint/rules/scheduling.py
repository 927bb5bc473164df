"""Tolerations, selectors and devices: what sends pods to nodes, or nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, Final

from configgen.lint.node_demands import demands
from configgen.lint.subjects import Hit, Subject
from configgen.lint.walking import steps, type_name
from pluginmachinery.config.merging import entries
from pluginmachinery.config.problems import Path

_K8S: Final[Path] = ("plugins", "k8s")
_USUAL_GPU: Final = "nvidia.com/gpu"
_GPU: Final = re.compile(r"(^|[./-])(gpu|mig-[\w.]+)($|[./-])", re.IGNORECASE)
_AWS_LABEL: Final = "k8s.amazonaws.com/"
_OTHER_CLOUD: Final = re.compile(r"cloud\.google\.com/|gcr\.io|googleapis|^gs://|azure|^abfs", re.IGNORECASE)
Toleration = Mapping[str, Any]


def conflicting_tolerations(subject: Subject) -> Iterator[Hit]:
    """Tolerations that contradict themselves or each other, or that Kubernetes refuses."""
    for group in _groups(subject):
        for at, one in group:
            if trouble := _contradiction(one):
                yield Hit(at, trouble[0], trouble[1])
        for (_, first), (at, second) in combinations(group, 2):
            if _covers(first, second) or _covers(second, first):
                same = dict(first) == dict(second)
                message = "the same toleration twice" if same else f"another toleration of {_key(second)} covers it"
                yield Hit(at, message, "keep the one that is meant")


def _contradiction(one: Toleration) -> tuple[str, str] | None:
    operator, effect = one.get("operator") or "Equal", one.get("effect") or ""
    if operator not in ("Exists", "Equal"):
        return f"there is no operator {operator}", "use Exists or Equal"
    if operator == "Exists" and one.get("value"):
        return "Exists with a value: Kubernetes refuses the pod", "drop the value, or use Equal"
    if not one.get("key") and operator != "Exists":
        return "a toleration without a key needs the operator Exists", "add the key"
    if effect not in ("", "NoSchedule", "PreferNoSchedule", "NoExecute"):
        return f"there is no effect {effect}", "use NoSchedule, PreferNoSchedule or NoExecute"
    if one.get("tolerationSeconds") is not None and effect != "NoExecute":
        return "tolerationSeconds counts only with the effect NoExecute", "set effect: NoExecute, or drop it"
    return None


def _covers(wide: Toleration, narrow: Toleration) -> bool:
    if wide.get("key") != narrow.get("key") or wide.get("tolerationSeconds") != narrow.get("tolerationSeconds"):
        return False
    if wide.get("effect") not in (None, "", narrow.get("effect")):
        return False
    return wide.get("operator") == "Exists" or (
        narrow.get("operator") != "Exists" and wide.get("value") == narrow.get("value")
    )


def _key(one: Toleration) -> str:
    return str(one.get("key") or "every taint")


def gpu_toleration(subject: Subject) -> Iterator[Hit]:
    """A toleration for a GPU resource that is not the configured one: no pod ever gets it."""
    names = {str(subject.at(*_K8S, "gpu-resource-name") or _USUAL_GPU)}
    for device in subject.mapping(*_K8S, "accelerator-device-classes").values():
        if isinstance(device, Mapping) and device.get("resource-name"):
            names.add(str(device["resource-name"]))
    for entry in entries(subject.at(*_K8S, "resource-tolerations"), (*_K8S, "resource-tolerations")):
        name = str(entry.key)
        if _GPU.search(name) and name not in names:
            message = f"{name} is not the configured GPU resource ({', '.join(sorted(names))}): no pod matches"
            yield Hit(entry.path, message, f"name {sorted(names)[0]}, or set plugins.k8s.gpu-resource-name")


def gpu_resource(subject: Subject) -> Iterator[Hit]:
    """One GPU resource name for the whole platform, and tasks ask for NVIDIA's."""
    name = subject.at(*_K8S, "gpu-resource-name")
    if isinstance(name, str) and name not in ("", _USUAL_GPU):
        message = f"one name for all: a task's GPU is asked for as {_USUAL_GPU} by flytekit, whatever is set here"
        yield Hit((*_K8S, "gpu-resource-name"), message, "make sure that your nodes offer what tasks ask for")


def gpu_label(subject: Subject) -> Iterator[Hit]:
    """The GPU label of another cloud, which no node here has."""
    said = subject.at(*_K8S, "gpu-device-node-label")
    label = said if isinstance(said, str) and said else f"{_AWS_LABEL}accelerator"
    evidence = next((text for text in _texts(subject.tree) if _OTHER_CLOUD.search(text)), None)
    uses_gpu = said or any(str(one.key).endswith("gpu") for one in subject.entries(*_K8S, "resource-tolerations"))
    if label.startswith(_AWS_LABEL) and evidence and uses_gpu:
        message = f"GPU pods select nodes by {label}, a label of AWS, and this looks like another cloud"
        yield Hit((*_K8S, "gpu-device-node-label"), message, "name the label that your nodes have")


def contrary_selectors(subject: Subject) -> Iterator[Hit]:
    """Node selectors that exclude each other: such pods stay Pending."""
    spot, other = (
        subject.mapping(*_K8S, f"{prefix}interruptible-node-selector-requirement") for prefix in ("", "non-")
    )
    if spot and dict(spot) == dict(other):
        message = "interruptible and other pods select the same nodes"
        yield Hit((*_K8S, "non-interruptible-node-selector-requirement"), message, "use NotIn in one of them")
    general = {str(one.key): one.value for one in subject.entries(*_K8S, "default-node-selector")}
    for entry in subject.entries(*_K8S, "interruptible-node-selector"):
        if entry.key in general and general[entry.key] != entry.value:
            message = f"default-node-selector wants {entry.key}={general[entry.key]}, this {entry.value}"
            yield Hit(entry.path, message, "take the key out of one of them")
    for name, requirement in (("interruptible", spot), ("non-interruptible", other)):
        key, values = requirement.get("key"), requirement.get("values")
        wanted = general.get(str(key))
        if wanted is None or not isinstance(values, list):
            continue
        if (requirement.get("operator") == "In") != (wanted in values):
            path = (*_K8S, f"{name}-node-selector-requirement")
            yield Hit(path, f"no node meets this and default-node-selector ({key}={wanted})", "mend one of them")


def selector_without_nodes(subject: Subject) -> Iterator[Hit]:
    """A selector that no known node pool meets, or a GPU label that none has: such pods stay Pending."""
    if not subject.node_pools:
        return
    known = ", ".join(pool.name for pool in subject.node_pools)
    for demand in demands(subject):
        if demand.said and demand.selects and not any(demand.is_met_by(pool.labels) for pool in subject.node_pools):
            message = f"no node pool meets this; known: {known}"
            yield Hit(demand.path, message, "mend it, or the labels in node-pools")


def requirement_shape(subject: Subject) -> Iterator[Hit]:
    """A node selector requirement whose values do not suit its operator."""
    for step in steps(subject.tree):
        if type_name(step.kind) != "NodeSelectorRequirement" or not isinstance(step.value, Mapping) or not step.value:
            continue
        operator, values = step.value.get("operator"), step.value.get("values") or []
        if operator in ("In", "NotIn") and not values:
            yield Hit(step.path, f"{operator} needs values", "add values: […]")
        elif operator in ("Exists", "DoesNotExist") and values:
            yield Hit(step.path, f"{operator} takes no values", "drop the values")
        elif operator not in ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"):
            yield Hit(step.path, f"there is no operator {operator!r}", "use In, NotIn, Exists or DoesNotExist")


def _groups(subject: Subject) -> Iterator[list[tuple[Path, Toleration]]]:
    """Tolerations that one pod gets from one key."""
    groups: dict[Path, list[tuple[Path, Toleration]]] = {}
    for step in steps(subject.tree):
        if type_name(step.kind) == "Toleration" and isinstance(step.value, Mapping):
            index = step.path and isinstance(step.path[-1], int)
            groups.setdefault(step.path[:-1] if index else step.path, []).append((step.path, step.value))
    yield from groups.values()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield str(key)
            yield from _texts(member)
    elif isinstance(value, list):
        for element in value:
            yield from _texts(element)
    elif isinstance(value, str):
        yield value
