"""``configgen check`` on a real API server: every topic in a good and in a bad state."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from configgen.checks.specification import TOPICS
from pluginmachinery.api import rbac
from pluginmachinery.plugins.registry import declaration_of
from tests.configgen.check_cluster import RBAC, add, add_deployment, add_namespace, furnish
from tests.configgen.conftest import Configgen, compare_golden
from tools import transcripts
from tools.controlplane.binaries import BinaryMissing
from tools.controlplane.controlplanes import ControlPlane

pytestmark = pytest.mark.cluster

PAGE = Path(__file__).parents[2] / "docs/checking.md"
GOLDEN = Path(__file__).parent / "golden/check"
OURS = {"app.kubernetes.io/name": "flyte-plugin-manager"}


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """A control plane of this module's own, as nodes and definitions are there for all."""
    try:
        with ControlPlane(nodes=(), controllers=False) as cluster:
            furnish(cluster)
            yield cluster
    except BinaryMissing as error:
        pytest.fail(str(error), pytrace=False)


@dataclass
class Check:
    """Runs the command for one environment, ``test``, that is installed in a namespace of its own."""

    plane: ControlPlane
    namespace: str
    make_source: Callable[..., Path]
    configgen: Configgen
    folder: Path = Path()

    def __call__(
        self, config: str = "", release: str = "", *arguments: str, pools: str = "", kubeconfig: Path | None = None
    ) -> tuple[list[dict[str, Any]], int]:
        """The results, and the exit code."""
        base = "tasks: {task-plugins: {enabled-plugins: [container]}}\n"
        watching = release or "watchNamespaces: [NS]"
        files = {
            "config/a.yaml": base,
            "config/b.yaml": config.replace("NS", self.namespace),
            "release.yaml": watching.replace("NS", self.namespace),
        }
        folder = self.folder = self.make_source({"layer": files})
        definition = folder / "configgen.yaml"
        definition.write_text(definition.read_text().replace("flyte-test", self.namespace) + pools)
        given = ["--kubeconfig", str(kubeconfig or self.plane.kubeconfig), "--env", "test", "-o", "json", *arguments]
        result = self.configgen("-C", folder, "check", *given)
        assert result.exit_code in (0, 1), result.output
        return json.loads(result.stdout)["results"], result.exit_code


@pytest.fixture
def check(plane: ControlPlane, make_source: Callable[..., Path], configgen: Configgen) -> Check:
    return Check(plane, add_namespace(plane), make_source, configgen)


def found(results: list[dict[str, Any]], topic: str, wanted: str) -> dict[str, Any]:
    """The result of a topic whose subject holds this text."""
    (one,) = [one for one in results if one["topic"] == topic and wanted in one["wanted"]]
    return one


def k8s(text: str) -> str:
    return f"plugins: {{k8s: {{{text}}}}}"


def test_every_topic_is_looked_into(check: Check) -> None:
    results, code = check()
    assert list(dict.fromkeys(one["topic"] for one in results)) == list(TOPICS)
    assert code == 0, [one for one in results if one["status"] == "error"]


# ---- definitions and operators

PLUGINS = {
    "spark": (("ok", "established"), ("ok", "operators/spark-operator-controller, 1 available")),
    "ray": (("error", "not established"), ("error", "operators/anything, none of 1 available")),
    "dask": (("error", "serves only v2"), ("warning", "no Deployment of it was found")),
    "pytorch": (("error", "not installed"), ("warning", "no Deployment of it was found")),
}
OBJECTS = {"spark": "sparkapplications.", "ray": "rayjobs.", "dask": "daskjobs.", "pytorch": "pytorchjobs."}


@pytest.mark.parametrize("plugin", PLUGINS)
def test_definitions_and_operators(plugin: str, check: Check) -> None:
    results, code = check(f"tasks: {{task-plugins: {{enabled-plugins: [{plugin}]}}}}")
    definition = found(results, "definitions", OBJECTS[plugin])
    operator = found(results, "operators", f"for {plugin}")
    for result, (status, text) in zip((definition, operator), PLUGINS[plugin], strict=True):
        assert result["status"] == status
        assert text in result["found"]
        assert (result["file"], result["line"]) == ("layer/config/b.yaml", 1)
        assert result["path"] == "tasks.task-plugins.enabled-plugins[1]"
    assert code == ("error" in (definition["status"], operator["status"]))


