"""`python -m tools.controlplane`."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tools.controlplane", *arguments],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environ},
        check=False,
    )


def test_where_tells_of_each_binary(tmp_path: Path) -> None:
    done = run("where", XDG_CACHE_HOME=str(tmp_path), PATH="/nonexistent")
    assert done.returncode == 0
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert ["etcd", "v3.6.5", "not built yet: run `make binaries`"] in lines
    assert len(lines) == 7


def test_an_unknown_binary_is_refused(tmp_path: Path) -> None:
    done = run("build", "kubelet", XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == 2
    assert "no such binary: kubelet (there are: etcd, kube-apiserver, " in done.stderr


def test_up_without_binaries_is_one_clear_line(tmp_path: Path) -> None:
    done = run("up", XDG_CACHE_HOME=str(tmp_path), PATH="/nonexistent")
    assert done.returncode == 1
    assert done.stderr.startswith("error: not built yet: etcd, kube-apiserver, ")
    assert len(done.stderr.splitlines()) == 1


def test_a_command_that_builds_nothing_imports_nothing_heavy() -> None:
    heavy = {"cryptography", "aiohttp", "rich", "pydantic"}
    code = f"import sys, tools.controlplane.cli; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True)
    assert done.stdout == "[]\n"


FAKE_GO = """#!/bin/sh
if [ "$1" = env ]; then echo go1.99.0; exit; fi
while [ "$1" != -o ]; do shift; done
echo built > "$2"
"""


def fake_go(folder: Path) -> dict[str, str]:
    """The environment in which building takes no time."""
    (folder / "go").write_text(FAKE_GO)
    (folder / "go").chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin", "XDG_CACHE_HOME": str(folder / "cache")}


def test_in_a_log_each_build_is_a_line_when_it_starts_and_one_when_it_ends(tmp_path: Path) -> None:
    done = run("build", "etcd", "kustomize", **fake_go(tmp_path))
    assert done.returncode == 0
    assert re.sub(r"in \d+ s", "in N s", done.stderr).splitlines() == [
        "controlplane: building etcd v3.6.5 …",
        "controlplane: built etcd v3.6.5 in N s",
        "controlplane: building kustomize v5.7.1 …",
        "controlplane: built kustomize v5.7.1 in N s",
        f"binaries are there ({tmp_path}/cache/flyte-plugin-manager/controlplane)",
    ]


def test_on_a_terminal_each_build_has_a_line_that_moves(tmp_path: Path) -> None:
    terminal, end = pty.openpty()
    command = [sys.executable, "-m", "tools.controlplane", "build", "etcd"]
    environ = {"HOME": "/nonexistent", "TERM": "xterm", **fake_go(tmp_path)}
    subprocess.run(command, stderr=end, cwd=REPOSITORY, env=environ, check=True)
    os.close(end)
    shown = _read_all(terminal)
    assert "✓" in shown
    assert "etcd v3.6.5" in shown
    assert "building" not in shown


def _read_all(terminal: int) -> str:
    """What was written to a terminal whose other end is closed; one read may bring only a part of it."""
    parts = []
    with contextlib.suppress(OSError):  # EIO: there is no more
        while part := os.read(terminal, 1 << 16):
            parts.append(part)
    os.close(terminal)
    return b"".join(parts).decode()
