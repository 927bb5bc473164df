"""What an install takes from elsewhere: Secrets, ConfigMaps that values name, Terraform's set blocks, namespaces."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.configgen.conftest import Configgen, tree

SECRET = """\
apiVersion: v1
kind: Secret
metadata: {name: flyte-inline, namespace: flyte-x}
stringData:
  202-database.yaml: |
    database: {postgres: {password: hunter2}}
  203-plugins.yaml: |
    plugins:
      k8s:
        default-env-vars: [{TOKEN: hunter2}]
      databricks: {token: hunter2}
data:
  204-more.yaml: %s
  205-broken.yaml: "~~~"
""" % base64.b64encode(b"plugins: {k8s: {default-cpus: hunter2}}\n").decode()  # noqa: UP031 - braces of YAML


def run(configgen: Configgen, tmp_path: Path, **texts: str) -> tuple[str, dict[str, str]]:
    """Import of files as one environment: what is told, and what is written."""
    arguments = []
    for name, text in texts.items():
        path = tmp_path / name.replace("_tf", ".tf").replace("_yaml", ".yaml")
        path.write_text(text)
        arguments.append(f"prod={path}")
    result = configgen("import", *arguments, "--into", tmp_path / "new")
    assert result.exit_code == 0, result.output
    return result.output, tree(tmp_path / "new")


def test_what_a_secret_says_is_told_and_never_written(configgen: Configgen, tmp_path: Path) -> None:
    told, files = run(configgen, tmp_path, secret_yaml=SECRET)
    assert "hunter2" not in told
    assert "hunter2" not in str(files)
    for place, path in (
        ("secret.yaml:10:9", 'stringData["203-plugins.yaml"].plugins.k8s.default-env-vars'),
        ("secret.yaml:11:20", 'stringData["203-plugins.yaml"].plugins.databricks.token'),
        ("secret.yaml:13:3", 'data["204-more.yaml"].plugins.k8s.default-cpus'),
    ):
        assert f"{place}: {path}: left out: it stands in a Secret, whose values are not copied" in told
    assert "database" not in told


def test_lint_says_nothing_of_a_secrets_values(configgen: Configgen, tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text(SECRET)
    result = configgen("lint", "--file", tmp_path / "secret.yaml", "-o", "json")
    assert result.exit_code == 0
    assert "hunter2" not in result.output


INLINE = "configuration: {inlineConfigMap: more, inlineSecretRef: flyte-inline}\n"
MORE = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: more, namespace: flyte-prod}
data:
  300.yaml: "plugins: {k8s: {default-memory: 3Gi}}"
"""


def test_a_config_map_that_values_name_is_missed(configgen: Configgen, tmp_path: Path) -> None:
    told, _ = run(configgen, tmp_path, values_yaml=INLINE)
    assert "values.yaml:1:17: configuration.inlineConfigMap: the ConfigMap more is not among the files" in told
    assert "kubectl get configmap more -o yaml" in told
    assert "configuration.inlineSecretRef: the Secret flyte-inline may say more, and is not read" in told


def test_a_config_map_that_values_name_is_followed(configgen: Configgen, tmp_path: Path) -> None:
    told, files = run(configgen, tmp_path, values_yaml=INLINE, more_yaml=MORE, secret_yaml=SECRET)
    assert "is not among the files" not in told
    assert "may say more" not in told
    assert "default-memory: 3Gi" in files["base/config/k8s.yaml"]


TERRAFORM = """\
resource "helm_release" "flyte" {
  chart = "flyte-core"
  values = [<<-EOT
    configmap:
      k8s: {plugins: {k8s: {default-cpus: 1}}}
  EOT
  ]
  set {
    name  = "configmap.enabled_plugins.tasks.task-plugins.enabled-plugins[0]"
    value = "container"
  }
  set {
    name  = "configmap.enabled_plugins.tasks.task-plugins.enabled-plugins[1]"
    value = "spark"
  }
  set {
    name  = "configmap.k8s.plugins.k8s.default-annotations[0].cluster-autoscaler\\\\.kubernetes\\\\.io/safe-to-evict"
    value = "no"
  }
  set {
    name  = "configmap.k8s.plugins.k8s.scheduler-name"
    value = var.scheduler
  }
  set_sensitive {
    name  = "configmap.k8s.plugins.k8s.default-labels.password"
    value = "hunter2"
  }
}
"""


