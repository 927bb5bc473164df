"""The catalogue as one page that needs nothing but a browser: no server, no other file, readable without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from configgen.catalog import Entry, facts
from configgen.plugin_releases import REFERENCE, REFERENCE_2

_STYLE: Final = """
:root { color-scheme: light dark; --line: #d5d8dc; --quiet: #5f6670; --ground: #f6f7f8; --done: #1a6b3c }
@media (prefers-color-scheme: dark) { :root { --line: #3b4046; --quiet: #a2a9b1; --ground: #23272b; --done: #6fcf97 } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 }
p { color: var(--quiet); margin: .25rem 0 1rem }
#tools { position: sticky; top: 0; background: Canvas; padding: .5rem 0; display: flex; gap: 1rem; align-items: center;
  flex-wrap: wrap }
#search { font: inherit; padding: .4rem .6rem; flex: 1 1 16rem; border: 1px solid var(--line); border-radius: 4px;
  background: Canvas; color: CanvasText }
#count { color: var(--quiet) }
article { border-top: 1px solid var(--line); padding: .9rem 0 }
h2 { font: 600 1.05rem ui-monospace, monospace; margin: 0 0 .3rem; overflow-wrap: anywhere }
h2 span { font: 400 .85rem system-ui, sans-serif; color: var(--quiet); margin-left: .6rem }
h2 .implemented { color: var(--done) }
dl { display: grid; grid-template-columns: 7rem 1fr; gap: .1rem 1rem; margin: 0; font-size: .92rem }
dt { color: var(--quiet) }
dd { margin: 0; overflow-wrap: anywhere }
code { font: .85em ui-monospace, monospace; background: var(--ground); padding: .1rem .3rem; border-radius: 3px }
[hidden] { display: none }
@media (max-width: 32rem) { dl { grid-template-columns: 1fr } dt { margin-top: .3rem } }
"""
_SCRIPT: Final = """
const search = document.getElementById("search"), only = document.getElementById("only");
const count = document.getElementById("count"), plugins = [...document.querySelectorAll("article")];
function filter() {
  const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let shown = 0;
  for (const plugin of plugins) {
    const text = plugin.textContent.toLowerCase();
    const fits = words.every(word => text.includes(word)) && (!only.checked || "implemented" in plugin.dataset);
    plugin.hidden = !fits;
    shown += fits;
  }
  count.textContent = shown + " of " + plugins.length;
}
search.addEventListener("input", filter);
only.addEventListener("change", filter);
document.getElementById("tools").hidden = false;
search.value = decodeURIComponent(location.hash.slice(1));
filter();
"""


def as_html(entries: Sequence[Entry]) -> str:
    """The whole page. What follows ``#`` in its address is searched for at once."""
    plugins = "\n".join(_article(entry) for entry in entries)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Flyte plugins</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Flyte plugins</h1>
<p>Search by ID, task type, object, section or operator.
Known plugins are Flyte's and do not run in this controller.
What is said of Flyte holds up to {REFERENCE}, and up to {REFERENCE_2} of Flyte 2.</p>
<div id="tools" hidden>
<input id="search" type="search" placeholder="spark, RayJob, kubeflow.org …" aria-label="Search" autofocus>
<label><input id="only" type="checkbox"> implemented only</label>
<span id="count" role="status"></span>
</div>
<main>
{plugins}
</main>
<script>{_SCRIPT}</script>
</body>
</html>"""


def _article(entry: Entry) -> str:
    done = " data-implemented" if entry.implemented else ""
    state = '<span class="implemented">implemented</span>' if entry.implemented else "<span>known</span>"
    enabled = "" if entry.enabled is None else f"<span>{'enabled' if entry.enabled else 'not enabled'}</span>"
    rows = ""
    for name, text in facts(entry):
        rows += _row(name, escape(text)) if text else ""
        if name == "operator" and entry.operator_install:
            rows += _row("install it by", f"<code>{escape(entry.operator_install)}</code>")
    return f"<article{done}><h2>{escape(entry.id)}{state}{enabled}</h2><dl>{rows}</dl></article>"


def _row(name: str, content: str) -> str:
    return f"<dt>{escape(name)}</dt><dd>{content}</dd>"
