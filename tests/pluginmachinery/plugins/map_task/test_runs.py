"""Map tasks from the first pod to the outputs."""

from __future__ import annotations

from typing import Any

import pytest
from flyteidl.core.literals_pb2 import LiteralCollection, LiteralMap

from pluginmachinery.core.actions import Done, Refused, Result
from pluginmachinery.core.phases import ErrorKind, Phase
from tests.pluginmachinery.plugins.map_worlds import MapWorld, every_name, integer, map_task, numbers

FILE = "s3://b/in/inputs.pb"


@pytest.fixture(params=[True, False], ids=["watched", "asked for"])
def watched(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_outputs_become_a_list_in_the_order_of_the_inputs(watched: bool) -> None:
    world = MapWorld(map_task(3), watched=watched)
    assert world.handle().phase is Phase.QUEUED
    assert world.pods == ["m-0-0", "m-0-1", "m-0-2"]
    world.runs("m-0-1")
    told = world.handle()
    assert told.phase is Phase.RUNNING
    world.succeeds("m-0-2", "m-0-0", "m-0-1")
    assert world.handle().phase is Phase.SUCCESS
    assert world.outputs() == [0, 10, 20]


def test_what_is_told_are_numbers_and_links_of_the_first() -> None:
    world = MapWorld(map_task(30))
    world.handle()
    world.runs(*every_name(29))
    told = world.handle()
    assert told.reason == "30 sub-tasks: 29 running, 1 queued"
    assert told.info.custom_info == {"subTasks": {"total": 30, "running": 29, "queued": 1}}
    assert len(told.info.logs) == 20
    assert told.info.logs[0]["name"] == "Kubernetes Logs #0-0"


def test_a_version_tells_news_from_the_same_again() -> None:
    world = MapWorld(map_task(2))
    world.handle()
    world.runs("m-0-0")
    first = world.handle()
    assert world.handle().version == first.version
    world.runs("m-0-1")
    assert world.handle().version == first.version + 1


def test_no_more_than_parallelism_run_at_a_time() -> None:
    world = MapWorld(map_task(5, template={"custom": {"minSuccessRatio": 1.0, "parallelism": "2"}}))
    world.handle()
    assert world.pods == ["m-0-0", "m-0-1"]
    world.runs("m-0-0", "m-0-1")
    world.handle()
    assert len(world.pods) == 2
    world.succeeds("m-0-1")
    world.handle()
    assert world.pods == ["m-0-0", "m-0-1", "m-0-2"]
    world.succeeds("m-0-0", "m-0-2")
    world.handle()
    assert world.pods[-2:] == ["m-0-3", "m-0-4"]
    world.succeeds("m-0-3", "m-0-4")
    assert world.handle().phase is Phase.SUCCESS


def test_a_failed_sub_task_is_tried_again_at_once_with_paths_of_its_own() -> None:
    world = MapWorld(map_task(2))
    world.handle()
    world.fails("m-0-1")
    world.handle()
    assert "m-0-1-1" in world.pods
    arguments = [world.pod(name)["spec"]["containers"][0]["args"] for name in ("m-0-1", "m-0-1-1")]
    assert arguments[0] == ["--raw", "s3://b/raw/1/0", "--prev", '""']
    assert arguments[1] == ["--raw", "s3://b/raw/1/1", "--prev", "s3://b/raw/1/0/_flytecheckpoints"]
    world.succeeds("m-0-0", "m-0-1-1")
    assert world.handle().phase is Phase.SUCCESS
    assert world.outputs() == [0, 10]


def test_enough_is_enough_and_what_failed_has_nothing() -> None:
    world = MapWorld(map_task(4, template={"custom": {"minSuccessRatio": 0.7}}, maxAttempts=1))
    world.handle()
    world.fails("m-0-2")
    assert world.handle().phase is Phase.RUNNING
    world.succeeds("m-0-0", "m-0-1", "m-0-3")
    assert world.handle().phase is Phase.SUCCESS
    assert world.outputs() == [0, 10, None, 30]


def test_when_too_few_can_succeed_the_others_are_stopped_and_the_errors_told() -> None:
    world = MapWorld(map_task(5, maxAttempts=1))
    world.handle()
    world.runs(*every_name(5))
    world.handle()
    world.fails("m-0-1", "m-0-3")
    failed = world.handle()
    assert failed.phase is Phase.PERMANENT_FAILURE
    assert failed.error is not None
    assert (failed.error.code, failed.error.kind) == ("SubTasksFailed", ErrorKind.USER)
    assert failed.error.message.startswith("5 sub-tasks: 2 failed, 3 aborted\n[1]: ")
    assert world.pods == ["m-0-1", "m-0-3"]
    assert world.phases() == ["Aborted", "PermanentFailure", "Aborted", "PermanentFailure", "Aborted"]
    assert world.error().message == failed.error.message
    assert world.error("1/").code == "Interrupted"


def test_the_error_of_a_sub_tasks_own_code_is_told_and_kept() -> None:
    from flyteidl.core.errors_pb2 import ContainerError, ErrorDocument

    own = ErrorDocument(error=ContainerError(code="USER:ValueError", message="seven")).SerializeToString()
    world = MapWorld(map_task(2, maxAttempts=1))
    world.handle()
    world.executor.files["s3://b/out/1/error.pb"] = own
    world.succeeds("m-0-0")
    world.succeeds("m-0-1", outputs=False)
    failed = world.handle()
    assert failed.error is not None
    assert "[1]: USER:ValueError: seven" in failed.error.message
    assert world.executor.files["s3://b/out/1/error.pb"] == own


def test_a_success_without_outputs_is_none_in_the_end() -> None:
    world = MapWorld(map_task(2))
    world.handle()
    world.succeeds("m-0-0")
    world.succeeds("m-0-1", outputs=False)
    failed = world.handle()
    assert failed.phase is Phase.RETRYABLE_FAILURE
    assert failed.error is not None
    assert failed.error.code == "OutputsNotFound"
    assert world.handle() == failed


def test_outputs_that_are_none_are_told() -> None:
    world = MapWorld(map_task(1))
    world.handle()
    world.succeeds("m-0-0", outputs=False)
    world.executor.files["s3://b/out/0/outputs.pb"] = b"\xff"
    failed = world.handle()
    assert failed.error is not None
    assert failed.error.code == "OutputsMalformed"


def test_a_task_without_outputs_succeeds_and_fails_with_its_cause_all_the_same() -> None:
    world = MapWorld(map_task(1, template={"interface": None}))
    world.handle()
    world.succeeds("m-0-0")
    assert world.handle().phase is Phase.SUCCESS
    world = MapWorld(map_task(1, template={"interface": None}, maxAttempts=1))
    world.handle()
    world.fails("m-0-0")
    failed = world.handle()
    assert failed.error is not None
    assert failed.error.code == "SubTasksFailed"
    assert "Interrupted" in failed.error.message


def test_without_a_place_for_outputs_errors_are_told_by_number_only() -> None:
    world = MapWorld(map_task(2, template={"interface": None}, outputPrefix=None, maxAttempts=1))
    world.handle()
    world.succeeds("m-0-0", outputs=False)
    world.fails("m-0-1")
    failed = world.handle()
    assert failed.error is not None
    assert failed.error.message.endswith("[1]: Job Failed.")
    assert world.executor.files == {}


def test_an_empty_map_task_has_empty_outputs() -> None:
    world = MapWorld(map_task(0))
    assert world.handle().phase is Phase.SUCCESS
    assert world.outputs() == []
    assert world.pods == []


def test_inputs_that_are_not_inline_are_read() -> None:
    from google.protobuf.json_format import ParseDict

    world = MapWorld(map_task(inputs=None))
    world.executor.files[FILE] = ParseDict(numbers(4), LiteralMap()).SerializeToString()
    world.handle()
    assert len(world.pods) == 4


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(map_task(inputs=None), id="inputs that are not there"),
        pytest.param(map_task(inputs=None, inputPath=None), id="no inputs at all"),
        pytest.param(map_task(inputs={"literals": {"c": integer(1)}}), id="no list among the inputs"),
        pytest.param(map_task(template={"custom": {"size": "no"}}), id="a custom that can not be read"),
        pytest.param(map_task(config={"k8s-array": {"namespaceTemplate": "other"}}), id="pods in another namespace"),
        pytest.param(map_task(config={"k8s-array": {"remoteClusterConfig": {"enabled": True}}}), id="another cluster"),
    ],
)
def test_what_can_not_be_run_fails_for_good_and_creates_nothing(task: Any) -> None:
    world = MapWorld(task)
    failed = world.handle()
    assert failed.phase is Phase.PERMANENT_FAILURE
    assert failed.error is not None
    assert failed.error.code == "BadTaskSpecification"
    assert world.pods == []
    assert world.handle() == failed


