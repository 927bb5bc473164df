"""Differences for people at a terminal: one leaf a paragraph, then what they do to tasks. Coloured where it goes to a
terminal."""

from __future__ import annotations

from collections.abc import Iterator

import click

from configgen.diff.comparing import Change, Comparison
from configgen.diff.leaves import shown
from configgen.diff.printing import place, summary, value_line


def as_text(comparisons: list[Comparison]) -> str:
    """All comparisons, one after the other."""
    return "\n\n".join("\n".join(_lines(comparison)) for comparison in comparisons)


def _lines(comparison: Comparison) -> Iterator[str]:
    if comparison.remark:
        yield comparison.remark
        return
    for change in comparison.changes:
        yield from _paragraph(change, comparison)
        yield ""
    yield summary(len(comparison.changes), comparison.before, comparison.after)
    if comparison.no_effect:
        yield ""
        yield comparison.no_effect
    if comparison.effect is not None:
        yield ""
        yield from _effect(comparison)


def _paragraph(change: Change, comparison: Comparison) -> Iterator[str]:
    width = max(len(comparison.before), len(comparison.after))
    yield click.style(shown(change.path), bold=True)
    sides = [(comparison.before, change.before, "red"), (comparison.after, change.after, "green")]
    shown_values = [value_line(said, change, comparison.secrets) for _, said, _ in sides]
    widest = max(map(len, shown_values))
    for (name, said, colour), value in zip(sides, shown_values, strict=True):
        text = click.style(f"{name:<{width}}  {value}", fg=colour)
        where = place(said)
        padding = " " * (widest - len(value))
        yield f"  {text}{padding}  {click.style(where, dim=True)}" if where else f"  {text}"


def _effect(comparison: Comparison) -> Iterator[str]:
    from configgen.effects import wording

    effect = comparison.effect
    assert effect is not None
    yield click.style(wording.summary(effect), bold=True)
    for group in effect.groups:
        yield ""
        yield f"  {click.style(wording.subject(group, effect), bold=True)}"
        for change in group.changes:
            colour = "red" if group.breaks else None
            yield "    " + click.style(wording.sentence(change, comparison.secrets), fg=colour)
    if effect.unchanged:
        yield ""
        yield click.style(f"  unchanged: {', '.join(effect.unchanged)}", dim=True)