def test_our_own_definition_is_compared(check: Check) -> None:
    name = "taskexecutions.plugins.flyte.org"
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
    assert found(check()[0], "definitions", name)["status"] == "ok"
    versions = check.plane.api.get(path)["spec"]["versions"]
    older = copy.deepcopy(versions)
    older[0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"].pop("priority")
    check.plane.api.patch(path, {"spec": {"versions": older}})
    try:
        old = found(check()[0], "definitions", name)
    finally:
        check.plane.api.patch(path, {"spec": {"versions": versions}})
    assert (old["status"], "helm installs definitions" in old["mend"]) == ("warning", True)


# ---- nodes

GPU = "nvidia.com/gpu: [{key: nvidia.com/gpu, operator: Exists}, {key: team, value: ml}]"
NODE_CASES = {
    "nobody selects anything": ("", "a node for every pod", "ok", "cpu-0"),
    "a label that a node has": (k8s("default-node-selector: {pool: cpu}"), "every pod with pool=cpu", "ok", "cpu-0"),
    "a label that none has": (k8s("default-node-selector: {pool: cup}"), "every pod with pool=cup", "error", "no node"),
    "a label of tainted nodes alone": (
        k8s("default-node-selector: {pool: gpu}"),
        "a node for every pod with pool=gpu",
        "error",
        "gpu-0, with nvidia.com/gpu=present:NoSchedule, team=ml:NoSchedule",
    ),
    "an affinity that a node meets": (
        k8s(
            "default-affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: ["
            "{matchExpressions: [{key: pool, operator: In, values: [none]}]},"
            "{matchExpressions: [{key: pool, operator: In, values: [cpu]}]}]}}}"
        ),
        "every pod with pool=none or pool=cpu",
        "ok",
        "cpu-0",
    ),
    "an affinity that none meets": (
        k8s(
            "default-affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: ["
            "{matchExpressions: [{key: pool, operator: DoesNotExist}, {key: capacity, operator: DoesNotExist}]}]}}}"
        ),
        "a node for every pod with pool DoesNotExist",
        "error",
        "no node",
    ),
    "spot nodes that are tolerated": (
        k8s(
            "interruptible-node-selector-requirement: {key: capacity, operator: In, values: [spot]},"
            "interruptible-tolerations: [{key: spot, value: 'true'}]"
        ),
        "interruptible pods",
        "ok",
        "spot-0",
    ),
    "spot nodes that are not": (
        k8s("interruptible-node-selector-requirement: {key: capacity, operator: In, values: [spot]}"),
        "interruptible pods",
        "error",
        "spot-0, with spot=true:NoSchedule",
    ),
    "no spot nodes": (
        k8s("interruptible-node-selector: {capacity: spto}"),
        "interruptible pods",
        "warning",
        "no node",
    ),
    "GPU nodes that are tolerated": (k8s(f"resource-tolerations: {{{GPU}}}"), "ask for nvidia.com/gpu", "ok", "gpu-0"),
    "GPU nodes that nobody thought of": ("", "ask for nvidia.com/gpu", "warning", "team=ml:NoSchedule"),
    "GPU nodes with one taint too many": (
        k8s("gpu-resource-name: nvidia.com/gpu, resource-tolerations: {nvidia.com/gpu: [{key: nvidia.com/gpu}]}"),
        "ask for nvidia.com/gpu",
        "error",
        "team=ml:NoSchedule",
    ),
    "a resource that no node has": (
        k8s("gpu-resource-name: amd.com/gpu"),
        "ask for amd.com/gpu",
        "warning",
        "no node has amd.com/gpu to allocate",
    ),
    "the label of another cloud": (
        k8s(f"gpu-device-node-label: cloud.google.com/gke-accelerator, resource-tolerations: {{{GPU}}}"),
        "a kind of GPU",
        "warning",
        "no node",
    ),
    "the right label": (
        k8s(f"gpu-device-node-label: k8s.amazonaws.com/accelerator, resource-tolerations: {{{GPU}}}"),
        "a kind of GPU",
        "ok",
        "gpu-0",
    ),
    "a label of GPU partitions that none has": (
        k8s(f"gpu-partition-size-node-label: nvidia.com/mig, resource-tolerations: {{{GPU}}}"),
        "a partition of a GPU",
        "warning",
        "no node",
    ),
    "a class of accelerators": (
        k8s(
            "accelerator-device-classes: {NVIDIA_GPU: {resource-name: nvidia.com/gpu, device-node-label: pool}},"
            f"resource-tolerations: {{{GPU}}}"
        ),
        "ask for NVIDIA_GPU",
        "ok",
        "gpu-0",
    ),
    "another resource": (
        k8s("resource-tolerations: {example.com/fpga: [{key: fpga, operator: Exists}]}"),
        "ask for example.com/fpga",
        "warning",
        "no node has example.com/fpga to allocate",
    ),
    "a selector of one project": (
        "plugin-manager: {scopes: [{project: p, k8s: {default-node-selector: {pool: p}}}]}",
        "pool=p",
        "error",
        "no node",
    ),
    "a toleration that just misses": (
        k8s("default-tolerations: [{key: spot, value: 'yes', effect: NoSchedule}]"),
        "spot=yes:NoSchedule",
        "warning",
        "nodes have spot=true:NoSchedule",
    ),
    "a toleration that a node needs": (
        k8s("default-tolerations: [{key: spot, value: 'true'}]"),
        "toleration of spot=true",
        "ok",
        "there are nodes with it",
    ),
    "a toleration that no node needs": (
        k8s("default-tolerations: [{key: later, operator: Exists}]"),
        "toleration of later",
        "ok",
        "does no harm",
    ),
}


@pytest.mark.parametrize(("config", "wanted", "status", "text"), NODE_CASES.values(), ids=NODE_CASES)
def test_nodes(config: str, wanted: str, status: str, text: str, check: Check) -> None:
    result = found(check(config)[0], "nodes", wanted)
    assert (result["status"], text in result["found"]) == (status, True), result
    assert bool(result["mend"]) is (status != "ok")
    assert result["file"] == ("layer/config/b.yaml" if config else "")


TEMPLATE_FOR_NODES = (
    "{apiVersion: v1, kind: PodTemplate, metadata: {name: there}, template: {spec: {SPEC,"
    " containers: [{name: default, image: i}]}}}"
)


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        ("tolerations: [{key: nvidia.com/gpu, operator: Exists}, {key: team, operator: Exists}]", "ok"),
        ("nodeSelector: {pool: gpu}", "error"),
    ],
)
def test_a_pod_template_is_the_base_of_every_pod(spec: str, status: str, check: Check) -> None:
    add(check.plane, TEMPLATE_FOR_NODES.replace("SPEC", spec), check.namespace)
    wanted = "default-pod-template-name: there, default-node-selector: {pool: gpu}"
    assert found(check(k8s(wanted))[0], "nodes", "every pod")["status"] == status