def test_the_namespace_may_be_spelt_out() -> None:
    world = MapWorld(map_task(1, config={"k8s-array": {"namespaceTemplate": "{{.Namespace}}"}}))
    world.handle()
    assert world.pods == ["m-0-0"]


def test_too_many_sub_tasks_are_refused() -> None:
    failed = MapWorld(map_task(4, config={"k8s-array": {"maxArrayJobSize": 3}})).handle()
    assert failed.error is not None
    assert failed.error.code == "MapTaskTooLarge"


# --- The catalogue ---------------------------------------------------------------------------------------------------


def cached_task(size: int, **config: Any) -> Any:
    return map_task(size, template={"metadata": {"discoverable": True, "discoveryVersion": "1"}}, config=config)


class Catalog:
    """Knows these sub-tasks; remembers what it was asked."""

    def __init__(self, *cached: int, ready: bool = True) -> None:
        self.cached = cached
        self.ready = ready
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, method: str, payload: Any) -> Result:
        self.asked.append((method, dict(payload)))
        return Done({"ready": self.ready, "cached": list(self.cached)})


def test_what_is_cached_does_not_run_and_the_others_know_their_place() -> None:
    catalog = Catalog(0, 2)
    world = MapWorld(cached_task(4), services={"catalog": catalog})
    world.leave(0, integer(0))
    world.leave(2, integer(20))
    world.handle()
    assert world.pods == ["m-0-0", "m-0-1"]
    assert [world.index(name) for name in world.pods] == [1, 3]
    lookup = LiteralCollection.FromString(world.executor.files["s3://b/in/indexlookup.pb"])
    assert [literal.scalar.primitive.integer for literal in lookup.literals] == [1, 3]
    world.succeeds(*world.pods)
    assert world.handle().phase is Phase.SUCCESS
    assert world.outputs() == [0, 10, 20, 30]
    method, payload = catalog.asked[-1]
    assert (method, payload["indexes"]) == ("store", [1, 3])


