"""How commands end when the world does not play along: output that nobody takes, Ctrl-C, terminals without characters,
input that is too much. As processes, because that is where it goes wrong."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from configgen.cli import main
from tests.configgen.conftest import EXAMPLE, PLUGINS, Configgen

PROGRAM = [sys.executable, "-m", "configgen"]
READER = "import sys; sys.stdin.readline()"


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*PROGRAM, *arguments], capture_output=True, timeout=60, **options)  # type: ignore[call-overload,no-any-return]


def test_whoever_reads_goes_away() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*PROGRAM, "catalog"], stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    "arguments", [["schema"], ["catalog", "-o", "json"], ["-C", str(EXAMPLE), "diff", "dev", "prod"]]
)
def test_the_disk_behind_the_output_is_full(arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr == b"error: the output can not be written: No space left on device\n"


def test_interrupted(tmp_path: Path) -> None:
    """While it waits for its input."""
    command = [*PROGRAM, "import", "-", "--into", str(tmp_path / "new")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        waiting = Path(f"/proc/{process.pid}/wchan")
        while "pipe" not in waiting.read_text() and process.poll() is None:
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (130, b"interrupted\n")
    assert not (tmp_path / "new").exists()


ASCII = {
    "an encoding without arrows": {"PYTHONIOENCODING": "ascii"},
    "the C locale": {"LANG": "C", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "Latin-1": {"PYTHONIOENCODING": "latin-1"},
}


@pytest.mark.parametrize("environment", ASCII.values(), ids=ASCII)
def test_a_terminal_without_the_characters(environment: dict[str, str]) -> None:
    done = run("-C", str(EXAMPLE), "diff", "dev", "prod", env={**os.environ, **environment})
    assert (done.returncode, done.stderr) == (1, b"")
    assert b"\\u2192" in done.stdout or "→".encode() in done.stdout


def test_names_that_are_no_text(tmp_path: Path) -> None:
    name = tmp_path.joinpath(os.fsdecode(b"values-\xff.yaml"))
    name.write_text("configuration: {inline: {plugins: {k8s: {default-cpus: 1}}}}\n")
    done = run("import", str(name), "--into", str(tmp_path / "new"))
    assert done.returncode == 0, done.stderr
    done = run("-C", str(tmp_path / "new"), "render", "--all", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr


STDIN = {
    "too much": (b"a: 1\n" * 500_000, "stdin: has more than the limit of 2 MiB"),
    "UTF-16": (PLUGINS.encode("utf-16"), "stdin: is a text in UTF-16; save the file as UTF-8"),
    "binary": (b"\0\1", "stdin: is a binary file"),
    "no UTF-8": (b"a: 1\nb: \xff\n", "stdin:2: is no UTF-8 text"),
    "no YAML": (b"plugins: [\n", "stdin:2:1: this is not valid YAML"),
}


@pytest.mark.parametrize(("content", "message"), STDIN.values(), ids=STDIN)
def test_a_standard_input_that_is_wrong(
    content: bytes, message: str, configgen: Configgen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    result = CliRunner().invoke(main, ["import", "-", "--into", str(tmp_path / "new")], input=content)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {message}")
    assert not (tmp_path / "new").exists()


def test_no_more_is_read_than_a_file_may_have(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    endless = io.TextIOWrapper(Endless())
    monkeypatch.setattr("sys.stdin", endless)
    from configgen.layers.files import SIZE_LIMIT, read_stdin
    from configgen.problems import SourceError

    with pytest.raises(SourceError, match="more than the limit"):
        read_stdin()
    assert endless.buffer.given == SIZE_LIMIT + 1  # type: ignore[attr-defined]


class Endless(io.BufferedIOBase):
    """As ``yes |`` is."""

    given = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size > 0, "without a limit this does not end"
        self.given += size
        return b"y" * size


def test_a_standard_input_that_is_closed(tmp_path: Path) -> None:
    command = '"$@" <&-'
    done = subprocess.run(
        ["bash", "-c", command, "bash", *PROGRAM, "import", "-", "--into", str(tmp_path / "new")],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: stdin: is closed")


def test_thousands_of_layers_tell_all_their_mistakes_in_order(configgen: Configgen, tmp_path: Path) -> None:
    count = 1000
    lines = ["environments:"]
    for number in range(count):
        layer = tmp_path / f"l{number:05}/config"
        layer.mkdir(parents=True)
        layer.joinpath("a.yaml").write_text("plugins: [\n" if number % 2 else "plugins: {k8s: {nope: 1}}\n")
        lines.append(f"  e{number}: {{layers: [l{number:05}], namespace: n}}")
    (tmp_path / "configgen.yaml").write_text("\n".join(lines))
    result = configgen("-C", tmp_path, "render", "--all", "--out", tmp_path / "out")
    assert result.exit_code == 2
    told = result.stderr.splitlines()
    assert told[-1] == f"{len(told) - 1} problems"
    files = [line.split(": ")[1].split(":")[0] for line in told[:-1]]
    assert files == sorted(files)
    assert len(set(files)) == count
    assert not (tmp_path / "out").exists()


def test_a_caller_from_python_that_holds_the_output(configgen: Configgen, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no file behind it that could be let go of."""

    def fails(_: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("configgen.catalog.as_text", fails)
    result = configgen("catalog")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "error: the output can not be written: No space left on device\n"