def test_the_controller_needs_a_node_too(check: Check) -> None:
    results, code = check("", "watchNamespaces: [NS]\nnodeSelector: {pool: system}")
    result = found(results, "nodes", "the controller")
    assert (result["status"], result["path"], result["line"], code) == ("error", "release.yaml: nodeSelector", 2, 1)
    assert (
        found(check("", "{watchNamespaces: [NS], nodeSelector: {pool: cpu}}")[0], "nodes", "controller")["status"]
        == "ok"
    )


def test_a_declared_pool_counts_as_there(check: Check) -> None:
    pools = "node-pools:\n- {name: later, labels: {pool: big}}\n"
    result = found(check(k8s("default-node-selector: {pool: big}"), pools=pools)[0], "nodes", "every pod with pool=big")
    assert (result["status"], result["found"]) == ("ok", "no node now; declared in configgen.yaml: later")


# ---- objects

SECRET = "{apiVersion: v1, kind: Secret, metadata: {name: there}, stringData: {key: very-secret}}"
CONFIG_MAP = "{apiVersion: v1, kind: ConfigMap, metadata: {name: there}}"
ACCOUNT = "{apiVersion: v1, kind: ServiceAccount, metadata: {name: there}}"
TEMPLATE = (
    "{apiVersion: v1, kind: PodTemplate, metadata: {name: there}, template: {spec: {"
    "priorityClassName: nowhere, imagePullSecrets: [{name: pull}], containers: [{name: default, image: i}]}}}"
)
INLINE = (
    "accelerator-device-classes: {A: {pod-template: {template: {spec: {imagePullSecrets: [{name: NAME}],"
    " containers: [{name: primary, image: i, envFrom: [{secretRef: {name: other, optional: true}}]}]}}}}}"
)
OBJECT_CASES = {
    "a Secret for all": (k8s("default-env-from-secrets: [there]"), "", SECRET, "Secret there", "ok"),
    "a Secret that is not there": (k8s("default-env-from-secrets: [gone]"), "", "", "Secret gone", "warning"),
    "a ConfigMap for all": (k8s("default-env-from-configmaps: [there]"), "", CONFIG_MAP, "ConfigMap there", "ok"),
    "one that is not there": (k8s("default-env-from-configmaps: [gone]"), "", "", "ConfigMap gone", "warning"),
    "co-pilot's Secret": (k8s("co-pilot: {storage-config-secret-name: there}"), "", SECRET, "Secret there", "ok"),
    "none for co-pilot": (k8s("co-pilot: {storage-config-secret-name: gone}"), "", "", "Secret gone", "error"),
    "a pull Secret deep inside": (k8s(INLINE.replace("NAME", "there")), "", SECRET, "Secret there", "ok"),
    "one that is missing": (k8s(INLINE.replace("NAME", "gone")), "", "", "Secret gone", "error"),
    "an optional one that is missing": (k8s(INLINE.replace("NAME", "gone")), "", "", "Secret other", "warning"),
    "a pod template": (k8s("default-pod-template-name: there"), "", TEMPLATE, "PodTemplate there", "ok"),
    "what a pod template names": (
        k8s("default-pod-template-name: there"),
        "",
        TEMPLATE,
        "PriorityClass nowhere",
        "error",
    ),
    "a pull Secret of a pod template": (
        k8s("default-pod-template-name: there"),
        "",
        TEMPLATE,
        "Secret pull",
        "error",
    ),
    "no such pod template": (k8s("default-pod-template-name: gone"), "", "", "PodTemplate gone", "error"),
    "a scheduler that leads": (
        k8s("scheduler-name: there"),
        "",
        "{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: there}}",
        "scheduler there",
        "ok",
    ),
    "a scheduler that nobody knows": (k8s("scheduler-name: gone"), "", "", "scheduler gone", "not checked"),
    "the account of Ray": (
        "{plugins: {ray: {serviceAccount: there}}, tasks: {task-plugins: {enabled-plugins: [ray]}}}",
        "",
        ACCOUNT,
        "ServiceAccount there",
        "ok",
    ),
    "no account for Ray": (
        "{plugins: {ray: {serviceAccount: gone}}, tasks: {task-plugins: {enabled-plugins: [ray]}}}",
        "",
        "",
        "ServiceAccount gone",
        "error",
    ),
    "no account for Spark": (
        "tasks: {task-plugins: {enabled-plugins: [spark]}}",
        "",
        "",
        "ServiceAccount spark",
        "warning",
    ),
    "an account that the policy allows": (
        "plugin-manager: {policy: {service-accounts: [gone, 'team-*']}}",
        "",
        "",
        "ServiceAccount gone",
        "warning",
    ),
    "an account of the release": (
        "",
        "{watchNamespaces: [NS], serviceAccount: {create: false, name: there}}",
        ACCOUNT,
        "ServiceAccount there",
        "ok",
    ),
    "none for the release": (
        "",
        "{watchNamespaces: [NS], serviceAccount: {create: false, name: gone}}",
        "",
        "ServiceAccount gone",
        "error",
    ),
    "an account that is installed": ("", "", "", "ServiceAccount flyte-plugin-manager", "ok"),
    "a pull Secret of the controller": (
        "",
        "{watchNamespaces: [NS], imagePullSecrets: [{name: gone}]}",
        "",
        "Secret gone",
        "error",
    ),
    "a variable of the controller": (
        "",
        "watchNamespaces: [NS]\nextraEnv: [{name: A, valueFrom: {secretKeyRef: {name: there, key: key}}}]",
        SECRET,
        "Secret there",
        "ok",
    ),
    "a volume of the controller": (
        "",
        "watchNamespaces: [NS]\nextraVolumes: [{name: a, configMap: {name: gone}}]",
        "",
        "ConfigMap gone",
        "error",
    ),
    "a priority class": (
        "",
        "{watchNamespaces: [NS], priorityClassName: system-cluster-critical}",
        "",
        "PriorityClass system-cluster-critical",
        "ok",
    ),
    "no such priority class": (
        "",
        "{watchNamespaces: [NS], priorityClassName: gone}",
        "",
        "PriorityClass gone",
        "error",
    ),
    "no such runtime class": (
        k8s("accelerator-device-classes: {A: {pod-template: {template: {spec: {runtimeClassName: gone}}}}}"),
        "",
        "",
        "RuntimeClass gone",
        "error",
    ),
}


