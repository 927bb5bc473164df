"""Versions, cache keys, and where a binary is looked for."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tools.controlplane import binaries
from tools.controlplane.binaries import BINARIES, BY_NAME, Binary, find, go_version_needed, locate, serves
from tools.controlplane.errors import BinaryMissing


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the Go modules that a test may edit."""
    copy = tmp_path / "go"
    shutil.copytree(binaries.GO_MODULES, copy)
    monkeypatch.setattr(binaries, "GO_MODULES", copy)
    return copy


def keys() -> dict[str, str]:
    """Computed anew: a binary remembers its key."""
    return {binary.name: replace(binary).key for binary in BINARIES}


def program(path: Path, said: str, code: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{said}'\nexit {code}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("binary", BINARIES, ids=lambda binary: binary.name)
def test_every_version_is_pinned_by_a_go_mod(binary: Binary) -> None:
    assert re.fullmatch(r"v\d+\.\d+\.\d+", binary.version)
    assert re.fullmatch(rf"{binary.name}-{re.escape(binary.version)}-[0-9a-f]{{12}}", binary.key)
    assert len(go_version_needed(binary.go_mod)) >= 2


def test_kubernetes_binaries_are_stamped_with_their_version() -> None:
    flags = BY_NAME["kube-apiserver"].linker_flags
    assert "-X k8s.io/component-base/version.gitVersion=v1.34.4" in flags
    assert "-X k8s.io/component-base/version.gitMinor=34" in flags


def test_a_bump_of_one_module_renames_that_one_alone(modules: Path) -> None:
    before = keys()
    go_mod = modules / "kustomize" / "go.mod"
    go_mod.write_text(go_mod.read_text().replace("kustomize/v5 v5.7.1", "kustomize/v5 v5.8.0"))
    after = keys()
    assert after["kustomize"].startswith("kustomize-v5.8.0-")
    assert {name for name in after if after[name] != before[name]} == {"kustomize"}


def test_a_changed_checksum_renames_all_that_the_module_builds(modules: Path) -> None:
    before = keys()
    with (modules / "kubernetes" / "go.sum").open("a") as file:
        file.write("\n")
    after = keys()
    assert {name for name in after if after[name] != before[name]} == {
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kubectl",
    }


def test_other_linker_flags_are_another_build() -> None:
    etcd = BY_NAME["etcd"]
    assert replace(etcd, stamps=("main.version={version}",)).key != etcd.key


@pytest.mark.parametrize(
    ("name", "said", "expected"),
    [
        pytest.param("kubectl", "Client Version: v1.34.1", True, id="same minor"),
        pytest.param("kubectl", "Client Version: v1.33.0\nKustomize Version: v5.6.0", True, id="one minor older"),
        pytest.param("kubectl", "Client Version: v1.32.4-dispatcher", False, id="beyond the skew"),
        pytest.param("kubectl", "Client Version: v1.36.0", False, id="too new"),
        pytest.param("helm", "v3.17.3+ge4da497", True, id="helm 3"),
        pytest.param("helm", "v4.0.1+g12500dd", False, id="helm 4 behaves differently"),
        pytest.param("kustomize", "v5.4.2", True, id="kustomize 5"),
        pytest.param("kustomize", "{Version:kustomize/v4.5.7 GitCommit:56d82a8}", False, id="kustomize 4"),
        pytest.param("kube-apiserver", "Kubernetes v1.35.0", True, id="API server newer than its controllers"),
        pytest.param("kube-apiserver", "Kubernetes v1.33.4", False, id="API server older than its controllers"),
        pytest.param("helm", "hello", False, id="says no version"),
        pytest.param("kube-scheduler", "Kubernetes v1.34.4", False, id="only our own build serves"),
    ],
)
def test_a_binary_from_elsewhere_serves_when_its_version_fits(
    tmp_path: Path, name: str, said: str, expected: bool
) -> None:
    assert serves(BY_NAME[name], program(tmp_path / name, said)) is expected


def test_one_that_fails_does_not_serve(tmp_path: Path) -> None:
    assert not serves(BY_NAME["helm"], program(tmp_path / "helm", "v3.17.3", code=1))
    assert not serves(BY_NAME["helm"], tmp_path / "absent")


def test_find_prefers_assets_then_cache_then_path(tmp_path: Path) -> None:
    environ = {
        "KUBEBUILDER_ASSETS": str(tmp_path / "assets"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PATH": f"{tmp_path / 'path'}:/usr/bin:/bin",
    }
    assert find("kubectl", environ | {"PATH": ""}) is None
    on_path = program(tmp_path / "path" / "kubectl", "Client Version: v1.34.0")
    assert find("kubectl", environ) == on_path
    built = program(BY_NAME["kubectl"].cached(environ), "Client Version: v1.34.4")
    assert find("kubectl", environ) == built
    asset = program(tmp_path / "assets" / "kubectl", "Client Version: v1.34.0")
    assert find("kubectl", environ) == asset
    program(asset, "Client Version: v1.28.0")
    assert find("kubectl", environ) == built, "assets of another age are passed over"


def test_servers_are_not_taken_from_path(tmp_path: Path) -> None:
    program(tmp_path / "etcd", "etcd Version: 3.6.5")
    assert find("etcd", {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": str(tmp_path)}) is None


def test_what_is_missing_is_named_with_the_mend(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    with pytest.raises(BinaryMissing, match=r"not built yet: etcd, helm; run `make binaries`"):
        locate(["etcd", "helm"], environ)
