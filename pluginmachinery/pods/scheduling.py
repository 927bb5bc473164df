"""Stage *scheduling*: on which nodes a pod may run – tolerations, node selectors, affinity.

*Interruptible* tasks agree to run on nodes that can be taken away; the platform steers them there, and the others away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pluginmachinery.config.k8s import K8sPluginConfig
from pluginmachinery.core.tasks import JSON
from pluginmachinery.pods.merging import copied

_NODE_AFFINITY = "nodeAffinity"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def tolerations(config: K8sPluginConfig, resources: Iterable[JSON], *, interruptible: bool) -> list[dict[str, Any]]:
    """Those for the resources that containers ask for, then those for interruptible pods, then those for all."""
    found: list[dict[str, Any]] = []
    if config.resource_tolerations:
        asked: set[str] = set()
        for requirements in resources:
            asked.update(requirements.get("limits") or (), requirements.get("requests") or ())
        # The reference goes through them in no order at all; by name is one that stays.
        for name in sorted(asked & config.resource_tolerations.keys()):
            found.extend(config.resource_tolerations[name])
    if interruptible:
        found.extend(config.interruptible_tolerations)
    found.extend(config.default_tolerations)
    return [copied(toleration) for toleration in found]


def node_selector(config: K8sPluginConfig, own: Mapping[str, str], *, interruptible: bool) -> dict[str, str]:
    """The pod's own entries win over the default, those for interruptible pods over both."""
    extra = config.interruptible_node_selector if interruptible else {}
    return {**config.default_node_selector, **own, **extra}


def interruptible_affinity(config: K8sPluginConfig, affinity: JSON | None, *, interruptible: bool) -> dict[str, Any]:
    """An affinity with the platform's requirement for interruptible pods, or for all others; empty if there is none."""
    requirement = (
        config.interruptible_node_selector_requirement
        if interruptible
        else config.non_interruptible_node_selector_requirement
    )
    if requirement is None:
        return dict(affinity or {})
    return with_required(affinity or {}, requirement)


def with_required(affinity: JSON, *requirements: JSON) -> dict[str, Any]:
    """An affinity in which a node has to meet these requirements as well, whichever of its terms it meets."""
    node_affinity = affinity.get(_NODE_AFFINITY) or {}
    selector = node_affinity.get(_REQUIRED) or {}
    terms: Sequence[JSON] = selector.get("nodeSelectorTerms") or ({},)
    terms = [
        {**term, "matchExpressions": [*(term.get("matchExpressions") or ()), *map(copied, requirements)]}
        for term in terms
    ]
    required = {**selector, "nodeSelectorTerms": terms}
    return {**affinity, _NODE_AFFINITY: {**node_affinity, _REQUIRED: required}}


def with_extended_resource_tolerations(spec: Mapping[str, Any], config: K8sPluginConfig) -> dict[str, Any]:
    """A pod spec that tolerates the taint ``<resource>:NoSchedule`` of each configured resource that it requests.

    The reference's ``AddTolerationsForExtendedResources``: for pods inside operator objects, never for plain pods.
    """
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    requested = {name for each in containers for name in (each.get("resources") or {}).get("requests") or ()}
    found = list(spec.get("tolerations") or ())
    for name in sorted(requested.intersection(config.add_tolerations_for_extended_resources)):
        toleration = {"key": name, "operator": "Exists", "effect": "NoSchedule"}
        if not any(_is_same(toleration, other) for other in found):
            found.append(toleration)
    return {**spec, "tolerations": found} if found else dict(spec)


def _is_same(toleration: JSON, other: JSON) -> bool:
    return all((toleration.get(key) or "") == (other.get(key) or "") for key in ("key", "operator", "value", "effect"))