@pytest.mark.parametrize(("config", "release", "objects", "wanted", "status"), OBJECT_CASES.values(), ids=OBJECT_CASES)
def test_objects(config: str, release: str, objects: str, wanted: str, status: str, check: Check) -> None:
    if objects:
        add(check.plane, objects, check.namespace)
    results, code = check(config, release)
    result = found(results, "objects", wanted)
    assert result["status"] == status, result
    assert code == any(one["status"] == "error" for one in results)
    assert "very-secret" not in json.dumps(results)


# ---- storage, resources, pod security, namespaces

STORE = "storage: {container: bucket, connection: {CONNECTION}}"
SERVICE = "{apiVersion: v1, kind: Service, metadata: {name: minio}, spec: {ports: [{port: 9000}]}}"
QUOTA = (
    "{apiVersion: v1, kind: ResourceQuota, metadata: {name: q}, spec: {hard: {HARD}},"
    " status: {hard: {HARD}, used: {USED}}}"
)
RANGE = "{apiVersion: v1, kind: LimitRange, metadata: {name: r}, spec: {limits: [{type: Container, LIMIT}]}}"
SMALL = "task_resources: {defaults: {cpu: 500m, memory: 1Gi}, limits: {cpu: 2, memory: 4Gi}}"
CASES = {
    "a bucket": ("storage: {container: bucket}", "", "storage", "a bucket", "ok", "bucket is configured"),
    "no bucket": ("", "", "storage", "a bucket", "warning", "neither storage.container nor"),
    "an endpoint": (
        STORE.replace("CONNECTION", "endpoint: https://s3.example.org"),
        "",
        "storage",
        "s3.example.org",
        "ok",
        "nobody was asked there",
    ),
    "an endpoint that is none": (
        STORE.replace("CONNECTION", "endpoint: 'ftp://s3.example.org'"),
        "",
        "storage",
        "ftp://s3.example.org",
        "error",
        "is no address",
    ),
    "a Service that is there": (
        STORE.replace("CONNECTION", "endpoint: http://minio.NS.svc:9000, disable-ssl: true"),
        SERVICE,
        "storage",
        "minio.",
        "ok",
        "the Service exists",
    ),
    "another port": (
        STORE.replace("CONNECTION", "endpoint: http://minio.NS.svc.cluster.local:9001, disable-ssl: true"),
        SERVICE,
        "storage",
        "minio.",
        "error",
        "no port 9001, but 9000",
    ),
    "a Service that is not there": (
        STORE.replace("CONNECTION", "endpoint: http://minio.NS:9000, disable-ssl: true"),
        "",
        "storage",
        "minio.",
        "error",
        "there is no Service minio",
    ),
    "keys": (
        STORE.replace("CONNECTION", "auth-type: accesskey, access-key: a, secret-key: very-secret"),
        "",
        "storage",
        "credentials",
        "ok",
        "are configured",
    ),
    "no keys": (
        STORE.replace("CONNECTION", "auth-type: accesskey"),
        "",
        "storage",
        "credentials",
        "warning",
        "access-key and secret-key not set",
    ),
    "no quota": (SMALL, "", "resources", "in the quotas", "ok", "no quota"),
    "a quota with room": (
        SMALL,
        QUOTA.replace("HARD", "requests.cpu: '4', pods: '10'").replace("USED", "requests.cpu: '1', pods: '2'"),
        "resources",
        "in the quotas",
        "ok",
        "there is room",
    ),
    "a quota that is used up": (
        SMALL,
        QUOTA.replace("HARD", "requests.cpu: '4'").replace("USED", "requests.cpu: 3800m"),
        "resources",
        "requests.cpu for",
        "warning",
        "200m of 4 left, 500m needed",
    ),
    "a quota that is too small for ever": (
        SMALL,
        QUOTA.replace("HARD", "requests.memory: 512Mi").replace("USED", "requests.memory: '0'"),
        "resources",
        "requests.memory for",
        "error",
        "1Gi can never fit into 512Mi",
    ),
    "a quota of no pods": (
        SMALL,
        QUOTA.replace("HARD", "pods: '0'").replace("USED", "pods: '0'"),
        "resources",
        "pods for",
        "error",
        "1 can never fit into 0",
    ),
    "limits that fit": (
        SMALL,
        RANGE.replace("LIMIT", "max: {cpu: '4', memory: 8Gi}"),
        "resources",
        "within the LimitRange",
        "ok",
        "fits",
    ),
    "a default above the most": (
        SMALL,
        RANGE.replace("LIMIT", "max: {cpu: 250m}"),
        "resources",
        "cpu of a task that asks for nothing",
        "error",
        "500m is above the most for a container, 250m",
    ),
    "a default below the least": (
        SMALL,
        RANGE.replace("LIMIT", "min: {memory: 2Gi}"),
        "resources",
        "memory of a task that asks for nothing",
        "error",
        "1Gi is below the least for a container, 2Gi",
    ),
    "the platform allows more than the namespace": (
        SMALL,
        RANGE.replace("LIMIT", "max: {memory: 2Gi}"),
        "resources",
        "all they may (memory 4Gi) within",
        "warning",
        "is 2Gi",
    ),
    "a default that fits on a node": (SMALL, "", "resources", "a node for a task that asks for nothing", "ok", "fits"),
    "a default larger than any node": (
        "task_resources: {defaults: {cpu: 16}, limits: {cpu: 32}}",
        "",
        "resources",
        "a node for a task that asks for nothing",
        "error",
        "at most cpu 8, memory 32Gi",
    ),
    "a limit larger than any node": (
        "task_resources: {defaults: {cpu: 1}, limits: {cpu: 32}}",
        "",
        "resources",
        "all they may (cpu 32)",
        "warning",
        "no node allocates more than 8",
    ),
}


