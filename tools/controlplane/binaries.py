"""Which binaries the local control plane consists of, at which version, and where one lies.

A version is written once, in the `go.mod` below `go/` that builds the binary. A built binary lies outside the
checkout in

    ${XDG_CACHE_HOME:-~/.cache}/flyte-plugin-manager/controlplane/<name>-<version>-<digest>/bin/<name>

where the digest covers everything that shapes it (go.mod, go.sum, package, linker flags, platform): a bump of one
component rebuilds that one alone, and two checkouts share what they agree on.

`find` looks at, in this order: KUBEBUILDER_ASSETS (controller-runtime's convention for binaries that a user already
has), the cache, and for the command-line tools PATH – each outside find only where its version fits the others.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tools.controlplane.errors import BinaryMissing

GO_MODULES = Path(__file__).parent / "go"

Version = tuple[int, int]


@dataclass(frozen=True)
class Binary:
    """One binary: how it is named, built, and recognised when somebody else brought it."""

    name: str
    module: str
    """Folder below `go/` with the go.mod that pins it."""
    package: str
    """Import path of its main package."""
    requirement: str
    """The Go module whose required version is the binary's."""
    stamps: tuple[str, ...] = ()
    """Go variables set at link time, as `import/path.variable=value` with {version}, {major}, {minor}, {kube_minor}."""
    version_command: tuple[str, ...] = ("--version",)
    accepts: tuple[Version, Version] | None = None
    """Lowest and highest (major, minor) that serves when it comes from elsewhere; None: only our own build."""
    from_path: bool = False
    """Whether one that is found on PATH may serve."""

    @cached_property
    def go_mod(self) -> Path:
        return GO_MODULES / self.module / "go.mod"

    @cached_property
    def version(self) -> str:
        """As Go writes it: `v1.34.4`."""
        return _required_version(self.go_mod, self.requirement)

    @cached_property
    def linker_flags(self) -> str:
        major, minor, *_ = self.version.removeprefix("v").split(".")
        values = {"version": self.version, "major": major, "minor": minor, "kube_minor": _kubernetes_minor(self.go_mod)}
        return " ".join(["-s", "-w", *(f"-X {stamp.format_map(values)}" for stamp in self.stamps)])

    @cached_property
    def key(self) -> str:
        """The name of its folder in the cache."""
        digest = hashlib.sha256()
        for part in (
            self.go_mod.read_bytes(),
            self.go_mod.with_name("go.sum").read_bytes(),
            f"{self.package} {self.linker_flags} {sys.platform} {platform.machine()}".encode(),
        ):
            digest.update(len(part).to_bytes(8) + part)
        return f"{self.name}-{self.version}-{digest.hexdigest()[:12]}"

    def cached(self, environ: Mapping[str, str] = os.environ) -> Path:
        """Where a build of it lies, or would lie."""
        return cache_folder(environ) / self.key / "bin" / self.name


def _kubernetes(name: str, *, from_path: bool = False, accepts: tuple[Version, Version] | None = None) -> Binary:
    # Without these kubectl and helm cannot parse the server's version.
    stamps = tuple(
        f"{package}.{variable}"
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
        for variable in ("gitVersion={version}", "gitMajor={major}", "gitMinor={minor}", "gitCommit=")
    )
    package = f"k8s.io/kubernetes/cmd/{name}"
    return Binary(name, "kubernetes", package, "k8s.io/kubernetes", stamps, from_path=from_path, accepts=accepts)


