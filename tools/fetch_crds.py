"""``python -m tools.fetch_crds``: the operators' CRDs, from their public and pinned addresses into the user's cache.

Tests hold the objects that plugins build against these files. They are the operators' own and are not copied into this
repository; tests download nothing. Each file is pinned by its SHA-256: what is there and right is left alone, and what
is not right is not kept.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from configgen.operators import BY_NAME
from tools.controlplane.binaries import cache_folder
from tools.controlplane.files import write_private

MIRROR = "https://raw.githubusercontent.com"
TIMEOUT = 30
"""Seconds that one answer may take."""


@dataclass(frozen=True)
class Crds:
    """An operator's CRDs: where its repository has them at which tag, and the SHA-256 of each file."""

    name: str
    """Folder in the cache; tests name files by it."""
    repository: str
    tag: str
    folder: str
    files: Mapping[str, str]

    def address(self, file: str, mirror: str = MIRROR) -> str:
        return f"{mirror.rstrip('/')}/{self.repository}/{self.tag}/{self.folder}/{file}"


def _of(operator: str, name: str, folder: str, files: Mapping[str, str]) -> Crds:
    """CRDs of the release that :mod:`configgen.operators` pins."""
    pinned = BY_NAME[operator]
    return Crds(name, pinned.repository, pinned.tag, folder, files)


CRDS = (
    _of(
        "training-operator",
        "training-operator",
        "manifests/base/crds",
        {
            "kubeflow.org_mpijobs.yaml": "477375d6759b1e173f3ac546ce8ee59ee3491ccb71cfa1df85243c29640870bf",
            "kubeflow.org_pytorchjobs.yaml": "eb80e57a984cdc7ceefaaf3fc561e21b673c30cbb58589f2389528d2b2760d22",
            "kubeflow.org_tfjobs.yaml": "1fea6d2d9d3fec4697db322d4490be67b0d616478f42566e4c48ae865130a8c8",
        },
    ),
    _of(
        "spark-operator",
        "spark-operator",
        "config/crd/bases",
        {
            "sparkoperator.k8s.io_scheduledsparkapplications.yaml": (
                "5dc6654b2ad9157421ddf177737795420088fbe70338e45602bacf22ce25cc99"
            ),
            "sparkoperator.k8s.io_sparkapplications.yaml": (
                "ecd9c14fcadb9d5f8ced4c4ee31920548ea53a892e0a69c3e43aa758bfca6d94"
            ),
        },
    ),
    _of(
        "kuberay-operator",
        "kuberay",
        "ray-operator/config/crd/bases",
        {
            "ray.io_rayclusters.yaml": "1d51d8c4ce065b22c2069af0ebd72ae25f4a6968e5c5f93a3106ba6fc35bcc1d",
            "ray.io_rayjobs.yaml": "ecae45d9a5dc1be68f1074ba784c495ef9d439d295253b61e1bd51f7b08522f5",
        },
    ),
    _of(
        "dask-operator",
        "dask-kubernetes",
        "dask_kubernetes/operator/deployment/helm/dask-kubernetes-operator/crds",
        {
            "daskautoscaler.yaml": "6fc12217a5524db35aaa45204677fcea74f0b22b9b3b94522505be47fc51aa1f",
            "daskcluster.yaml": "2da8d66739b4c98c8aadb2d1653b6ae6171d35f4e6c17db14d5ab0873943b9c6",
            "daskjob.yaml": "f81511cbbdd0d8421301b9b4499dfe51eee66e5e514a878d188801d36d7a668e",
            "daskworkergroup.yaml": "842ed584b27c0f6dd847e7061451223ca4849eda718aed1e9e2b45162bf73eda",
        },
    ),
)


def crd_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where they are put, and where the tests look."""
    return cache_folder(environ).parent / "operator-crds"


def fetch(folder: Path, operators: tuple[Crds, ...] = CRDS, *, mirror: str = MIRROR) -> Iterator[str]:
    """Fetch what is missing or wrong; yields a line for each file that could not be had. Safe to run again."""
    for operator in operators:
        for file, digest in operator.files.items():
            target = folder / operator.name / file
            if target.is_file() and _digest(target.read_bytes()) == digest:
                continue
            problem = _fetch(operator.address(file, mirror), digest, target)
            if problem:
                yield problem


def _fetch(address: str, digest: str, target: Path) -> str | None:
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT) as answer:  # noqa: S310  pinned, or the user's own mirror
            content = answer.read()
    except (OSError, ValueError) as error:
        return f"{address}: {error}"
    if _digest(content) != digest:
        return f"{address}: has the SHA-256 {_digest(content)}, pinned is {digest}; it is not kept"
    target.parent.mkdir(parents=True, exist_ok=True)
    write_private(target, content)
    return None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.fetch_crds", description=__doc__)
    parser.add_argument("--folder", type=Path, default=crd_folder(), help="where to put them (%(default)s)")
    parser.add_argument("--mirror", default=MIRROR, help="server with the same paths (%(default)s)")
    given = parser.parse_args(arguments)
    problems = list(fetch(given.folder, mirror=given.mirror))
    for problem in problems:
        print(problem, file=sys.stderr)
    wanted = sum(len(operator.files) for operator in CRDS)
    print(f"{wanted - len(problems)} of {wanted} CRDs are in {given.folder}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
