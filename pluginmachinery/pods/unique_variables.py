"""Environment variables that stand only once: a stage of its own on finished objects of operators.

A container may get a variable twice, from its task and from the platform. In a plain pod that is allowed, and the last
one counts. The CRDs of operators declare ``env`` as a list with unique names, and the API server refuses the object; so
all but the last are dropped. (A variable between the two that is made of the dropped one with ``$(NAME)`` is then made
of nothing; in a plain pod it would have the earlier value.)
"""

from __future__ import annotations

from typing import Any


def unique_variables(manifest: dict[str, Any]) -> dict[str, Any]:
    """The object with unique names in every ``env``; what is fine as it is, is not copied."""
    unique: dict[str, Any] = _unique(manifest)
    return unique


def _unique(value: Any) -> Any:
    if isinstance(value, dict):
        return _changed(value, {key: _of_member(key, item) for key, item in value.items()})
    if isinstance(value, list):
        items = [_unique(item) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def _of_member(key: str, value: Any) -> Any:
    if key != "env" or not isinstance(value, list):
        return _unique(value)
    last = {item.get("name"): index for index, item in enumerate(value) if isinstance(item, dict)}
    if len(last) == len(value):
        return value
    return [item for index, item in enumerate(value) if not isinstance(item, dict) or last[item.get("name")] == index]


def _changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return after if any(after[key] is not before[key] for key in before) else before
