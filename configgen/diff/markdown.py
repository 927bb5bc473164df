"""Differences for a pull request: what happens to tasks first, since that is what a reviewer decides about; the leaves
folded away beneath. A comment of GitHub holds 65,536 characters, so long tables are cut."""

from __future__ import annotations

from collections.abc import Iterator

from configgen.diff.comparing import Comparison
from configgen.diff.leaves import shown
from configgen.diff.printing import place, summary, value_line

_MOST_ROWS = 100
_MOST_GROUPS = 30
_LONGEST = 200


def as_markdown(comparisons: list[Comparison]) -> str:
    """All comparisons, each under a heading."""
    return "\n\n".join("\n".join(_lines(comparison)) for comparison in comparisons)


def _lines(comparison: Comparison) -> Iterator[str]:
    yield f"### {_plain(comparison.before)} → {_plain(comparison.after)}"
    yield ""
    if comparison.remark:
        yield comparison.remark
        return
    if comparison.effect is not None:
        yield from _effect(comparison)
    if comparison.no_effect:
        yield _plain(comparison.no_effect)
        yield ""
    told = summary(len(comparison.changes), comparison.before, comparison.after)
    if not comparison.changes:
        yield _plain(told)
        return
    yield f"<details><summary>{_plain(told)}</summary>"
    yield ""
    yield f"| key | {_cell(comparison.before)} | {_cell(comparison.after)} | set in |"
    yield "|---|---|---|---|"
    for change in comparison.changes[:_MOST_ROWS]:
        values = [_code(value_line(said, change, comparison.secrets)) for said in (change.before, change.after)]
        where = _cell(place(change.after or change.before))
        yield f"| {_code(shown(change.path))} | {values[0]} | {values[1]} | {where} |"
    if len(comparison.changes) > _MOST_ROWS:
        yield f"| … {len(comparison.changes) - _MOST_ROWS} more | | | |"
    yield ""
    yield "</details>"


def _effect(comparison: Comparison) -> Iterator[str]:
    from configgen.effects import wording

    effect = comparison.effect
    assert effect is not None
    yield f"**{wording.summary(effect)}**"
    yield ""
    for group in effect.groups[:_MOST_GROUPS]:
        mark = "⚠️ " if group.breaks else ""
        yield f"- {mark}**{_plain(wording.subject(group, effect))}**"
        for change in group.changes:
            yield f"  - {_code(wording.sentence(change, comparison.secrets))}"
    if len(effect.groups) > _MOST_GROUPS:
        yield f"- … {len(effect.groups) - _MOST_GROUPS} groups more"
    if effect.unchanged:
        yield f"- unchanged: {', '.join(map(_plain, effect.unchanged))}"
    yield ""


def _code(text: str) -> str:
    """Code in a table or a list; backticks inside get a longer fence."""
    text = _cut(text).replace("|", "\\|").replace("\n", " ")
    fence = "``" if "`" in text else "`"
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """Text in which nothing is markup."""
    for character in "\\`*_[]":
        text = text.replace(character, f"\\{character}")
    return _cut(text).replace("<", "&lt;").replace("\n", " ")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
