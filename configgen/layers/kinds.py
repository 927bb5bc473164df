"""What a value at a path is, as far as merging must know: a map with free keys, a list of named things, a set, a list.

Read off the library's description of the configuration (:mod:`pluginmachinery.config.kinds`), so a field that is added
there merges rightly without a word here. What the library does not describe (sections of Flyte that are not ours) is
:data:`ANY`: mappings merge, lists replace.

Flyte takes a map with free keys in two forms, as a mapping and as a list of one-key mappings; layers may use either.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from pydantic import BaseModel

from pluginmachinery.config import kinds as described

Identity = Callable[[Any], str]
"""From a plain element of a list to the text it is recognised by; shown to people in messages."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How to merge a value. ``plugin_ids``: a list of plugin IDs, which is a set."""

    value: described.Kind
    plugin_ids: bool = False

    @property
    def free(self) -> bool:
        """A map whose keys are data; its list form is understood."""
        return isinstance(self.value, described.MapOf)

    @property
    def listed(self) -> bool:
        """A list, for which a single element may stand."""
        return isinstance(self.value, described.ListOf)

    @property
    def identity(self) -> Identity | None:
        """How elements of a list are recognised; None: the list is plain."""
        if self.plugin_ids:
            return plugin_id
        named = _NAMED.get(_type_name(self.element.value)) if self.listed else None
        return named.identity if named else None

    @property
    def whole(self) -> bool:
        """An element that is named again replaces the earlier one, because its members exclude each other."""
        named = _NAMED.get(_type_name(self.element.value)) if self.listed else None
        return bool(named and named.whole)

    @property
    def element(self) -> Kind:
        """The kind of a list's elements."""
        return _kind(self.value.item) if isinstance(self.value, described.ListOf) else ANY

    def at(self, key: str) -> Kind:
        """The kind of the value under ``key`` of a mapping of this kind."""
        if isinstance(self.value, described.MapOf):
            return _kind(self.value.item)
        member = self.member(key)
        return _kind(member.kind, plugin_ids=key in _PLUGIN_IDS) if member else ANY

    def member(self, key: str) -> described.Member | None:
        """The library's description of a field; None where it has none."""
        return _member(self.value, key) if isinstance(self.value, described.Struct) else None

    @property
    def keys(self) -> tuple[str, ...]:
        """The fields that are known."""
        return tuple(self.value.by_key) if isinstance(self.value, described.Struct) else ()


ANY: Final = Kind(described.Anything())
_PLUGIN_IDS: Final = ("enabled-plugins", "plugins")
"""Fields that, as lists, hold plugin IDs."""


def configuration_kind() -> Kind:
    """The kind of a whole configuration."""
    from pluginmachinery.config import Configuration

    return model_kind(Configuration)


@cache
def model_kind(model: type[BaseModel]) -> Kind:
    """The kind of a section, by its model."""
    return Kind(described.of_model(model))


@cache
def _kind(value: described.Kind, *, plugin_ids: bool = False) -> Kind:
    """Behind whatever wraps it: what may be absent, parts of sections, sections that travel as plain mappings."""
    match value:
        case described.Pointer(item=item):
            return _kind(item, plugin_ids=plugin_ids)
        case described.Part(section=section) | described.Plain(section=section):
            return Kind(section)
        case described.KubernetesObject(type_name=name):
            return Kind(described.of_kubernetes(name))
    return Kind(value, plugin_ids and isinstance(value, described.ListOf))


def _member(structure: described.Struct, key: str) -> described.Member | None:
    """A field by its key; structures that Kubernetes embeds count as part of the outer one."""
    if found := structure.by_key.get(key):
        return found
    for member in structure.members:
        if member.inline and isinstance(member.kind, described.Struct) and (found := _member(member.kind, key)):
            return found
    return None


def _type_name(value: described.Kind) -> str:
    return value.name if isinstance(value, described.Struct) else ""


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


@dataclass(frozen=True, slots=True)
class _Named:
    identity: Identity
    whole: bool = True


_NAME: Final = by_fields("name")
_NAMED: Final[Mapping[str, _Named]] = {
    "SparkFeature": _Named(_NAME, whole=False),
    "TemplateLogPlugin": _Named(by_fields("name", "displayName"), whole=False),
    "AzureLogsTemplatePlugin": _Named(by_fields("name", "displayName"), whole=False),
    "ScopeConfig": _Named(by_fields("project", "domain"), whole=False),
    "Container": _Named(_NAME, whole=False),
    "Toleration": _Named(by_fields("key", "operator", "value", "effect", operator="Equal")),
    "EnvVar": _Named(_NAME),
    "Volume": _Named(_NAME),
    "VolumeMount": _Named(by_fields("mountPath")),
    "LocalObjectReference": _Named(_NAME),
    "PodDNSConfigOption": _Named(_NAME),
    "TopologySpreadConstraint": _Named(by_fields("topologyKey", "whenUnsatisfiable")),
}
"""Types whose lists are lists of named things."""
