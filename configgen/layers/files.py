"""Reading the files of a source without trusting them: everything that can be wrong with a file ends in one Problem."""

from __future__ import annotations

import codecs
import errno
import stat
import sys
from pathlib import Path

from configgen.problems import Problem, SourceError

STDIN = "stdin"
"""What the standard input is called in messages."""
SIZE_LIMIT = 2 * 1024 * 1024
"""Bytes. A configuration of this size is a mistake (a ConfigMap holds 1 MiB); it is refused unread."""


def read_text(path: Path, shown: str) -> str:
    """The text of a file. ``shown`` is its name in messages."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise _error(shown, "is a folder", "a file is expected here")
        if not stat.S_ISREG(status.st_mode):
            raise _error(shown, "is no regular file", "a file is expected here")
        if status.st_size > SIZE_LIMIT:
            raise _too_big(shown, f"{status.st_size / 1024 / 1024:.1f} MiB")
        content = path.read_bytes()
    except OSError as error:
        raise os_problem(error, shown) from error
    return _decoded(content, shown)


def read_stdin() -> str:
    """The text that comes in by the standard input; no more is read than a file may have."""
    if sys.stdin is None:  # closed by whoever started us
        raise _error(STDIN, "is closed", "pipe something into the command, or name a file")
    try:
        content = sys.stdin.buffer.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise os_problem(error, STDIN) from error
    if len(content) > SIZE_LIMIT:
        raise _error(STDIN, "has more than the limit of 2 MiB", "name a file with the configuration alone")
    return _decoded(content, STDIN)


def _too_big(shown: str, size: str) -> SourceError:
    return _error(shown, f"has {size}, more than the limit of 2 MiB", "move what is no configuration elsewhere")


def _decoded(content: bytes, shown: str) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _error(shown, "is a text in UTF-16", "save the file as UTF-8")
    if b"\0" in content:
        raise _error(shown, "is a binary file", "only YAML files belong here")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SourceError([Problem(shown, line, 0, "", "is no UTF-8 text", "save the file as UTF-8")]) from error


def list_folder(path: Path, shown: str) -> list[Path]:
    """What is in a folder, in name order."""
    try:
        return sorted(path.iterdir())
    except OSError as error:
        raise os_problem(error, shown) from error


def os_problem(error: OSError, shown: str, doing: str = "read") -> SourceError:
    """The operating system's refusal in our words; ``doing`` is the participle of what was tried."""
    known = {
        errno.ENOENT: ("does not exist", "check the name, or create it"),
        errno.ENOTDIR: ("is no folder", "a folder is expected here"),
        errno.EISDIR: ("is a folder", "a file is expected here"),
        errno.EACCES: (
            f"may not be {doing}: permission denied",
            "check the owner and mode of the file and its folders",
        ),
        errno.EPERM: (f"may not be {doing}: not permitted", "check the owner and mode of the file and its folders"),
        errno.ELOOP: ("is a symbolic link that leads back to itself", "point the link at a real file or folder"),
        errno.ENOSPC: (f"can not be {doing}: the disk is full", "make room; nothing was changed"),
        errno.EDQUOT: (f"can not be {doing}: the quota is used up", "make room; nothing was changed"),
        errno.EROFS: (f"can not be {doing}: the file system is read-only", "choose another --out"),
        errno.ENAMETOOLONG: ("is a name too long for the file system", "shorten it"),
    }
    message, mend = known.get(error.errno or 0, (f"can not be {doing}: {error.strerror or error}", ""))
    return _error(shown, message, mend)


def _error(shown: str, message: str, mend: str) -> SourceError:
    return SourceError([Problem(shown, 0, 0, "", message, mend)])
