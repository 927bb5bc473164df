"""Differences as one page of HTML that needs nothing else: no script, no font, no image."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from configgen.diff.comparing import Comparison
from configgen.diff.leaves import shown
from configgen.diff.printing import place, summary, value_line

_STYLE: Final = """
:root { color-scheme: light dark; --text: #1f2328; --quiet: #656d76; --line: #d8dee4; --page: #fff; --soft: #f6f8fa;
        --old: #9a2a2a; --new: #1a6b37; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --quiet: #8d96a0; --line: #30363d; --page: #0d1117;
        --soft: #161b22; --old: #f08a8a; --new: #6fd08c; } }
body { margin: 2rem auto; max-width: 68rem; padding: 0 1.25rem; color: var(--text); background: var(--page);
       font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; font-weight: 600; margin: 0 0 1.5rem; }
h2 { font-size: 1.15rem; font-weight: 600; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1rem; font-weight: 600; margin: 1.5rem 0 .25rem; }
p { margin: .25rem 0 .75rem; }
.quiet { color: var(--quiet); }
.group { border-left: 3px solid var(--line); padding: .1rem 0 .1rem 1rem; margin: 1rem 0; }
.breaks { border-color: var(--old); }
.group ul { margin: .25rem 0; padding-left: 1.1rem; }
code { font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
th, td { text-align: left; vertical-align: top; overflow-wrap: anywhere; padding: .4rem .6rem .4rem 0;
         border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--quiet); }
td.old code { color: var(--old); } td.new code { color: var(--new); }
th:first-child { width: 36%; } th:last-child { width: 20%; }
@media (max-width: 40rem) { table, tbody, tr, td { display: block; } thead { display: none; }
        td { border: 0; padding: 0; } tr { border-bottom: 1px solid var(--line); padding: .5rem 0; display: block; } }
"""


def as_html(comparisons: list[Comparison]) -> str:
    """The page."""
    body = "\n".join(line for comparison in comparisons for line in _section(comparison))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Configuration changes</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>Configuration changes</h1>\n{body}\n</body>\n</html>"
    )


def _section(comparison: Comparison) -> Iterator[str]:
    yield f"<section>\n<h2>{escape(comparison.before)} → {escape(comparison.after)}</h2>"
    if comparison.remark:
        yield f"<p>{escape(comparison.remark)}</p>"
    else:
        yield f"<p>{escape(summary(len(comparison.changes), comparison.before, comparison.after))}</p>"
    if comparison.no_effect:
        yield f"<p>{escape(comparison.no_effect)}</p>"
    if comparison.effect is not None:
        yield from _effect(comparison)
    if comparison.changes:
        yield from _table(comparison)
    yield "</section>"


def _effect(comparison: Comparison) -> Iterator[str]:
    from configgen.effects import wording

    effect = comparison.effect
    assert effect is not None
    yield f"<h3>Effect on tasks</h3>\n<p>{escape(wording.summary(effect))}</p>"
    for group in effect.groups:
        breaks = " breaks" if group.breaks else ""
        yield f'<div class="group{breaks}"><strong>{escape(wording.subject(group, effect))}</strong>\n<ul>'
        for change in group.changes:
            yield f"<li><code>{escape(wording.sentence(change, comparison.secrets))}</code></li>"
        yield "</ul></div>"
    if effect.unchanged:
        yield f'<p class="quiet">Unchanged: {escape(", ".join(effect.unchanged))}</p>'


def _table(comparison: Comparison) -> Iterator[str]:
    names = f"<th>{escape(comparison.before)}</th><th>{escape(comparison.after)}</th>"
    yield f"<h3>Configuration</h3>\n<table>\n<thead><tr><th>key</th>{names}<th>set in</th></tr></thead>\n<tbody>"
    for change in comparison.changes:
        old, new = (escape(value_line(said, change, comparison.secrets)) for said in (change.before, change.after))
        where = escape(place(change.after or change.before))
        yield (
            f"<tr><td><code>{escape(shown(change.path))}</code></td>"
            f'<td class="old"><code>{old}</code></td><td class="new"><code>{new}</code></td>'
            f'<td class="quiet">{where}</td></tr>'
        )
    yield "</tbody>\n</table>"
