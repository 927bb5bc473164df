"""A source as it was at a git revision, taken out of the repository into a folder of its own; the checkout is not
touched."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from configgen.problems import Problem, SourceError


def extract(folder: Path, revision: str, into: Path) -> None:
    """Put the source ``folder`` as of ``revision`` into the folder ``into``. Raises SourceError."""
    if not revision or revision.startswith("-"):
        raise _error(revision, "is no revision", "write REV:ENV, such as origin/main:prod")
    top = _git(folder, revision, "rev-parse", "--show-toplevel").decode().rstrip("\n")
    inside = _git(folder, revision, "rev-parse", "--show-prefix").decode().rstrip("\n").rstrip("/")
    commit = _git(folder, revision, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
    tree = f"{commit}:{inside}" if inside else commit
    try:
        with tarfile.open(fileobj=io.BytesIO(_git(Path(top), revision, "archive", "--format=tar", tree))) as archive:
            archive.extractall(into, filter="data")
    except (tarfile.TarError, OSError) as error:
        raise _error(revision, f"can not be taken out of the repository: {error}", "") from error


def _git(folder: Path, revision: str, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)  # noqa: S603, S607
    except OSError as error:
        raise _error(revision, f"git can not be run: {error.strerror}", "install git") from error
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
    if arguments[:2] == ("rev-parse", "--verify"):
        raise _error(revision, "is no revision of this repository", "fetch it, or mend the name")
    if arguments[0] == "archive":
        raise _error(revision, "does not have this source folder", "name a revision that has it")
    raise _error(revision, f"git says: {said}", "run this in a checkout of the source's repository")


def _error(revision: str, message: str, mend: str) -> SourceError:
    return SourceError([Problem(revision, 0, 0, "", message, mend)])
