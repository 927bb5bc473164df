"""`python -m tools.controlplane`."""

from __future__ import annotations

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
