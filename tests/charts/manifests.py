"""Manifests as helm and kustomize print them, read and made comparable."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts/flyte-plugin-manager"
RELEASE = "flyte-plugin-manager"

Manifests = list[dict[str, Any]]


def documents(text: str) -> Manifests:
    return [document for document in yaml.safe_load_all(text) if document]


def by_identity(manifests: Manifests) -> dict[str, Mapping[str, Any]]:
    """Manifests by kind, namespace and name, without what may differ between helm and kustomize: their own labels, and
    how a change of the configuration reaches the pods (a hash in the name there, an annotation here)."""
    normalised = {}
    for manifest in manifests:
        text = yaml.safe_dump(manifest)
        for config in _config_maps(manifests):
            text = text.replace(config, "flyte-plugin-manager-config")
        plain = _without_tool_marks(yaml.safe_load(text))
        metadata = plain["metadata"]
        normalised[f"{plain['kind']} {metadata.get('namespace', '')}/{metadata['name']}"] = plain
    assert len(normalised) == len(manifests), "two objects of one name"
    return normalised


def _config_maps(manifests: Manifests) -> list[str]:
    return [manifest["metadata"]["name"] for manifest in manifests if manifest["kind"] == "ConfigMap"]


def _without_tool_marks(value: Any) -> Any:
    marks = ("helm.sh/chart", "app.kubernetes.io/managed-by", "checksum/config")
    if isinstance(value, dict):
        kept = {key: _without_tool_marks(member) for key, member in value.items() if key not in marks}
        return {key: member for key, member in kept.items() if key not in ("labels", "annotations") or member}
    return [_without_tool_marks(member) for member in value] if isinstance(value, list) else value
