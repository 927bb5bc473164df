"""A configuration as Flyte's own JSON: what Flyte prints of the sections it resolved."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from pluginmachinery.config import kinds
from pluginmachinery.config.durations import Duration
from pluginmachinery.config.quantities import Quantity


def form(value: Any) -> Any:
    """A value of a configuration as plain JSON.

    Sections become mappings with Flyte v1.16.8's keys: fields that only Flyte 2 has are left out, as are absent values.
    Durations and quantities become their texts, numbered names their numbers.
    """
    if isinstance(value, BaseModel):
        members = kinds.of_model(type(value)).members
        found = ((member, getattr(value, member.attribute)) for member in members if member.read_by_flyte)
        return {member.key: form(item) for member, item in found if not _left_out(member, item)}
    if isinstance(value, Mapping):
        return {key: form(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [form(item) for item in value]
    if isinstance(value, (Duration, Quantity)):
        return str(value)
    if isinstance(value, enum.Enum):
        return value.value
    return value


def _left_out(member: kinds.Member, value: Any) -> bool:
    return value is None or (member.omit_empty and not value)
