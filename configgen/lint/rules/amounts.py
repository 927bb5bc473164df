"""Amounts: defaults, limits and requests that do not go together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from configgen.importers.chart_defaults import chart_defaults
from configgen.importers.forms import Form
from configgen.importers.texts import is_template
from configgen.lint.subjects import Hit, Subject
from configgen.lint.walking import steps, type_name
from configgen.trees import mapping
from pluginmachinery.config import Configuration, kinds
from pluginmachinery.config.problems import Path
from pluginmachinery.config.quantities import Quantity

_RESOURCES: Final = ("cpu", "memory", "gpu", "ephemeralStorage", "storage")
_SUFFIX: Final = re.compile(r"[0-9.]+(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)$")
_K8S: Final[Path] = ("plugins", "k8s")
_HOMES: Final[Mapping[Form, Path]] = {
    Form.FLYTE_CORE: ("configmap", "task_resource_defaults"),
    Form.FLYTE_BINARY: ("configuration", "inline"),
}
"""Where in a chart's values task_resources hangs."""


def default_above_limit(subject: Subject) -> Iterator[Hit]:
    """A platform default larger than the platform's own limit."""
    for resource in _RESOURCES:
        default, limit = (_platform(subject, part, resource) for part in ("defaults", "limits"))
        said = subject.at("task_resources", "defaults", resource), subject.at("task_resources", "limits", resource)
        if default and limit and limit < default and said != (None, None):
            part = "defaults" if said[0] is not None else "limits"
            whose = "" if said[1] is not None else " that holds where none is written"
            message = f"the default of {default} is above the limit of {limit}{whose}; tasks get the limit"
            yield Hit(("task_resources", part, resource), message, "raise the limit or lower the default")


def request_above_limit(subject: Subject) -> Iterator[Hit]:
    """A request larger than the limit that bounds it."""
    for key, resource in (("default-cpus", "cpu"), ("default-memory", "memory")):
        request, limit = _amount(subject.at(*_K8S, key)), _platform(subject, "limits", resource)
        if request and limit and limit < request:
            message = f"containers request {request}, the platform's limit is {limit}"
            yield Hit((*_K8S, key), message, "lower it, or raise task_resources.limits")
    for path, resources in _requirements(subject):
        requests, limits = mapping(resources.get("requests")), mapping(resources.get("limits"))
        for name, written in requests.items():
            request, limit = _amount(written), _amount(limits.get(name))
            if request and limit is not None and limit < request:
                message = f"the request of {request} {name} is above the limit of {limit}"
                yield Hit((*path, "requests", name), message, "Kubernetes refuses such a pod: raise the limit")
    yield from _release_requests(subject)


def _release_requests(subject: Subject) -> Iterator[Hit]:
    resources = subject.value("resources") if subject.is_source else None
    limits = mapping(mapping(resources).get("limits"))
    for name, written in mapping(mapping(resources).get("requests")).items():
        request, limit = _amount(written), _amount(limits.get(name))
        if request and limit and limit < request:
            path = ("resources", "requests", name)
            message = f"the controller requests {request} {name}, its limit is {limit}"
            yield Hit(path, message, "raise the limit", subject.locate_value(path))


def partial_limits(subject: Subject) -> Iterator[Hit]:
    """Limits in chart values that leave some out: the chart's own hold for those after Helm's merge."""
    limits = subject.mapping("task_resources", "limits")
    missing = [name for name in ("cpu", "memory", "gpu") if name not in limits]
    # Without a gpu limit alone people mean the chart's.
    if subject.is_values and limits and missing not in ([], ["gpu"]):
        message = f"the chart's own limits still hold for {', '.join(missing)}"
        yield Hit(("task_resources", "limits"), message, "name all limits that are to hold")


def zero_limit(subject: Subject) -> Iterator[Hit]:
    """A limit of 0, which is no limit."""
    for resource, written in subject.mapping("task_resources", "limits").items():
        amount = _amount(written)
        if amount is not None and amount.is_zero:
            yield Hit(("task_resources", "limits", resource), "0 means no limit", "write a limit if one is meant")


def mixed_units(subject: Subject) -> Iterator[Hit]:
    """Powers of 1000 beside powers of 1024 for the same resource."""
    seen: dict[str, tuple[str, Path]] = {}
    for part in ("defaults", "limits"):
        for resource, written in subject.mapping("task_resources", part).items():
            match = _SUFFIX.search(str(written)) if resource != "cpu" else None
            if not match:
                continue
            path: Path = ("task_resources", part, resource)
            other, _ = seen.setdefault(str(resource), (match[1], path))
            if other.endswith("i") != match[1].endswith("i"):
                message = f"{match[1]} here and {other} for the same resource: one counts by 1000, the other by 1024"
                yield Hit(path, message, f"write {match[1].rstrip('i')}i in both places")


def differing_defaults(subject: Subject) -> Iterator[Hit]:
    """Small defaults that people know from the chart, and the code's large ones where nothing is said."""
    for key, chart, code in (("default-cpus", "100m", "1000m"), ("default-memory", "100Mi", "1024Mi")):
        if subject.is_source and subject.at(*_K8S, key) is None:
            message = f"nobody says {key}: Flyte's code takes {code}, its chart {chart}"
            yield Hit((*_K8S, key), message, "say it")


def _platform(subject: Subject, part: str, resource: str) -> Quantity | None:
    """What holds: as written, or the default of the chart, or of the code. 0 is none."""
    written = subject.at("task_resources", part, resource)
    if written is None and subject.form is Form.FLYTE_2:
        return None
    if written is None:
        written = _of_chart(subject.form, part, resource)
    if written is not None:
        amount = _amount(written)
        return None if amount is None or amount.is_zero else amount
    built_in = Configuration().task_resources.model_dump(by_alias=True)[part][resource]
    return built_in if isinstance(built_in, Quantity) and not built_in.is_zero else None


def _of_chart(form: Form | None, part: str, resource: str) -> Any:
    """What the chart says where its values say nothing; Helm merges these mappings key by key."""
    home = _HOMES.get(form) if form else None
    said: Any = chart_defaults(form).tree if form and home else {}
    for step in (*(home or ()), "task_resources", part, resource):
        said = said.get(step) if isinstance(said, Mapping) else None
    return said


def _amount(written: Any) -> Quantity | None:
    if isinstance(written, bool) or not isinstance(written, str | int | float) or is_template(written):
        return None
    try:
        return Quantity.parse(written)
    except ValueError:
        return None


def _requirements(subject: Subject) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for step in steps(subject.tree):
        if type_name(step.kind) == "ResourceRequirements" and isinstance(step.value, Mapping):
            yield step.path, step.value


def unitless_duration(subject: Subject) -> Iterator[Hit]:
    """A bare number for a time span: Flyte takes it for nanoseconds."""
    for step in steps(subject.tree):
        number = isinstance(step.value, int | float) and not isinstance(step.value, bool)
        if isinstance(step.kind, kinds.DurationKind) and number and step.value:
            yield Hit(step.path, f"{step.value} without a unit is nanoseconds", f'write "{step.value}s" for seconds')
