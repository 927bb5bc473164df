"""How much a container asks for and may use."""

from __future__ import annotations

from typing import Any

import pytest
from flyteidl.core.tasks_pb2 import Resources
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from pluginmachinery.config.k8s import K8sPluginConfig
from pluginmachinery.config.quantities import Quantity
from pluginmachinery.core.errors import BAD_TASK_SPECIFICATION, PluginError
from pluginmachinery.pods import resources
from pluginmachinery.pods.containers import ResourceMode, container_context, customized
from tests.pluginmachinery.pods.pod_tasks import pod_task

CONFIG = K8sPluginConfig(default_cpus="1", default_memory="1Gi")
DEFAULTS = {"cpu": "1", "memory": "1Gi"}

NAMES = st.sampled_from(["cpu", "memory", "ephemeral-storage", "nvidia.com/gpu", "example.com/fpga"])
AMOUNTS = st.sampled_from(["0", "1m", "500m", "1", "2", "128Mi", "1Gi", "1G", "10Gi"])
LISTS = st.dictionaries(NAMES, AMOUNTS)
REQUIREMENTS = st.fixed_dictionaries({"limits": LISTS, "requests": LISTS})


def both(**amounts: str) -> dict[str, Any]:
    """The same limits and requests, with CPU and memory as by default."""
    return {"limits": {**DEFAULTS, **amounts}, "requests": {**DEFAULTS, **amounts}}


@pytest.mark.parametrize(
    ("own", "platform", "expected"),
    [
        pytest.param({}, {}, both(), id="nothing said: the configured defaults"),
        pytest.param({}, {"requests": {"cpu": "2"}}, both(cpu="2"), id="the platform's default before them"),
        pytest.param({}, {"requests": {"cpu": "0"}}, both(cpu="0"), id="a default of zero is none"),
        pytest.param({"requests": {"cpu": "3"}}, {}, both(cpu="3"), id="a limit is the request"),
        pytest.param({"limits": {"cpu": "3"}}, {}, both(cpu="3"), id="a request is the limit"),
        pytest.param(
            {"requests": {"cpu": "2"}, "limits": {"cpu": "500m"}}, {}, both(cpu="500m"), id="a request above its limit"
        ),
        pytest.param(
            {"requests": {"cpu": "0"}, "limits": {"cpu": "3"}}, {}, both(cpu="3"), id="zero is as if not said"
        ),
        pytest.param(
            {"requests": {"cpu": "8"}}, {"limits": {"cpu": "4"}}, both(cpu="4"), id="cut to the platform's limit"
        ),
        pytest.param({"requests": {"cpu": "8"}}, {"limits": {"cpu": "0"}}, both(cpu="8"), id="a limit of zero is none"),
        pytest.param(
            {},
            {"requests": {"nvidia.com/gpu": "1", "ephemeral-storage": "1Gi"}},
            both(),
            id="GPUs and storage have no default where nobody mentions them",
        ),
        pytest.param(
            {"limits": {"ephemeral-storage": "0"}},
            {"requests": {"ephemeral-storage": "1Gi"}},
            both(**{"ephemeral-storage": "1Gi"}),
            id="but where somebody does",
        ),
        pytest.param(
            {"limits": {"nvidia.com/gpu": "8"}},
            {"limits": {"nvidia.com/gpu": "4"}},
            both(**{"nvidia.com/gpu": "4"}),
            id="GPUs are cut",
        ),
        pytest.param(
            {"limits": {"example.com/fpga": "8"}},
            {"limits": {"example.com/fpga": "4"}},
            {"limits": {**DEFAULTS, "example.com/fpga": "8"}, "requests": DEFAULTS},
            id="any other resource passes",
        ),
        pytest.param({"claims": [{"name": "c"}]}, {}, {**both(), "claims": [{"name": "c"}]}, id="claims pass"),
    ],
)
def test_adjusted(own: dict[str, Any], platform: dict[str, Any], expected: dict[str, Any]) -> None:
    assert resources.adjusted(own, platform, CONFIG) == expected


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        pytest.param(
            {}, {"limits": {"cpu": "0", "memory": "0"}, "requests": {"cpu": "0", "memory": "0"}}, id="nothing"
        ),
        pytest.param(
            {"requests": {"cpu": "200m"}},
            {"limits": {"cpu": "0", "memory": "0"}, "requests": {"cpu": "200m", "memory": "0"}},
            id="a request has no limit",
        ),
    ],
)
def test_side_containers_get_zeros_for_what_they_do_not_say(own: dict[str, Any], expected: dict[str, Any]) -> None:
    assert resources.adjusted(own, {}, CONFIG, assign_missing=False) == expected


