"""Bounds: which values of its kind a field takes.

They stand at the fields, in pydantic's words (``Field(ge=1, le=10)``, ``pattern``) or as marks of :mod:`.sections`
where pydantic has none. Strict reading refuses what is out of bounds, and the JSON Schema tells an editor. Reading as
Flyte does takes no notice: Flyte does not check.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from pluginmachinery.config import sections


@dataclass(frozen=True, slots=True)
class Bounds:
    """``least`` and ``most`` are allowed themselves, ``above`` is not. For time spans only a ``least`` of 0 has a
    meaning. ``words`` are all the texts that there may be."""

    least: float | None = None
    most: float | None = None
    above: float | None = None
    words: tuple[str, ...] = ()
    pattern: str | None = None

    def __str__(self) -> str:
        """``1 or more``, ``from 1 to 60``, ``Always, IfNotPresent or Never``; empty where there are none."""
        if self.words:
            named = [word for word in self.words if word]
            return f"{', '.join(named[:-1])} or {named[-1]}"
        if self.above is not None:
            return f"more than {self.above:g}"
        if self.least is not None:
            return f"{self.least:g} or more" if self.most is None else f"from {self.least:g} to {self.most:g}"
        return f"of the form {self.pattern}" if self.pattern else ""

    def holds(self, number: float) -> bool:
        return (
            (self.least is None or number >= self.least)
            and (self.most is None or number <= self.most)
            and (self.above is None or number > self.above)
        )


UNBOUNDED: Final = Bounds()


def of_marks(marks: Iterable[Any]) -> Bounds:
    """The bounds that a field's marks come to."""
    found: dict[str, Any] = {}
    for mark in marks:
        if isinstance(mark, sections.NotNegative):
            found["least"] = 0
        if isinstance(mark, sections.OneOf):
            found["words"] = mark.words
        for attribute, name in (("ge", "least"), ("le", "most"), ("gt", "above"), ("pattern", "pattern")):
            if getattr(mark, attribute, None) is not None:
                found[name] = getattr(mark, attribute)
    return Bounds(**found) if found else UNBOUNDED
