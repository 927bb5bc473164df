"""A layer on disk: ``config/*.yaml`` merged in name order, and ``release.yaml``."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from configgen.layers.files import list_folder, os_problem, read_text
from configgen.layers.kinds import Kind, configuration_kind
from configgen.layers.merge import stack
from configgen.layers.nodes import EMPTY, Mapping
from configgen.layers.reading import read_document
from configgen.problems import Problem, SourceError

CONFIG: Final = "config"
RELEASE: Final = "release.yaml"


@dataclass(frozen=True, slots=True)
class Layer:
    """What one layer says: about Flyte's configuration and about the release of our chart."""

    name: str
    config: Mapping
    release: Mapping


def read_layer(source: Path, name: str, release_kind: Kind) -> Layer:
    """Read the layer ``name`` below the source folder. Raises SourceError with the problems of all its files."""
    folder = source / name
    problems: list[Problem] = []
    members = {path.name: path for path in list_folder(folder, name)}
    problems += _misnamed(members, name)
    documents = []
    for path in _documents(members, name, problems):
        try:
            shown = f"{name}/{CONFIG}/{path.name}"
            documents.append(read_document(read_text(path, shown), layer=name, file=shown, kind=configuration_kind()))
        except SourceError as error:
            problems += error.problems
    release = EMPTY
    if RELEASE in members:
        try:
            shown = f"{name}/{RELEASE}"
            release = read_document(read_text(members[RELEASE], shown), layer=name, file=shown, kind=release_kind)
        except SourceError as error:
            problems += error.problems
    if problems:
        raise SourceError(problems)
    return Layer(name, stack(documents), release)


def is_document(path: Path) -> bool:
    """Whether a file in a layer's ``config`` is read."""
    return path.suffix == ".yaml" and not path.name.startswith(".")


def _misnamed(members: dict[str, Path], layer: str) -> Iterator[Problem]:
    """Files that a person meant to be read and that would not be."""
    if CONFIG not in members and RELEASE not in members:
        mend = f"give it a folder {CONFIG}/ with YAML files, or a {RELEASE}"
        yield Problem(layer, 0, 0, "", "is no layer: it says nothing", mend)
    for name in sorted(members):
        if name == "release.yml":
            yield Problem(f"{layer}/{name}", 0, 0, "", "is not read", f"name it {RELEASE}")
        elif name.endswith((".yaml", ".yml")) and name != RELEASE:
            yield Problem(f"{layer}/{name}", 0, 0, "", "is not read", f"move it to {layer}/{CONFIG}/")


def _documents(members: dict[str, Path], layer: str, problems: list[Problem]) -> Iterator[Path]:
    if CONFIG not in members:
        return
    shown = f"{layer}/{CONFIG}"
    try:
        found = list_folder(members[CONFIG], shown)
    except SourceError as error:
        problems += error.problems
        return
    for path in found:
        if is_document(path):
            yield path
        elif path.name.startswith("."):
            continue
        elif path.suffix in (".yml", ".json"):
            problems.append(Problem(f"{shown}/{path.name}", 0, 0, "", "is not read", "name it .yaml"))
        else:
            problems += _unread_folder(path, shown)


def _unread_folder(path: Path, shown: str) -> Iterator[Problem]:
    try:
        if stat.S_ISDIR(path.stat().st_mode):
            message, mend = "is a folder; only files are read here", "move its files up, or make it a layer"
            yield Problem(f"{shown}/{path.name}", 0, 0, "", message, mend)
    except OSError as error:
        yield from os_problem(error, f"{shown}/{path.name}").problems