@given(REQUIREMENTS, REQUIREMENTS, st.booleans())
def test_amounts_stay_within_the_platforms_limits(own: Any, platform: Any, assign: bool) -> None:
    result = resources.adjusted(own, platform, CONFIG, assign_missing=assign)
    for name, text in platform["limits"].items():
        ceiling = Quantity.parse(text)
        if name != "example.com/fpga" and ceiling:
            assert Quantity.parse(result["limits"].get(name, "0")) <= ceiling
            assert Quantity.parse(result["requests"].get(name, "0")) <= ceiling


@given(REQUIREMENTS, REQUIREMENTS)
def test_requests_stay_within_limits(own: Any, platform: Any) -> None:
    result = resources.adjusted(own, platform, CONFIG)
    for name in result["requests"].keys() & result["limits"].keys() - {"example.com/fpga"}:
        assert Quantity.parse(result["requests"][name]) <= Quantity.parse(result["limits"][name])


@given(REQUIREMENTS, REQUIREMENTS, st.booleans())
def test_adjusting_again_changes_nothing(own: Any, platform: Any, assign: bool) -> None:
    once = resources.adjusted(own, platform, CONFIG, assign_missing=assign)
    assert resources.adjusted(once, platform, CONFIG, assign_missing=assign) == once


def settled(mode: ResourceMode, *, own: dict[str, Any], template: dict[str, Any], **k8s: Any) -> dict[str, Any]:
    """The limits of a container for which the override says 1 CPU."""
    overrides = {"resources": {"limits": {"cpu": "1"}}}
    context = container_context(pod_task(overrides=overrides, k8s={"default_memory": "1Gi", **k8s}))
    container = customized({"name": "c", "resources": own}, context, mode, template)
    limits: dict[str, Any] = container["resources"]["limits"]
    return limits


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        pytest.param(ResourceMode.ASSIGN, {"cpu": "1", "memory": "1Gi"}, id="assign: overrides and defaults alone"),
        pytest.param(
            ResourceMode.MERGE,
            {"cpu": "1", "memory": "2Gi", "ephemeral-storage": "3Gi"},
            id="merge: overrides, its own, the template's",
        ),
        pytest.param(
            ResourceMode.CLAMP,
            {"cpu": "2", "memory": "2Gi", "ephemeral-storage": "3Gi"},
            id="clamp: its own, the template's",
        ),
    ],
)
def test_whose_resources_count(mode: ResourceMode, expected: dict[str, str]) -> None:
    own = {"limits": {"cpu": "2", "memory": "2Gi"}}
    template = {"limits": {"cpu": "3", "memory": "3Gi", "ephemeral-storage": "3Gi"}}
    assert settled(mode, own=own, template=template) == expected


def test_gpu_of_the_container_gets_the_platforms_name() -> None:
    limits = settled(ResourceMode.MERGE, own={"limits": {"gpu": "2"}}, template={}, gpu_resource_name="amd.com/gpu")
    assert limits["amd.com/gpu"] == "2"
    assert "gpu" not in limits


def test_a_platform_that_calls_its_gpus_gpu_keeps_them() -> None:
    """The reference loses them here; Kubernetes refuses the name, which is the better news."""
    limits = settled(ResourceMode.MERGE, own={"limits": {"gpu": "2"}}, template={}, gpu_resource_name="gpu")
    assert limits["gpu"] == "2"


def test_resources_of_a_task() -> None:
    entries = [
        {"name": "CPU", "value": "1.5"},
        {"name": "MEMORY", "value": "1024Mi"},
        {"name": "GPU", "value": "2"},
        {"name": "EPHEMERAL_STORAGE", "value": "0"},
        {"name": "STORAGE", "value": "1Gi"},
    ]
    given = json_format.ParseDict({"requests": entries}, Resources())
    assert resources.of_task(given, "resources") == {
        "limits": {},
        "requests": {"cpu": "1500m", "memory": "1Gi", "nvidia.com/gpu": "2"},
    }


@pytest.mark.parametrize("value", ["", "bad", "1 Gi", "1GB", "1e99999"])
def test_an_amount_that_is_none(value: str) -> None:
    given = json_format.ParseDict({"limits": [{"name": "CPU", "value": value}]}, Resources())
    with pytest.raises(PluginError) as caught:
        resources.of_task(given, "container.resources")
    assert (caught.value.code, caught.value.field) == (BAD_TASK_SPECIFICATION, "container.resources.limits[0]")


def test_an_override_that_is_none() -> None:
    with pytest.raises(PluginError) as caught:
        container_context(pod_task(overrides={"resources": {"limits": {"cpu": "much"}}}))
    assert caught.value.field == "overrides.resources.limits.cpu"


def test_resources_outside_of_the_pod_are_adjusted_alike() -> None:
    task = pod_task(platformResources={"limits": {"cpu": "2"}}, k8s={"default_memory": "1Gi"})
    assert resources.adjusted_for(task, {"requests": {"cpu": "4"}}) == both(cpu="2")
