"""What all sections of the configuration have in common.

A *section* is a model of one part of the configuration: frozen, with one docstring per field, from which ``explain``,
the JSON Schema, the chart's README and the documentation come. Attribute names are Python's; the *keys* of the
documents are made from them: ``default_cpus`` is ``default-cpus`` in a :class:`Section` and ``serviceType`` belongs to
``service_type`` in a :class:`CamelSection`, because Flyte spells some of its sections that way.

Field types are from a small vocabulary that both readings (:mod:`.lenient`, :mod:`.strict`) understand: bool, int,
float, str, :class:`~.durations.Duration`, :class:`~.quantities.Quantity`, enums, other sections, ``tuple[T, ...]`` for
lists, ``dict[str, T]`` for maps, and :class:`Kubernetes` structures. Maps are what the name says everywhere: their keys
are free and carry meaning, so writing keeps them out of the reach of Flyte's reader, which lower-cases keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from pluginmachinery.config.durations import Duration


def kebab(name: str) -> str:
    """``default_cpus`` → ``default-cpus``."""
    return name.replace("_", "-")


class Section(BaseModel):
    """A part of the configuration whose keys are written ``like-this``."""

    passes_over_unknown: ClassVar[bool] = False
    """Flyte has more keys here than we read; strict reading does not ask about them."""

    model_config = ConfigDict(
        defer_build=True,  # a command uses a few sections of many
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        alias_generator=kebab,
        arbitrary_types_allowed=False,
    )


class CamelSection(Section):
    """A part of the configuration whose keys are written ``likeThis``."""

    model_config = ConfigDict(alias_generator=to_camel)


@dataclass(frozen=True, slots=True)
class Kubernetes:
    """Marks a value as a structure of the Kubernetes API, kept as a plain dict in its JSON form.

    ``type_name`` is a name of :mod:`.kubernetes_schema`, such as ``Toleration``.
    """

    type_name: str


@dataclass(frozen=True, slots=True)
class Since:
    """Marks a field that Flyte has only from this version on (``2``); Flyte 1 ignores the key."""

    version: Literal["2"]


@dataclass(frozen=True, slots=True)
class Until:
    """Marks a field that Flyte has only up to this version (``1``)."""

    version: Literal["1"]


@dataclass(frozen=True, slots=True)
class Internal:
    """Marks a field of a model that no document holds."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Marks a field that people still write and that Flyte no longer reads."""


@dataclass(frozen=True, slots=True)
class Deprecated:
    """Marks a field that Flyte still reads; ``instead`` says what to set."""

    instead: str


@dataclass(frozen=True, slots=True)
class Width:
    """Marks a whole number that Flyte keeps in fewer than 64 bits."""

    bits: int


@dataclass(frozen=True, slots=True)
class Unlisted:
    """Marks a field that Flyte's reader does not know by name before it sees a document.

    Flyte tells its reader all keys in advance, but those that its own JSON leaves out when empty. The difference
    shows only where a mapping stands where none belongs (see :mod:`.viper`).
    """


@dataclass(frozen=True, slots=True)
class OmitEmpty:
    """Marks a field that Flyte's own JSON leaves out when it is false, zero or empty."""


@dataclass(frozen=True, slots=True)
class PartOf:
    """Marks a mapping that holds some keys of a section, checked as there and kept by attribute names.

    Sections in it are such mappings again.
    """

    section: type[BaseModel]


@dataclass(frozen=True, slots=True)
class PlainSection:
    """Marks a section that travels as a plain mapping with Flyte's keys, all defaults filled in."""

    section: type[BaseModel]


@dataclass(frozen=True, slots=True)
class QuantityText:
    """Marks a text that Flyte keeps as it is and parses as a quantity later, where a bad one is fatal."""


@dataclass(frozen=True, slots=True)
class UrlText:
    """Marks a text that Flyte parses as a URL."""


@dataclass(frozen=True, slots=True)
class NotNegative:
    """Marks a time span that can not be negative."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """Marks a text that Flyte hands on unchecked, and of which the cluster takes only these words."""

    words: tuple[str, ...]


Toleration = Annotated[dict[str, Any], Kubernetes("Toleration")]
Affinity = Annotated[dict[str, Any], Kubernetes("Affinity")]
NodeSelectorRequirement = Annotated[dict[str, Any], Kubernetes("NodeSelectorRequirement")]
PodSecurityContext = Annotated[dict[str, Any], Kubernetes("PodSecurityContext")]
SecurityContext = Annotated[dict[str, Any], Kubernetes("SecurityContext")]
PodDNSConfig = Annotated[dict[str, Any], Kubernetes("PodDNSConfig")]
Container = Annotated[dict[str, Any], Kubernetes("Container")]
PodTemplate = Annotated[dict[str, Any], Kubernetes("PodTemplate")]
Span = Annotated[Duration, NotNegative()]
Int32 = Annotated[int, Width(32)]
UrlString = Annotated[str, UrlText()]
QuantityString = Annotated[str, QuantityText()]
