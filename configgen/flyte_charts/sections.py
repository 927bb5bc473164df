"""What Flyte is to read of an environment: its sections without ours, in the forms that Flyte's reader keeps intact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from configgen.flyte_charts.laying import Tree
from pluginmachinery.config import writing

OURS: Final = "plugin-manager"
STORE: Final = "storage"
"""Belongs to the installation: Flyte's charts have values of their own for it, and more than plugins depend on them."""
_BUDGETS: Final = {
    "system": "max-node-retries-system-failures",
    "interruptible-threshold": "interruptible-failure-threshold",
}
"""``plugin-manager.retries`` → what Flyte's engine calls the same under ``propeller.node-config``."""


def flyte_sections(tree: Mapping[str, Any]) -> Tree:
    """The tree for Flyte 1; failure budgets of ours take the place of the engine's, as they do for our controller."""
    sections = writing.safe({key: value for key, value in tree.items() if key not in (OURS, STORE) and value})
    retries = (tree.get(OURS) or {}).get("retries") or {}
    budgets = {flytes: retries[ours] for ours, flytes in _BUDGETS.items() if retries.get(ours) is not None}
    if budgets:
        propeller = sections.get("propeller") or {}
        node_config = {**(propeller.get("node-config") or {}), **budgets}
        sections["propeller"] = {**propeller, "node-config": node_config}
    return sections
