"""Findings: what rules found, where it is, how bad it is and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """How bad it is: ``error`` does not do what it says, ``warning`` probably not, ``info`` is good to know."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """Larger is worse."""
        return _RANKS[self]


_RANKS: Final = {Severity.INFO: 0, Severity.WARNING: 1, Severity.ERROR: 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule found.

    ``line`` and ``column`` count from 1, 0 where a file as a whole is meant; ``path`` is the key path as people write
    it, empty where there is none. Values of secrets never appear.
    """

    rule: str
    severity: Severity
    file: str
    line: int
    column: int
    path: str
    message: str
    mend: str = ""

    @property
    def place(self) -> str:
        """``file:line:column``, as far as it is known."""
        parts = [self.file] + [str(number) for number in (self.line, self.column) if number]
        return ":".join(parts)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """By place, then by severity and rule; each once, however many environments it holds in."""
    return sorted(
        dict.fromkeys(findings),
        key=lambda one: (one.file, one.line, one.column, -one.severity.rank, one.rule, one.path, one.message),
    )
