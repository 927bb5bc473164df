"""What is wrong with a source: where, what, and how to mend it.

Commands collect every problem they can find before they stop, so that a person mends a source in one round and not in
one round per mistake. :class:`SourceError` carries them to the rim, where the command line prints them in order of
place.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True, slots=True)
class Problem:
    """One mistake. ``file`` is relative to the source folder where it lies in it; ``line`` and ``column`` count from 1,
    0 where a file as a whole is meant; ``path`` is the key path in dots, empty where there is none."""

    file: str
    line: int
    column: int
    path: str
    message: str
    mend: str = ""

    def __str__(self) -> str:
        place = self.file
        if self.line:
            place += f":{self.line}:{self.column}" if self.column else f":{self.line}"
        subject = f"{self.path}: " if self.path else ""
        mend = f"; {self.mend}" if self.mend else ""
        return f"{place}: {subject}{self.message}{mend}"


class SourceError(Exception):
    """The source can not be used. Holds all problems found, sorted by place, none twice."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))