@pytest.mark.parametrize(("config", "objects", "topic", "wanted", "status", "text"), CASES.values(), ids=CASES)
def test_storage_and_resources(
    config: str, objects: str, topic: str, wanted: str, status: str, text: str, check: Check
) -> None:
    if objects:
        add(check.plane, objects, check.namespace)
    results, _ = check(config)
    result = found(results, topic, wanted)
    assert (result["status"], text in result["found"]) == (status, True), result
    assert "very-secret" not in json.dumps(results)


RESTRICTED = k8s(
    "default-pod-security-context: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}},"
    "default-security-context: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}"
)


def test_pod_security(plane: ControlPlane, check: Check) -> None:
    labels = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    plane.api.patch(f"/api/v1/namespaces/{check.namespace}", labels)
    results, code = check(k8s("default-security-context: {allowPrivilegeEscalation: false}"))
    assert code == 1
    refused = [one for one in results if one["topic"] == "pod security" and one["status"] == "error"]
    assert {one["wanted"] for one in refused} == {f"pods of tasks in {check.namespace}, which enforces restricted"}
    assert any("runAsNonRoot must be true" in one["found"] for one in refused)
    assert not any("allowPrivilegeEscalation" in one["found"] for one in refused)
    (dropped,) = [one for one in refused if "drop must contain ALL" in one["found"]]
    assert (dropped["path"], dropped["line"]) == ("plugins.k8s.default-security-context", 1)
    results, code = check(RESTRICTED)
    told = [one for one in results if one["topic"] == "pod security"]
    assert [one["status"] for one in told] == ["ok", "warning", "warning"]
    # Co-pilot's containers get no security context from the configuration.
    assert all("(raw-container)" in one["found"] for one in told[1:])
    assert code == 0


