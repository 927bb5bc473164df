"""What Terraform says in ``set`` blocks of a ``helm_release``, and scripts in ``--set`` of a call of helm: one value
each, at a path of Helm's.

.. code-block:: terraform

    set {
      name  = "configmap.enabled_plugins.tasks.task-plugins.enabled-plugins[0]"
      value = "container"
    }
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pluginmachinery.config.problems import Location, Path

_BLOCK: Final = re.compile(r"^\s*set(_sensitive|_list)?\s*=?\s*[\[{]", re.MULTILINE)
_NAME: Final = re.compile(r'name\s*[=:]\s*"((?:[^"\\]|\\.)*)"\s*,?\s*\n?\s*value\s*[=:]\s*("(?:[^"\\]|\\.)*"|[^\n,}]+)')
_SCRIPT: Final = re.compile(r"\A#!|^\s*(exec )?helm (upgrade|install|template)\b", re.MULTILINE)
_OPTION: Final = re.compile(r"""\s--set(?:-string)?[ =](?:'([^'\n]*)'|"([^"\n]*)"|((?:[^\s'"\\]|\\\S)+))""")
_PAIR: Final = re.compile(r"((?:[^=,\\]|\\.)+)=((?:[^,\\]|\\.)*)")
_STEP: Final = re.compile(r"((?:[^.\[\\]|\\.)+)|\[(\d+)\]|\.")


@dataclass
class SetBlocks:
    """The values as a tree, with the places of their keys. ``sensitive``: places of those that are not looked at."""

    tree: dict[str, Any] = field(default_factory=dict)
    locations: dict[Path, Location] = field(default_factory=dict)
    sensitive: list[Location] = field(default_factory=list)


def read(text: str, file: str, onto: dict[str, Any] | None = None) -> SetBlocks:
    """All that a text sets, laid into the values ``onto``; without them, and where nothing is set, an empty tree.
    ``locations`` are those of what is set."""
    found = SetBlocks({} if onto is None else onto)
    for block in _BLOCK.finditer(text):
        body = text[block.end() : _end(text, block.end() - 1)]
        for said in _NAME.finditer(body):
            line = text.count("\n", 0, block.end() + said.start()) + 1
            if block.group(1) == "_sensitive":
                found.sensitive.append(Location(file, line))
            else:
                _put(found, _steps(said.group(1)), _value(said.group(2).strip()), Location(file, line))
    for said in _OPTION.finditer(text) if _SCRIPT.search(text) else ():
        place = Location(file, text.count("\n", 0, said.start()) + 1)
        for name, value in _PAIR.findall(next(group for group in said.groups() if group is not None)):
            _put(found, _steps(name), _helms(re.sub(r"\\(.)", r"\1", value)), place)
    return found


def _end(text: str, start: int) -> int:
    depth = 0
    for index in range(start, len(text)):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(text[index], 0)
        if depth == 0:
            return index
    return len(text)


def _steps(name: str) -> list[str | int]:
    """``a.b\\\\.c[0]`` → a, b.c, 0. In Terraform's text a backslash is written twice."""
    steps: list[str | int] = []
    for key, index in _STEP.findall(name.replace("\\\\", "\\")):
        if key:
            steps.append(re.sub(r"\\(.)", r"\1", key))
        elif index:
            steps.append(int(index))
    return steps


def _value(written: str) -> Any:
    """Helm reads numbers, true, false and null; what Terraform computes is kept as the template that it is."""
    if not written.startswith('"'):
        simple = re.fullmatch(r"-?\d+|true|false|null", written)
        return _helms(written) if simple else f"${{{written}}}"
    return _helms(written[1:-1].replace('\\"', '"').replace("\\\\", "\\"))


def _helms(text: str) -> Any:
    if re.fullmatch(r"-?(0|[1-9]\d{0,17})", text):
        return int(text)
    return {"true": True, "false": False, "null": None}.get(text, text)


def _put(found: SetBlocks, steps: list[str | int], value: Any, place: Location) -> None:
    """Lay one value into the tree; a path that does not fit what is there already is passed over."""
    at: Any = found.tree
    for index, step in enumerate(steps):
        last = index == len(steps) - 1
        below: Any = value if last else ([] if isinstance(steps[index + 1], int) else {})
        if isinstance(step, int) and isinstance(at, list) and step < 1000:
            at += [None] * (step + 1 - len(at))
            if last or at[step] is None:
                at[step] = below
        elif isinstance(step, str) and isinstance(at, dict):
            if last or not isinstance(at.get(step), (dict, list)):
                at[step] = below
        else:
            return
        found.locations[tuple(steps[: index + 1])] = place
        at = at[step]


def without_gaps(tree: Any) -> Any:
    """Lists whose first elements nobody set have only the others."""
    if isinstance(tree, Mapping):
        return {key: without_gaps(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [without_gaps(value) for value in tree if value is not None]
    return tree
