"""helm and kustomize as pinned for the local control plane, and sources to render; nothing here uses the network."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tools.controlplane.binaries import locate
from tools.controlplane.errors import BinaryMissing

Run = Callable[..., subprocess.CompletedProcess[str]]


def _runner(name: str, folder: Path) -> Run:
    try:
        binary = locate([name])[name]
    except BinaryMissing as error:
        pytest.fail(str(error), pytrace=False)
    homes = {f"HELM_{kind}_HOME": str(folder / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}

    def run(*arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [str(binary), *map(str, arguments)]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **homes}
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return _runner("helm", tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def kustomize(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return _runner("kustomize", tmp_path_factory.mktemp("kustomize"))


@pytest.fixture
def make_source(tmp_path: Path) -> Callable[..., Path]:
    """A source with one environment ``test`` in the namespace ``flyte``, from its documents and release."""

    def make(config: str, release: str = "", namespace: str = "flyte") -> Path:
        folder = tmp_path / "source"
        (folder / "layer/config").mkdir(parents=True)
        environment = {"layers": ["layer"], "namespace": namespace}
        (folder / "configgen.yaml").write_text(yaml.safe_dump({"environments": {"test": environment}}))
        (folder / "layer/config/test.yaml").write_text(config)
        (folder / "layer/release.yaml").write_text(release)
        return folder

    return make
