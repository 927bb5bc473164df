"""Results: what was looked for, what was found, who asked for it, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """``error``: something can not work. ``warning``: probably not, or not yet. ``not checked``: the reason is told."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Asked:
    """What in the source asks for it. No ``file``: nobody said so, the built-in default holds. No ``path``: nothing in
    the source asks for it, the controller itself does."""

    path: str = ""
    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if not self.path:
            return ""
        if not self.file:
            return f"{self.path} (built-in default)"
        return f"{self.path} ({self.file}:{self.line}:{self.column})" if self.line else f"{self.path} ({self.file})"


NOBODY: Final = Asked()


@dataclass(frozen=True, slots=True)
class Result:
    """One thing that was looked for. ``topic`` is filled in by whoever runs the topic."""

    status: Status
    wanted: str
    found: str
    mend: str = ""
    asked: Asked = NOBODY
    topic: str = ""


def ok(wanted: str, found: str, asked: Asked = NOBODY) -> Result:
    return Result(Status.OK, wanted, found, asked=asked)


def warning(wanted: str, found: str, mend: str, asked: Asked = NOBODY) -> Result:
    return Result(Status.WARNING, wanted, found, mend, asked)


def error(wanted: str, found: str, mend: str, asked: Asked = NOBODY) -> Result:
    return Result(Status.ERROR, wanted, found, mend, asked)


def not_checked(wanted: str, why: str, asked: Asked = NOBODY, mend: str = "") -> Result:
    return Result(Status.NOT_CHECKED, wanted, why, mend, asked)


def listing(names: list[str], most: int = 5) -> str:
    """``a, b, c and 4 more``."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
