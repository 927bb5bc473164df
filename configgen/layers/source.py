"""``configgen.yaml``: which environments there are, the layers each is made of, what is rendered for it, and where it
goes.

.. code-block:: yaml

    environments:
      prod:
        layers: [base, cloud/aws, environments/prod]   # folders beside this file, the later wins
        targets: [kustomize, helm]                     # what `render` writes; absent: ours, not Flyte's
        namespace: flyte                               # where the controller is installed
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from configgen.layers.files import read_text
from configgen.layers.yaml_tree import YamlEntry, YamlList, YamlMapping, YamlNode, YamlScalar, read_yaml
from configgen.problems import Problem, SourceError
from configgen.targets import OWN_TARGETS, TARGETS

FILE: Final = "configgen.yaml"
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class LayerRef:
    """The name of a layer (its folder, relative to the source) and where it is named."""

    name: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class EnvironmentDefinition:
    """One entry of ``environments``."""

    name: str
    layers: tuple[LayerRef, ...]
    targets: tuple[str, ...]
    namespace: str

    def missing(self, layer: LayerRef) -> Problem:
        """That one of its layers is not there."""
        message = f"the layer {layer.name!r} is no folder of the source"
        path = f"environments.{self.name}.layers"
        return Problem(FILE, layer.line, layer.column, path, message, "create it, or mend the name")


@dataclass(frozen=True, slots=True)
class SourceDefinition:
    """The content of ``configgen.yaml``; ``folder`` is where it lies."""

    folder: Path
    environments: Mapping[str, EnvironmentDefinition]

    def environment(self, name: str) -> EnvironmentDefinition:
        """Raises SourceError for a name that is not defined."""
        if name in self.environments:
            return self.environments[name]
        close = get_close_matches(name, self.environments, n=1)
        known = ", ".join(self.environments)
        mend = f"did you mean {close[0]}?" if close else f"known: {known}"
        raise SourceError([Problem(FILE, 0, 0, "environments", f"no environment {name!r}", mend)])


def read_source(folder: Path) -> SourceDefinition:
    """Read ``configgen.yaml`` of a source folder. Raises SourceError with every problem in it."""
    path = folder / FILE
    if not folder.is_dir():
        raise SourceError([Problem(str(folder), 0, 0, "", "is no folder", "name the source's folder with -C")])
    if not path.exists() and not path.is_symlink():
        mend = f"name the folder that has {FILE} with -C"
        raise SourceError([Problem(str(path), 0, 0, "", "does not exist", mend)])
    reader = _Reader()
    environments = reader.environments(read_yaml(read_text(path, FILE), FILE))
    if reader.problems:
        raise SourceError(reader.problems)
    return SourceDefinition(folder, environments)


class _Reader:
    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def environments(self, root: YamlNode | None) -> dict[str, EnvironmentDefinition]:
        if not isinstance(root, YamlMapping):
            self._problem(root, "", "no mapping", "start with environments:")
            return {}
        self._known_keys(root, "", ("environments", "waivers", "node-pools"))
        listed = _member(root, "environments")
        if listed is None or not isinstance(listed.value, YamlMapping) or not listed.value.entries:
            self._problem(listed.value if listed else root, "environments", "no environment is defined", "name one")
            return {}
        return {entry.key: self._environment(entry) for entry in listed.value.entries}

    def _environment(self, entry: YamlEntry) -> EnvironmentDefinition:
        path, body = f"environments.{entry.key}", entry.value
        if not _LABEL.fullmatch(entry.key):
            mend = "use lower-case letters, digits and dashes: it names folders and files"
            self._problem(entry, path, f"{entry.key!r} is no name for an environment", mend)
        if not isinstance(body, YamlMapping):
            self._problem(entry, path, "no mapping", "give it layers: and namespace:")
            return EnvironmentDefinition(entry.key, (), OWN_TARGETS, "")
        self._known_keys(body, path, ("layers", "targets", "namespace"))
        layers = self._layers(body, path, entry)
        return EnvironmentDefinition(entry.key, layers, self._targets(body, path), self._namespace(body, path, entry))

    def _layers(self, body: YamlMapping, path: str, environment: YamlEntry) -> tuple[LayerRef, ...]:
        path = f"{path}.layers"
        entry = _member(body, "layers")
        layers: dict[str, LayerRef] = {}
        for item in self._texts(entry, path):
            name = str(item.value)
            if name in layers:
                self._problem(item, path, f"the layer {name!r} twice", f"it is in line {layers[name].line} already")
            elif name.startswith("/") or ".." in Path(name).parts or name != Path(name).as_posix() or name == ".":
                self._problem(item, path, f"{name!r} is no folder below the source", "write it like environments/prod")
            else:
                layers[name] = LayerRef(name, item.line, item.column)
        if entry is None or (isinstance(entry.value, YamlList) and not entry.value.items):
            self._problem(entry or environment, path, "no layers", "name at least one folder")
        return tuple(layers.values())

    def _targets(self, body: YamlMapping, path: str) -> tuple[str, ...]:
        entry = _member(body, "targets")
        if entry is None:
            return OWN_TARGETS
        targets = []
        for item in self._texts(entry, f"{path}.targets"):
            name = str(item.value)
            if name in TARGETS:
                targets.append(name)
            else:
                self._problem(item, f"{path}.targets", f"no target {name!r}", did_you_mean(name, TARGETS))
        return tuple(dict.fromkeys(targets))

    def _namespace(self, body: YamlMapping, path: str, environment: YamlEntry) -> str:
        entry = _member(body, "namespace")
        if entry is None:
            self._problem(environment, f"{path}.namespace", "no namespace", "name where the controller is installed")
            return ""
        value = entry.value.value if isinstance(entry.value, YamlScalar) else None
        if not isinstance(value, str) or not _LABEL.fullmatch(value):
            mend = "use lower-case letters, digits and dashes, at most 63"
            self._problem(entry.value, f"{path}.namespace", "is no name for a namespace", mend)
            return ""
        return value

    def _texts(self, entry: YamlEntry | None, path: str) -> list[YamlScalar]:
        if entry is None:
            return []
        if not isinstance(entry.value, YamlList):
            self._problem(entry.value, path, "no list", "write it like [a, b]")
            return []
        texts = []
        for item in entry.value.items:
            if isinstance(item, YamlScalar) and isinstance(item.value, str):
                texts.append(item)
            else:
                self._problem(item, path, "an element that is no text", "write plain names")
        return texts

    def _known_keys(self, mapping: YamlMapping, path: str, known: tuple[str, ...]) -> None:
        for entry in mapping.entries:
            if entry.key not in known:
                shown = f"{path}.{entry.key}" if path else entry.key
                self._problem(entry, shown, "unknown key", did_you_mean(entry.key, known))

    def _problem(self, at: YamlNode | YamlEntry | None, path: str, message: str, mend: str) -> None:
        line, column = (at.line, at.column) if at else (1, 1)
        self.problems.append(Problem(FILE, line, column, path, message, mend))


def did_you_mean(name: str, known: tuple[str, ...]) -> str:
    """The mend for a name that is not in a short list."""
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"


def _member(mapping: YamlMapping, key: str) -> YamlEntry | None:
    return next((entry for entry in mapping.entries if entry.key == key), None)
