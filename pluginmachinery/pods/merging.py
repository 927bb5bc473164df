"""Merging Kubernetes structures as Flyte merges a task's pod into a pod template.

The *base* (the template) is overlaid by the *overlay* (the task), type by type:

- structures are merged field by field;
- maps (labels, node selectors, amounts) are united, the overlay's entries win, whatever they are;
- lists are appended, the base first – also the ones that one would rather replace, such as a command;
- everything else is the overlay's unless that is empty (``""``, 0, false), which says nothing.

The laws are those of the Go library mergo with override and append, driven over the types of the Kubernetes API: what
is a map and what a structure is known from :mod:`pluginmachinery.config.kubernetes_schema`. Nothing given is changed,
and results share nothing with what was given.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from pluginmachinery.config.kubernetes_schema import flat_fields, is_type

Merge = Callable[[Any, Any], Any]


def merged(type_name: str, base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """``overlay`` laid over ``base``, both of this Kubernetes type (``PodSpec``, ``Container``, ``ObjectMeta``)."""
    result: dict[str, Any] = _struct(type_name)(base, overlay)
    return result


def copied(value: Any) -> Any:
    """A deep copy of plain JSON; several times as fast as :func:`copy.deepcopy`."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [copied(item) for item in value]
    return value


@functools.cache
def _struct(type_name: str) -> Merge:
    kinds = flat_fields(type_name)
    # Types can contain themselves, so a field's merge is looked up when it is first needed.

    def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
        result = {}
        for name, value in base.items():
            kind = kinds.get(name, "any")
            result[name] = _of(kind)(value, overlay[name]) if name in overlay else copied(value)
        for name, value in overlay.items():
            if name not in base:
                result[name] = copied(value)
        return result

    return merge


@functools.cache
def _of(kind: str) -> Merge:
    kind = kind.removesuffix("?").removeprefix("*")
    if kind.startswith("[]"):
        return _appended
    if kind.startswith("{}"):
        return _united
    if kind == "int-or-string":
        return _int_or_string
    return _struct(kind) if is_type(kind) else _overridden


def _appended(base: list[Any], overlay: list[Any]) -> list[Any]:
    return [*map(copied, base or ()), *map(copied, overlay or ())]


def _united(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    return {**(copied(base) or {}), **(copied(overlay) or {})}


def _overridden(base: Any, overlay: Any) -> Any:
    return overlay or base


def _int_or_string(base: int | str, overlay: int | str) -> int | str:
    """In Go this is a structure whose type ``int`` is its zero, which never overrides ``string``."""
    return base if isinstance(base, str) and isinstance(overlay, int) else overlay or base
