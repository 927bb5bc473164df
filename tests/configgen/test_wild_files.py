"""Files as people have them, whole: what import makes of one is what Flyte reads of it today; and lint, diff, simulate
and explain take the same file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.configgen.conftest import Configgen

_CORE = """
userSettings: {accountRegion: us-east-1}
flyteadmin: {replicaCount: 2}
storage: {type: s3, bucketName: acme-flyte}
sparkoperator:
  enabled: true
  plugin_config:
    plugins:
      spark:
        spark-config-default:
          - spark.hadoop.fs.s3a.aws.credentials.provider: com.amazonaws.auth.DefaultAWSCredentialsProviderChain
          - spark.kubernetes.allocation.batch.size: "50"
configmap:
  enabled_plugins:
    tasks:
      task-plugins:
        enabled-plugins: [container, sidecar, K8S-ARRAY, spark]
        default-for-task-types: {container: container, sidecar: sidecar, container_array: k8s-array, spark: spark}
  k8s:
    plugins:
      k8s:
        default-env-vars:
          - AWS_RETRY_MODE: standard
          - AWS_METADATA_SERVICE_TIMEOUT: 5
        default-cpus: 100m
        inject-finalizer: true
        resource-tolerations:
          - nvidia.com/gpu: {key: flyte.org/node-role, operator: Equal, value: worker, effect: NoSchedule}
  task_resource_defaults:
    task_resources:
      defaults: {cpu: 1000m, memory: 1000Mi}
      limits: {cpu: 64, memory: 1Ti, gpu: 8}
"""
_BINARY = """
configuration:
  storage: {metadataContainer: acme, provider: s3}
  co-pilot: {image: {repository: cr.flyte.org/flyteorg/flytecopilot, tag: v1.10.0}}
  inline:
    plugins:
      k8s:
        default-env-vars:
          - A: b
    tasks:
      task-plugins:
        enabled-plugins: [container, sidecar, k8s-array, ray]
        default-for-task-types:
          - container: container
          - ray: ray
    task_resources: {defaults: {cpu: 500m}, limits: {memory: 0, cpu: 0}}
"""
_TERRAFORM = """
resource "helm_release" "flyte" {
  chart  = "flyte-core"
  values = [<<-EOT
    configmap:
      enabled_plugins: {tasks: {task-plugins: {enabled-plugins: [container, sidecar, k8s-array]}}}
      k8s:
        plugins:
          k8s:
            default-cpus: 100m
            default-node-selector: {pool: ${var.pool}, zone: "${var.zone}"}
  EOT
  ]
  set {
    name  = "configmap.k8s.plugins.k8s.default-env-vars[0].REGION"
    value = var.region
  }
  set {
    name  = "configmap.enabled_plugins.tasks.task-plugins.enabled-plugins[2]"
    value = "spark"
  }
  set {
    name  = "configmap.enabled_plugins.tasks.task-plugins.default-for-task-types.container_array"
    value = "container"
  }
}
"""
_SCRIPT = """#!/bin/sh
cat > values.yaml <<EOF
configuration:
  inline:
    plugins:
      k8s:
        default-env-vars:
          - BUCKET: $BUCKET
EOF
helm upgrade --install flyte flyteorg/flyte-binary -f values.yaml \\
  --set configuration.inline.plugins.k8s.default-memory=1Gi,configuration.inline.plugins.k8s.default-cpus=2
"""
_CONFIG_MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: flyte-binary-config}
data:
  001-plugins.yaml: |
    tasks:
      task-plugins:
        default-for-task-types: {container: container, sidecar: sidecar}
        enabled-plugins: [container, sidecar]
  100-inline-config.yaml: |
    tasks:
      task-plugins:
        enabled-plugins: [container, sidecar, spark]
        default-for-task-types:
          - spark: spark
"""
_PLAIN = """
tasks: {task-plugins: {enabled-plugins: [container, sidecar, k8s-array]}}
plugins:
  K8S:
    default-env-vars:
      - DEBUG: true
      - N: 3
task_resources:
  defaults: {cpu: 2, memory: 1G}
  limits: {cpu: 4, memory: 2000Mi}
"""


def _under(name: str, text: str) -> str:
    return f"{name}:\n" + "".join(f"  {line}\n" for line in text.strip().splitlines())


