"""Environment variables that stand only once: a stage of its own on finished objects of operators.

A container may get a variable twice, from its task and from the platform. In a plain pod that is allowed, and the last
one counts. The CRDs of operators declare ``env`` as a list with unique names, and the API server refuses the object; so
all but the last are dropped. (A variable between the two that is made of the dropped one with ``$(NAME)`` is then made
of nothing; in a plain pod it would have the earlier value.)
"""

from __future__ import annotations

from typing import Any


def unique_variables(manifest: dict[str, Any]) -> dict[str, Any]:
    """The object with unique names in every ``env``; one that is fine is given back as it is."""
    if not _repeats(manifest):
        return manifest
    unique: dict[str, Any] = _unique(manifest)
    return unique


def _repeats(value: dict[str, Any] | list[Any]) -> bool:
    """Does a variable stand twice somewhere? Asked of every object, so that hardly any has to be copied."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if not isinstance(item, dict | list):
            continue
        if _repeated(item) if key == "env" and isinstance(item, list) else _repeats(item):
            return True
    return False


def _unique(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_earlier(item) if key == "env" else _unique(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unique(item) for item in value]
    return value


def _repeated(env: list[Any]) -> bool:
    names = [name for name in map(_name, env) if name is not None]
    return len(set(names)) < len(names)


def _without_earlier(env: Any) -> Any:
    if not isinstance(env, list) or not _repeated(env):
        return env
    last = {_name(item): index for index, item in enumerate(env)}
    return [item for index, item in enumerate(env) if _name(item) is None or last[_name(item)] == index]


def _name(variable: Any) -> str | None:
    """None: it is not one; whatever a plugin has put there is for the API server to judge."""
    name = variable.get("name") if isinstance(variable, dict) else None
    return name if isinstance(name, str) else None
