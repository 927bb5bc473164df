"""`configgen import`: an existing install becomes a source that renders."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from tests.configgen.conftest import Configgen, small_disk, tree

DEV = """
configmap:
  enabled_plugins:
    tasks:
      task-plugins:
        enabled-plugins: [container, sidecar, K8S-ARRAY, spark]
        default-for-task-types: {container: container, sidecar: sidecar, container_array: k8s-array, spark: spark}
  k8s:
    plugins:
      k8s:
        default-cpus: 100m
        default-env-vars:
          - AWS_REGION: eu-west-1
  task_resource_defaults:
    task_resources: {limits: {cpu: "2", memory: 4Gi}}
"""
PROD = DEV.replace("eu-west-1", "us-east-1").replace("4Gi", "4096Mi").replace(", spark]", ", spark, ray]")


def write(folder: Path, **files: str) -> list[Path]:
    paths = []
    for name, text in files.items():
        path = folder / f"{name.replace('__', '-')}.yaml"
        path.write_text(dedent(text))
        paths.append(path)
    return paths


def effective(configgen: Configgen, source: Path, environment: str, out: Path) -> dict[str, Any]:
    result = configgen("-C", source, "render", "--env", environment, "--target", "configmap", "--out", out)
    assert result.exit_code == 0, result.stderr
    manifest = yaml.safe_load((out / "configmap" / environment / "configmap.yaml").read_text())
    documents: dict[str, Any] = {name: yaml.safe_load(text) for name, text in manifest["data"].items()}
    return documents


def test_two_environments_share_a_base(configgen: Configgen, tmp_path: Path) -> None:
    source = tmp_path / "source"
    result = configgen("import", *write(tmp_path, values__dev=DEV, values__prod=PROD), "--into", source)
    assert result.exit_code == 0, result.stderr
    files = {name: yaml.load(text, yaml.BaseLoader) for name, text in tree(source).items() if "charts/" not in name}
    assert files["configgen.yaml"]["environments"]["prod"]["layers"] == [
        "charts/flyte-core",
        "base",
        "environments/prod",
    ]
    assert files["environments/dev/config/k8s.yaml"] == {
        "plugins": {"k8s": {"default-env-vars": [{"AWS_REGION": "eu-west-1"}]}}
    }
    assert files["environments/prod/config/enabled_plugins.yaml"] == {
        "tasks": {"task-plugins": {"enabled-plugins": ["ray"]}}
    }
    # Neither the chart's default-cpus of 100m nor its limit of 2 CPUs is repeated.
    assert files["base/config/task_resource_defaults.yaml"] == {"task_resources": {"limits": {"memory": "4Gi"}}}
    assert "base/config/k8s.yaml" not in files
    rendered = effective(configgen, source, "prod", tmp_path / "out")
    assert rendered["enabled_plugins.yaml"]["tasks"]["task-plugins"]["enabled-plugins"] == [
        "container",
        "sidecar",
        "k8s-array",
        "spark",
        "ray",
    ]
    assert rendered["task_resource_defaults.yaml"]["task_resources"]["limits"]["memory"] == "4Gi"
    assert rendered["k8s.yaml"]["plugins"]["k8s"]["default-memory"] == "100Mi"


TOLD = {
    "an unknown key": (
        "plugins:\n  k8s:\n    default-cpu: 1\n",
        "3:5: plugins.k8s.default-cpu: not understood",
        "cpus",
    ),
    "a key in another case": (
        "plugins:\n  k8s:\n    default-env-vars:\n      AWS_REGION: x\n",
        "4:7: plugins.k8s.default-env-vars.AWS_REGION: Flyte reads this as aws_region",
        "rename it in the layer",
    ),
    "a route to a plugin that is off": (
        "tasks:\n  task-plugins:\n    enabled-plugins: [container]\n    default-for-task-types:\n      spark: spark\n",
        "5:7: tasks.task-plugins.default-for-task-types.spark: left out: spark is not enabled",
        "enable spark",
    ),
    "a plugin that does not exist": (
        "tasks:\n  task-plugins:\n    enabled-plugins: [container, sprak]\n",
        "3:5: tasks.task-plugins.enabled-plugins: there is no plugin 'sprak'",
        "did you mean spark",
    ),
    "a value that Flyte refuses": (
        "plugins:\n  k8s:\n    default-cpus: 1 core\n",
        "3:5: plugins.k8s.default-cpus: left out, Flyte does not start with it",
        "mend it",
    ),
    "a template in an amount": (
        "plugins:\n  k8s:\n    default-cpus: ${cpus}\n",
        "3:5: plugins.k8s.default-cpus: a template, kept as text",
        "write the value",
    ),
    "a secret": (
        "plugins:\n  k8s:\n    default-env-vars:\n      - AWS_SECRET_ACCESS_KEY: hunter2\n",
        "plugins.k8s.default-env-vars.AWS_SECRET_ACCESS_KEY: a secret in clear text",
        "default-env-from-secrets",
    ),
    "a gate that is shut": (
        "sparkoperator:\n  plugin_config:\n    plugins:\n      spark: {spark-config-default: [{a: b}]}\n",
        "because sparkoperator.enabled is not true",
        "say it in a layer",
    ),
    "the right key in the wrong place": (
        "configmap: {}\nplugins:\n  k8s: {}\n",
        "2:1: plugins: not understood and left out: the chart does not read it here",
        "configmap.k8s",
    ),
    "code": ("const a = [\n  1, {\n", "no YAML", ""),
    "a script": (
        "cat <<EOF\nplugins: {k8s: {default-cpus: 1}}\nEOF\n",
        "only its heredocs, --set of helm and set blocks of Terraform are read",
        "",
    ),
    "a list that is no map": (
        "plugins:\n  k8s:\n    default-labels: [x, '{{ y }}']\n",
        "3:5: plugins.k8s.default-labels: left out, Flyte does not start with it",
        "mend it",
    ),
    "a key that is there twice": (
        "plugins:\n  k8s:\n    default-cpus: 1\n    default-cpus: 2\n",
        "4:5: plugins.k8s.default-cpus: the key is there twice (first in line 3)",
        "remove one of them",
    ),
    "a name of earlier": (
        "tasks:\n  task-plugins:\n    enabled-plugins: [container, agent-service]\nplugins:\n  agent-service: {}\n",
        "the plugin agent-service is called connector-service today",
        "",
    ),
    "a place of earlier": (
        "plugins:\n  enabled-plugins:\n    - container\n",
        "2:3: plugins.enabled-plugins: is called tasks.task-plugins.enabled-plugins today",
        "",
    ),
}


@pytest.mark.parametrize(("text", "told", "mend"), TOLD.values(), ids=TOLD)
def test_what_is_told(text: str, told: str, mend: str, configgen: Configgen, tmp_path: Path) -> None:
    (path,) = write(tmp_path, file=text)
    result = configgen("import", path, "--into", tmp_path / "source")
    assert result.exit_code == 0, result.stderr
    (line,) = [line for line in result.stderr.splitlines() if told in line]
    assert str(path) in line
    assert mend in line
    assert "hunter2" not in result.stderr


def test_a_list_over_a_mapping_is_dropped_as_flyte_does(configgen: Configgen, tmp_path: Path) -> None:
    values = """
    enabled_plugins:
      tasks: {task-plugins: {enabled-plugins: [container, sidecar], default-for-task-types: {container: container}}}
    configuration:
      inline:
        tasks:
          task-plugins:
            default-for-task-types:
              - python-task: container
    """
    result = configgen("import", *write(tmp_path, values=values), "--into", tmp_path / "source")
    assert "file" not in result.stderr
    assert "values.yaml:8:9: tasks.task-plugins.default-for-task-types: left out: Flyte drops a list" in result.stderr
    documents = effective(configgen, tmp_path / "source", "main", tmp_path / "out")
    routes = documents["enabled_plugins.yaml"]["tasks"]["task-plugins"]["default-for-task-types"]
    assert {"python-task": "container"} not in routes


def test_neighbours_are_passed_over_in_silence(configgen: Configgen, tmp_path: Path) -> None:
    values = """
    storage: {type: s3, bucketName: b}
    db: {admin: {database: {password: x}}}
    customData: [{production: [{projectQuotaCpu: {value: "5"}}]}]
    configmap:
      adminServer: {auth: {userAuth: {}}, server: {httpPort: 80}}
      core: {propeller: {workers: 4, rawoutput-prefix: "s3://{{ .Values.x }}/"}, webhook: {certDir: /x}}
      console: {BASE_URL: /console}
      k8s: {plugins: {k8s: {default-memory: 1Gi}}}
    """
    result = configgen("import", *write(tmp_path, values=values), "--into", tmp_path / "source")
    assert "warning" not in result.stderr


def test_files_of_one_name_are_merged_as_helm_does(configgen: Configgen, tmp_path: Path) -> None:
    first, second = write(
        tmp_path,
        a="configmap: {k8s: {plugins: {k8s: {default-memory: 1Gi, default-env-vars: [{A: x}]}}}}\n",
        b="configmap: {k8s: {plugins: {k8s: {default-memory: null, default-env-vars: [{B: y}]}}}}\n",
    )
    source = tmp_path / "source"
    assert configgen("import", f"prod={first}", f"prod={second}", "--into", source).exit_code == 0
    k8s = effective(configgen, source, "prod", tmp_path / "out")["k8s.yaml"]["plugins"]["k8s"]
    assert k8s["default-env-vars"] == [{"B": "y"}]
    assert "default-memory" not in k8s


def test_single_sections_are_one_environment(configgen: Configgen, tmp_path: Path) -> None:
    paths = write(
        tmp_path,
        enabled_plugins="tasks: {task-plugins: {enabled-plugins: [container, ray]}}\n",
        k8s="plugins: {k8s: {default-cpus: 2}}\n",
    )
    result = configgen("import", *paths, "--into", tmp_path / "source", "-o", "json")
    environments = json.loads(result.stdout)["environments"]
    assert [one["files"] for one in environments.values()] == [[str(path) for path in paths]]


def test_a_toleration_that_is_there_twice_goes_over_once(configgen: Configgen, tmp_path: Path) -> None:
    text = "plugins: {k8s: {default-tolerations: [{key: a}, {key: b}, {key: a}]}}\n"
    assert configgen("import", *write(tmp_path, file=text), "--into", tmp_path / "source").exit_code == 0
    k8s = effective(configgen, tmp_path / "source", "file", tmp_path / "out")["k8s.yaml"]["plugins"]["k8s"]
    assert k8s["default-tolerations"] == [{"key": "a"}, {"key": "b"}]


def test_nothing_to_import_is_a_source_too(configgen: Configgen, tmp_path: Path) -> None:
    result = configgen("import", *write(tmp_path, other="postgresql: {enabled: true}\n"), "--into", tmp_path / "source")
    assert result.exit_code == 0
    assert "nothing about plugins in it" in result.stderr
    effective(configgen, tmp_path / "source", "other", tmp_path / "out")


def test_all_files_that_can_not_be_read_are_told_and_nothing_is_written(configgen: Configgen, tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\0\1")
    arguments = [tmp_path / "absent.yaml", tmp_path / "binary.yaml", *write(tmp_path, dev=DEV)]
    result = configgen("import", *arguments, "--into", tmp_path / "source")
    assert result.exit_code == 2
    assert [line.split(": ")[2] for line in result.stderr.splitlines()[:2]] == [
        "does not exist; check the name, or create it",
        "is a binary file; only YAML files belong here",
    ]
    assert not (tmp_path / "source").exists()


def test_nothing_is_overwritten(configgen: Configgen, tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "configgen.yaml").write_text("mine\n")
    before = tree(tmp_path)
    (path,) = write(tmp_path, dev=DEV)
    result = configgen("import", path, "--into", tmp_path)
    assert result.exit_code == 2
    assert result.stderr.count("is there already, and is not overwritten") == 2
    path.unlink()
    assert tree(tmp_path) == before


def test_a_full_disk_leaves_nothing_behind(configgen: Configgen, tmp_path: Path) -> None:
    paths = write(tmp_path, dev=DEV)
    with small_disk(100):
        result = configgen("import", *paths, "--into", tmp_path / "source")
    assert result.exit_code == 2
    assert "can not be written" in result.stderr
    assert not (tmp_path / "source").exists()


UMBRELLAS = {
    "flyte": "flyte:\n  configmap:\n    k8s: {plugins: {k8s: {default-memory: 200Mi}}}\n",
    "flyte-sandbox": "docker-registry: {enabled: true}\nflyte-binary:\n  configuration:\n    inline:\n"
    "      task_resources: {defaults: {cpu: 500m}}\n  enabled_plugins: {tasks: {task-plugins: {enabled-plugins: "
    "[container, sidecar, k8s-array, connector-service, echo]}}}\n",
    "flyte-devbox": "rustfs: {enabled: true}\nflyte-binary:\n  flyte-core-components: {runs: {}}\n"
    "  configuration: {inline: {task_resources: {defaults: {cpu: 500m}}}}\n",
}


@pytest.mark.parametrize(("umbrella", "text"), UMBRELLAS.items(), ids=UMBRELLAS)
def test_what_an_umbrella_chart_says_by_itself_is_dropped(
    umbrella: str, text: str, configgen: Configgen, tmp_path: Path
) -> None:
    (tmp_path / "values.yaml").write_text(text)
    result = configgen("import", f"main={tmp_path}/values.yaml", "--into", tmp_path / "source")
    assert result.exit_code == 0, result.stderr
    files = tree(tmp_path / "source")
    assert f"charts/{umbrella}/config/k8s.yaml" in files
    said = [yaml.load(content, yaml.BaseLoader) for name, content in files.items() if name.startswith("base/")]
    assert not any(one and {"k8s", "task_resources"} & {*one, *one.get("plugins", {})} for one in said)
