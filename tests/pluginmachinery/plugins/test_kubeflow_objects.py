"""What holds for every object that pytorch, tensorflow and mpi build: the operator's CRD takes it, and it is the same
every time; and for every payload: it becomes an object or a typed error."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core.tasks_pb2 import Resources
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pluginmachinery.api.contexts import task_context
from pluginmachinery.config.documents import read_as_flyte
from pluginmachinery.core.errors import BAD_TASK_SPECIFICATION, PluginError
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.manager.objects import finished_object
from pluginmachinery.plugins.kubeflow.training_job import TrainingJobPlugin
from pluginmachinery.plugins.mpi import MPIPlugin
from pluginmachinery.plugins.pytorch import PyTorchPlugin
from pluginmachinery.plugins.tensorflow import TensorflowPlugin
from pluginmachinery.pods.unique_variables import unique_variables
from tests.pluginmachinery.plugins import operator_crds
from tests.pluginmachinery.plugins.training_tasks import k8s_config, pod_target, training_task

PLUGINS: dict[str, TrainingJobPlugin] = {one.id: one for one in (PyTorchPlugin(), TensorflowPlugin(), MPIPlugin())}
CRDS = {"pytorch": operator_crds.PYTORCH, "tensorflow": operator_crds.TENSORFLOW, "mpi": operator_crds.MPI}
GOLDEN = Path(__file__).parents[2] / "golden" / "data" / "build.jsonl.gz"

slow = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)


def golden_cases() -> Iterator[Any]:
    with gzip.open(GOLDEN, "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if record["case"]["plugin"] in PLUGINS and "object" in record["expected"]:
                yield pytest.param(record["case"], id=record["case"]["id"])


def created(plugin_id: str, task: TaskContext) -> dict[str, Any]:
    """The object as it is given to the API server."""
    plugin = PLUGINS[plugin_id]
    return finished_object(task, plugin, plugin.build_resource(task))


def problems(plugin_id: str, task: TaskContext) -> list[str]:
    """Of the object as the plugin manager creates it."""
    return operator_crds.problems(unique_variables(created(plugin_id, task)), CRDS[plugin_id])


# --- The operator's CRD ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", list(golden_cases()))
def test_the_crd_takes_what_is_built_of_the_golden_tasks(case: Any) -> None:
    task = task_context(
        case["task"],
        case["execution"],
        config=read_as_flyte(case.get("config") or {}),
        environment=case.get("environment"),
    )
    assert problems(case["plugin"], task) == []


@pytest.mark.parametrize(
    ("plugin_id", "custom"),
    [("pytorch", {"workers": 1}), ("tensorflow", {"workers": 1}), ("mpi", {"numWorkers": 1})],
)
def test_a_variable_that_is_given_twice_would_be_refused_and_stands_once(plugin_id: str, custom: Any) -> None:
    """Plugins build as Flyte does; the manager drops all but the last."""
    container = {"image": "i", "env": [{"key": "A", "value": "task"}]}
    task = training_task(
        plugin_id, custom, template={"container": container}, config=k8s_config(default_env_vars={"A": "platform"})
    )
    found = operator_crds.problems(created(plugin_id, task), CRDS[plugin_id])
    assert found
    assert all(".env: duplicate {'name': 'A'}" in problem for problem in found)
    assert problems(plugin_id, task) == []
    values = [variable["value"] for variable in _variables(unique_variables(created(plugin_id, task))["spec"])]
    assert values == ["platform"] * len(values) != []


def _variables(value: Any) -> Iterator[dict[str, Any]]:
    """All variables called A."""
    if isinstance(value, dict) and value.get("name") == "A":
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _variables(child)


@pytest.mark.parametrize("plugin_id", PLUGINS)
def test_the_crd_takes_a_pod_of_the_users(plugin_id: str) -> None:
    target = pod_target(
        {
            "name": "side",
            "image": "s",
            "ports": [{"containerPort": 1}],
            "volumeMounts": [{"name": "v", "mountPath": "/"}],
        },
        {"name": "main", "image": "m", "resources": {"limits": {"cpu": 1}}},
        volumes=[{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}],
        initContainers=[{"name": "init", "image": "i", "restartPolicy": "Always"}],
        tolerations=[{"key": "k", "operator": "Exists"}],
        terminationGracePeriodSeconds=5,
    )
    task = training_task(plugin_id, {"worker_replicas": {"replicas": 1}}, version=1, template=target)
    assert problems(plugin_id, task) == []


# --- Any payload -----------------------------------------------------------------------------------------------------

QUANTITIES = st.sampled_from(["1", "100m", "0", "2Gi", "1.5", "1e3"])


def messages(descriptor: Descriptor) -> st.SearchStrategy[dict[str, Any]]:
    """Customs that fit a message, in protobuf JSON."""
    if descriptor is Resources.ResourceEntry.DESCRIPTOR:
        names = st.sampled_from(["CPU", "GPU", "MEMORY", "EPHEMERAL_STORAGE"])
        return st.fixed_dictionaries({"name": names, "value": QUANTITIES})
    return st.fixed_dictionaries({}, optional={field.json_name: fitting(field) for field in descriptor.fields})


def fitting(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    value: st.SearchStrategy[Any]
    if field.message_type is not None:
        value = messages(field.message_type)
    elif field.enum_type is not None:
        value = st.sampled_from(list(field.enum_type.values_by_name))
    elif field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        value = st.sampled_from(["", "c10d", "img:v2"])
    else:
        value = st.integers(-1, 5)
    return st.lists(value, max_size=2) if field.is_repeated else value


def customs(plugin_id: str) -> st.SearchStrategy[tuple[str, int, dict[str, Any]]]:
    from flyteidl.plugins import mpi_pb2, pytorch_pb2, tensorflow_pb2
    from flyteidl.plugins.kubeflow import mpi_pb2 as mpi_v1
    from flyteidl.plugins.kubeflow import pytorch_pb2 as pytorch_v1
    from flyteidl.plugins.kubeflow import tensorflow_pb2 as tensorflow_v1

    first, second = {
        "pytorch": (pytorch_pb2.DistributedPyTorchTrainingTask, pytorch_v1.DistributedPyTorchTrainingTask),
        "tensorflow": (
            tensorflow_pb2.DistributedTensorflowTrainingTask,
            tensorflow_v1.DistributedTensorflowTrainingTask,
        ),
        "mpi": (mpi_pb2.DistributedMPITrainingTask, mpi_v1.DistributedMPITrainingTask),
    }[plugin_id]
    return st.tuples(st.just(plugin_id), st.just(0), messages(first.DESCRIPTOR)) | st.tuples(
        st.just(plugin_id), st.just(1), messages(second.DESCRIPTOR)
    )


FITTING = st.sampled_from(sorted(PLUGINS)).flatmap(customs)


@slow
@given(FITTING)
def test_the_crd_takes_what_is_built_of_any_custom_that_fits(drawn: tuple[str, int, dict[str, Any]]) -> None:
    plugin_id, version, custom = drawn
    task = training_task(plugin_id, custom, version=version)
    try:
        found = problems(plugin_id, task)
    except PluginError as error:
        assume(not error.message.endswith("at least one worker"))
        raise
    assert found == []
    assert created(plugin_id, task) == created(plugin_id, task)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


def spoilt(value: Any) -> st.SearchStrategy[Any]:
    """The same JSON with junk in one place."""
    if isinstance(value, dict) and value:
        return st.sampled_from(sorted(value)).flatmap(
            lambda key: spoilt(value[key]).map(lambda changed: {**value, key: changed})
        )
    return JUNK


PODS = st.fixed_dictionaries(
    {},
    optional={
        "containers": JUNK | st.lists(st.fixed_dictionaries({}, optional={"name": JUNK | st.just("main")}), max_size=2),
        "initContainers": JUNK,
        "volumes": JUNK,
        "affinity": JUNK,
    },
)
TEMPLATES = st.just({}) | st.builds(
    lambda spec, name: {"container": None, "k8sPod": {"podSpec": spec}, "config": {"primary_container_name": name}},
    PODS,
    st.sampled_from(["main", "pytorch", ""]),
)


@slow
@given(FITTING.flatmap(lambda drawn: st.tuples(st.just(drawn[0]), st.integers(0, 2), spoilt(drawn[2]))), TEMPLATES)
def test_any_payload_becomes_an_object_or_a_typed_error(drawn: tuple[str, int, Any], template: Any) -> None:
    plugin_id, version, custom = drawn
    custom = custom if isinstance(custom, dict) else {"workerReplicas": custom, "workers": custom, "numWorkers": custom}
    plugin = PLUGINS[plugin_id]
    refusal = None
    try:
        plugin.build_resource(training_task(plugin_id, custom, version=version, template=template))
    except PluginError as error:
        refusal = error
    assert refusal is None or refusal.code == BAD_TASK_SPECIFICATION
