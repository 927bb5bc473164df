"""What a kustomization comes to, as far as ConfigMaps and values go: bases, generators, patches.

Nothing is built: files and folders that a ``kustomization.yaml`` names are read in kustomize's order – resources,
generators, patches – and a later text of a ConfigMap's key stands in for the earlier, as it would in the cluster. What
lies behind a URL is told.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any, Final

from configgen.importers import texts
from configgen.importers.forms import Form, Part, Recognised, parts, parts_of
from configgen.layers.files import read_text
from configgen.problems import Problem, SourceError
from configgen.trees import mapping, sequence
from pluginmachinery.config.problems import Location, Path

NAMES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_REMOTE: Final = re.compile(r"^(https?://|git@|ssh://|github\.com/|oci://)|\?ref=|//")
_DOCUMENT: Final = (".yaml", ".yml")


@dataclass
class Kustomization:
    """What was found. ``maps``: name of a ConfigMap → key → the file that says it and what that is; ``others``: values
    of charts, pointers, and what could not be read."""

    namespace: str = ""
    maps: dict[str, dict[str, tuple[str, list[Part]]]] = field(default_factory=dict)
    others: list[tuple[str, list[Part]]] = field(default_factory=list)

    def files(self) -> list[tuple[str, list[Part]]]:
        """Every file with its parts, in the order in which Flyte merges the documents."""
        found = list(self.others)
        for documents in self.maps.values():
            for key in sorted(documents):
                file, read = documents[key]
                found.append(
                    (file, [replace(part, name=key) if isinstance(part, Recognised) else part for part in read])
                )
        return found


def _named(part: Part, key: str) -> Part:
    return replace(part, name=key) if isinstance(part, Recognised) else part


def find(folder: FilePath) -> FilePath | None:
    """The file that makes a folder a kustomization."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def read(file: FilePath) -> Kustomization:
    """The kustomization of a file. Raises SourceError for what it names and what can not be read."""
    found = Kustomization()
    _Reader(found).kustomization(file, frozenset())
    if not found.files():
        found.others.append((str(file), [Recognised(Form.NEIGHBOUR, "")]))
    return found


class _Reader:
    def __init__(self, found: Kustomization) -> None:
        self._found = found

    def kustomization(self, file: FilePath, above: frozenset[FilePath]) -> None:
        if file.resolve() in above:
            raise _circle(file)
        text = read_text(file, str(file))
        for document in texts.documents(text, str(file)):
            if document.problems:
                self._found.others.append((str(file), [Recognised(Form.UNREADABLE, "", problems=document.problems)]))
            if isinstance(document.tree, Mapping):
                one = _One(file, text, document.tree, document.locations, self._found)
                for folder in one.bases():
                    self.kustomization(folder, above | {file.resolve()})
                one.read()


