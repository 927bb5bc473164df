"""Pages of docs/ whose commands are run: they print what the page shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import transcripts

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["diffs.md", "importing.md", "tutorial.md"])
def test_a_page_is_true(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = transcripts.main(["--check", str(DOCS / page)])
    captured = capsys.readouterr()
    assert code == 0, f"python -m tools.transcripts docs/{page} writes it anew:\n{captured.out}{captured.err}"