def test_when_all_is_cached_nothing_runs() -> None:
    world = MapWorld(cached_task(2), services={"catalog": Catalog(0, 1)})
    world.leave(0, integer(0))
    world.leave(1, integer(10))
    assert world.handle().phase is Phase.SUCCESS
    assert world.outputs() == [0, 10]
    assert world.pods == []


def test_a_catalogue_that_needs_time_is_asked_again() -> None:
    catalog = Catalog(ready=False)
    world = MapWorld(cached_task(2), services={"catalog": catalog})
    assert world.handle().phase is Phase.INITIALIZING
    assert world.pods == []
    catalog.ready = True
    world.wait(10)
    world.handle()
    assert len(world.pods) == 2
    world.succeeds(*world.pods)
    catalog.ready = False
    assert world.handle().phase is Phase.RUNNING
    catalog.ready = True
    assert world.handle().phase is Phase.SUCCESS


def test_without_a_catalogue_everything_runs() -> None:
    world = MapWorld(cached_task(3))
    world.handle()
    assert len(world.pods) == 3


def test_inputs_from_a_file_and_a_catalogue_go_together() -> None:
    from google.protobuf.json_format import ParseDict

    task = map_task(inputs=None, template={"metadata": {"discoverable": True}})
    world = MapWorld(task, services={"catalog": Catalog(1)})
    world.executor.files[FILE] = ParseDict(numbers(3), LiteralMap()).SerializeToString()
    world.handle()
    assert [world.index(name) for name in world.pods] == [0, 2]


def test_more_than_the_catalogue_takes_is_refused() -> None:
    failed = MapWorld(cached_task(3, catalogCache={"reader": {"maxItems": 2}})).handle()
    assert failed.error is not None
    assert failed.error.code == "MapTaskTooLarge"


def test_an_index_that_can_not_be_written_is_tried_again() -> None:
    world = MapWorld(cached_task(2), services={"catalog": Catalog(0)})
    carry_out = world.executor.carry_out
    world.executor.carry_out = lambda action: (  # type: ignore[method-assign]
        Refused("StoreUnavailable", "away") if type(action).__name__ == "WriteInputs" else carry_out(action)
    )
    error = world.call("handle").error
    assert error is not None
    assert error.code == "FilesNotWritten"
    world.executor.carry_out = carry_out  # type: ignore[method-assign]
    world.handle()
    assert world.pods == ["m-0-0"]
