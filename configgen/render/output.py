"""Putting rendered files on disk: all of them or none, only those that changed, and nothing that is not ours.

Every rendered file begins with :data:`HEADER`. That is how a file is known to be ours: files of an earlier render that
are no longer wanted are removed if they carry it, and a file without it is never overwritten.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from configgen.layers.files import os_problem
from configgen.problems import Problem, SourceError

HEADER: Final = "# Rendered by configgen"


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a render comes to: relative path → text, and the folders that it owns (stale files are looked for there)."""

    files: Mapping[str, str]
    folders: tuple[str, ...]


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
            found = path.read_text("utf-8", errors="replace")
        except FileNotFoundError:
            created.append(name)
            continue
        except OSError as error:
            problems += os_problem(error, str(path)).problems
            continue
        if found == text:
            continue
        updated.append(name)
        if not found.startswith(HEADER):
            message = "exists and was not rendered by configgen"
            problems.append(Problem(str(path), 0, 0, "", message, "move it away, or choose another --out"))
    if problems:
        raise SourceError(problems)
    return Changes(tuple(created), tuple(updated), tuple(sorted(_stale(rendered, out))))


def write(rendered: Rendered, out: Path) -> Changes:
    """Bring the output folder up to date. Every text is on the disk under a temporary name before the first file is
    replaced, so a full disk leaves the folder as it was."""
    changes = compare(rendered, out)
    staging = _Staging()
    try:
        for name in (*changes.created, *changes.updated):
            staging.add(out / name, rendered.files[name])
        staging.commit()
        for name in changes.removed:
            (out / name).unlink()
    except OSError as error:
        staging.discard()
        raise os_problem(error, str(error.filename or out), "written") from error
    except BaseException:
        staging.discard()
        raise
    _remove_empty(out, changes.removed)
    return changes


class _Staging:
    """Files written under temporary names, each in the folder where it is going to be."""

    def __init__(self) -> None:
        self._files: list[tuple[Path, Path]] = []
        self._folders: list[Path] = []

    def add(self, path: Path, text: str) -> None:
        self._make(path.parent)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        self._files.append((Path(name), path))
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except OSError as error:
            error.filename = str(path)
            raise
        Path(name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask())

    def _make(self, folder: Path) -> None:
        missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
        for parent in reversed(missing):
            parent.mkdir()
            self._folders.append(parent)

    def commit(self) -> None:
        while self._files:
            temporary, path = self._files[-1]
            temporary.replace(path)
            self._files.pop()

    def discard(self) -> None:
        """Remove what is not committed, and the folders that were made for it."""
        for temporary, _ in self._files:
            temporary.unlink(missing_ok=True)
        for folder in reversed(self._folders):
            if not any(folder.iterdir()):
                folder.rmdir()


def _umask() -> int:
    """The process's mask; it can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


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
        if not any(folder.iterdir()):
            folder.rmdir()
