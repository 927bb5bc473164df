"""`configgen lint`: every rule at work, its place told; waivers; forms of output; exit codes."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from configgen.lint.linting import lint
from configgen.lint.specification import RULES
from configgen.lint.subjects import Piece, Subject
from configgen.targets import FLYTE_TARGETS
from tests.configgen.conftest import EXAMPLE, PLUGINS, Configgen

Make = Callable[..., Path]

_CORE = "configmap:\n  k8s:\n    plugins:\n      k8s:\n"
_BINARY = "configuration:\n  inline:\n    plugins:\n      k8s:\n"
_FLYTE_2 = "flyte-core-components: {runs: {}}\n" + _BINARY
_K8S = "plugins:\n  k8s:\n"
_ENABLED = "tasks:\n  task-plugins:\n    enabled-plugins: [container, sidecar]\n"

FILES = {
    "a document that is no YAML": ("unreadable", "plugins:\n  k8s: [\n", 3),
    "a pointer to values": (
        "nothing-here",
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec: {source: {helm: {valueFiles: [a]}}}\n",
        0,
    ),
    "a typo": ("unknown-key", _K8S + "    schedular-name: x\n", 3),
    "a section in capitals": ("key-in-other-case", "plugins:\n  K8S:\n    default-cpus: 1\n", 2),
    "what stands below a section in capitals": ("unknown-key", "plugins:\n  K8S:\n    schedular-name: x\n", 3),
    "a script": ("nothing-here", "#!/bin/sh\ncat <<EOF > v.yaml\nplugins: {k8s: {default-cpus: 1}}\nEOF\n", 0),
    "the list of plugins under plugins, as in 2019": (
        "misplaced-key",
        "plugins:\n  enabled-plugins: [container]\n",
        2,
    ),
    "the list of plugins under plugins.k8s": ("misplaced-key", _K8S + "    enabled-plugins: [container]\n", 3),
    "agent-service beside tasks": ("misplaced-key", _ENABLED + "agent-service: {}\n", 4),
    "plugins at the root of flyte-core values": ("misplaced-key", _CORE + "        {}\nplugins: {}\n", 6),
    "configmap in configmap": ("misplaced-key", "configmap:\n  configmap: {}\n", 2),
    "enabled_plugins in configmap.core": ("misplaced-key", "configmap:\n  core:\n    enabled_plugins: {}\n", 3),
    "plugins beside inline": ("misplaced-key", "configuration:\n  inline: {}\n  plugins: {}\n", 3),
    "flyte-binary's key in flyte-core values": ("other-chart", _CORE + "        {}\nconfiguration: {}\n", 6),
    "a bad amount": ("invalid-value", _K8S + "    default-memory: 1GB\n", 3),
    "a number for a text": ("loose-value", _K8S + "    default-env-vars:\n    - a: 1\n", 4),
    "a deprecated key": ("deprecated-key", _K8S + "    interruptible-node-selector:\n    - a: b\n", 3),
    "ListAgents": (
        "dead-key",
        "plugins:\n  connector-service:\n    timeouts:\n      ListAgents: 1s\n",
        4,
    ),
    "ListAgents of one connector": (
        "dead-key",
        "plugins:\n  connector-service:\n    connectors:\n      a: {timeouts: {ListAgents: 1s}}\n",
        4,
    ),
    "storage of task resources": ("dead-key", "task_resources:\n  limits:\n    storage: 1Gi\n", 3),
    "agent-service": ("renamed-key", "plugins:\n  agent-service: {}\n", 2),
    "agent-service in the list of plugins": (
        "renamed-key",
        "tasks:\n  task-plugins:\n    enabled-plugins:\n    - container\n    - agent-service\n",
        5,
    ),
    "a component in configmap": (
        "misplaced-key",
        _CORE + "        {}\n  flyteagent: {plugin_config: {plugins: {agent-service: {}}}}\n",
        6,
    ),
    "agentService": ("renamed-key", "configuration:\n  inline: {}\n  agentService: {}\n", 3),
    "a key of Flyte 2": ("key-of-other-version", _BINARY + "        accelerator-devices:\n        - A: b\n", 5),
    "a key that Flyte 2 lost": (
        "key-of-other-version",
        _FLYTE_2 + "        enable-distributed-error-aggregation: true\n",
        6,
    ),
    "capitals in a map of variables": ("lower-cased-key", _K8S + "    default-env-vars:\n      A_B: c\n", 4),
    "a list over the map of flyte-binary": (
        "list-over-map",
        "configuration:\n  inline:\n    tasks:\n      task-plugins:\n        default-for-task-types:\n        - a: b\n",
        5,
    ),
    "a list over a map in a ConfigMap": (
        "list-over-map",
        "apiVersion: v1\nkind: ConfigMap\ndata:\n"
        "  a.yaml: |\n    plugins:\n      k8s:\n        default-labels: {a: b}\n"
        "  b.yaml: |\n    plugins:\n      k8s:\n        default-labels: [{a: c}]\n",
        11,
    ),
    "a list in values without the chart's plugins": (
        "helm-replaces-list",
        "configmap:\n  enabled_plugins:\n    tasks:\n      task-plugins:\n        enabled-plugins: [spark]\n",
        5,
    ),
    "variables without the platform's": (
        "platform-variables-lost",
        _FLYTE_2 + "        default-env-vars:\n        - A: b\n",
        6,
    ),
    "annotations without safe-to-evict": ("annotation-lost", _K8S + "    default-annotations: {a: b}\n", 3),
    "an empty mapping": ("empty-map", _K8S + "    default-annotations: {}\n", 3),
    "an empty list of plugins": ("all-plugins-enabled", "tasks:\n  task-plugins:\n    enabled-plugins: []\n", 3),
    "a plugin that does not exist": (
        "unknown-plugin",
        "tasks:\n  task-plugins:\n    enabled-plugins:\n    - sparc\n",
        4,
    ),
    "a plugin of old": (
        "plugin-gone",
        "tasks:\n  task-plugins:\n    enabled-plugins:\n    - sagemaker_training\n",
        4,
    ),
    "an ID in capitals": (
        "plugin-id-spelling",
        "tasks:\n  task-plugins:\n    enabled-plugins:\n    - K8S-ARRAY\n",
        4,
    ),
    "a default that is not enabled": (
        "default-not-enabled",
        _ENABLED + "    default-for-task-types:\n      spark: spark\n",
        5,
    ),
    "a default that is not enabled, for Flyte 2": (
        "default-without-effect",
        "flyte-core-components: {runs: {}}\nconfiguration:\n  inline:\n    tasks:\n      task-plugins:\n"
        "        enabled-plugins: [container, sidecar]\n        default-for-task-types:\n          spark: spark\n",
        8,
    ),
    "two plugins for a type": (
        "task-type-claimed-twice",
        "tasks:\n  task-plugins:\n    enabled-plugins: [spark, databricks]\n",
        3,
    ),
    "a default that does not run the type": (
        "default-ignored",
        _ENABLED + "    default-for-task-types:\n      sidecar: container\n",
        5,
    ),
    "a task type that nobody knows": (
        "unknown-task-type",
        _ENABLED + "    default-for-task-types:\n      pythontask: container\n",
        5,
    ),
    "a plugin without a route": (
        "plugin-without-route",
        "tasks:\n  task-plugins:\n    enabled-plugins:\n    - spark\n    - databricks\n"
        "    default-for-task-types: {spark: spark}\n",
        5,
    ),
    "settings of a plugin that does not run": ("section-without-plugin", _ENABLED + "plugins:\n  ray: {}\n", 5),
    "spark without its operator": (
        "operator-not-enabled",
        "configmap:\n  enabled_plugins: {tasks: {task-plugins: {enabled-plugins: [container, sidecar, spark]}}}\n"
        "sparkoperator:\n  enabled: false\n",
        4,
    ),
    "settings that stop at a gate": (
        "gated-off",
        "sparkoperator:\n  plugin_config: {plugins: {spark: {spark-history-server-url: a}}}\n",
        2,
    ),
    "ray in values of flyte-core": ("no-chart-section", _CORE + "        {}\nray: {a: b}\n", 6),
    "a member of configmap that flyte-core does not render": (
        "no-chart-section",
        "configmap:\n  k8s: {plugins: {k8s: {}}}\n  ray:\n    plugins: {ray: {serviceType: ClusterIP}}\n",
        3,
    ),
    "connectors, which Flyte 2's chart does not render": (
        "no-chart-section",
        "flyte-core-components: {runs: {}}\nconfiguration:\n  connectorService: {supportedTaskTypes: [a]}\n",
        3,
    ),
    "our section in values of Flyte's chart": (
        "scopes-not-expressible",
        "configuration:\n  inline:\n    plugin-manager:\n      scopes: [{project: a}]\n",
        3,
    ),
    "a default above the limit": (
        "default-above-limit",
        "task_resources:\n  defaults: {memory: 2Gi}\n  limits:\n    memory: 1G\n",
        2,
    ),
    "a default above the limit that flyte-core has by itself": (
        "default-above-limit",
        "configmap:\n  task_resource_defaults:\n    task_resources:\n      defaults:\n        memory: 4Gi\n",
        5,
    ),
    "a default above the limit that the code has by itself": (
        "default-above-limit",
        "configuration:\n  inline:\n    task_resources:\n      defaults: {cpu: 4}\n",
        4,
    ),
    "a request above the limit": (
        "request-above-limit",
        _K8S + "    default-cpus: 4\ntask_resources: {limits: {cpu: 2}}\n",
        3,
    ),
    "a container that asks for more than its limit": (
        "request-above-limit",
        "plugins:\n  ray:\n    logsSidecar:\n      name: a\n      image: a:1\n      resources:\n"
        "        limits: {cpu: 1}\n        requests: {cpu: 2}\n",
        8,
    ),
    "limits for storage only": (
        "partial-limits",
        "configmap:\n  task_resource_defaults:\n    task_resources:\n      limits: {storage: 1Gi}\n",
        4,
    ),
    "a limit of 0": ("zero-limit", "task_resources:\n  limits:\n    cpu: 0\n", 3),
    "1G beside 2000Mi": ("mixed-units", "task_resources:\n  defaults: {memory: 1G}\n  limits: {memory: 2000Mi}\n", 3),
    "a time span without a unit": ("duration-without-unit", _K8S + "    pod-pending-timeout: 30\n", 3),
    "Exists with a value": (
        "conflicting-tolerations",
        _K8S + "    default-tolerations:\n    - {key: a, operator: Exists, value: b}\n",
        4,
    ),
    "a toleration that another one covers": (
        "conflicting-tolerations",
        _K8S + "    default-tolerations:\n    - {key: a, operator: Exists}\n    - {key: a, value: b}\n",
        5,
    ),
    "a toleration of another GPU": (
        "gpu-toleration",
        _K8S + "    resource-tolerations:\n    - amd.com/gpu: [{key: a, operator: Exists}]\n",
        4,
    ),
    "another GPU resource": ("gpu-resource-name", _K8S + "    gpu-resource-name: amd.com/gpu\n", 3),
    "AWS's label in Google's cloud": (
        "gpu-label",
        _K8S + "    gpu-device-node-label: k8s.amazonaws.com/accelerator\n"
        "    default-node-selector: [{cloud.google.com/gke-spot: 'true'}]\n",
        3,
    ),
    "spot and other nodes are the same": (
        "contrary-selectors",
        _K8S + "    interruptible-node-selector-requirement: &a {key: a, operator: In, values: [b]}\n"
        "    non-interruptible-node-selector-requirement: *a\n",
        4,
    ),
    "In without values": (
        "selector-requirement",
        _K8S + "    interruptible-node-selector-requirement: {key: a, operator: In}\n",
        3,
    ),
    "a privileged default": (
        "weak-security-context",
        _K8S + "    default-security-context:\n      privileged: true\n",
        4,
    ),
    "a context that does not drop capabilities": (
        "not-restricted",
        _K8S + "    default-security-context: {runAsNonRoot: true}\n",
        3,
    ),
    "the host's network": ("host-network", _K8S + "    enable-host-networking-pod: true\n", 3),
    "an image by the tag latest": ("floating-image", _K8S + "    co-pilot: {image: a/b:latest}\n", 3),
    "an image from a registry with a port, without a tag": (
        "floating-image",
        _K8S + "    co-pilot: {image: 'a:5000/b'}\n",
        3,
    ),
    "a password in a variable": ("secret-in-plain-text", _K8S + "    default-env-vars:\n    - DB_PASSWORD: x\n", 4),
    "a key by its look": ("secret-in-plain-text", _K8S + f"    default-env-vars:\n    - A: AKIA{'A' * 16}\n", 4),
    "a password of Redis": (
        "secret-in-plain-text",
        "propeller:\n  resourcemanager:\n    redis:\n      hostKey: x\n",
        4,
    ),
    "a password of the database": (
        "secret-in-plain-text",
        _BINARY + "        {}\n  database:\n    password: hunter2\n",
        7,
    ),
    "a key of the object store": (
        "secret-in-plain-text",
        _BINARY + "        {}\n  storage: {providerConfig: {s3: {secretKey: abc}}}\n",
        6,
    ),
    "a key of Spark's object store": (
        "secret-in-plain-text",
        "plugins:\n  spark:\n    spark-config-default:\n    - spark.hadoop.fs.s3a.access.key: abc\n",
        4,
    ),
    "an angle bracket": ("placeholder", _K8S + "    default-labels:\n      team: <TEAM>\n", 4),
    "a template": ("placeholder", _K8S + "    scheduler-name: {{ .Values.name }}\n", 3),
    "MinIO in AWS": (
        "sandbox-endpoint",
        _K8S + "    co-pilot: {image: '1.dkr.ecr.a.amazonaws.com/b:1'}\n"
        "    default-env-vars:\n    - FLYTE_AWS_ENDPOINT: http://minio:9000\n",
        5,
    ),
    "MinIO in values for S3": (
        "sandbox-endpoint",
        "storage: {type: s3}\n"
        + _CORE
        + "        default-env-vars:\n        - FLYTE_AWS_ENDPOINT: http://minio:9000\n",
        7,
    ),
    "log links to localhost": (
        "local-log-links",
        "plugins:\n  logs:\n    kubernetes-template-uri: http://localhost:30082/{{ .podName }}\n",
        3,
    ),
    "true without quotes": ("boolean-as-text", _K8S + "    default-env-vars:\n    - a: true\n", 4),
}


@pytest.mark.parametrize(("rule", "text", "line"), FILES.values(), ids=FILES)
def test_a_rule_on_a_foreign_file(rule: str, text: str, line: int, configgen: Configgen, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(text)
    result = configgen("lint", "--file", file, "-o", "json")
    found = [(one["rule"], one["line"]) for one in json.loads(result.stdout)]
    assert (rule, line) in found, result.stdout


SILENT = {
    "a class name under a name with credentials in it": (
        "secret-in-plain-text",
        "sparkoperator:\n  enabled: true\n  plugin_config:\n    plugins:\n      spark:\n        spark-config-default:\n"
        "        - spark.hadoop.fs.s3a.aws.credentials.provider: com.amazonaws.auth.ProfileCredentialsProvider\n",
    ),
    "names of Secrets and of files in them": (
        "secret-in-plain-text",
        _BINARY
        + "        {}\n  database: {passwordPath: /etc/db/pass.txt}\n  auth: {clientSecretsExternalSecretRef: a, "
        "flyteClient: {scopes: [all]}}\n  externalConfigMap: a\n",
    ),
    "a path to a password": (
        "secret-in-plain-text",
        "plugins: {k8s: {default-cpus: 1}}\ndatabase: {passwordPath: /etc/db/pass.txt}\n",
    ),
    "a password that is a template": ("secret-in-plain-text", _BINARY + "        {}\n  database: {password: ${DB}}\n"),
    "the section's own name beside the rename of the value": (
        "unknown-key",
        "configuration:\n  agentService: {defaultAgent: {endpoint: a}}\n",
    ),
    "ListAgents of an agent, which its plugin reads": (
        "dead-key",
        "plugins:\n  agent-service:\n    defaultAgent: {timeouts: {ListAgents: 1s}}\n",
    ),
    "a default above no limit": (
        "default-above-limit",
        "configmap: {task_resource_defaults: {task_resources: {defaults: {cpu: 4}, limits: {cpu: 0}}}}\n",
    ),
    "MinIO in the sandbox": (
        "sandbox-endpoint",
        _BINARY + "        default-env-vars:\n        - FLYTE_AWS_ENDPOINT: http://minio:9000\n",
    ),
    "another part of Flyte in another case": (
        "key-in-other-case",
        _K8S + "    default-cpus: 1\nstorage: {signedURL: {stowConfigOverride: {endpoint: a}}}\n",
    ),
    "set blocks that change one element of the values beside them": (
        "helm-replaces-list",
        "values = [<<EOF\nconfigmap: {enabled_plugins: {tasks: {task-plugins: {enabled-plugins: [a, sidecar]}}}}\n"
        'EOF\n]\nset {\n  name  = "configmap.enabled_plugins.tasks.task-plugins.enabled-plugins[0]"\n'
        '  value = "container"\n}\n',
    ),
}


@pytest.mark.parametrize(("rule", "text"), SILENT.values(), ids=SILENT)
def test_a_rule_that_says_nothing(rule: str, text: str, configgen: Configgen, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(text)
    result = configgen("lint", "--file", file, "-o", "json")
    found = [one["rule"] for one in json.loads(result.stdout)]
    assert not {rule, "unreadable"} & set(found), result.stdout


SOURCES = {
    "a typo in a layer": ("unknown-key", {"config/a.yaml": _K8S + "    schedular-name: x\n"}, 3),
    "a layer that is no YAML": ("unreadable", {"config/a.yaml": "plugins: [\n"}, 2),
    "a release that is none": ("release-invalid", {"release.yaml": "replicas: 99\n"}, 1),
    "a list in place of a list": (
        "replaced-list",
        {"config/a.yaml": _K8S + "    default-env-from-secrets: [b]\n"},
        3,
    ),
    "a mapping in place of a text": ("layers-disagree", {"config/a.yaml": _K8S + "    scheduler-name: {a: b}\n"}, 3),
    "a plugin that we do not have": (
        "plugin-not-implemented",
        {"config/a.yaml": "tasks:\n  task-plugins:\n    enabled-plugins: [snowflake]\n"},
        3,
    ),
    "defaults of the code": ("code-defaults", {"config/a.yaml": _K8S + "    default-cpus: 1\n"}, 2),
    "two plugins for a type in a scope": (
        "task-type-claimed-twice",
        {"config/a.yaml": "plugin-manager:\n  scopes:\n  - project: a\n    enabled-plugins: [container, pod]\n"},
        4,
    ),
    "an operator with a typo": (
        "unknown-operator",
        {"release.yaml": "operators:\n  installed: [spark-opperator]\n"},
        2,
    ),
    "a controller by the tag latest": ("floating-image", {"release.yaml": "image:\n  tag: latest\n"}, 2),
}


@pytest.mark.parametrize(("rule", "files", "line"), SOURCES.values(), ids=SOURCES)
def test_a_rule_on_a_source(
    rule: str, files: dict[str, str], line: int, configgen: Configgen, make_source: Make
) -> None:
    base = PLUGINS + "plugins: {k8s: {default-env-from-secrets: [a], scheduler-name: a}}\n"
    folder = make_source({"base": {"config/base.yaml": base}, "top": files})
    result = configgen("-C", folder, "lint", "-o", "json")
    found = [(one["rule"], one["file"], one["line"]) for one in json.loads(result.stdout)]
    assert (rule, f"top/{next(iter(files))}", line) in found, result.stdout


@pytest.mark.parametrize(
    ("targets", "release", "found"),
    [
        pytest.param("", "", False, id="all targets: the operator is rendered"),
        pytest.param("[helm]", "", False, id="helm: its chart is listed"),
        pytest.param("[configmap]", "", True, id="documents only: nobody installs it"),
        pytest.param("[configmap]", "operators: {installed: [spark-operator]}", False, id="it is there already"),
        pytest.param("[configmap]", "operators: {installed: [kuberay-operator]}", True, id="another one is there"),
    ],
)
def test_an_operator_that_nobody_installs(
    targets: str, release: str, found: bool, configgen: Configgen, make_source: Make
) -> None:
    config = PLUGINS.replace("container", "container, spark")
    folder = make_source({"base": {"config/a.yaml": config, "release.yaml": release}})
    if targets:
        definition = folder / "configgen.yaml"
        definition.write_text(definition.read_text().replace("    layers:", f"    targets: {targets}\n    layers:"))
    findings = json.loads(configgen("-C", folder, "lint", "-o", "json").stdout)
    (*told,) = [one for one in findings if one["rule"] == "operator-not-enabled"]
    assert bool(told) is found, findings
    for one in told:
        assert one["path"] == "tasks.task-plugins.enabled-plugins[1]"
        assert "operators.installed of release.yaml" in one["mend"]


SELECTORS = {
    "the general selector": ("default-node-selector: [{pool: a}]", False),
    "a selector that a pool meets": ("default-node-selector: [{pool: b}]", True),
    "a selector of another environment's pool": ("default-node-selector: [{pool: c}]", False),
    "a requirement": ("interruptible-node-selector-requirement: {key: pool, operator: In, values: [a]}", False),
    "a requirement that a pool meets": (
        "non-interruptible-node-selector-requirement: {key: pool, operator: NotIn, values: [a]}",
        True,
    ),
    "a label of devices that no node has": ("gpu-device-node-label: gpu", False),
    "a label of devices that nodes have": ("gpu-device-node-label: pool", True),
}


@pytest.mark.parametrize(("setting", "met"), SELECTORS.values(), ids=SELECTORS)
def test_selectors_are_compared_with_the_node_pools(
    setting: str, met: bool, configgen: Configgen, make_source: Make
) -> None:
    folder = make_source({"base": {"config/a.yaml": f"{PLUGINS}plugins:\n  k8s:\n    {setting}\n"}})
    assert "selector-without-nodes" not in _rules(configgen, folder)
    with (folder / "configgen.yaml").open("a") as file:
        file.write("node-pools:\n- {name: one, labels: {pool: b}}\n")
        file.write("- {name: two, environments: [other], labels: {pool: c}}\n")
    assert ("selector-without-nodes" in _rules(configgen, folder)) is not met


def test_a_node_pool_with_a_typo(configgen: Configgen, make_source: Make) -> None:
    folder = make_source({"base": {"config/a.yaml": PLUGINS}})
    with (folder / "configgen.yaml").open("a") as file:
        file.write("node-pools:\n- {name: one, lables: {pool: b}}\n")
    result = configgen("-C", folder, "lint")
    assert result.exit_code == 2
    assert "did you mean labels?" in result.stderr


def test_every_rule_has_a_case() -> None:
    cases = {case[0] for case in (*FILES.values(), *SOURCES.values(), *FOR_FLYTE.values())} | {"selector-without-nodes"}
    assert {rule.id for rule in RULES} == cases


def test_the_table_of_the_documentation_is_the_specification() -> None:
    text = (EXAMPLE.parents[1] / "docs/linting.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (error|warning|info) \| (.*) \|$", text, re.MULTILINE)
    assert [row for row in rows if not row[0].startswith("waiver-")] == [
        (rule.id, rule.severity.value, rule.summary) for rule in RULES
    ]


def test_the_shipped_source_is_clean_but_for_what_is_good_to_know(configgen: Configgen) -> None:
    result = configgen("-C", EXAMPLE, "lint", "-o", "json")
    assert result.exit_code == 0
    assert {one["severity"] for one in json.loads(result.stdout)} == {"info"}


def test_json_is_a_list_of_findings_sorted_by_place(configgen: Configgen, make_source: Make) -> None:
    text = _K8S + "    schedular-name: x\n    default-memory: 1GB\n"
    folder = make_source({"base": {"config/b.yaml": text, "config/a.yaml": PLUGINS}})
    result = configgen("lint", "-C", folder, "--env", "test", "-o", "json")
    findings = json.loads(result.stdout)
    assert result.exit_code == 1
    assert all(
        list(one) == ["rule", "severity", "file", "line", "column", "path", "message", "mend"] for one in findings
    )
    places = [(one["file"], one["line"], one["column"]) for one in findings]
    assert places == sorted(places)
    assert {"unknown-key", "invalid-value"} <= {one["rule"] for one in findings}


def test_a_finding_of_two_environments_is_told_once(configgen: Configgen, make_source: Make) -> None:
    text = PLUGINS + "plugins: {k8s: {schedular-name: x}}\n"
    folder = make_source({"base": {"config/a.yaml": text}}, one=["base"], two=["base"])
    findings = json.loads(configgen("lint", "-C", folder, "-o", "json").stdout)
    assert len([one for one in findings if one["rule"] == "unknown-key"]) == 1


def test_the_value_of_a_secret_is_not_told(configgen: Configgen, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(_K8S + "    default-env-vars:\n    - API_TOKEN: hunter2\n")
    for form in ("text", "json", "sarif", "junit"):
        assert "hunter2" not in configgen("lint", "--file", file, "-o", form).output


@pytest.mark.parametrize(("fail_on", "code"), [("error", 0), ("warning", 1), ("info", 1)])
def test_what_makes_the_command_fail_is_chosen(fail_on: str, code: int, configgen: Configgen, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(_K8S + "    enable-host-networking-pod: true\n")
    assert configgen("lint", "--file", file, "--fail-on", fail_on).exit_code == code


def _waived(make_source: Make, waiver: str) -> Path:
    text = PLUGINS + "plugins: {k8s: {co-pilot: {image: 'a:latest'}}}\n"
    folder = make_source({"base": {"config/a.yaml": text}})
    with (folder / "configgen.yaml").open("a") as file:
        file.write(f"waivers:\n  - {waiver}\n")
    return folder


def _rules(configgen: Configgen, folder: Path, today: str = "2030-01-01") -> set[str]:
    result = configgen("lint", "-C", folder, "-o", "json", "--today", today)
    return {one["rule"] for one in json.loads(result.stdout)}


_GOOD = '{rule: floating-image, path: plugins.k8s.co-pilot, file: base, reason: we know, until: "2030-01-01"}'


def test_a_waiver_holds_up_to_its_last_day(configgen: Configgen, make_source: Make) -> None:
    folder = _waived(make_source, _GOOD)
    assert "floating-image" not in _rules(configgen, folder)
    assert "1 waived" in configgen("lint", "-C", folder, "--today", "2030-01-01").stdout
    assert {"floating-image", "waiver-expired"} <= _rules(configgen, folder, "2030-01-02")


@pytest.mark.parametrize(
    ("waiver", "rule"),
    [
        (_GOOD.replace("plugins.k8s.co-pilot", "plugins.k8s.co"), "waiver-unused"),
        (_GOOD.replace("reason: we know, ", ""), "waiver-invalid"),
        (_GOOD.replace("floating-image", "floating-imag"), "waiver-invalid"),
        (_GOOD.replace("2030-01-01", "next year"), "waiver-invalid"),
        (_GOOD.replace("path:", "paht:"), "waiver-invalid"),
    ],
    ids=["for something else", "without a reason", "of an unknown rule", "without a date", "with a mistyped key"],
)
def test_a_waiver_that_does_not_work_is_told(waiver: str, rule: str, configgen: Configgen, make_source: Make) -> None:
    assert {rule, "floating-image"} <= _rules(configgen, _waived(make_source, waiver))


def test_other_commands_pass_over_waivers(configgen: Configgen, make_source: Make) -> None:
    folder = _waived(make_source, _GOOD)
    assert configgen("explain", "-C", folder, "plugins.k8s", "--env", "test").exit_code == 0


def test_sarif_names_rules_and_places(configgen: Configgen, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(_K8S + "    schedular-name: x\n")
    run = json.loads(configgen("lint", "--file", file, "-o", "sarif").stdout)["runs"][0]
    described = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    result = next(one for one in run["results"] if one["ruleId"] == "unknown-key")
    assert {one["ruleId"] for one in run["results"]} <= described
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 3, "startColumn": 5}


def test_junit_is_xml_with_a_failure_for_each_rule_that_found_something(configgen: Configgen, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(_K8S + "    schedular-name: <A&B>\n")
    suite = ET.fromstring(configgen("lint", "--file", file, "-o", "junit").stdout)
    failed = {case.get("name") for case in suite if case.find("failure") is not None}
    assert "unknown-key" in failed
    assert suite.get("failures") == str(len(failed))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        (b"a\0b", "is a binary file"),
        (b"#" * (2 << 20) + b"#", "more than the limit of 2 MiB"),
    ],
    ids=["missing", "binary", "too large"],
)
def test_a_file_that_can_not_be_read(content: bytes | None, message: str, configgen: Configgen, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    if content is not None:
        file.write_bytes(content)
    result = configgen("lint", "--file", file)
    assert result.exit_code == 2
    assert message in result.stderr


def test_an_environment_that_does_not_exist(configgen: Configgen) -> None:
    result = configgen("-C", EXAMPLE, "lint", "--env", "prd")
    assert result.exit_code == 2
    assert "did you mean prod?" in result.stderr


@pytest.mark.parametrize(
    ("targets", "found"), [(("helm", "flyte-core"), 1), (("flyte2",), 1), (("helm", "kustomize", "configmap"), 0)]
)
def test_targets_that_can_not_express_scopes(targets: tuple[str, ...], found: int) -> None:
    tree = {"plugin-manager": {"scopes": [{"project": "a"}]}}
    subject = Subject(name="prod", file="configgen.yaml", tree=tree, locate=lambda _: None, targets=targets)
    assert len([one for one in lint(subject) if one.rule == "scopes-not-expressible"]) == found


FOR_FLYTE = {
    "a policy": ("scopes-not-expressible", {"plugin-manager": {"policy": {"deny": "restricted"}}}, "flyte-core"),
    "secrets without a webhook": (
        "scopes-not-expressible",
        {"plugin-manager": {"secrets": {"inject": "kubernetes"}}},
        "flyte-binary",
    ),
    "no system retries": ("scopes-not-expressible", {"plugin-manager": {"retries": {"system": 0}}}, "flyte2"),
    "the store": ("store-not-rendered", {"storage": {"type": "s3", "container": "a"}}, "flyte-core"),
    "platform resources": ("key-of-other-version", {"task_resources": {"limits": {"cpu": "1"}}}, "flyte2"),
    "map tasks": ("plugin-gone", {"tasks": {"task-plugins": {"enabled-plugins": ["k8s-array"]}}}, "flyte2"),
}


@pytest.mark.parametrize(("rule", "tree", "target"), FOR_FLYTE.values(), ids=FOR_FLYTE)
def test_what_a_target_of_flyte_has_no_word_for(rule: str, tree: dict[str, Any], target: str) -> None:
    def rules(*targets: str) -> set[str]:
        piece = Piece("a.yaml", tree, lambda _: None)
        subject = Subject(
            name="prod", file="a.yaml", tree=tree, locate=lambda _: None, targets=targets, pieces=(piece,)
        )
        return {one.rule for one in lint(subject)}

    assert rule in rules(target)
    assert rule not in rules("kustomize", "helm", "configmap")


def test_what_flyte_can_say_in_other_words_is_no_loss() -> None:
    tree = {"plugin-manager": {"retries": {"system": 3}, "workers": 3, "secrets": {"inject": "webhook"}}}
    subject = Subject(name="prod", file="a.yaml", tree=tree, locate=lambda _: None, targets=FLYTE_TARGETS)
    assert "scopes-not-expressible" not in {one.rule for one in lint(subject)}
