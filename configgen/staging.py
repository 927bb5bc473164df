"""Changing several files on disk: all of them or none.

Every text is on the disk under a temporary name before the first file is replaced, so that a full disk shows before
anything has changed. What goes wrong after that, while files are replaced and removed, is taken back.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path


class Staging:
    """Files to come and to go. :meth:`commit` brings them about, :meth:`discard` forgets them; one of the two has to be
    called."""

    def __init__(self) -> None:
        self._files: list[tuple[Path, Path]] = []
        self._removals: list[Path] = []
        self._folders: list[Path] = []

    def add(self, path: Path, text: str) -> None:
        """``path`` is to hold this text. A file that is there keeps its mode. Raises OSError."""
        try:
            self._make(path.parent)
            descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            self._files.append((Path(name), path))
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
                file.write(text)
            Path(name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask())
        except OSError as error:
            error.filename = str(path)
            raise

    def remove(self, path: Path) -> None:
        """``path`` is to be gone."""
        self._removals.append(path)

    def commit(self) -> None:
        """Bring it about. Raises OSError, and then everything is as it was."""
        done: list[tuple[Path, Path | None]] = []
        try:
            for temporary, path in self._files:
                done.append((path, _backup(path)))
                temporary.replace(path)
            for path in self._removals:
                done.append((path, _backup(path)))
                path.unlink()
        except BaseException:
            for path, backup in reversed(done):
                with contextlib.suppress(OSError):
                    backup.replace(path) if backup else path.unlink(missing_ok=True)
            _forget(backup for _, backup in done)
            self.discard()
            raise
        _forget(backup for _, backup in done)

    def discard(self) -> None:
        """Remove what was staged, and the folders that were made for it."""
        _forget(temporary for temporary, _ in self._files)
        for folder in reversed(self._folders):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _make(self, folder: Path) -> None:
        missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
        for parent in reversed(missing):
            parent.mkdir()
            self._folders.append(parent)


def _backup(path: Path) -> Path | None:
    """A second name for the file that is there, which takes no room on the disk; None where there is none."""
    if not os.path.lexists(path):
        return None
    backup = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        os.link(path, backup, follow_symlinks=False)
    except OSError:  # a file system without such names
        try:
            shutil.copy2(path, backup, follow_symlinks=False)
        except OSError:
            _forget([backup])
            raise
    return backup


def _forget(names: Iterable[Path | None]) -> None:
    """Remove these, those that are still there. Renaming one name of a file to another of the same leaves both."""
    for name in names:
        if name is not None:
            with contextlib.suppress(OSError):
                name.unlink()


def _umask() -> int:
    """The process's mask; it can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
