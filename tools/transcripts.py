"""Documentation whose commands are real: run the ``console`` blocks of a page, and compare or write what they print.

A page is a story. Its fenced blocks are carried out from top to bottom in one folder that has a copy of ``examples/``:

* a block that begins with a comment that is a path (``# values-dev.yaml``) is that file, and is written;
* a ``console`` block is run: lines with ``$`` are commands for bash, ``>`` continues one, the rest is what it printed.
  A line ``…`` stands for any number of lines that the page leaves out, a block ``console exits-1`` ends with that code.

Run: ``python -m tools.transcripts docs/tutorial.md`` writes the page anew, ``--check`` only says what is otherwise.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"
_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"^# (?P<path>[\w./-]+\.\w+)$")
_EXIT = re.compile(r"exits-(\d+)")
_LEFT_OUT = "…"


class WrongExit(Exception):
    """A command of the page ended in another way than the page says."""


@dataclass(frozen=True, slots=True)
class Step:
    """A command with what the page says that it prints."""

    command: str
    shown: str
    told: str


def rewritten(text: str, folder: Path, environment: Mapping[str, str]) -> str:
    """The page with what its commands print now, carried out in ``folder``. Raises WrongExit."""

    def block(match: re.Match[str]) -> str:
        info, body = match["info"], match["body"]
        if info.split()[:1] != ["console"]:
            _write_file(folder, body)
            return match[0]
        wanted = _EXIT.search(info)
        return f"```{info}\n{_run(body, folder, environment, int(wanted[1]) if wanted else 0)}```"

    return _FENCE.sub(block, text)


def environment() -> dict[str, str]:
    """What a page's commands get: this project's programs first, and a git that knows nobody's settings."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    person = {f"GIT_{role}_{part}": "you@example.org" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    return {
        **os.environ,
        **person,
        "PATH": programs,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "NO_COLOR": "1",
        "COLUMNS": "120",
    }


def _write_file(folder: Path, body: str) -> None:
    first = body.partition("\n")[0]
    if found := _FILE.match(first):
        path = folder / found["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body, "utf-8")


def _run(body: str, folder: Path, environment: Mapping[str, str], wanted: int) -> str:
    steps = list(_steps(body))
    parts = []
    for step in steps:
        # The last command is what a block's exit code is about: those before it have to succeed.
        expected = wanted if step is steps[-1] else 0
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", step.command],
            cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        if done.returncode != expected:
            raise WrongExit(f"$ {step.command}\n{done.stdout}[ended with {done.returncode}, not {expected}]")
        parts.append(step.shown + _with_gaps(step.told, done.stdout))
    return "".join(parts)


def _steps(body: str) -> Iterator[Step]:
    command: list[str] = []
    shown: list[str] = []
    told: list[str] = []
    for line in body.splitlines(keepends=True):
        if line.startswith("$ "):
            if command:
                yield Step("".join(command), "".join(shown), "".join(told))
            command, shown, told = [line[2:]], [line], []
        elif line.startswith("> ") and not told:
            command.append(line[2:])
            shown.append(line)
        else:
            told.append(line)
    yield Step("".join(command), "".join(shown), "".join(told))


def _with_gaps(told: str, printed: str) -> str:
    """``told`` if it is what was printed, but for the lines it leaves out; else what was printed."""
    pattern = "".join(
        "(?:.*\n)*?" if line.strip() == _LEFT_OUT else re.escape(line) for line in told.splitlines(keepends=True)
    )
    return told if re.fullmatch(pattern, printed) else printed


def main(arguments: list[str]) -> int:
    """Exit code 1: a page is otherwise than its commands (``--check``), or a command failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is not true")
    options = parser.parse_args(arguments)
    code = 0
    for page in options.pages:
        text = page.read_text("utf-8")
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(EXAMPLES, Path(folder) / EXAMPLES.name)
            try:
                new = rewritten(text, Path(folder), environment())
            except WrongExit as error:
                print(f"{page}: {error}", file=sys.stderr)
                code = 1
                continue
        if new != text and options.check:
            sys.stdout.writelines(
                difflib.unified_diff(text.splitlines(True), new.splitlines(True), str(page), "printed")
            )
            code = 1
        elif new != text:
            page.write_text(new, "utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
