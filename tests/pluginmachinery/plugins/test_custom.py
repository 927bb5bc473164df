"""Reading ``custom`` into a plugin's message: what Flyte's reader takes, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from flyteidl.core import literals_pb2
from flyteidl.core.tasks_pb2 import TaskTemplate
from flyteidl.plugins import array_job_pb2, common_pb2, dask_pb2, ray_pb2, spark_pb2
from flyteidl.plugins.kubeflow import mpi_pb2
from flyteidl.plugins.pytorch_pb2 import DistributedPyTorchTrainingTask
from google.protobuf import json_format
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pluginmachinery.core.errors import BAD_TASK_SPECIFICATION, PluginError
from pluginmachinery.plugins.custom import read_custom

MPI = mpi_pb2.DistributedMPITrainingTask
ROUND_TRIPS: tuple[Message, ...] = (
    MPI(
        slots=3,
        run_policy={"clean_pod_policy": "CLEANPOD_POLICY_ALL", "backoff_limit": -1},
        worker_replicas={
            "command": ["a", "", "b c"],
            "common": {
                "replicas": 2**31 - 1,
                "image": "i",
                "restart_policy": "RESTART_POLICY_ALWAYS",
                "resources": {"limits": [{"name": "CPU", "value": "1"}]},
            },
        },
    ),
    spark_pb2.SparkJob(
        sparkConf={"spark.a.b": "c"},
        applicationType="SCALA",
        databricksConf=json_format.ParseDict({"a": [1, None, {"b": True}]}, spark_pb2.SparkJob().databricksConf),
    ),
    ray_pb2.RayJob(
        ray_cluster={
            "enable_autoscaling": True,
            "worker_group_spec": [{"group_name": "g", "min_replicas": -1, "ray_start_params": {"k": "v"}}],
        },
        ttl_seconds_after_finished=5,
    ),
    dask_pb2.DaskJob(workers={"number_of_workers": 2**32 - 1}),
    array_job_pb2.ArrayJob(parallelism=-(2**63), min_success_ratio=0.5),
    literals_pb2.LiteralMap(literals={"a": {"hash": "x"}, "b": {}}),
)


def read(custom: Any, message: type[Message] = MPI) -> Any:
    return read_custom(json_format.ParseDict({"custom": custom}, TaskTemplate()), message)


@pytest.mark.parametrize("message", ROUND_TRIPS, ids=lambda message: message.DESCRIPTOR.name)
@pytest.mark.parametrize("keep_names", [False, True], ids=["camelCase", "snake_case"])
def test_what_protobuf_writes_is_read_back(message: Message, keep_names: bool) -> None:
    custom = json_format.MessageToDict(message, preserving_proto_field_name=keep_names)
    assert read(custom, type(message)) == message


@pytest.mark.parametrize(
    ("custom", "wanted"),
    [
        pytest.param({}, {}, id="an empty custom is an empty message"),
        pytest.param({"slots": "7"}, {"slots": 7}, id="a whole number as text"),
        pytest.param({"slots": " -7 "}, {"slots": -7}, id="blanks around a number as text"),
        pytest.param({"slots": 7.0}, {"slots": 7}, id="a float that is whole"),
        pytest.param({"slots": None, "workerReplicas": None}, {}, id="null is as if absent"),
        pytest.param({"Slots": 1, "novel": {"a": [1]}}, {}, id="unknown fields are passed over, case counts"),
        pytest.param(
            {"run_policy": {"backoffLimit": 1}, "runPolicy": {"backoffLimit": 2}},
            {"run_policy": {"backoff_limit": 2}},
            id="camelCase wins over snake_case",
        ),
        pytest.param(
            {"runPolicy": {"cleanPodPolicy": 2}}, {"run_policy": {"clean_pod_policy": 2}}, id="an enum by number"
        ),
        pytest.param(
            {"runPolicy": {"cleanPodPolicy": 9}}, {"run_policy": {"clean_pod_policy": 9}}, id="an unknown enum number"
        ),
        pytest.param({"workerReplicas": {}}, {"worker_replicas": {}}, id="an empty message is present"),
        pytest.param(
            {"workerReplicas": {"command": ["a", None]}},
            {"worker_replicas": {"command": ["a", ""]}},
            id="null in a list is the zero value",
        ),
        pytest.param(
            {"workerReplicas": {"resources": {"limits": [None]}}},
            {"worker_replicas": {"resources": {"limits": [{}]}}},
            id="null in a list of messages is an empty message",
        ),
    ],
)
def test_leniences_of_flyte(custom: Any, wanted: Any) -> None:
    assert read(custom) == MPI(**wanted)


@pytest.mark.parametrize(
    ("custom", "path"),
    [
        pytest.param({"slots": "x"}, "custom.slots", id="a word for a number"),
        pytest.param({"slots": ""}, "custom.slots", id="an empty text for a number"),
        pytest.param({"slots": "null"}, "custom.slots", id="null as text, which Go takes for 0"),
        pytest.param({"slots": "1.0"}, "custom.slots", id="a decimal point in a text"),
        pytest.param({"slots": "01"}, "custom.slots", id="a leading zero"),
        pytest.param({"slots": 1.5}, "custom.slots", id="a fraction"),
        pytest.param({"slots": 2**31}, "custom.slots", id="beyond 32 bits"),
        pytest.param({"slots": "9" * 5000}, "custom.slots", id="digits without end"),
        pytest.param({"slots": True}, "custom.slots", id="a switch for a number"),
        pytest.param({"slots": [1]}, "custom.slots", id="a list for a number"),
        pytest.param({"workerReplicas": "x"}, "custom.workerReplicas", id="a text for a message"),
        pytest.param({"worker_replicas": [{}]}, "custom.worker_replicas", id="a list for a message"),
        pytest.param({"workerReplicas": {"image": 1}}, "custom.workerReplicas.image", id="a number for a text"),
        pytest.param({"workerReplicas": {"command": "ls"}}, "custom.workerReplicas.command", id="a text for a list"),
        pytest.param({"workerReplicas": {"command": ["ls", 1]}}, "custom.workerReplicas.command[1]", id="in a list"),
        pytest.param(
            {"workerReplicas": {"restartPolicy": "Never"}},
            "custom.workerReplicas.restartPolicy",
            id="an unknown enum name",
        ),
        pytest.param({"runPolicy": {"cleanPodPolicy": "1"}}, "custom.runPolicy.cleanPodPolicy", id="a number as name"),
        pytest.param(
            {"workerReplicas": {"resources": {"limits": [{"name": "CPU"}, 3]}}},
            "custom.workerReplicas.resources.limits[1]",
            id="a number for a message in a list",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_named(custom: Any, path: str) -> None:
    with pytest.raises(PluginError) as caught:
        read(custom)
    assert (caught.value.code, caught.value.field) == (BAD_TASK_SPECIFICATION, path)


@pytest.mark.parametrize(
    ("message", "custom", "path"),
    [
        pytest.param(spark_pb2.SparkJob, {"sparkConf": []}, "custom.sparkConf", id="a list for a map"),
        pytest.param(spark_pb2.SparkJob, {"sparkConf": {"k": 1}}, "custom.sparkConf.k", id="a map of texts"),
        pytest.param(array_job_pb2.ArrayJob, {"minSuccessRatio": "half"}, "custom.minSuccessRatio", id="no number"),
        pytest.param(literals_pb2.LiteralMap, {"literals": {"a": 1}}, "custom.literals.a", id="a map of messages"),
        pytest.param(spark_pb2.SparkJob, {"databricksConf": 1}, "custom.databricksConf", id="a number for a struct"),
        pytest.param(ray_pb2.RayJob, {"shutdownAfterJobFinishes": "true"}, "custom.shutdownAfterJobFinishes", id="on"),
        pytest.param(dask_pb2.DaskJob, {"workers": {"numberOfWorkers": -1}}, "custom.workers.numberOfWorkers", id="u"),
    ],
)
def test_other_messages(message: type[Message], custom: Any, path: str) -> None:
    with pytest.raises(PluginError) as caught:
        read(custom, message)
    assert caught.value.field == path


@pytest.mark.parametrize(
    ("message", "custom", "wanted"),
    [
        pytest.param(
            array_job_pb2.ArrayJob, {"minSuccessRatio": "2.5e-1"}, {"min_success_ratio": 0.25}, id="a fraction as text"
        ),
        pytest.param(
            literals_pb2.LiteralMap, {"literals": {"a": None}}, {"literals": {"a": {}}}, id="null in a map of messages"
        ),
        pytest.param(spark_pb2.SparkJob, {"sparkConf": {"k": None}}, {"sparkConf": {"k": ""}}, id="null in a map"),
    ],
)
def test_leniences_with_other_messages(message: type[Message], custom: Any, wanted: Any) -> None:
    assert read(custom, message) == message(**wanted)


def test_no_custom_at_all_is_an_error() -> None:
    with pytest.raises(PluginError, match="no custom") as caught:
        read_custom(TaskTemplate(), MPI)
    assert caught.value.code == BAD_TASK_SPECIFICATION


JUNK = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([field.json_name for field in MPI.DESCRIPTOR.fields] + ["replicas", "common", "command", "x"])


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(NAMES, JUNK | st.dictionaries(NAMES, JUNK, max_size=3), max_size=4))
def test_junk_is_read_or_refused_with_a_code(custom: Any) -> None:
    refusal = None
    try:
        read(custom)
    except PluginError as error:
        refusal = error
    assert refusal is None or (refusal.code == BAD_TASK_SPECIFICATION and refusal.field.startswith("custom."))


def test_restart_policies_are_those_of_the_shared_message() -> None:
    custom = {"workerReplicas": {"common": {"restartPolicy": "RESTART_POLICY_ON_FAILURE"}}}
    assert read(custom).worker_replicas.common.restart_policy == common_pb2.RESTART_POLICY_ON_FAILURE


def test_a_field_read_twice_does_not_add_up() -> None:
    custom = {"workers": 3, "elastic_config": {"min_replicas": 1}}
    assert read(custom, DistributedPyTorchTrainingTask) == read(custom, DistributedPyTorchTrainingTask)
