"""Where a pod may run, and what the platform sets in a pod spec that does not say it."""

from __future__ import annotations

from typing import Any

import pytest

from pluginmachinery.config.k8s import K8sPluginConfig
from pluginmachinery.pods import scheduling
from pluginmachinery.pods.build import build_pod_spec, configured, raw_pod
from pluginmachinery.pods.pod_defaults import service_account
from tests.pluginmachinery.pods.pod_tasks import pod_task

SPOT = {"key": "spot", "operator": "In", "values": ["true"]}
NOT_SPOT = {"key": "spot", "operator": "DoesNotExist"}
ZONE = {"key": "zone", "operator": "Exists"}
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def required(*terms: list[dict[str, Any]]) -> dict[str, Any]:
    """An affinity in which a node has to meet all requirements of one of these terms."""
    return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": term} for term in terms]}}}


def spec_of(*, own: dict[str, Any] | None = None, k8s: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    task = pod_task(spec={"containers": [{"name": "main"}], **(own or {})}, k8s=k8s, **members)
    return configured(raw_pod(task), task).spec


def test_tolerations_of_resources_then_interruptible_then_default_then_own() -> None:
    spec = spec_of(
        own={
            "containers": [{"name": "main", "resources": {"limits": {"z.com/x": "1"}, "requests": {"a.com/x": "1"}}}],
            "tolerations": [{"key": "own"}],
        },
        k8s={
            "resource_tolerations": {"z.com/x": [{"key": "z"}], "a.com/x": [{"key": "a"}], "b.com/x": [{"key": "b"}]},
            "interruptible_tolerations": [{"key": "spot"}],
            "default_tolerations": [{"key": "default"}],
        },
        interruptible=True,
    )
    assert [toleration["key"] for toleration in spec["tolerations"]] == ["a", "z", "spot", "default", "own"]


def test_init_containers_bring_no_tolerations() -> None:
    spec = spec_of(
        own={"initContainers": [{"name": "init", "resources": {"limits": {"a.com/x": "1"}}}]},
        k8s={"resource_tolerations": {"a.com/x": [{"key": "a"}]}},
    )
    assert "tolerations" not in spec


@pytest.mark.parametrize(
    ("interruptible", "expected"),
    [
        pytest.param(False, {"pool": "own", "disk": "ssd"}, id="own entries win over the default"),
        pytest.param(True, {"pool": "spot", "disk": "ssd"}, id="those for interruptible pods win over both"),
    ],
)
def test_node_selector(interruptible: bool, expected: dict[str, str]) -> None:
    spec = spec_of(
        own={"nodeSelector": {"pool": "own"}},
        k8s={
            "default_node_selector": {"pool": "default", "disk": "ssd"},
            "interruptible_node_selector": {"pool": "spot"},
        },
        interruptible=interruptible,
    )
    assert spec["nodeSelector"] == expected


@pytest.mark.parametrize(
    ("own", "interruptible", "expected"),
    [
        pytest.param(None, True, required([SPOT]), id="interruptible"),
        pytest.param(None, False, required([NOT_SPOT]), id="not interruptible"),
        pytest.param(required([ZONE]), True, required([ZONE, SPOT]), id="beside a requirement of its own"),
        pytest.param(
            required([ZONE], []), True, required([ZONE, SPOT], [SPOT]), id="in every alternative, so that all hold"
        ),
        pytest.param(required(), True, required([SPOT]), id="where there is no alternative yet"),
    ],
)
def test_interruptible_affinity(own: dict[str, Any] | None, interruptible: bool, expected: dict[str, Any]) -> None:
    spec = spec_of(
        own={} if own is None else {"affinity": own},
        k8s={
            "interruptible_node_selector_requirement": SPOT,
            "non_interruptible_node_selector_requirement": NOT_SPOT,
        },
        interruptible=interruptible,
    )
    assert spec["affinity"] == expected


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        pytest.param({}, required([ZONE]), id="the default"),
        pytest.param({"affinity": {}}, {}, id="an empty one of its own keeps it away"),
    ],
)
def test_default_affinity(own: dict[str, Any], expected: dict[str, Any]) -> None:
    assert spec_of(own=own, k8s={"default_affinity": required([ZONE])})["affinity"] == expected


def test_an_affinity_is_always_set() -> None:
    assert spec_of()["affinity"] == {}


DEFAULTS = {
    "scheduler_name": "default-scheduler",
    "default_pod_security_context": {"fsGroup": 1},
    "default_pod_dns_config": {"searches": ["default"]},
    "default_security_context": {"runAsUser": 1},
}


