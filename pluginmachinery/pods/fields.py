"""Typed reading of Kubernetes objects as the API server has them.

Statuses are plain dicts: modelling them would cost more than the decision that reads them. Each function reads one
field, gives the zero value where it is absent, and raises PluginError ``MalformedResource`` where it has the wrong
type. No API server lets such an object through for the kinds it knows; an operator's own resource may hold one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pluginmachinery.core.errors import PluginError

MALFORMED_RESOURCE = "MalformedResource"
"""An object on the cluster has a field of a wrong type."""

Fields = Mapping[str, Any]
_NOTHING: Fields = {}


def text(source: Fields, key: str) -> str:
    value = source.get(key)
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    raise _malformed(key, "a text")


def integer(source: Fields, key: str) -> int:
    value = source.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if value is None:
        return 0
    raise _malformed(key, "a whole number")


def record_or_none(source: Fields, key: str) -> Fields | None:
    """A nested object; None where it is absent, which for states and the like is not the same as empty."""
    value = source.get(key)
    if value is None or isinstance(value, dict):
        return value
    raise _malformed(key, "an object")


def record(source: Fields, key: str) -> Fields:
    value = record_or_none(source, key)
    return _NOTHING if value is None else value


def records(source: Fields, key: str) -> Sequence[Fields]:
    value = source.get(key)
    if value is None:
        return ()
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return value
    raise _malformed(key, "a list of objects")


def moment(source: Fields, key: str) -> datetime | None:
    """A time in RFC 3339, in UTC."""
    value = text(source, key)
    if not value:
        return None
    try:
        parsed = datetime.fromisoformat(value)
        if parsed.tzinfo is None:
            raise _malformed(key, "a time with its zone")
        return parsed if parsed.tzinfo is UTC else parsed.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _malformed(key, "a time in RFC 3339") from error


def _malformed(key: str, wanted: str) -> PluginError:
    return PluginError(MALFORMED_RESOURCE, f"{key} is not {wanted}", field=key)
