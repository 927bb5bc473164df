"""The configuration files of a source as texts, and replacing some of them: all or none."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from configgen.layers.files import list_folder, os_problem, read_text
from configgen.layers.folders import CONFIG, RELEASE, is_document
from configgen.layers.kinds import Kind, configuration_kind, model_kind
from configgen.layers.source import read_source
from configgen.problems import Problem, SourceError
from configgen.release.values import ReleaseValues
from configgen.staging import Staging


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A document of a layer, or its ``release.yaml``."""

    text: str
    release: bool = False

    @property
    def kind(self) -> Kind:
        """What it describes."""
        return model_kind(ReleaseValues) if self.release else configuration_kind()


def configuration_files(folder: Path) -> dict[str, str]:
    """``config/*.yaml`` of all layers that some environment is made of: path relative to the source → text. Raises
    SourceError with all that can not be read."""
    return {name: file.text for name, file in layer_files(folder).items() if not file.release}


def layer_files(folder: Path) -> dict[str, SourceFile]:
    """``config/*.yaml`` and ``release.yaml`` of all layers that some environment is made of, by their paths relative to
    the source. Raises SourceError with all that can not be read."""
    definition = read_source(folder)
    texts: dict[str, SourceFile] = {}
    problems: list[Problem] = []
    layers: set[str] = set()
    for environment in definition.environments.values():
        for layer in environment.layers:
            if not os.path.lexists(folder / layer.name):
                problems.append(environment.missing(layer))
            elif layer.name not in layers:
                layers.add(layer.name)
                problems += _read(folder, layer.name, texts)
    if problems:
        raise SourceError(problems)
    return dict(sorted(texts.items()))


def _read(folder: Path, layer: str, texts: dict[str, SourceFile]) -> Iterator[Problem]:
    try:
        members = {path.name for path in list_folder(folder / layer, layer)}
        names = {f"{layer}/{RELEASE}": True} if RELEASE in members else {}
        if CONFIG in members:
            found = list_folder(folder / layer / CONFIG, f"{layer}/{CONFIG}")
            names |= {f"{layer}/{CONFIG}/{path.name}": False for path in found if is_document(path)}
    except SourceError as error:
        yield from error.problems
        return
    for name, release in names.items():
        try:
            texts[name] = SourceFile(read_text(folder / name, name), release)
        except SourceError as error:
            yield from error.problems


def replace_all(folder: Path, texts: Mapping[str, str]) -> None:
    """Replace files of the source: all of them or none. Raises SourceError."""
    staging = Staging()
    try:
        for name, text in texts.items():
            staging.add((folder / name).resolve(), text)
        staging.commit()
    except OSError as error:
        staging.discard()
        raise os_problem(error, str(error.filename or folder), "written") from error
    except BaseException:
        staging.discard()
        raise
