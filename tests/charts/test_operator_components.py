"""Real kustomize on operators: overlays build without them and without a network, and the components fit together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from configgen.operators import BY_NAME
from configgen.render.output import write
from configgen.render.targets import rendering
from tests.charts.conftest import Run
from tests.charts.manifests import documents

CONFIG = "tasks: {task-plugins: {enabled-plugins: [container, spark, ray, dask, pytorch, mpi]}}"
STUB = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: release}\n"


@pytest.fixture
def rendered(make_source: Callable[..., Path], tmp_path: Path) -> Path:
    write(rendering(make_source(CONFIG), targets=["kustomize"]), tmp_path / "out")
    return tmp_path / "out/kustomize"


def test_an_overlay_builds_without_network_whatever_operators_its_plugins_need(
    rendered: Path, kustomize: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")  # no git, no helm
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    kinds = {manifest["kind"] for manifest in documents(kustomize("build", rendered / "overlays/test").stdout)}
    assert {"Deployment", "ConfigMap", "CustomResourceDefinition"} <= kinds


def test_the_components_of_an_environment_fit_together(rendered: Path, kustomize: Run) -> None:
    """Releases in place of which something local stands: each stays in its own namespace."""
    names = ("spark-operator", "kuberay-operator", "training-operator", "dask-operator")
    for name in names:
        release = rendered / "components/operators" / name / "release"
        (release / "stub.yaml").write_text(STUB)
        file = release / "kustomization.yaml"
        lines = [line for line in file.read_text().splitlines() if "https://" not in line]
        text = "\n".join(lines).partition("helmCharts:")[0].replace("\nresources:", "\nresources:\n- stub.yaml")
        file.write_text(text if "namespace:" in text else f"{text}\nnamespace: {BY_NAME[name].namespace}\n")
    built = documents(kustomize("build", rendered / "operators/test").stdout)
    stubs = {manifest["metadata"]["namespace"] for manifest in built if manifest["kind"] == "ConfigMap"}
    assert stubs == {BY_NAME[name].namespace for name in names}
