"""Whatever a task template or an execution holds, a build gives an object or a PluginError: never another exception."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pluginmachinery.api.contexts import task_context
from pluginmachinery.config import Configuration
from pluginmachinery.config.k8s import K8sPluginConfig
from pluginmachinery.config.root import PluginsConfig
from pluginmachinery.core.errors import PluginError
from pluginmachinery.manager.objects import finished_object
from pluginmachinery.plugins.container import PodPlugin
from tests.pluginmachinery.pods.pod_tasks import EXECUTION_ID, execution, pod_template

PLUGIN = PodPlugin("pod")
CONFIG = Configuration(
    plugins=PluginsConfig(
        k8s=K8sPluginConfig(
            default_pod_template_name="tpl",
            interruptible_node_selector_requirement={"key": "spot", "operator": "Exists"},
            add_tolerations_for_extended_resources=("nvidia.com/gpu",),
        )
    )
)
TEMPLATE = pod_template({"name": "default", "env": [{"name": "T"}]}, {"name": "primary", "args": ["a"]})

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
JUNK = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
WORDS = st.sampled_from(
    ["", "main", "default", "primary", "1", "1Gi", "-1", "x y", "{{.inputs.x}}", "{{.input}}", "é\0"]
)


def one_of(*fields: str) -> st.SearchStrategy[dict[str, Any]]:
    """A mapping with some of these fields, filled with something that fits, or with junk."""
    return st.dictionaries(st.sampled_from(fields), WORDS | NESTED | JUNK, max_size=4)


NESTED = st.deferred(
    lambda: st.one_of(
        st.lists(one_of("name", "value", "key", "operator", "values", "image", "command", "args", "env"), max_size=3),
        st.lists(WORDS, max_size=3),
        one_of("limits", "requests", "cpu", "memory", "nvidia.com/gpu", "nodeAffinity", "containers"),
    )
)
CONTAINER = one_of(
    "name", "image", "command", "args", "env", "envFrom", "resources", "ports", "livenessProbe"
) | st.just({"name": "main"})
POD_SPEC = st.fixed_dictionaries(
    {},
    optional={
        "containers": st.lists(CONTAINER, max_size=3) | JUNK,
        "initContainers": st.lists(CONTAINER, max_size=2) | JUNK,
        "affinity": one_of("nodeAffinity", "podAffinity") | JUNK,
        "tolerations": JUNK,
        "volumes": JUNK,
        "nodeSelector": JUNK,
        "dnsConfig": JUNK,
        "hostNetwork": JUNK,
        "securityContext": JUNK,
    },
)
CUSTOM = st.dictionaries(
    st.sampled_from(["podSpec", "PodSpec", "primaryContainerName", "labels", "annotations", "containers"]),
    POD_SPEC | WORDS | JUNK,
)
EXTENDED = st.fixed_dictionaries(
    {},
    optional={
        "gpuAccelerator": st.fixed_dictionaries({}, optional={"device": WORDS, "partitionSize": WORDS}),
        "sharedMemory": st.fixed_dictionaries(
            {}, optional={"mountName": WORDS, "mountPath": WORDS, "sizeLimit": WORDS}
        ),
    },
)
TASKS = st.fixed_dictionaries(
    {"type": st.sampled_from(["container", "python-task", "raw-container", "sidecar", ""])},
    optional={
        "taskTypeVersion": st.integers(0, 3),
        "container": st.fixed_dictionaries(
            {},
            optional={
                "args": st.lists(WORDS, max_size=2),
                "resources": st.fixed_dictionaries(
                    {}, optional={"limits": st.lists(st.fixed_dictionaries({"name": st.just("CPU"), "value": WORDS}))}
                ),
                "dataConfig": st.just({"enabled": True}),
            },
        ),
        "custom": CUSTOM,
        "config": st.dictionaries(st.sampled_from(["primary_container_name", "link_type"]), WORDS),
        "interface": st.just({"inputs": {"variables": {"x": {"type": {"simple": "INTEGER"}}}}}),
        "extendedResources": EXTENDED,
        "metadata": st.fixed_dictionaries({}, optional={"podTemplateName": WORDS}),
    },
)
EXECUTIONS = st.fixed_dictionaries(
    {},
    optional={
        "generatedName": WORDS,
        "interruptible": st.booleans(),
        "inputs": st.just({"literals": {"x": {"scalar": {"noneType": {}}}}}),
        "platformResources": one_of("limits", "requests"),
        "overrides": st.fixed_dictionaries({}, optional={"resources": one_of("limits", "requests") | JUNK}),
        "podTemplates": st.just([TEMPLATE]),
    },
)


def build(task: Any, members: dict[str, Any]) -> None:
    """Build and finish; anything but a PluginError with a code is a defect."""
    try:
        context = task_context(task, execution(id=EXECUTION_ID, **members), config=CONFIG)
        finished = finished_object(context, PLUGIN, PLUGIN.build_resource(context))
    except PluginError as error:
        if not error.code:
            pytest.fail(f"an error without a code: {error}")
        return
    if not finished["spec"]["containers"]:
        pytest.fail("a pod without containers")


@given(TASKS, EXECUTIONS)
def test_structured_junk(task: dict[str, Any], members: dict[str, Any]) -> None:
    build(task, members)


@given(TASKS, POD_SPEC, EXECUTIONS)
def test_junk_in_a_pod_target(task: dict[str, Any], spec: dict[str, Any], members: dict[str, Any]) -> None:
    task.pop("container", None)
    build({**task, "k8sPod": {"podSpec": spec, "metadata": {"labels": {"a": "b"}}}}, members)


@given(st.dictionaries(st.sampled_from(["type", "container", "k8sPod", "custom", "metadata", "config"]), JUNK))
def test_unstructured_junk(task: dict[str, Any]) -> None:
    build(task, {})


@settings(max_examples=5, deadline=None)
@given(st.text(min_size=1, max_size=3))
def test_a_mebibyte_of_junk(text: str) -> None:
    lots = text * (1024 * 1024 // len(text))
    build({"type": "container", "container": {"args": [lots], "image": lots}}, {"generatedName": lots})
    build({"type": "sidecar", "custom": {lots: lots}}, {})


def test_deeply_nested_junk() -> None:
    spec: Any = "x"
    for _ in range(5000):
        spec = {"containers": [spec]}
    build({"type": "sidecar", "taskTypeVersion": 1, "custom": spec}, {})