def test_namespaces_that_are_missing(check: Check) -> None:
    results, code = check("", "watchNamespaces: [NS, nowhere-at-all]")
    missing = found(results, "namespaces", "nowhere-at-all")
    assert (missing["status"], missing["mend"]) == ("error", "kubectl create namespace nowhere-at-all")
    assert (missing["path"], missing["line"]) == ("release.yaml: watchNamespaces[1]", 1)
    assert found(results, "namespaces", check.namespace)["status"] == "ok"
    assert code == 1


def test_namespaces_of_tasks_are_where_tasks_are(check: Check) -> None:
    results, _ = check("", "replicas: 1")
    assert found(results, "namespaces", "namespaces of tasks")["status"] == "not checked"
    task = {"metadata": {"name": "t"}, "spec": {"template": {"type": "container"}}}
    where = add_namespace(check.plane)
    path = f"/apis/plugins.flyte.org/v1alpha1/namespaces/{where}/taskexecutions"
    body = {"apiVersion": "plugins.flyte.org/v1alpha1", "kind": "TaskExecution", **task}
    check.plane.api.create(path, body)
    try:
        assert found(check("", "replicas: 1")[0], "namespaces", where)["status"] == "ok"
    finally:
        check.plane.api.delete(f"{path}/t")
    assert found(check("", "replicas: 1", "--namespace", where)[0], "namespaces", where)["status"] == "ok"


def test_many_namespaces_are_told_together(check: Check) -> None:
    spaces = [add_namespace(check.plane) for _ in range(7)]
    add(check.plane, QUOTA.replace("HARD", "pods: '0'").replace("USED", "pods: '0'"), spaces[3])
    results, _ = check(SMALL, "", "--namespace", ",".join(spaces))
    rooms = [one for one in results if one["topic"] == "resources" and "quota" in one["wanted"]]
    assert [one["status"] for one in rooms] == ["error", "ok"]
    assert f"the quota {spaces[3]}/q" in rooms[0]["wanted"]
    assert rooms[1]["wanted"].endswith(f"{spaces[5]} and 1 more")
    assert found(results, "namespaces", "where tasks run")["found"] == "exist"
    assert found(results, "pod security", "pods of tasks")["wanted"].endswith("and 2 more, which enforce privileged")


def test_without_a_controller_of_ours_nothing_is_asked_about_it(check: Check, configgen: Configgen) -> None:
    check()
    definition = check.folder / "configgen.yaml"
    content = yaml.safe_load(definition.read_text())
    content["environments"]["test"]["targets"] = ["flyte-core"]
    definition.write_text(yaml.safe_dump(content))
    call = ("-C", check.folder, "check", "--env", "test", "--kubeconfig", check.plane.kubeconfig, "-o", "json")
    results = json.loads(configgen(*call).stdout)["results"]
    assert not any(one["topic"] in ("definitions", "operators") for one in results)
    assert "flyte-plugin-manager" not in json.dumps(results)


# ---- rights


