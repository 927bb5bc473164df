"""``config``: the resolved sections; ``plugins.k8s`` always, the others where the document mentions them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pluginmachinery.config.documents import to_flyte
from pluginmachinery.conformance.replay import configuration

_ALWAYS = "k8s"


def answer(case: Mapping[str, Any]) -> dict[str, Any]:
    resolved = to_flyte(configuration(case))
    document = _folded(case.get("config"))
    mentioned = {_ALWAYS, *_folded(document.get("plugins"))}
    plugins = {name: section for name, section in resolved["plugins"].items() if name in mentioned}
    sections: dict[str, Any] = {"plugins": plugins}
    if "tasks" in document:
        sections["tasks"] = resolved["tasks"]
    return {"config": sections}


def _folded(value: Any) -> dict[str, Any]:
    return {str(key).lower(): item for key, item in value.items()} if isinstance(value, Mapping) else {}