def test_defaults_of_the_platform() -> None:
    spec = spec_of(k8s=DEFAULTS, serviceAccount="exec")
    assert spec["restartPolicy"] == "Never"
    assert spec["serviceAccountName"] == "exec"
    assert spec["schedulerName"] == "default-scheduler"
    assert spec["securityContext"] == {"fsGroup": 1}
    assert spec["dnsConfig"] == {"searches": ["default"]}
    assert spec["containers"][0]["securityContext"] == {"runAsUser": 1}


def test_what_a_pod_says_itself_stays() -> None:
    own = {
        "containers": [{"name": "main", "securityContext": {}}],
        "restartPolicy": "OnFailure",
        "serviceAccountName": "own",
        "schedulerName": "own",
        "securityContext": {},
        "dnsConfig": {"searches": ["own"]},
    }
    spec = spec_of(own=own, k8s=DEFAULTS, serviceAccount="exec")
    assert {key: spec[key] for key in own if key != "containers"} == {
        key: own[key] for key in own if key != "containers"
    }
    assert spec["containers"][0]["securityContext"] == {}


def test_the_default_security_context_is_for_the_primary_container_alone() -> None:
    spec = spec_of(own={"containers": [{"name": "side"}, {"name": "main"}]}, k8s=DEFAULTS)
    assert [container.get("securityContext") for container in spec["containers"]] == [None, {"runAsUser": 1}]


@pytest.mark.parametrize(
    ("own", "enabled", "expected"),
    [(False, None, None), (True, None, True), (True, False, None), (False, True, True)],
    ids=["nobody wants it", "the pod wants it", "the platform forbids it", "the platform wants it"],
)
def test_host_network(own: bool, enabled: bool | None, expected: bool | None) -> None:
    spec = spec_of(own={"hostNetwork": own}, k8s={"enable_host_networking_pod": enabled})
    assert spec.get("hostNetwork") is expected


@pytest.mark.parametrize(
    ("run_as", "account", "expected"),
    [
        ({"k8sServiceAccount": "sec"}, "exec", "sec"),
        ({"executionIdentity": "me"}, "exec", "exec"),
        (None, "exec", "exec"),
        (None, "", ""),
    ],
    ids=["of the security context", "an identity is no account", "of the execution", "none"],
)
def test_service_account(run_as: dict[str, str] | None, account: str, expected: str) -> None:
    security = None if run_as is None else {"runAs": run_as}
    assert service_account(pod_task(securityContext=security, serviceAccount=account).metadata) == expected


GPU = {"resources": {"requests": {"nvidia.com/gpu": "1"}}}
TOLERATED = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({"containers": [{"name": "a", **GPU}]}, [TOLERATED], id="requested by a container"),
        pytest.param({"initContainers": [{"name": "a", **GPU}]}, [TOLERATED], id="requested by an init container"),
        pytest.param({"containers": [{"name": "a"}]}, None, id="not requested"),
        pytest.param(
            {"containers": [{"name": "a", "resources": {"limits": {"nvidia.com/gpu": "1"}}}]}, None, id="only limited"
        ),
        pytest.param(
            {"containers": [{"name": "a", **GPU}], "tolerations": [{**TOLERATED, "value": "", "tolerationSeconds": 5}]},
            [{**TOLERATED, "value": "", "tolerationSeconds": 5}],
            id="already tolerated",
        ),
        pytest.param(
            {"containers": [{"name": "a", **GPU}], "tolerations": [{"key": "nvidia.com/gpu"}]},
            [{"key": "nvidia.com/gpu"}, TOLERATED],
            id="tolerated otherwise",
        ),
    ],
)
def test_tolerations_for_extended_resources(spec: dict[str, Any], expected: list[dict[str, Any]] | None) -> None:
    config = K8sPluginConfig(add_tolerations_for_extended_resources=("nvidia.com/gpu", "example.com/fpga"))
    result = scheduling.with_extended_resource_tolerations(spec, config)
    assert result.get("tolerations") == expected


def test_extended_resources_are_tolerated_inside_operator_objects_only() -> None:
    task = pod_task(
        overrides={"resources": {"limits": {"nvidia.com/gpu": "1"}}},
        k8s={"add_tolerations_for_extended_resources": ["nvidia.com/gpu"]},
    )
    assert build_pod_spec(task).spec["tolerations"] == [TOLERATED]
    assert "tolerations" not in configured(raw_pod(task), task).spec