def bind(plane: ControlPlane, kind: str, namespace: str, account: str, rules: list[dict[str, Any]]) -> None:
    """A role of these rules for a service account of the namespace; ``kind`` is Role or ClusterRole."""
    within = f"/namespaces/{namespace}" if kind == "Role" else ""
    name = f"{namespace}-{account}"
    plane.api.create(f"{RBAC}{within}/{kind.lower()}s", {"metadata": {"name": name}, "rules": rules})
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
    body = {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
    plane.api.create(f"{RBAC}{within}/{kind.lower()}bindings", body)


def user(plane: ControlPlane, namespace: str, kind: str = "Role", rules: list[dict[str, Any]] | None = None) -> Path:
    """A kubeconfig of a user with these rights alone."""
    plane.api.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "somebody"}})
    if rules:
        bind(plane, kind, namespace, "somebody", rules)
    return plane.kubeconfig_for("somebody", namespace)


def test_a_user_without_rights_is_told_what_was_not_checked(check: Check) -> None:
    kubeconfig = user(check.plane, check.namespace)
    config = "tasks: {task-plugins: {enabled-plugins: [spark]}}\n" + k8s("default-env-from-secrets: [there]")
    results, code = check(config, kubeconfig=kubeconfig)
    assert code == 0
    of = {topic: {one["status"] for one in results if one["topic"] == topic} for topic in TOPICS}
    assert of["api server"] == {"ok"}
    for topic in ("namespaces", "operators", "nodes", "objects", "resources", "pod security"):
        assert of[topic] == {"not checked"}, topic
    assert "cannot list resource" in found(results, "nodes", "nodes that take")["found"]
    # Which kinds are served, everybody may know.
    spark = found(results, "definitions", "sparkapplications")
    assert (spark["status"], spark["found"]) == ("ok", "served")
    missing = [one for one in results if one["topic"] == "rights" and one["status"] == "warning"]
    assert f"this user may get, create, patch deployments.apps in {check.namespace}, to install" in {
        one["wanted"] for one in missing
    }


def test_a_user_who_may_do_just_what_installing_takes(check: Check) -> None:
    everything = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    kubeconfig = user(check.plane, check.namespace, rules=everything)
    results, _ = check(kubeconfig=kubeconfig)
    lacking = [one for one in results if one["topic"] == "rights" and one["status"] == "warning"]
    assert [one["wanted"] for one in lacking] == [
        "this user may get, create, patch customresourcedefinitions.apiextensions.k8s.io in all namespaces, to install"
    ]
    assert found(results, "rights", "give the controller its rights")["status"] == "ok"


def test_rbac_lets_nobody_give_rights_that_he_has_not(check: Check) -> None:
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "create", "patch", "list"]}]
    results, _ = check(kubeconfig=user(check.plane, check.namespace, rules=rules))
    wanted = "to give the controller its rights"
    lacking = [one for one in results if one["topic"] == "rights" and one["wanted"].endswith(wanted)]
    assert {one["status"] for one in lacking} == {"warning"}
    pods = next(one for one in lacking if " pods in " in one["wanted"])
    assert pods["found"] == "not allowed: watch, delete"


def install_controller(check: Check) -> None:
    check.plane.api.create(
        f"/api/v1/namespaces/{check.namespace}/serviceaccounts", {"metadata": {"name": "our-account"}}
    )
    add_deployment(check.plane, check.namespace, "ours", OURS, 1, account="our-account")


def allow_controller(check: Check, *plugins: str) -> None:
    """What it needs for these plugins, and no more."""
    needed = rbac.controller_rules(plugins=[declaration_of(name) for name in plugins])
    bind(check.plane, "Role", check.namespace, "our-account", [*needed, *rbac.leader_rules()])


def test_the_controllers_rights(check: Check) -> None:
    not_yet = found(check()[0], "rights", "may do its work")
    assert (not_yet["status"], "not installed yet" in not_yet["found"]) == ("not checked", True)
    install_controller(check)
    results, code = check()
    assert code == 1
    lacking = [one for one in results if one["topic"] == "rights" and one["status"] == "error"]
    assert any(" pods in " in one["wanted"] and one["found"] == "not allowed" for one in lacking)
    assert all(f"({check.namespace}/our-account)" in one["wanted"] for one in lacking)
    allow_controller(check, "container")
    results, code = check()
    right = found(results, "rights", "may do its work")
    assert (right["status"], code) == ("ok", 0)
    assert found(results, "objects", "our-account")["status"] == "ok"
    assert found(results, "operators", "the controller itself")["found"] == f"{check.namespace}/ours, 1 available"


def test_the_webhook_has_rights_of_its_own(check: Check) -> None:
    release = "{watchNamespaces: [NS], webhook: {enabled: true}}"
    results, _ = check("", release)
    assert found(results, "operators", "the webhook")["status"] == "warning"
    assert found(results, "rights", "the webhook")["status"] == "not checked"
    labels = {"app.kubernetes.io/name": "flyte-plugin-manager-webhook"}
    add_deployment(check.plane, check.namespace, "hook", labels, 1, account="hook")
    results, _ = check("", release)
    assert found(results, "operators", "the webhook")["status"] == "ok"
    lacking = [one for one in results if one["topic"] == "rights" and one["status"] == "error"]
    assert lacking
    assert all(f"the webhook ({check.namespace}/hook)" in one["wanted"] for one in lacking)
    assert any("mutatingwebhookconfigurations" in one["wanted"] for one in lacking)


