"""What a value at a path is, as far as merging must know: a map with free keys, a list of named things, a set, a plain
list.

Derived from the configuration's own models, so a field that is added there merges rightly without a word here. What the
models do not know (sections of Flyte that are not ours) is :data:`ANY`: mappings merge, lists replace.

Flyte takes a map with free keys in two forms, as a mapping and as a list of one-key mappings; layers may use either.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pluginmachinery.config.sections import Kubernetes

Identity = Callable[[Any], str]
"""From a plain element of a list to the text it is recognised by; shown to people in messages."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How to merge a value.

    ``free``: a map whose keys are data (its list form is understood). ``listed``: a list, for which a single element
    may stand. ``identity``: elements of the list are recognised by it; without, the list is plain. ``whole``: an
    element that is named again replaces the earlier one instead of being merged into it, because its members exclude
    each other. ``member`` is the kind of a free map's values and of a list's elements, ``fields`` that of known keys.
    """

    free: bool = False
    listed: bool = False
    identity: Identity | None = None
    whole: bool = False
    member: Kind | None = None
    fields: Mapping[str, Kind] = field(default_factory=dict)

    def at(self, key: str) -> Kind:
        """The kind of the value under ``key`` of a mapping of this kind."""
        if self.free:
            return self.member or ANY
        return self.fields.get(key, ANY)

    @property
    def element(self) -> Kind:
        return self.member or ANY


ANY: Final = Kind()


def by_fields(*names: str, **defaults: str) -> Identity:
    """Identity by the values of these members; an absent one counts as its default."""

    def identity(element: Any) -> str:
        if not isinstance(element, Mapping):
            return by_value(element)
        values = [str(element.get(name) or defaults.get(name, "")) for name in names]
        return " ".join(value for value in values if value) or by_value(element)

    return identity


def by_value(element: Any) -> str:
    """Identity of things without a name: they are the same if they are equal."""
    return element if isinstance(element, str) else json.dumps(element, sort_keys=True, default=str)


def plugin_id(element: Any) -> str:
    """Plugin IDs are compared without regard to case and surrounding blanks."""
    return str(element).strip().lower()


_TOLERATION: Final = by_fields("key", "operator", "value", "effect", operator="Equal")
_NAME: Final = by_fields("name")

_PLUGIN_IDS: Final = Kind(listed=True, identity=plugin_id)
_PLAIN_LIST: Final = Kind(listed=True)

_NAMED_ELEMENTS: Final[Mapping[str, Identity]] = {
    "SparkFeature": _NAME,
    "TemplateLogPlugin": by_fields("name", "displayName"),
    "AzureLogsTemplatePlugin": by_fields("name", "displayName"),
    "ScopeConfig": by_fields("project", "domain"),
}
"""Models whose lists are lists of named things."""

_ID_LISTS: Final = ("enabled-plugins", "plugins")
"""Fields that hold plugin IDs: sets."""

_CONTAINER: Final = Kind(
    fields={
        "env": Kind(listed=True, identity=_NAME, whole=True),
        "volumeMounts": Kind(listed=True, identity=by_fields("mountPath"), whole=True),
    }
)
_TOLERATIONS: Final = Kind(listed=True, identity=_TOLERATION, whole=True)
_CONTAINERS: Final = Kind(listed=True, identity=_NAME, member=_CONTAINER)
_POD_SPEC: Final = Kind(
    fields={
        "tolerations": _TOLERATIONS,
        "containers": _CONTAINERS,
        "initContainers": _CONTAINERS,
        "imagePullSecrets": Kind(listed=True, identity=_NAME, whole=True),
        "volumes": Kind(listed=True, identity=_NAME, whole=True),
    }
)
_KUBERNETES: Final[Mapping[str, Kind]] = {
    "Container": _CONTAINER,
    "PodSpec": _POD_SPEC,
    "PodTemplate": Kind(fields={"template": Kind(fields={"spec": _POD_SPEC})}),
    "PodDNSConfig": Kind(fields={"options": Kind(listed=True, identity=_NAME, whole=True)}),
}
"""Kubernetes structures with lists of named things inside."""

_KUBERNETES_LISTS: Final[Mapping[str, Identity]] = {
    "Toleration": _TOLERATION,
    "EnvVar": _NAME,
    "Volume": _NAME,
    "VolumeMount": by_fields("mountPath"),
    "LocalObjectReference": _NAME,
    "TopologySpreadConstraint": by_fields("topologyKey", "whenUnsatisfiable"),
}
"""Kubernetes structures whose lists are lists of named things."""


@cache
def configuration_kind() -> Kind:
    """The kind of a whole Flyte configuration document."""
    from pluginmachinery.config import Configuration
    from pluginmachinery.config.storage import StorageConfig

    root = model_kind(Configuration)
    return Kind(fields={**root.fields, "storage": model_kind(StorageConfig)})


@cache
def model_kind(model: type[BaseModel]) -> Kind:
    """The kind of a section, from its model's annotations."""
    fields = {_key(name, info): _field_kind(name, info) for name, info in model.model_fields.items()}
    if model.__name__ == "ScopeConfig":
        from pluginmachinery.config.k8s import K8sPluginConfig

        fields["k8s"] = model_kind(K8sPluginConfig)
    return Kind(fields=fields)


def _key(name: str, info: FieldInfo) -> str:
    return info.alias or name


def _field_kind(name: str, info: FieldInfo) -> Kind:
    kind = _kind(info.annotation, tuple(info.metadata))
    return _PLUGIN_IDS if kind.listed and _key(name, info) in _ID_LISTS else kind


def _kind(annotation: Any, metadata: tuple[Any, ...]) -> Kind:
    for mark in metadata:
        if isinstance(mark, Kubernetes):
            return _KUBERNETES.get(mark.type_name, ANY)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(arguments[0], tuple(arguments[1:]))
    if origin in (Union, UnionType):
        known = [argument for argument in arguments if argument is not NoneType]
        return _kind(known[0], ()) if len(known) == 1 else ANY
    if origin is tuple:
        return _list_kind(arguments[0])
    if origin is dict and arguments[1] is not Any:
        return Kind(free=True, member=_kind(arguments[1], ()))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return model_kind(annotation)
    return ANY


def _list_kind(element: Any) -> Kind:
    arguments = get_args(element) if get_origin(element) is Annotated else ()
    for mark in arguments:
        if isinstance(mark, Kubernetes) and mark.type_name in _KUBERNETES_LISTS:
            return Kind(listed=True, identity=_KUBERNETES_LISTS[mark.type_name], whole=True)
    member = _kind(element, ())
    if isinstance(element, type) and (identity := _NAMED_ELEMENTS.get(element.__name__)):
        return Kind(listed=True, identity=identity, member=member)
    return Kind(listed=True, member=member)
