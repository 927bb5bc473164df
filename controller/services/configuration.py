"""The configuration of this process: a folder of Flyte's YAML files, read strictly, and the plugins that it enables.

The folder is what a ConfigMap looks like when it is mounted: ``*.yaml`` (and ``*.yml``) files in the order of their
names. What is wrong is told all at once, a line for each problem.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from pluginmachinery.config import Configuration
from pluginmachinery.config.documents import Document, read_strict
from pluginmachinery.config.problems import ConfigurationError
from pluginmachinery.plugins.enabling import EnablingError
from pluginmachinery.plugins.registry import PluginDeclaration, PluginRegistry, discover, known_sections
from pluginmachinery.plugins.scopes import Scopes

SUFFIXES = (".yaml", ".yml")


class StartError(Exception):
    """The controller can not start; ``lines`` tell a person why, one problem each."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


@dataclass(frozen=True)
class Loaded:
    """A configuration that can be run. ``digest`` tells two of them apart, whatever their files look like."""

    config: Configuration
    registry: PluginRegistry
    scopes: Scopes
    files: tuple[str, ...]
    digest: str

    @property
    def declarations(self) -> tuple[PluginDeclaration, ...]:
        """The plugins that run somewhere, in general or in a scope."""
        found = {each.id: each for each in (*self.registry.declarations, *self.scopes.declarations)}
        return tuple(found.values())


def load(folder: Path) -> Loaded:
    """Read the folder and set the plugins up. Raises StartError."""
    documents = _documents(folder)
    found = discover()
    try:
        config = read_strict(documents, known_sections=known_sections(found))
        registry, scopes = PluginRegistry.from_config(config, found), Scopes.from_config(config, found)
    except ConfigurationError as error:
        raise StartError([str(problem) for problem in error.problems]) from error
    except EnablingError as error:
        raise StartError([f"{error.code}: {error}"]) from error
    return Loaded(config, registry, scopes, tuple(document.name for document in documents), digest(config))


def digest(config: Configuration) -> str:
    """A hash of what is in force: the same for the same meaning, and short enough for a log line."""
    text = orjson.dumps(config.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()[:16]


def _documents(folder: Path) -> list[Document]:
    if not folder.is_dir():
        raise StartError([f"{folder} is not a folder; give --config the folder with the configuration's *.yaml files"])
    files = sorted(file for file in folder.iterdir() if file.suffix in SUFFIXES and not file.name.startswith("."))
    if not files:
        raise StartError([f"{folder} has no *.yaml files; give --config the folder with the configuration"])
    try:
        return [Document(str(file), file.read_text(encoding="utf-8")) for file in files]
    except (OSError, UnicodeDecodeError) as error:
        raise StartError([f"{folder} can not be read: {error}"]) from error
