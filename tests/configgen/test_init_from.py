"""`configgen init --from`: an existing install's values of every form become a source that renders, asking nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.configgen.conftest import Configgen

CORE = """
configmap:
  enabled_plugins: {tasks: {task-plugins: {enabled-plugins: [container, sidecar, K8S-ARRAY, spark]}}}
  k8s: {plugins: {k8s: {default-cpus: CPUS, default-memory: 1Gi}}}
sparkoperator: {enabled: true, plugin_config: {plugins: {spark: {spark-config-default: [{spark.a: b}]}}}}
"""
BINARY = """
configuration:
  inline:
    tasks: {task-plugins: {enabled-plugins: [container, sidecar, k8s-array, spark]}}
    plugins: {k8s: {default-cpus: CPUS, default-memory: 1Gi}}
"""
CONFIG_MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: flyte-propeller-config, namespace: flyte}
data:
  enabled_plugins.yaml: |
    tasks: {task-plugins: {enabled-plugins: [container, sidecar, k8s-array, spark]}}
  k8s.yaml: |
    plugins: {k8s: {default-cpus: CPUS, default-memory: 1Gi}}
"""
FORMS = {"flyte-core": CORE, "flyte-binary": BINARY, "a ConfigMap's dump": CONFIG_MAP}


def _effective(out: Path, environment: str) -> dict[str, object]:
    """What decides, of the rendered documents."""
    folder = out / "configmap" / environment / "config"
    enabled = yaml.safe_load((folder / "enabled_plugins.yaml").read_text())
    k8s = yaml.safe_load((folder / "k8s.yaml").read_text())["plugins"]["k8s"]
    plugins = set(enabled["tasks"]["task-plugins"]["enabled-plugins"])
    return {"plugins": plugins, "cpus": str(k8s["default-cpus"]), "memory": k8s["default-memory"]}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_an_install_is_taken_over(text: str, configgen: Configgen, tmp_path: Path) -> None:
    values, source, out = tmp_path / "values.yaml", tmp_path / "source", tmp_path / "out"
    values.write_text(text.replace("CPUS", "3"))
    begun = configgen("-C", source, "init", "--from", f"prod={values}")
    assert begun.exit_code == 0, begun.output
    rendered = configgen("-C", source, "render", "--all", "--out", out)
    assert rendered.exit_code == 0, rendered.output
    wanted = {"container", "sidecar", "k8s-array", "spark"}
    assert _effective(out, "prod") == {"plugins": wanted, "cpus": "3", "memory": "1Gi"}
    assert (out / "kustomize/operators/prod/kustomization.yaml").exists()
    assert configgen("-C", source, "fmt", "--check").exit_code == 0


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_what_several_environments_share_is_said_once(text: str, configgen: Configgen, tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    origins: list[str | Path] = []
    for name, cpus in (("dev", "1"), ("staging", "2"), ("prod", "3")):
        values = tmp_path / f"values-{name}.yaml"
        values.write_text(text.replace("CPUS", cpus))
        origins += ["--from", f"{name}={values}"]
    begun = configgen("-C", source, "init", *origins)
    assert begun.exit_code == 0, begun.output
    assert configgen("-C", source, "render", "--all", "--target", "configmap", "--out", out).exit_code == 0
    assert [_effective(out, name)["cpus"] for name in ("dev", "staging", "prod")] == ["1", "2", "3"]
    own = "".join(file.read_text() for file in source.glob("environments/*/config/*.yaml"))
    assert "default-memory" not in own
    assert "spark" not in own
