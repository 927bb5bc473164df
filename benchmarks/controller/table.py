"""The aims, and what was measured beside them."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """A measured figure and what it is held against; smaller is better unless ``more`` is."""

    name: str
    value: float
    bar: float
    stretch: float
    unit: str = ""
    more: bool = False
    remark: str = ""

    @property
    def verdict(self) -> str:
        if self._reaches(self.stretch):
            return "stretch"
        return "yes" if self._reaches(self.bar) else "MISSED"

    def _reaches(self, aim: float) -> bool:
        return self.value >= aim if self.more else self.value <= aim

    def shown(self, number: float) -> str:
        if self.unit == "%":
            return f"{number:.0%}"
        return f"{number:.2f}".rstrip("0").rstrip(".") + (f" {self.unit}" if self.unit else "")


def show(figures: list[Figure]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("figure", "measured", "bar", "stretch", "reached", ""):
        table.add_column(heading, justify="left" if heading in ("figure", "") else "right")
    for figure in figures:
        sign = "≥" if figure.more else "≤"
        table.add_row(
            figure.name,
            figure.shown(figure.value),
            f"{sign} {figure.shown(figure.bar)}",
            figure.shown(figure.stretch),
            figure.verdict,
            figure.remark,
        )
    Console(width=150, highlight=False).print(table)
