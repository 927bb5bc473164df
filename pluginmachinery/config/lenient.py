"""Reading as Flyte reads: :mod:`.viper` makes settings of documents, :mod:`.mapstructure` sections of settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from pluginmachinery.config import kinds, mapstructure, viper
from pluginmachinery.config.problems import ConfigurationError, Location, Problem
from pluginmachinery.config.ray import RayConfig
from pluginmachinery.config.root import Configuration
from pluginmachinery.config.weak_scalars import DecodeError

Sections = Mapping[str, type[BaseModel] | None]
"""Sections of ``plugins`` that are not part of this package, with their models; None: kept as they are."""


def read(documents: Sequence[Any], sections: Sections | None = None) -> Configuration:
    """The configuration that Flyte v1.16.8 makes of the trees of several documents.

    ``sections`` are the sections of further plugins with their models. Raises ConfigurationError where Flyte does not
    start.
    """
    try:
        for document in documents:
            if document is not None and not isinstance(document, Mapping):
                raise DecodeError("a mapping is needed at the top of a document")
        written = [document for document in documents if document]
        settings = viper.settings(written, kinds.of_model(Configuration))
        updates = _sections_of(Configuration(), settings)
        updates["other"] = _others(settings.get("plugins"), sections or {})
        return Configuration().model_copy(update=updates)
    except DecodeError as error:
        problem = Problem(Location(), error.path, error.message, "Flyte does not start with it")
        raise ConfigurationError([problem]) from None


def _sections_of(default: BaseModel, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The sections that the settings mention, each on its own as Flyte decodes them."""
    updates: dict[str, Any] = {}
    for member in kinds.of_model(type(default)).members:
        value = settings.get(member.key.lower())
        if value is None:
            continue
        current = getattr(default, member.attribute)
        if member.key == "plugins" and isinstance(value, Mapping):
            updates[member.attribute] = current.model_copy(
                update=mapstructure.within(member.key, _sections_of, current, value)
            )
        else:
            section = mapstructure.within(member.key, mapstructure.decode, member.kind, value, current)
            updates[member.attribute] = section.with_old_addresses() if isinstance(section, RayConfig) else section
    return updates


def _others(settings: Any, sections: Sections) -> dict[str, Any]:
    others: dict[str, Any] = {}
    for name, model in sections.items():
        value = settings.get(name.lower()) if isinstance(settings, Mapping) else None
        if model is not None:
            default, kind = model(), kinds.of_model(model)
            others[name] = (
                default
                if value is None
                else mapstructure.within(f"plugins.{name}", mapstructure.decode, kind, value, default)
            )
        elif value is not None:
            others[name] = value
    return others
