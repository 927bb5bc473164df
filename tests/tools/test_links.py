"""Links between the repository's Markdown files: the file is there, and so is the heading."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_OUTSIDE = {".git", ".venv", "node_modules", "dist", "build"}
PAGES = sorted(page for page in ROOT.rglob("*.md") if not _OUTSIDE & set(page.relative_to(ROOT).parts))


def links(page: Path) -> list[str]:
    """Relative ones, and those to a heading of the same page."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


def test_the_index_of_decisions_lists_every_record() -> None:
    folder = ROOT / "docs/decisions"
    records = {record.name for record in folder.glob("[0-9]*.md")}
    assert records
    assert set(links(folder / "README.md")) == records
