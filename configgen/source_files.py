"""The configuration files of a source as texts, and replacing some of them: all or none."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from configgen.layers.files import list_folder, os_problem, read_text
from configgen.layers.folders import CONFIG
from configgen.layers.source import read_source
from configgen.problems import Problem, SourceError


def configuration_files(folder: Path) -> dict[str, str]:
    """``config/*.yaml`` of all layers that some environment is made of: path relative to the source → text."""
    definition = read_source(folder)
    layers = {layer.name for environment in definition.environments.values() for layer in environment.layers}
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    for layer in sorted(layers):
        shown = f"{layer}/{CONFIG}"
        try:
            members = list_folder(folder / shown, shown) if (folder / shown).exists() else []
        except SourceError as error:
            problems += error.problems
            continue
        for path in members:
            if path.suffix == ".yaml" and not path.name.startswith("."):
                try:
                    texts[f"{shown}/{path.name}"] = read_text(path, f"{shown}/{path.name}")
                except SourceError as error:
                    problems += error.problems
    if problems:
        raise SourceError(problems)
    return texts


def replace_all(folder: Path, texts: Mapping[str, str]) -> None:
    """Replace files of the source. Everything is on the disk under temporary names before the first is replaced."""
    staged: list[tuple[Path, Path]] = []
    try:
        for name, text in texts.items():
            target = (folder / name).resolve()
            descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
            staged.append((Path(temporary), target))
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            Path(temporary).chmod(target.stat().st_mode & 0o777)
        while staged:
            temporary_path, target = staged[-1]
            temporary_path.replace(target)
            staged.pop()
    except OSError as error:
        raise os_problem(error, str(folder), "written") from error
    finally:
        for leftover, _ in staged:
            with contextlib.suppress(OSError):
                leftover.unlink()
