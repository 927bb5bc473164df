"""What an editor needs to help with a source: the schemas as files, and in each document the line that names its own.

The line is the convention of the YAML language server, which most editors use. The files lie in a hidden folder of the
source, so that they work offline and belong to the version of configgen that reads the source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

FOLDER: Final = ".schemas"
"""Below the source."""
_MODELINE: Final = "# yaml-language-server: $schema="


def schema_files(names: Iterable[str] | None = None) -> dict[str, str]:
    """File name → schema; ``names`` are those of :data:`configgen.schema.SCHEMAS`, none: all."""
    import orjson

    from configgen.schema import SCHEMAS

    chosen = SCHEMAS if names is None else names
    return {_file(name): orjson.dumps(SCHEMAS[name]()).decode() + "\n" for name in chosen}


def _file(name: str) -> str:
    return f"{name}.schema.json"


def with_schemas(files: Mapping[str, str]) -> dict[str, str]:
    """The files of a source (relative path → text), each document with the line that names its schema, and the schemas
    that they name."""
    described = {name: kind for name in files if (kind := _kind(name))}
    documents = {name: _modeline(name, kind) + files[name] for name, kind in described.items()}
    schemas = schema_files(sorted(set(described.values())))
    return {**files, **documents} | {f"{FOLDER}/{name}": text for name, text in schemas.items()}


def _kind(name: str) -> str | None:
    """The schema of a file, by its place in the source."""
    folder, _, file = name.rpartition("/")
    if name == "configgen.yaml":
        return "environments"
    if file == "release.yaml":
        return "release"
    return "source" if folder.endswith("/config") and file.endswith(".yaml") else None


def _modeline(name: str, kind: str) -> str:
    return f"{_MODELINE}{'../' * name.count('/')}{FOLDER}/{_file(kind)}\n\n"
