"""What can be wrong with a configuration, and where: the words of every error message about one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Where in a tree: keys, and indices of lists."""


@dataclass(frozen=True, order=True, slots=True)
class Location:
    """A place in a file; line and column start at 1, 0 where it is not known."""

    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [self.file] + [str(number) for number in (self.line, self.column) if number]
        return ":".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, what, and how to mend it. Values never appear, they may be secrets."""

    location: Location
    key_path: Path
    message: str
    mend: str = ""

    @property
    def file(self) -> str:
        return self.location.file

    @property
    def line(self) -> int:
        return self.location.line

    @property
    def column(self) -> int:
        return self.location.column

    @property
    def path(self) -> str:
        """The key path as people write it: ``plugins.k8s.default-tolerations[0].key``."""
        return dotted(self.key_path)

    def __str__(self) -> str:
        where = ": ".join(part for part in (str(self.location), self.path) if part)
        text = f"{where}: {self.message}" if where else self.message
        return f"{text}; {self.mend}" if self.mend else text


class ConfigurationError(Exception):
    """The configuration can not be used. ``problems`` are all that were found, sorted by place."""

    code = "ConfigError"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(in_order(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """By file, line and column; what has no place last."""
    return sorted(problems, key=lambda problem: (not problem.file, problem.location, dotted(problem.key_path)))


def dotted(path: Path) -> str:
    """``("plugins", "k8s", "default-tolerations", 0)`` → ``plugins.k8s.default-tolerations[0]``; keys that hold dots
    are put in brackets and quotes."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif "." in str(part) or "[" in str(part):
            text += f'["{part}"]'
        else:
            text += f".{part}" if text else str(part)
    return text
