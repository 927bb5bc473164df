"""Node pools: which labels the nodes of a cluster have, so that lint can tell selectors that no node meets.

.. code-block:: yaml

    # configgen.yaml – optional; without it nothing is said about selectors
    node-pools:
      - name: spot
        environments: [prod]                       # optional; absent: all
        labels: {karpenter.sh/capacity-type: spot}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from configgen.layers.files import read_text
from configgen.layers.source import FILE, did_you_mean
from configgen.layers.yaml_tree import YamlEntry, YamlList, YamlMapping, YamlNode, YamlScalar, read_yaml
from configgen.problems import Problem, SourceError

_KEYS: Final = ("name", "environments", "labels")


@dataclass(frozen=True, slots=True)
class NodePool:
    """Nodes that are alike. No ``environments``: it is there in all of them. Of the nodes of a live cluster, the taints
    that keep pods away and the names of the resources are known too (None: not known)."""

    name: str
    labels: Mapping[str, str]
    environments: tuple[str, ...] = ()
    taints: tuple[Mapping[str, Any], ...] = ()
    resources: frozenset[str] | None = None

    def serves(self, environment: str) -> bool:
        return not self.environments or environment in self.environments


def meets(requirement: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether nodes with these labels meet a node selector requirement, as Kubernetes decides it."""
    key, values = str(requirement.get("key")), [str(value) for value in requirement.get("values") or []]
    match requirement.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case "Gt" | "Lt" as operator:
            return _compares(labels.get(key), operator, values)
    return True


def _compares(label: str | None, operator: str, values: Sequence[str]) -> bool:
    try:
        found, bound = int(label or ""), int(values[0])
    except (ValueError, IndexError):
        return False
    return found > bound if operator == "Gt" else found < bound


def tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    """Whether a toleration covers a taint, as Kubernetes decides it."""
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("key") and toleration["key"] != taint.get("key"):
        return False
    if toleration.get("operator") == "Exists":
        return True
    return bool(toleration.get("key")) and (toleration.get("value") or "") == (taint.get("value") or "")


def read_node_pools(folder: Path) -> tuple[NodePool, ...]:
    """The pools of a source. Raises SourceError with every problem in them."""
    root = read_yaml(read_text(folder / FILE, FILE), FILE)
    entries = root.entries if isinstance(root, YamlMapping) else ()
    entry = next((one for one in entries if one.key == "node-pools"), None)
    if entry is None:
        return ()
    problems: list[Problem] = []
    if not isinstance(entry.value, YamlList):
        raise SourceError([_problem(entry, "no list", "write it like - name: …")])
    pools = [_pool(item, problems) for item in entry.value.items]
    if problems:
        raise SourceError(problems)
    return tuple(pools)


def _pool(item: YamlNode, problems: list[Problem]) -> NodePool:
    if not isinstance(item, YamlMapping):
        problems.append(_problem(item, "no mapping", f"give it {', '.join(_KEYS)}"))
        return NodePool("", {})
    members = {entry.key: entry for entry in item.entries}
    problems += [
        _problem(entry, f"unknown key {key}", did_you_mean(key, _KEYS))
        for key, entry in members.items()
        if key not in _KEYS
    ]
    if "labels" not in members or not isinstance(members["labels"].value, YamlMapping):
        problems.append(_problem(item, "a pool without labels", "write labels: {key: value}"))
    return NodePool(_name(members), _labels(members.get("labels")), _environments(members.get("environments")))


def _name(members: Mapping[str, YamlEntry]) -> str:
    return _text(members["name"].value) if "name" in members else ""


def _labels(entry: YamlEntry | None) -> dict[str, str]:
    if entry is None or not isinstance(entry.value, YamlMapping):
        return {}
    return {label.key: _text(label.value) for label in entry.value.entries}


def _environments(entry: YamlEntry | None) -> tuple[str, ...]:
    items = entry.value.items if entry is not None and isinstance(entry.value, YamlList) else ()
    return tuple(_text(item) for item in items)


def _text(node: YamlNode) -> str:
    value = node.value if isinstance(node, YamlScalar) else None
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _problem(at: YamlNode | YamlEntry, message: str, mend: str) -> Problem:
    return Problem(FILE, at.line, at.column, "node-pools", message, mend)
