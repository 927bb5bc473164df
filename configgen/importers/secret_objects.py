"""Secrets that hold configuration, such as the one that flyte-binary's ``configuration.inlineSecretRef`` names.

Their values never leave this module: what comes out is which keys they set, and where.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from configgen.importers import texts
from pluginmachinery.config.problems import Location, Path
from pluginmachinery.config.yaml_text import key_text

Locations = Mapping[Path, Location]


def keys_of(
    tree: Mapping[str, Any], path: Path, locations: Locations, file: str, raw: str | None
) -> Iterator[tuple[str, Path, dict[Path, Location]]]:
    """Of every YAML document in a Secret its name, where it hangs, and the places of its keys."""
    for member in ("stringData", "data"):
        said = tree.get(member)
        for key, text in said.items() if isinstance(said, Mapping) else ():
            name, at = key_text(key), (*path, member, key_text(key))
            if not (name.endswith((".yaml", ".yml")) and isinstance(text, str)):
                continue
            place = locations.get(at, Location(file))
            content = text if member == "stringData" else _decoded(text)
            read = texts.inner(content, file, place, raw if member == "stringData" else None)
            if isinstance(read.tree, Mapping):
                yield name, at, dict(read.locations)


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""