def test_a_kind_that_the_release_needs_and_nobody_serves(check: Check) -> None:
    results, code = check("", "watchNamespaces: [NS]\nserviceMonitor: {enabled: true}")
    result = found(results, "definitions", "ServiceMonitor")
    assert (result["status"], result["path"], result["line"], code) == (
        "error",
        "release.yaml: serviceMonitor.enabled",
        2,
        1,
    )


def test_who_may_not_ask_what_others_may_is_told_so(check: Check) -> None:
    install_controller(check)
    rules = [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["list"]}]
    results, _ = check(kubeconfig=user(check.plane, check.namespace, rules=rules))
    result = found(results, "rights", "may do its work")
    assert result["status"] == "not checked"
    assert "subjectaccessreviews" in result["found"]


# ---- what it does to the cluster


def test_nothing_is_written_and_no_secret_is_read(
    check: Check, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from configgen.cluster.connection import Connection

    asked: list[tuple[str, str, str]] = []
    real = Connection._request

    def request(self: Connection, method: str, path: str, accept: str, body: Any = None) -> Any:
        asked.append((method, path, accept))
        return real(self, method, path, accept, body)

    monkeypatch.setattr(Connection, "_request", request)
    add(check.plane, SECRET, check.namespace)
    install_controller(check)
    check(k8s("default-env-from-secrets: [there]"))
    assert {path for method, path, _ in asked if method != "GET" and not path.endswith("reviews")} == set()
    secrets = [accept for _, path, accept in asked if "/secrets/" in path]
    assert secrets
    assert all("PartialObjectMetadata" in accept for accept in secrets)


def install_everything_wrong(check: Check) -> None:
    """What the golden outputs show: a bit of everything."""
    labels = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "baseline"}}}
    check.plane.api.patch(f"/api/v1/namespaces/{check.namespace}", labels)
    used = QUOTA.replace("HARD", "requests.cpu: '4'").replace("USED", "requests.cpu: 3800m")
    add(check.plane, used, check.namespace)
    install_controller(check)
    allow_controller(check, "container", "spark")


@pytest.mark.parametrize("output", ["text", "json"])
def test_golden(output: str, check: Check, configgen: Configgen) -> None:
    install_everything_wrong(check)
    config = (
        "tasks: {task-plugins: {enabled-plugins: [spark, dask]}}\n"
        "plugins:\n"
        "  k8s:\n"
        "    default-node-selector: {pool: cup}\n"
        "    default-env-from-secrets: [gone]\n"
        "    resource-tolerations:\n"
        "      nvidia.com/gpu: [{key: nvidia.com/gpu, operator: Exists}]\n"
        f"{SMALL}\n"
    )
    check(config)
    call = ("-C", check.folder, "check", "--env", "test", "--kubeconfig", check.plane.kubeconfig, "-o", output)
    result = configgen(*call)
    assert result.exit_code == 1
    version = check.plane.api.get("/version")["gitVersion"]
    told = result.stdout.replace(check.namespace, "NAMESPACE").replace(check.plane.server, "SERVER")
    compare_golden({f"everything.{output}": told.replace(version, "VERSION")}, GOLDEN / output)


def test_the_page_shows_what_is_so(
    check: Check, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = yaml.safe_load(check.plane.kubeconfig.read_text())
    config["contexts"][0]["name"] = config["current-context"] = "prod-eu"
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    add_namespace(check.plane, "flyte-prod")
    code = transcripts.main([*([] if os.environ.get("UPDATE_GOLDEN") else ["--check"]), str(PAGE)])
    told = capsys.readouterr()
    assert code == 0, told.out + told.err


def test_fail_on_warning(check: Check) -> None:
    results, code = check("", "", "--fail-on", "warning")
    assert (any(one["status"] == "warning" for one in results), code) == (True, 1)


def test_all_forms_say_the_same(check: Check, configgen: Configgen) -> None:
    results, _ = check()
    call = ("-C", check.folder, "check", "--env", "test", "--kubeconfig", check.plane.kubeconfig)
    as_yaml = yaml.safe_load(configgen(*call, "-o", "yaml").stdout)
    assert as_yaml == json.loads(configgen(*call, "-o", "json").stdout)
    assert as_yaml["results"] == results
    text = configgen(*call).stdout
    assert all(f"{one['wanted']} – {one['found']}" in text for one in results)
