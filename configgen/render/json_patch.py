"""The difference of two manifests as a JSON patch (RFC 6902), for kustomize.

Exact where a strategic merge is not: lists are given whole, and what is gone is removed. A reviewer reads path and
value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

_BY_INDEX: Final = "containers"
"""The one list whose elements are patched one by one: replacing it would repeat the whole container."""


def json_patch(before: Mapping[str, Any], after: Mapping[str, Any], at: str = "") -> Iterator[dict[str, Any]]:
    """Operations that turn ``before`` into ``after``, in the order of the keys."""
    for key in [*before, *(key for key in after if key not in before)]:
        path = f"{at}/{_escaped(key)}"
        if key not in after:
            yield {"op": "remove", "path": path}
        elif key not in before:
            yield {"op": "add", "path": path, "value": after[key]}
        elif before[key] != after[key]:
            yield from _changed(key, before[key], after[key], path)


def _changed(key: str, before: Any, after: Any, path: str) -> Iterator[dict[str, Any]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping) and before and after:
        yield from json_patch(before, after, path)
    elif key == _BY_INDEX and _are_mappings(before) and _are_mappings(after) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from json_patch(old, new, f"{path}/{index}")
    else:
        yield {"op": "replace", "path": path, "value": after}


def _are_mappings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(element, Mapping) for element in value)


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
