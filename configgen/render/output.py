"""Putting rendered files on disk: all of them or none, only those that changed, and nothing that is not ours.

Every rendered file begins with :data:`HEADER`. That is how a file is known to be ours: files of an earlier render that
are no longer wanted are removed if they carry it, and a file without it is never overwritten.
"""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from configgen.layers.files import os_problem
from configgen.problems import Problem, SourceError
from configgen.staging import Staging

HEADER: Final = "# Rendered by configgen"


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a render comes to: relative path → text, the folders that it owns (stale files are looked for there), and
    what the source says and a target has no word for."""

    files: Mapping[str, str]
    folders: tuple[str, ...]
    losses: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """What a write does, or would do: paths relative to the output folder, sorted."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.created or self.updated or self.removed)


def compare(rendered: Rendered, out: Path) -> Changes:
    """What :func:`write` would do. Raises SourceError where it would have to touch a file that is not ours."""
    created: list[str] = []
    updated: list[str] = []
    problems: list[Problem] = []
    for name, text in sorted(rendered.files.items()):
        path = out / name
        try:
            found = _present(path, text)
        except OSError as error:
            problems += os_problem(error, str(path)).problems
            continue
        if found is None:
            created.append(name)
        elif found == text.encode():
            continue
        elif found.startswith(HEADER.encode()):
            updated.append(name)
        else:
            message = "exists and was not rendered by configgen"
            problems.append(Problem(str(path), 0, 0, "", message, "move it away, or choose another --out"))
    if problems:
        raise SourceError(problems)
    try:
        return Changes(tuple(created), tuple(updated), tuple(sorted(_stale(rendered, out))))
    except OSError as error:
        raise os_problem(error, str(error.filename or out)) from error


def _present(path: Path, text: str) -> bytes | None:
    """What is in a file, as far as it matters; None where there is none. Pipes and devices are not waited for."""
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return None
    if not regular:
        return b""
    with path.open("rb") as file:
        return file.read(len(text.encode()) + 1)


def write(rendered: Rendered, out: Path) -> Changes:
    """Bring the output folder up to date, or leave it as it was. Raises SourceError."""
    changes = compare(rendered, out)
    staging = Staging()
    try:
        for name in (*changes.created, *changes.updated):
            staging.add(out / name, rendered.files[name])
        for name in changes.removed:
            staging.remove(out / name)
        staging.commit()
    except OSError as error:
        staging.discard()
        raise os_problem(error, str(error.filename or out), "written") from error
    except BaseException:
        staging.discard()
        raise
    _remove_empty(out, changes.removed)
    return changes


def _stale(rendered: Rendered, out: Path) -> Iterator[str]:
    """Files of earlier renders in the folders that this one owns."""
    for folder in rendered.folders:
        for path in sorted((out / folder).rglob("*")):
            name = path.relative_to(out).as_posix()
            if name not in rendered.files and path.is_file() and not path.is_symlink() and _ours(path):
                yield name


def _ours(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(HEADER)) == HEADER.encode()


def _remove_empty(out: Path, removed: Iterable[str]) -> None:
    """Folders that the removal has emptied, the innermost first, up to the output folder."""
    folders = {folder for name in removed for folder in (out / name).parents if folder.is_relative_to(out)} - {out}
    for folder in sorted(folders, key=lambda folder: len(folder.parts), reverse=True):
        with contextlib.suppress(OSError):
            folder.rmdir()