WILD = {
    "flyte-core": ("values.yaml", _CORE),
    "the umbrella chart": ("values.yaml", _under("flyte", _CORE)),
    "flyte-binary, a list over the chart's map": ("values.yaml", _BINARY),
    "the sandbox": ("values.yaml", _under("flyte-binary", _BINARY)),
    "Terraform: a heredoc, and set blocks that change it": ("main.tf", _TERRAFORM),
    "a script: a heredoc, and --set": ("install.sh", _SCRIPT),
    "a ConfigMap of flyte-binary": ("live.yaml", _CONFIG_MAP),
    "what helm template prints of flyte-core": (
        "manifests.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\n"
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: flyte-admin-base-config}\ndata:\n"
        "  server.yaml: |\n    server: {httpPort: 8088}\n"
        "  task_resource_defaults.yaml: |\n    task_resources: {defaults: {cpu: 100m}, limits: {cpu: 9}}\n---\n"
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: flyte-propeller-config}\ndata:\n"
        "  core.yaml: |\n    propeller: {workers: 4}\n"
        "  enabled_plugins.yaml: |\n    tasks: {task-plugins: {enabled-plugins: [container, sidecar]}}\n"
        "  k8s.yaml: |\n    plugins: {k8s: {default-cpus: 100m}}\n",
    ),
    "a patch": (
        "patch.yaml",
        "data:\n  k8s.yaml: |\n    tasks: {task-plugins: {enabled-plugins: [container]}}\n"
        "    plugins: {k8s: {default-cpus: 7}}\n",
    ),
    "a plain file with a section in capitals": ("flyte.yaml", _PLAIN),
    "Union": (
        "values.yaml",
        "host: a\nconfig:\n  k8s:\n    tasks: {task-plugins: {enabled-plugins: [container]}}\n"
        "    plugins: {k8s: {default-cpus: 200m, default-env-vars: [{FOO: bar}]}}\n",
    ),
}
_TOLD = {
    "plugin-manager.optional-plugins",
    "task_resources.defaults.storage",
    "task_resources.limits.storage",
    "tasks.task-plugins.default-for-task-types.sensor",
}
"""What differs for a reason: what is said to our controller, which does not have all of Flyte's plugins; a key without
effect; and the umbrella chart's route to a plugin that it does not enable, with which Flyte 1 would not start."""


@pytest.mark.parametrize(("name", "text"), WILD.values(), ids=WILD)
def test_what_flyte_reads_of_a_file_goes_over(name: str, text: str, configgen: Configgen, tmp_path: Path) -> None:
    file, source = tmp_path / name, tmp_path / "source"
    file.write_text(text)
    assert configgen("import", f"main={file}", "--into", source).exit_code == 0
    result = configgen("-C", source, "diff", file, "main", "-o", "json", "--no-effect")
    assert result.exit_code in (0, 1), result.stderr
    changed = {change["path"] for change in json.loads(result.stdout)["changes"]}
    assert changed <= _TOLD, result.stdout
    told = configgen("-C", source, "explain", "plugins.k8s.default-cpus", "--env", "main", "-o", "json")
    assert json.loads(told.stdout)["values"], told.stdout


@pytest.mark.parametrize(("name", "text"), WILD.values(), ids=WILD)
def test_lint_and_simulate_take_the_file(name: str, text: str, configgen: Configgen, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text(text)
    findings = json.loads(configgen("lint", "--file", file, "-o", "json").stdout)
    assert {"unreadable", "unknown-key", "invalid-value"}.isdisjoint(one["rule"] for one in findings), findings
    result = configgen("simulate", "--task", "container", "--file", file)
    assert (result.exit_code, result.stdout.splitlines()[:2]) == (0, ["apiVersion: v1", "kind: Pod"]), result.stderr


def test_what_is_set_beside_a_heredoc_changes_it(configgen: Configgen, tmp_path: Path) -> None:
    file, source = tmp_path / "main.tf", tmp_path / "source"
    file.write_text(_TERRAFORM)
    assert configgen("import", f"main={file}", "--into", source).exit_code == 0
    said = "".join(path.read_text() for path in sorted((source / "base").rglob("*.yaml")))
    for line in ("- container\n", "- sidecar\n", "- spark\n", "REGION: ${var.region}\n", "pool: ${var.pool}\n"):
        assert line in said, said
    assert "zone: ${var.zone}\n" in said


@pytest.mark.parametrize(
    ("name", "language"),
    [
        pytest.param("stack.ts", "TypeScript", id="CDK"),
        pytest.param("infra.py", "Python", id="Pulumi"),
    ],
)
def test_programs_are_told_with_what_to_give_instead(
    name: str, language: str, configgen: Configgen, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_text("values = {\n  'configmap': {\n    'k8s': { a: [1, 2] },\n  },\n};\nchart('flyte', values)\n")
    for arguments in (("lint", "--file", file), ("import", file, "--into", tmp_path / "source")):
        result = configgen(*arguments)
        told = result.stdout + result.stderr
        assert f"this is {language}, no YAML" in told, told
        assert "helm get values" in told


def test_a_heredoc_that_does_not_parse_is_told_where_it_is_wrong(configgen: Configgen, tmp_path: Path) -> None:
    file = tmp_path / "main.tf"
    file.write_text("a = 1\nvalues = [<<-EOT\n    configmap:\n      k8s: {plugins: [}\n  EOT\n]\n")
    (finding,) = [one for one in json.loads(configgen("lint", "--file", file, "-o", "json").stdout) if one["line"]]
    assert (finding["rule"], finding["line"], finding["column"]) == ("unreadable", 4, 23)
