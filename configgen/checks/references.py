"""References: names of objects that must be in the cluster for a pod to start.

Most are found by type, wherever in the configuration or the release they stand – a PodSpec names its service account
and its priority class, an ``envFrom`` a Secret. Some keys of Flyte's sections are names by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from configgen.importers.texts import is_template
from configgen.layers.nodes import Path
from configgen.lint.subjects import Subject
from configgen.lint.walking import Step, steps, steps_of_kubernetes, type_name
from configgen.release.values import ReleaseValues


@dataclass(frozen=True, slots=True)
class Reference:
    """An object by its plural and name. ``optional``: pods start without it. ``home``: it is the controller's own, to
    be looked for in its namespace, not in those of tasks; its path is then one in the release."""

    plural: str
    name: str
    path: Path
    optional: bool = False
    home: bool = False


_BY_TYPE: Final = {
    "LocalObjectReference": ("secrets", "name"),
    "SecretVolumeSource": ("secrets", "secretName"),
    "SecretProjection": ("secrets", "name"),
    "SecretEnvSource": ("secrets", "name"),
    "SecretKeySelector": ("secrets", "name"),
    "ConfigMapVolumeSource": ("configmaps", "name"),
    "ConfigMapProjection": ("configmaps", "name"),
    "ConfigMapEnvSource": ("configmaps", "name"),
    "ConfigMapKeySelector": ("configmaps", "name"),
    "PersistentVolumeClaimVolumeSource": ("persistentvolumeclaims", "claimName"),
}
"""Type of the library's description → what it refers to, by which field."""
_OF_PODS: Final = {
    "serviceAccountName": "serviceaccounts",
    "priorityClassName": "priorityclasses",
    "runtimeClassName": "runtimeclasses",
    "schedulerName": "schedulers",
}
_KEYS: Final = (
    ("default-env-from-configmaps", "configmaps", True),
    ("default-env-from-secrets", "secrets", True),
    ("scheduler-name", "schedulers", False),
    ("default-pod-template-name", "podtemplates", False),
)
"""Keys of ``plugins.k8s`` that are names: what of, and whether pods start without."""


def of_configuration(subject: Subject) -> Iterator[Reference]:
    """What the configuration names, scopes included."""
    yield from _typed(steps(subject.tree))
    scopes = [(*path, "k8s") for path, _ in subject.elements("plugin-manager", "scopes")]
    for base in [("plugins", "k8s"), *scopes]:
        for key, plural, optional in _KEYS:
            yield from _named(subject.at(*base, key), plural, (*base, key), optional=optional)
        path = (*base, "co-pilot", "storage-config-secret-name")
        yield from _named(subject.at(*path), "secrets", path)


def of_release(values: Mapping[str, Any]) -> Iterator[Reference]:
    """What the controller's own pods name."""
    for one in _typed(steps(values, ReleaseValues)):
        yield Reference(one.plural, one.name, one.path, one.optional, home=True)
    if name := str(values.get("priorityClassName") or ""):
        yield Reference("priorityclasses", name, ("priorityClassName",), home=True)


def of_template(template: Mapping[str, Any]) -> Iterator[Reference]:
    """What a PodTemplate of the cluster names; paths are those in it."""
    yield from _typed(steps_of_kubernetes("PodTemplateSpec", template))


def _typed(found: Iterable[Step]) -> Iterator[Reference]:
    for step in found:
        if not isinstance(step.value, Mapping):
            continue
        name = type_name(step.kind)
        if name == "PodSpec":
            for key, plural in _OF_PODS.items():
                yield from _named(step.value.get(key), plural, (*step.path, key))
        elif name in _BY_TYPE:
            plural, key = _BY_TYPE[name]
            yield from _named(step.value.get(key), plural, (*step.path, key), optional=bool(step.value.get("optional")))


def _named(value: Any, plural: str, path: Path, *, optional: bool = False) -> Iterator[Reference]:
    if isinstance(value, list):
        for index, one in enumerate(value):
            yield from _named(one, plural, (*path, index), optional=optional)
    elif isinstance(value, str) and value and not is_template(value):
        yield Reference(plural, value, path, optional)