BINARIES = (
    Binary("etcd", "etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3", accepts=((3, 5), (3, 99))),
    # The controller-manager and the scheduler may not be newer than the API server, and at most one minor older.
    _kubernetes("kube-apiserver", accepts=((1, 34), (1, 35))),
    _kubernetes("kube-controller-manager"),
    _kubernetes("kube-scheduler"),
    Binary(
        "kubectl",
        "kubernetes",
        "k8s.io/kubernetes/cmd/kubectl",
        "k8s.io/kubernetes",
        _kubernetes("kubectl").stamps,
        version_command=("version", "--client"),
        accepts=((1, 33), (1, 35)),
        from_path=True,
    ),
    Binary(
        "helm",
        "helm",
        "helm.sh/helm/v3/cmd/helm",
        "helm.sh/helm/v3",
        (
            "helm.sh/helm/v3/internal/version.version={version}",
            # What `helm template` and `helm lint` take as the cluster's version, as in helm's own releases.
            "helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1",
            "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor={kube_minor}",
            "helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1",
            "helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor={kube_minor}",
        ),
        version_command=("version", "--short"),
        accepts=((3, 14), (3, 99)),
        from_path=True,
    ),
    Binary(
        "kustomize",
        "kustomize",
        "sigs.k8s.io/kustomize/kustomize/v5",
        "sigs.k8s.io/kustomize/kustomize/v5",
        ("sigs.k8s.io/kustomize/api/provenance.version={version}",),
        version_command=("version",),
        accepts=((5, 0), (5, 99)),
        from_path=True,
    ),
)
BY_NAME = {binary.name: binary for binary in BINARIES}


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of everything this module's builds leave behind; deleting it costs a rebuild and nothing else."""
    base = environ.get("XDG_CACHE_HOME") or str(Path(environ.get("HOME") or Path.home()) / ".cache")
    return Path(base) / "flyte-plugin-manager" / "controlplane"


def find(name: str, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The binary to run, or None where it has to be built."""
    binary = BY_NAME[name]
    if assets := environ.get("KUBEBUILDER_ASSETS"):
        candidate = Path(assets) / name
        if candidate.is_file() and serves(binary, candidate):
            return candidate
    if (built := binary.cached(environ)).is_file():
        return built
    if binary.from_path and (on_path := shutil.which(name, path=environ.get("PATH"))) and serves(binary, Path(on_path)):
        return Path(on_path)
    return None


def locate(names: Iterable[str] = BY_NAME, environ: Mapping[str, str] = os.environ) -> dict[str, Path]:
    """`find` for several.

    Raises:
        BinaryMissing: with all names that have to be built first.
    """
    found = {name: find(name, environ) for name in names}
    if missing := [name for name, path in found.items() if path is None]:
        raise BinaryMissing(missing)
    return {name: path for name, path in found.items() if path is not None}


def serves(binary: Binary, executable: Path) -> bool:
    """Whether a binary from elsewhere says that it is of a version that fits; in doubt it does not."""
    if binary.accepts is None:
        return False
    try:
        said = subprocess.run(
            [str(executable), *binary.version_command], capture_output=True, text=True, timeout=20, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    match = re.search(r"\bv?(\d+)\.(\d+)\.\d+", said)
    if match is None:
        return False
    lowest, highest = binary.accepts
    return lowest <= (int(match[1]), int(match[2])) <= highest


def go_version_needed(go_mod: Path) -> tuple[int, ...]:
    """The `go` line of a go.mod: the oldest toolchain that may build it."""
    match = re.search(r"^go (\d+(?:\.\d+)*)$", go_mod.read_text(), re.MULTILINE)
    if match is None:
        raise ValueError(f"{go_mod}: no `go` line")
    return tuple(int(part) for part in match[1].split("."))


def _required_version(go_mod: Path, module: str) -> str:
    match = re.search(rf"^(?:require |\t){re.escape(module)} (v\S+)", go_mod.read_text(), re.MULTILINE)
    if match is None:
        raise ValueError(f"{go_mod}: does not require {module}")
    return match[1]


def _kubernetes_minor(go_mod: Path) -> str:
    """client-go is numbered v0.N for Kubernetes 1.N; empty where the module has nothing to do with Kubernetes."""
    match = re.search(r"^\tk8s\.io/client-go v0\.(\d+)\.", go_mod.read_text(), re.MULTILINE)
    return match[1] if match else ""
