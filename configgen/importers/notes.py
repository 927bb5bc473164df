"""What an import has to say about what it read: every line of the input that did not go over as it was written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from configgen.problems import Problem
from pluginmachinery.config.problems import Location, Path, dotted
from pluginmachinery.config.problems import Problem as ConfigProblem


class Severity(Enum):
    """``WARNING``: look at it before you render. ``NOTE``: nothing to do."""

    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Note:
    """One remark with its place in the input."""

    severity: Severity
    problem: Problem

    def __str__(self) -> str:
        return f"{self.severity.value}: {self.problem}"


class Notes:
    """Gathers notes; told in the order of their places, none twice."""

    def __init__(self) -> None:
        self._notes: dict[Note, None] = {}

    def warning(self, place: Location | None, path: Path | str, message: str, mend: str = "") -> None:
        self._add(Severity.WARNING, place, path, message, mend)

    def note(self, place: Location | None, path: Path | str, message: str, mend: str = "") -> None:
        self._add(Severity.NOTE, place, path, message, mend)

    def problems(self, problems: Iterable[ConfigProblem]) -> None:
        for problem in problems:
            self.warning(problem.location, problem.key_path, problem.message, problem.mend)

    def in_order(self) -> list[Note]:
        return sorted(self._notes, key=lambda note: (note.problem, note.severity.value))

    def _add(self, severity: Severity, place: Location | None, path: Path | str, message: str, mend: str) -> None:
        shown = path if isinstance(path, str) else dotted(path)
        at = place or Location()
        self._notes[Note(severity, Problem(at.file, at.line, at.column, shown, message, mend))] = None
