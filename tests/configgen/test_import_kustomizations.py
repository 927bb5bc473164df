"""Kustomizations: what their bases, generators and patches come to, held against the real kustomize."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.configgen.conftest import Configgen, tree
from tools.controlplane.binaries import find

BASE = {
    "base/kustomization.yaml": """
        namespace: flyte
        configMapGenerator:
          - name: flyte-propeller-config
            files: [k8s.yaml, enabled.yaml=plugins.yaml]
            literals:
              - 'task_logs.yaml={plugins: {logs: {kubernetes-enabled: true}}}'
        """,
    "base/k8s.yaml": "plugins: {k8s: {default-cpus: 1, default-memory: 1Gi}}\n",
    "base/plugins.yaml": "tasks: {task-plugins: {enabled-plugins: [container, sidecar]}}\n",
}
OVERLAYS: Mapping[str, dict[str, str]] = {
    "nothing of its own": {"prod/kustomization.yaml": "resources: [../base]\n"},
    "a generator that merges": {
        "prod/kustomization.yaml": """
            namespace: flyte-prod
            resources: [../base]
            configMapGenerator:
              - {name: flyte-propeller-config, behavior: merge, files: [k8s.yaml]}
            """,
        "prod/k8s.yaml": "plugins: {k8s: {default-cpus: 3}}\n",
    },
    "a generator that replaces": {
        "prod/kustomization.yaml": """
            resources: [../base]
            configMapGenerator:
              - name: flyte-propeller-config
                behavior: replace
                files: [all.yaml]
            """,
        "prod/all.yaml": "tasks: {task-plugins: {enabled-plugins: [container]}}\nplugins: {k8s: {default-cpus: 7}}\n",
    },
    "an inline patch of operations": {
        "prod/kustomization.yaml": """
            resources: [../base]
            patches:
              - target: {kind: ConfigMap, name: flyte-propeller-config}
                patch: |
                  - op: replace
                    path: /data/k8s.yaml
                    value: |
                      plugins: {k8s: {default-cpus: 4}}
                  - {op: remove, path: /data/task_logs.yaml}
            """,
    },
    "an inline strategic merge": {
        "prod/kustomization.yaml": """
            resources: [../base]
            patches:
              - patch: |-
                  apiVersion: v1
                  kind: ConfigMap
                  metadata: {name: flyte-propeller-config}
                  data:
                    task_logs.yaml: null
                    copilot.yaml: |
                      plugins: {k8s: {co-pilot: {image: "a:b"}}}
            """,
    },
    "patches in files, of the old kinds": {
        "prod/kustomization.yaml": """
            resources: [../base]
            patchesStrategicMerge: [merge.yaml]
            patchesJson6902:
              - target: {version: v1, kind: ConfigMap, name: flyte-propeller-config}
                path: operations.yaml
            """,
        "prod/merge.yaml": """
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: flyte-propeller-config}
            data: {k8s.yaml: "plugins: {k8s: {default-cpus: 5}}"}
            """,
        "prod/operations.yaml": '- {op: add, path: /data/z.yaml, value: "plugins: {k8s: {default-memory: 9Gi}}"}\n',
    },
    "a ConfigMap among the resources, patched": {
        "prod/kustomization.yaml": """
            resources: [map.yaml, ../base]
            patchesStrategicMerge:
              - |-
                apiVersion: v1
                kind: ConfigMap
                metadata: {name: more}
                data: {more.yaml: "plugins: {logs: {cloudwatch-enabled: true}}"}
            """,
        "prod/map.yaml": """
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: more}
            data: {more.yaml: "plugins: {logs: {stackdriver-enabled: true}}"}
            """,
    },
}


def dedented(text: str) -> str:
    from textwrap import dedent

    return dedent(text.lstrip("\n") if text.startswith("\n ") else text)


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(dedented(text))


def effective(configgen: Configgen, folder: Path, argument: Path) -> dict[str, Any]:
    result = configgen("import", f"prod={argument}", "--into", folder / "source")
    assert result.exit_code == 0, result.stderr
    rendered = configgen("-C", folder / "source", "render", "--all", "--target", "configmap", "--out", folder / "out")
    assert rendered.exit_code == 0, rendered.stderr
    namespace = yaml.safe_load((folder / "source/configgen.yaml").read_text())["environments"]["prod"]["namespace"]
    documents = tree(folder / "out/configmap/prod/config")
    return {"namespace": namespace, **{name: yaml.safe_load(text) for name, text in documents.items()}}


@pytest.mark.parametrize("overlay", OVERLAYS.values(), ids=OVERLAYS)
def test_the_same_as_what_kustomize_builds(overlay: dict[str, str], configgen: Configgen, tmp_path: Path) -> None:
    write(tmp_path, {**BASE, **overlay})
    if "namespace" not in overlay["prod/kustomization.yaml"]:
        path = tmp_path / "prod/kustomization.yaml"
        path.write_text(f"namespace: flyte\n{path.read_text()}")
    kustomize = find("kustomize")
    if kustomize is None:
        pytest.skip("kustomize is not built: make control-plane")
    done = subprocess.run([kustomize, "build", tmp_path / "prod"], capture_output=True, timeout=60, check=True)
    (tmp_path / "built.yaml").write_bytes(done.stdout)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    theirs = effective(configgen, tmp_path / "theirs", tmp_path / "built.yaml")
    assert effective(configgen, tmp_path / "ours", tmp_path / "prod") == theirs
    assert theirs["namespace"] in ("flyte", "flyte-prod")


def test_places_are_those_of_the_files(configgen: Configgen, tmp_path: Path) -> None:
    write(tmp_path, {**BASE, **OVERLAYS["an inline patch of operations"]})
    path = tmp_path / "prod/kustomization.yaml"
    path.write_text(path.read_text().replace("default-cpus", "default-cpu"))
    result = configgen("import", tmp_path / "prod", "--into", tmp_path / "new")
    assert result.exit_code == 0
    assert f"{path}:8:" in result.stderr
    assert "plugins.k8s.default-cpu: not understood" in result.stderr
    assert "environment prod: " in result.stdout


WRONG = {
    "a base of itself": ({"a/kustomization.yaml": "resources: [../a]\n"}, "is a base of itself"),
    "a file that is missing": (
        {"a/kustomization.yaml": "configMapGenerator: [{name: x, files: [gone.yaml]}]\n"},
        "a/gone.yaml: does not exist",
    ),
    "a patch that is missing": ({"a/kustomization.yaml": "patches: [{path: gone.yaml}]\n"}, "a/gone.yaml: does not"),
}


@pytest.mark.parametrize(("files", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong(files: dict[str, str], message: str, configgen: Configgen, tmp_path: Path) -> None:
    write(tmp_path, files)
    result = configgen("import", tmp_path / "a", "--into", tmp_path / "new")
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "new").exists()


def test_a_base_elsewhere_is_told(configgen: Configgen, tmp_path: Path) -> None:
    write(tmp_path, {"a/kustomization.yaml": "resources:\n  - github.com/flyteorg/flyte//kustomize/base?ref=v1.0.0\n"})
    result = configgen("import", tmp_path / "a", "--into", tmp_path / "new")
    assert result.exit_code == 0
    assert "kustomization.yaml:2:5: resources[0]: only points to values kept elsewhere" in result.stderr


INFLATED = {
    "a/kustomization.yaml": "helmCharts:\n  - name: flyte-core\n    valuesFile: v.yaml\n    valuesInline:\n"
    "      configmap: {k8s: {plugins: {k8s: {default-cpus: 7}}}}\n",
    "a/v.yaml": "configmap: {k8s: {plugins: {k8s: {default-memory: 7Gi}}}}\n",
}


def test_values_of_a_chart_that_kustomize_inflates(configgen: Configgen, tmp_path: Path) -> None:
    write(tmp_path, INFLATED)
    assert configgen("import", tmp_path / "a", "--into", tmp_path / "new").exit_code == 0
    said = (tmp_path / "new/base/config/k8s.yaml").read_text()
    assert "default-cpus: 7" in said
    assert "default-memory: 7Gi" in said


SHAPES = [
    "resources: {a: b}",
    "configMapGenerator: [x, {}, {name: [a], files: 3}]",
    "patches: [1, {}, {patch: 3}, [a]]",
    "patches: [{patch: '- 1'}, {patch: 'a'}, {patch: '- {op: add, path: 3}'}]",
    "helmCharts: [1, {valuesInline: 3}]",
]


@pytest.mark.parametrize("text", SHAPES)
def test_shapes_that_kustomize_does_not_have(text: str, configgen: Configgen, tmp_path: Path) -> None:
    write(tmp_path, {"a/kustomization.yaml": f"{text}\n"})
    assert configgen("import", tmp_path / "a", "--into", tmp_path / "new").exit_code in (0, 2)