@dataclass
class _One:
    """One ``kustomization.yaml``, laid over what its bases came to."""

    file: FilePath
    raw: str
    tree: Mapping[str, Any]
    locations: Mapping[Path, Location]
    found: Kustomization

    def bases(self) -> Iterator[FilePath]:
        """The kustomizations that it builds on."""
        for key in ("resources", "bases", "components"):
            for index, name in self._texts(key):
                path = self._path(name)
                if _REMOTE.search(name):
                    self._elsewhere((key, index))
                elif path.is_dir():
                    if base := find(path):
                        yield base
                elif key == "resources":
                    self._manifests(path)

    def read(self) -> None:
        if isinstance(namespace := self.tree.get("namespace"), str):
            self.found.namespace = namespace
        for index, chart in self._items("helmCharts"):
            self._chart(chart, ("helmCharts", index))
        for index, generator in self._items("configMapGenerator"):
            self._generator(generator, ("configMapGenerator", index))
        for key in ("patchesStrategicMerge", "patches", "patchesJson6902"):
            for index, patch in self._items(key):
                self._patch(patch, (key, index))

    def _chart(self, chart: Any, path: Path) -> None:
        said = mapping(chart)
        for name in (said.get("valuesFile"), *sequence(said.get("additionalValuesFiles"))):
            if isinstance(name, str):
                self._whole(self._path(name))
        if isinstance(said.get("valuesInline"), Mapping):
            found = parts_of(said["valuesInline"], str(self.file), self.locations, (*path, "valuesInline"))
            self.found.others.append((str(self.file), found))

    def _generator(self, generator: Any, path: Path) -> None:
        said = mapping(generator)
        name = str(said.get("name") or "")
        if said.get("behavior") == "replace" or name not in self.found.maps:
            self.found.maps[name] = {}
        for written in sequence(said.get("files")):
            key, _, file = str(written).rpartition("=")
            self._file(name, key or FilePath(file).name, self._path(file))
        for index, written in enumerate(sequence(said.get("literals"))):
            key, _, text = str(written).partition("=")
            self._text(name, key, text.strip("'\""), (*path, "literals", index))

    def _patch(self, patch: Any, path: Path) -> None:
        target = ""
        if isinstance(patch, Mapping):
            said = patch.get("target")
            target = str(said.get("name") or "") if isinstance(said, Mapping) else ""
            where, patch = (
                ("patch", patch["patch"]) if isinstance(patch.get("patch"), str) else ("path", patch.get("path"))
            )
            path = (*path, where)
        if not isinstance(patch, str):
            return
        if "\n" in patch or path[-1] == "patch":
            place = self.locations.get(path, Location(str(self.file)))
            self._apply(texts.inner(patch, str(self.file), place, self.raw), self.raw, str(self.file), target)
        else:
            file = self._path(patch)
            text = read_text(file, str(file))
            for document in texts.documents(text, str(file)):
                self._apply(document, text, str(file), target)

    def _apply(self, patch: texts.Text, raw: str, file: str, target: str) -> None:
        """A strategic merge patch, or a list of operations."""
        if patch.problems:
            self.found.others.append((file, [Recognised(Form.UNREADABLE, "", problems=patch.problems)]))
        if isinstance(patch.tree, list):
            for index, operation in enumerate(patch.tree):
                if isinstance(operation, Mapping):
                    self._operation(operation, (index, "value"), patch, raw, file, target)
        elif isinstance(patch.tree, Mapping):
            if patch.tree.get("kind") == "ConfigMap":
                self._config_map(patch.tree, (), patch, raw, file, name=target)
            else:
                self.found.others.append((file, parts_of(patch.tree, file, patch.locations, (), raw)))

    def _operation(
        self, operation: Mapping[str, Any], path: Path, patch: texts.Text, raw: str, file: str, target: str
    ) -> None:
        steps = [step.replace("~1", "/").replace("~0", "~") for step in str(operation.get("path")).split("/")[1:]]
        value = operation.get("value")
        for name in [one for one in self.found.maps if not target or re.fullmatch(target, one)] or [target]:
            if steps == ["data"] and isinstance(value, Mapping):
                self.found.maps[name] = {}
                for key, text in value.items():
                    self._inline(name, str(key), text, (*path, str(key)), patch, raw, file)
            elif steps[:1] == ["data"] and len(steps) == 2:
                self._inline(name, steps[1], None if operation.get("op") == "remove" else value, path, patch, raw, file)

    def _manifests(self, file: FilePath) -> None:
        text = read_text(file, str(file))
        for document in texts.documents(text, str(file)):
            if isinstance(document.tree, Mapping) and document.tree.get("kind") == "ConfigMap":
                self._config_map(document.tree, (), document, text, str(file))
            elif document.tree is not None:
                self.found.others.append((str(file), parts_of(document.tree, str(file), document.locations, (), text)))

    def _config_map(
        self, tree: Mapping[str, Any], path: Path, document: texts.Text, raw: str, file: str, name: str = ""
    ) -> None:
        metadata = tree.get("metadata")
        own = str(metadata.get("name") or "") if isinstance(metadata, Mapping) else ""
        data = tree.get("data")
        for key, text in data.items() if isinstance(data, Mapping) else ():
            self._inline(name or own, str(key), text, (*path, "data", str(key)), document, raw, file)

    def _inline(self, name: str, key: str, text: Any, path: Path, document: texts.Text, raw: str, file: str) -> None:
        """One key of a ConfigMap; null takes it out."""
        documents = self.found.maps.setdefault(name, {})
        documents.pop(key, None)
        if isinstance(text, str) and key.endswith(_DOCUMENT):
            place = document.locations.get(path, Location(file))
            documents[key] = (file, _read(texts.inner(text, file, place, raw), file, raw, path))

    def _text(self, name: str, key: str, text: str, path: Path) -> None:
        if key.endswith(_DOCUMENT):
            place = self.locations.get(path, Location(str(self.file)))
            found = _read(texts.inner(text, str(self.file), place, self.raw), str(self.file), self.raw, path)
            self.found.maps[name][key] = (str(self.file), found)

    def _file(self, name: str, key: str, file: FilePath) -> None:
        if key.endswith(_DOCUMENT):
            self.found.maps[name][key] = (str(file), parts(read_text(file, str(file)), str(file)))

    def _whole(self, file: FilePath) -> None:
        self.found.others.append((str(file), parts(read_text(file, str(file)), str(file))))

    def _path(self, name: str) -> FilePath:
        return FilePath(os.path.normpath(self.file.parent / name))

    def _elsewhere(self, path: Path) -> None:
        place = self.locations.get(path, Location(str(self.file)))
        self.found.others.append((str(self.file), [Recognised(Form.POINTER, "", prefix=path, locations={(): place})]))

    def _items(self, key: str) -> Iterator[tuple[int, Any]]:
        yield from enumerate(sequence(self.tree.get(key)))

    def _texts(self, key: str) -> Iterator[tuple[int, str]]:
        yield from ((index, item) for index, item in self._items(key) if isinstance(item, str))


def _circle(file: FilePath) -> SourceError:
    mend = "take one of them out of the other's resources"
    return SourceError([Problem(str(file), 0, 0, "", "is a base of itself", mend)])


def _read(text: texts.Text, file: str, raw: str, path: Path) -> list[Part]:
    found: list[Part] = []
    if text.problems:
        found.append(Recognised(Form.UNREADABLE, "", prefix=path, problems=text.problems))
    if text.tree is not None:
        found += parts_of(text.tree, file, text.locations, (), raw)
    return found
