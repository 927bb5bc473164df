"""Stage *resources*: how much of what a container asks for (*requests*) and may use (*limits*).

Four parties have a say: the execution's overrides, the container itself, the pod template, and the platform with its
defaults and ceilings. What is first said for a resource counts. CPU and memory always end up with both a request and a
limit; GPUs and ephemeral storage do if somebody mentions them. These four are cut to the platform's limits, any other
resource passes as it is.

Amounts travel as texts in the form of Kubernetes' ResourceRequirements. A zero counts as not set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pluginmachinery.config.k8s import K8sPluginConfig
from pluginmachinery.config.quantities import Quantity
from pluginmachinery.core.errors import bad_task
from pluginmachinery.core.tasks import JSON, TaskContext
from pluginmachinery.pods.structs import decode

if TYPE_CHECKING:
    from flyteidl.core.tasks_pb2 import Resources

CPU = "cpu"
MEMORY = "memory"
EPHEMERAL_STORAGE = "ephemeral-storage"
STORAGE = "storage"
NVIDIA_GPU = "nvidia.com/gpu"
"""What a task's own GPU entry becomes, whatever the platform calls its GPUs."""
_GPU = "gpu"

# flyteidl.core.Resources.ResourceName
_TASK_RESOURCES = {1: CPU, 2: NVIDIA_GPU, 3: MEMORY, 5: EPHEMERAL_STORAGE}
_ZERO = Quantity()
_NONE: Mapping[str, str] = {}


def of_task(resources: Resources, field: str) -> dict[str, dict[str, str]]:
    """A task's resources in the form of Kubernetes; zeros, and resources that Kubernetes does not know, are dropped.

    Raises PluginError ``BadTaskSpecification`` for an amount that is none.
    """
    return {
        "limits": _of_entries(resources.limits, f"{field}.limits"),
        "requests": _of_entries(resources.requests, f"{field}.requests"),
    }


def _of_entries(entries: Iterable[Resources.ResourceEntry], field: str) -> dict[str, str]:
    amounts = {}
    for index, entry in enumerate(entries):
        quantity = parse_quantity(entry.value, f"{field}[{index}]")
        name = _TASK_RESOURCES.get(entry.name)
        if name is not None and not quantity.is_zero:
            amounts[name] = str(quantity)
    return amounts


def parse_quantity(text: str, field: str) -> Quantity:
    """An amount that a user gave. Raises PluginError ``BadTaskSpecification``."""
    try:
        return Quantity.parse(text)
    except ValueError as error:
        raise bad_task(str(error), field=field) from error


def read(resources: JSON | None, field: str) -> JSON:
    """ResourceRequirements as somebody wrote them, checked and in canonical form; None is none."""
    if not resources:
        return {}
    requirements: JSON = decode("ResourceRequirements", resources, field)
    return requirements


def overlaid(base: JSON, overlay: JSON) -> dict[str, Any]:
    """Both together, where the overlay's amounts win."""
    return {
        **base,
        "limits": {**base.get("limits", _NONE), **overlay.get("limits", _NONE)},
        "requests": {**base.get("requests", _NONE), **overlay.get("requests", _NONE)},
    }


def filled_up(base: JSON, more: JSON) -> dict[str, Any]:
    """Both together, where the base's amounts win."""
    return {
        **base,
        "limits": {**more.get("limits", _NONE), **base.get("limits", _NONE)},
        "requests": {**more.get("requests", _NONE), **base.get("requests", _NONE)},
    }


def with_platform_gpu(resources: JSON, config: K8sPluginConfig) -> JSON:
    """``gpu`` under the name that the platform's GPUs have."""
    if _GPU not in resources.get("limits", _NONE) and _GPU not in resources.get("requests", _NONE):
        return resources
    renamed = dict(resources)
    for side in ("limits", "requests"):
        amounts = dict(renamed.get(side, _NONE))
        if _GPU in amounts:
            amounts[config.gpu_resource_name] = amounts.pop(_GPU)
        renamed[side] = amounts
    return renamed


def adjusted(
    resources: JSON, platform: JSON, config: K8sPluginConfig, *, assign_missing: bool = True
) -> dict[str, Any]:
    """Cut to the platform's limits, and – with ``assign_missing`` – filled up.

    A missing request is the limit, else the platform's default; a missing limit is the request. Without
    ``assign_missing`` what is missing becomes zero, as the reference does it for side containers.
    """
    requests = dict(resources.get("requests", _NONE))
    limits = dict(resources.get("limits", _NONE))
    ceilings = platform.get("limits", _NONE)
    defaults = platform.get("requests", _NONE)
    last_resort = {CPU: config.default_cpus, MEMORY: config.default_memory}
    for name in (CPU, MEMORY, EPHEMERAL_STORAGE, config.gpu_resource_name):
        if name not in last_resort and name not in requests and name not in limits:
            continue
        request, limit = _amount(requests, name), _amount(limits, name)
        if assign_missing:
            default = _amount(defaults, name) if name in defaults else last_resort.get(name, _ZERO)
            request = request or limit or default
            limit = limit or request
        ceiling = _amount(ceilings, name)
        limit = _at_most(limit, ceiling)
        request = _at_most(_at_most(request, ceiling), limit)
        requests[name], limits[name] = str(request), str(limit)
    return {**resources, "limits": limits, "requests": requests}


def adjusted_for(task: TaskContext, resources: JSON) -> dict[str, Any]:
    """What :func:`adjusted` makes of resources that belong to no container of the pod, such as a cluster's workers."""
    platform = read(task.metadata.platform_resources, "platformResources")
    return adjusted(resources, platform, task.config.plugins.k8s)


def _amount(amounts: Mapping[str, str], name: str) -> Quantity:
    text = amounts.get(name)
    return _ZERO if text is None else Quantity.parse(text)


def _at_most(amount: Quantity, ceiling: Quantity) -> Quantity:
    """Zeros mean "nothing said": neither cut nor cutting."""
    return ceiling if amount.nanos and ceiling.nanos and ceiling.nanos < amount.nanos else amount
