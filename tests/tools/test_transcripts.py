"""Pages whose commands are run: what is true stays as it is, what is not is told or written anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import transcripts

PAGE = """\
A file:

```yaml
# folder/a.yaml
a: 1
```

```console
$ cat folder/a.yaml
# folder/a.yaml
a: 1
$ cat >> folder/a.yaml <<END
> b: 2
> END
$ wc -l < folder/a.yaml
3
```
"""


def written(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text)
    return page


def test_a_true_page_stays(tmp_path: Path) -> None:
    page = written(tmp_path, PAGE)
    assert transcripts.main([str(page)]) == 0
    assert page.read_text() == PAGE


def test_a_page_that_is_not_true_is_told_and_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = PAGE.replace("\n3\n", "\n4\n")
    page = written(tmp_path, wrong)
    assert transcripts.main([str(page), "--check"]) == 1
    assert "-4\n+3\n" in capsys.readouterr().out
    assert page.read_text() == wrong


def test_a_page_is_written_anew(tmp_path: Path) -> None:
    page = written(tmp_path, PAGE.replace("\n3\n", "\n"))
    assert transcripts.main([str(page)]) == 0
    assert page.read_text() == PAGE


@pytest.mark.parametrize(
    ("told", "stays"),
    [("1\n…\n9\n", True), ("…\n9\n", True), ("1\n…\n", True), ("2\n…\n9\n", False), ("…\n8\n", False)],
)
def test_lines_left_out(told: str, stays: bool, tmp_path: Path) -> None:
    text = f"```console\n$ seq 9\n{told}```\n"
    page = written(tmp_path, text)
    transcripts.main([str(page)])
    assert (page.read_text() == text) is stays
    assert stays or "\n1\n2\n3\n" in page.read_text()


def test_a_command_that_fails_is_no_transcript(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = written(tmp_path, "```console\n$ false\n```\n")
    assert transcripts.main([str(page)]) == 1
    assert "[ended with 1, not 0]" in capsys.readouterr().err


def test_the_last_command_may_end_as_the_page_says(tmp_path: Path) -> None:
    page = written(tmp_path, "```console exits-1\n$ true\n$ false\n```\n")
    assert transcripts.main([str(page)]) == 0
    assert transcripts.main([str(written(tmp_path, "```console exits-1\n$ false\n$ true\n```\n"))]) == 1
