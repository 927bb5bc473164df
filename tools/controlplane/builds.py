"""Building what is missing: one Go build per binary, into a temporary folder, then renamed into the cache.

One builder works at a time (a lock on the cache folder); others wait for it and then find everything there.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from tools.controlplane.binaries import BY_NAME, Binary, cache_folder, find, go_version_needed
from tools.controlplane.errors import BuildFailed
from tools.controlplane.gotoolchains import Toolchain, toolchain
from tools.controlplane.processes import Process, tail

PARTIAL = ".partial"


class Report(Protocol):
    """Who tells the person what is going on (see progress.py)."""

    def say(self, text: str) -> None: ...

    def started(self, binary: Binary) -> None: ...

    def finished(self, binary: Binary, seconds: float) -> None: ...


def build(report: Report, names: Iterable[str] = BY_NAME, environ: Mapping[str, str] = os.environ) -> dict[str, Path]:
    """Builds what `find` does not find; answers where every binary is.

    Raises:
        BuildFailed: with the tail of the compiler's output, or the reason why no toolchain could be had.
    """
    names = list(names)
    if any(find(name, environ) is None for name in names):
        with lock(cache_folder(environ), report.say):
            _remove_partial_builds(cache_folder(environ))
            for binary in (BY_NAME[name] for name in names if find(name, environ) is None):
                report.started(binary)
                report.finished(binary, _build(binary, report.say, environ))
    return {name: find(name, environ) or BY_NAME[name].cached(environ) for name in names}


@contextmanager
def lock(folder: Path, announce: Callable[[str], None]) -> Iterator[None]:
    """Holds the cache folder for one builder; the kernel frees it when its process ends, however it does."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            announce(f"another build is at work (process {_owner(file)}), waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _owner(file: IO[str]) -> str:
    file.seek(0)
    return file.read().strip() or "unknown"


def _remove_partial_builds(folder: Path) -> None:
    """What a killed builder left; called under the lock, so nobody is working there."""
    for partial in folder.glob(f"*{PARTIAL}"):
        shutil.rmtree(partial, ignore_errors=True)


def _build(binary: Binary, announce: Callable[[str], None], environ: Mapping[str, str]) -> float:
    began = time.monotonic()
    chain = toolchain(go_version_needed(binary.go_mod), announce, environ)
    target = binary.cached(environ).parents[1]
    partial = target.with_name(target.name + PARTIAL)
    (partial / "bin").mkdir(parents=True)
    try:
        _compile(binary, chain, partial / "bin" / binary.name, partial / "build.log")
        if target.exists():  # damaged: `find` did not accept it
            shutil.rmtree(target)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return time.monotonic() - began


def _compile(binary: Binary, chain: Toolchain, output: Path, log: Path) -> None:
    # -mod=readonly: go.sum decides what is built, and a user's GOFLAGS cannot say otherwise.
    flags = ["-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", binary.linker_flags]
    command: list[str | Path] = [chain.go, "build", *flags, "-o", output, binary.package]
    process = Process.start("go", command, log, environ=chain.environ, folder=binary.go_mod.parent)
    try:
        code = process.wait()
    except BaseException:  # Ctrl-C: leave no compiler behind
        process.stop(grace=5)
        raise
    if code != 0:
        raise BuildFailed(
            f"building {binary.name} {binary.version} failed:\n{tail(log, 15)}\n"
            "If a module could not be fetched, see GOPROXY (`go env GOPROXY`); run this again to go on from there."
        )
