"""The target ``configmap``: the plain documents, and the ConfigMap that holds them, for installations of one's own.

``configmap/<env>/config`` is a folder that ``controller run --config`` reads as it is. The ConfigMap's name ends in a
hash of its content: a new configuration is a new ConfigMap, and whoever mounts it by name rolls out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from configgen.release.manifests import CONFIG_MAP, labels
from configgen.render.output import Rendered
from configgen.render.release import Release
from configgen.render.yaml_text import to_yaml

FOLDER: Final = "configmap"
_HASH_LENGTH: Final = 10


def render(environments: Sequence[Release], *, every: bool) -> Rendered:
    """``configmap.yaml`` and ``config/*.yaml`` for each environment."""
    files = {}
    for release in environments:
        folder = f"{FOLDER}/{release.name}"
        files[f"{folder}/configmap.yaml"] = release.header() + to_yaml(manifest(release))
        files |= {f"{folder}/config/{name}": text for name, text in release.documents.items()}
    folders = (FOLDER,) if every else tuple(f"{FOLDER}/{release.name}" for release in environments)
    return Rendered(files, folders)


def manifest(release: Release) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": f"{CONFIG_MAP}-{content_hash(release.documents)}",
            "namespace": release.namespace,
            "labels": labels(release.version),
        },
        "data": dict(release.documents),
        "immutable": True,
    }


def content_hash(documents: Mapping[str, str]) -> str:
    """The same for the same documents, in any order."""
    text = json.dumps(documents, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]
