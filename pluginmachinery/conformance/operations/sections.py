"""``sections``: these sections of ``plugins`` with all their defaults, as Flyte prints them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pluginmachinery.config.documents import to_flyte
from pluginmachinery.conformance.replay import configuration


def answer(case: Mapping[str, Any]) -> dict[str, Any]:
    """Raises NotImplementedError for sections of plugins that are not implemented here."""
    resolved = to_flyte(configuration(case))["plugins"]
    unknown = [name for name in case["sections"] if name not in resolved]
    if unknown:
        raise NotImplementedError(f"no such sections here: {', '.join(unknown)}")
    return {"config": {"plugins": {name: resolved[name] for name in case["sections"]}}}
