"""A source as it was at a git revision, taken out of the repository into a folder of its own; the checkout is not
touched.

Only what a source can be made of is taken out: YAML and JSON up to the limit of a source's files, and links that stay
in the folder. Everything else is there under its name, with its size and without its content, so that whoever comes
across it gives the same answer as in a checkout.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from configgen.layers.files import SIZE_LIMIT, os_problem
from configgen.problems import Problem, SourceError

_READ: Final = (".yaml", ".yml", ".json")
_LINK: Final = "120000"
_OUTSIDE: Final = "outside-of-the-source"


@dataclass(frozen=True, slots=True)
class _Blob:
    mode: str
    name: str
    size: int
    path: str

    @property
    def wanted(self) -> bool:
        return self.mode == _LINK or (self.path.endswith(_READ) and self.size <= SIZE_LIMIT)


def extract(folder: Path, revision: str, into: Path) -> None:
    """Put the source ``folder`` as of ``revision`` into the folder ``into``. Raises SourceError."""
    if not revision or revision.startswith("-"):
        raise _error(revision, "is no revision", "write REV:ENV, such as origin/main:prod")
    inside = _git(folder, revision, "rev-parse", "--show-prefix").decode(errors="surrogateescape").rstrip("\n/")
    commit = _git(folder, revision, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
    tree = f"{commit}:{inside}"
    blobs = list(_blobs(_git(folder, revision, "ls-tree", "-r", "-l", "-z", "--full-tree", tree)))
    contents = _contents(folder, revision, [blob.name for blob in blobs if blob.wanted])
    try:
        for blob in blobs:
            _put(into, blob, contents.get(blob.name))
    except OSError as error:
        raise os_problem(error, str(into), "written") from error


def _blobs(listing: bytes) -> Iterator[_Blob]:
    for line in listing.decode(errors="surrogateescape").split("\0")[:-1]:
        described, path = line.split("\t", 1)
        mode, kind, name, size = described.split()
        if kind == "blob":
            yield _Blob(mode, name, int(size), path)


def _contents(folder: Path, revision: str, names: Sequence[str]) -> dict[str, bytes]:
    """Object name → content, for all at once."""
    found: dict[str, bytes] = {}
    answer = _git(folder, revision, "cat-file", "--batch", given="".join(f"{name}\n" for name in names).encode())
    start = 0
    for name in names:
        end = answer.index(b"\n", start)
        size = int(answer[start:end].rsplit(b" ", 1)[1])
        found[name] = answer[end + 1 : end + 1 + size]
        start = end + size + 2
    return found


def _put(into: Path, blob: _Blob, content: bytes | None) -> None:
    path = into / blob.path
    path.parent.mkdir(parents=True, exist_ok=True)
    if blob.mode == _LINK:
        target = (content or b"").decode(errors="surrogateescape")
        # What is outside belongs to no revision: such a link leads nowhere, and reading it is an error.
        path.symlink_to(target if _stays_inside(PurePosixPath(blob.path).parent, target) else _OUTSIDE)
    elif content is None:
        with path.open("wb") as file:
            file.truncate(blob.size)
    else:
        path.write_bytes(content)


def _stays_inside(folder: PurePosixPath, target: str) -> bool:
    depth = 0
    for step in (*folder.parts, *PurePosixPath(target).parts):
        depth += -1 if step == ".." else 1
        if depth < 0 or step == "/":
            return False
    return True


def _git(folder: Path, revision: str, *arguments: str, given: bytes = b"") -> bytes:
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(folder), *arguments],  # noqa: S607
            input=given,
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise _error(revision, f"git can not be run: {error.strerror}", "install git") from error
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
    if arguments[:2] == ("rev-parse", "--verify"):
        raise _error(revision, "is no revision of this repository", "fetch it, or mend the name")
    if arguments[0] == "ls-tree":
        raise _error(revision, "does not have this source folder", "name a revision that has it")
    raise _error(revision, f"git says: {said}", "run this in a checkout of the source's repository")


def _error(revision: str, message: str, mend: str) -> SourceError:
    return SourceError([Problem(revision, 0, 0, "", message, mend)])
