"""What a person sees of every command, word for word: the output, the remarks and the exit code, on record.

``UPDATE_GOLDEN=1`` writes the records anew; read the difference before it is committed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from configgen.cli import COMMANDS
from tests.configgen.conftest import EXAMPLE, Configgen, compare_golden, tree

GOLDEN = Path(__file__).parent / "golden/commands"
VALUES = """
configmap:
  enabled_plugins:
    tasks:
      task-plugins:
        enabled-plugins: [container, sidecar, K8S-ARRAY, spark]
        default-for-task-types: {container: container, sidecar: sidecar, container_array: k8s-array, spark: spark}
  k8s:
    plugins:
      k8s:
        default-env-vars: {AWS_REGION: eu-west-1}
        default-cpu: 1
  task_resource_defaults:
    task_resources:
      limits: {storage: 20Gi}
sparkoperator: {enabled: false}
"""
SIMPLE = ("-C", str(EXAMPLE))
RECORDS: dict[str, Sequence[str]] = {
    "init": ("-C", "NEW", "init"),
    "import": ("import", "dev=values.yaml", "--into", "NEW"),
    "import-yaml": ("import", "dev=values.yaml", "--into", "NEW", "-o", "yaml"),
    "render": (*SIMPLE, "render", "--env", "prod", "--target", "helm,configmap,flyte2", "--out", "OUT"),
    "render-check": (*SIMPLE, "render", "--env", "prod", "--target", "helm", "--out", "OUT", "--check"),
    "lint": ("lint", "--file", "values.yaml"),
    "lint-json": ("lint", "--file", "values.yaml", "-o", "json"),
    "lint-source": (*SIMPLE, "lint", "--env", "prod"),
    "explain": (*SIMPLE, "explain", "plugins.k8s.default-env-vars", "--env", "dev"),
    "explain-json": (*SIMPLE, "explain", "task_resources.limits.cpu", "--env", "prod", "-o", "json"),
    "diff-yaml": (*SIMPLE, "diff", "dev", "prod", "--no-effect", "-o", "yaml"),
    "diff-file": (*SIMPLE, "diff", "values.yaml", "dev", "--no-effect"),
    "simulate": (*SIMPLE, "simulate", "--task", "gpu", "--env", "prod"),
    "simulate-against": (*SIMPLE, "simulate", "--task", "gpu", "--env", "dev", "--against", "prod"),
    "simulate-file": ("simulate", "--task", "container", "--file", "values.yaml", "-o", "json"),
    "catalog": ("catalog", "RayJob"),
    "catalog-json": ("catalog", "spark", "-o", "json"),
    "schema": ("schema", "--what", "environments"),
    "check": (*SIMPLE, "check", "--env", "dev", "--context", "nowhere", "--kubeconfig", "missing.yaml"),
    "migrate": ("migrate", "--to", "flyte2", "--file", "values.yaml"),
    "fmt": (*SIMPLE, "fmt", "--check"),
    "unknown-environment": (*SIMPLE, "render", "--env", "prdo", "--out", "OUT"),
}


def test_every_command_is_on_record() -> None:
    words = {word for arguments in RECORDS.values() for word in arguments}
    assert set(COMMANDS) <= words


def test_the_records(configgen: Configgen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {}
    for name, arguments in RECORDS.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "values.yaml").write_text(VALUES)
        monkeypatch.chdir(folder)
        result = configgen(*arguments)
        shown = " ".join("EXAMPLE" if word == str(EXAMPLE) else word for word in arguments)
        text = f"$ configgen {shown}\n{result.stdout}--- remarks\n{result.stderr}--- exit code {result.exit_code}\n"
        found[f"{name}.txt"] = text.replace(str(EXAMPLE), "EXAMPLE").replace(str(folder), "HERE")
    compare_golden(found, GOLDEN)


def test_the_records_of_help(configgen: Configgen) -> None:
    found = {f"{name}.txt": configgen(name, "--help").stdout for name in COMMANDS}
    compare_golden(found, GOLDEN.parent / "help")


def test_records_are_all_in_use() -> None:
    assert set(tree(GOLDEN)) == {f"{name}.txt" for name in RECORDS}