def test_set_blocks_of_terraform(configgen: Configgen, tmp_path: Path) -> None:
    told, files = run(configgen, tmp_path, main_tf=TERRAFORM)
    k8s = yaml.safe_load(files["base/config/k8s.yaml"])["plugins"]["k8s"]
    assert k8s["default-cpus"] == 1
    assert k8s["scheduler-name"] == "${var.scheduler}"
    assert {"cluster-autoscaler.kubernetes.io/safe-to-evict": "no"} in k8s["default-annotations"]
    plugins = yaml.load(files["base/config/enabled_plugins.yaml"].replace("!replace", ""), yaml.SafeLoader)
    assert plugins["tasks"]["task-plugins"]["enabled-plugins"] == ["container", "spark"]
    assert "main.tf:25: set_sensitive: a value that is kept secret is left out" in told
    assert "hunter2" not in told + str(files)


def test_the_new_form_of_set(configgen: Configgen, tmp_path: Path) -> None:
    text = 'set = [\n  {\n    name = "configuration.inline.plugins.k8s.default-cpus"\n    value = 4\n  },\n]\n'
    _, files = run(configgen, tmp_path, main_tf=text)
    assert "default-cpus: 4" in files["base/config/k8s.yaml"]


VALUES = "{configuration: {inline: {plugins: {k8s: {default-cpus: 1}}}}}"
NAMESPACES: Mapping[str, tuple[str, str]] = {
    "a ConfigMap's": (MORE, "flyte-prod"),
    "a Flux release's": (
        f"apiVersion: a\nkind: HelmRelease\nmetadata: {{name: f, namespace: a}}\nspec: {{values: {VALUES}}}\n",
        "a",
    ),
    "where Flux installs": (
        "apiVersion: a\nkind: HelmRelease\nmetadata: {name: f, namespace: a}\n"
        f"spec: {{targetNamespace: b, values: {VALUES}}}\n",
        "b",
    ),
    "where Argo CD installs": (
        "apiVersion: a\nkind: Application\nmetadata: {name: f, namespace: argocd}\n"
        f"spec: {{destination: {{namespace: c}}, source: {{helm: {{valuesObject: {VALUES}}}}}}}\n",
        "c",
    ),
    "nobody's": (f"{VALUES}\n", "flyte"),
    "a template": (MORE.replace("flyte-prod", "'{{ .Release.Namespace }}'"), "flyte"),
    "two that do not agree": (f"{MORE}---\n{MORE.replace('flyte-prod', 'z').replace('300', '400')}", "flyte"),
}


@pytest.mark.parametrize(("text", "namespace"), NAMESPACES.values(), ids=NAMESPACES)
def test_the_namespace(text: str, namespace: str, configgen: Configgen, tmp_path: Path) -> None:
    _, files = run(configgen, tmp_path, file_yaml=text)
    assert yaml.safe_load(files["configgen.yaml"])["environments"]["prod"]["namespace"] == namespace


def test_keys_in_another_case_are_told_and_written_as_they_are_called(configgen: Configgen, tmp_path: Path) -> None:
    told, files = run(configgen, tmp_path, file_yaml="Plugins:\n  K8S: {Default-CPUs: 2}\n")
    assert "file.yaml:2:9: plugins.k8s.Default-CPUs: is written default-cpus" in told
    assert "default-cpus: 2" in files["base/config/k8s.yaml"]


def test_lines_of_templates_are_told_together(configgen: Configgen, tmp_path: Path) -> None:
    text = "{{- if .a }}\nplugins:\n  k8s:\n    default-cpus: {{ .b }}\n{{- end }}\n"
    told, _ = run(configgen, tmp_path, file_yaml=text)
    assert "file.yaml:1:1: 2 lines, from here to line 5, are nothing but templates: left out, not evaluated" in told
