"""Inputs and outputs: what is written before a launch, what is read after a success, where an attempt's data lives."""

from __future__ import annotations

from typing import Any

import pytest
from flyteidl.core import literals_pb2, tasks_pb2
from google.protobuf import json_format

from pluginmachinery.core import phases
from pluginmachinery.core.actions import OutputError, Outputs, ReadFiles, Refused, WriteInputs
from pluginmachinery.lifecycle import paths
from tests.pluginmachinery.lifecycle.simulation import Cluster, Controller, PodLike, Scripted, execution, world

INPUTS = {"literals": {"x": {"scalar": {"primitive": {"integer": "5"}}}}}
OUTPUTS = {"literals": {"o0": {"scalar": {"primitive": {"stringValue": "done"}}}}}
DECLARED = {"interface": {"outputs": {"variables": {"o0": {"type": {"simple": "STRING"}}}}}}


def args(*texts: str) -> dict[str, Any]:
    return {"container": {"image": "i", "args": list(texts)}}


@pytest.mark.parametrize(
    ("template", "written"),
    [
        pytest.param(args("{{.input}}"), ["in/inputs.pb"], id="the file"),
        pytest.param(args("{{ $inputPrefix }}"), ["in/inputs.pb"], id="the folder"),
        pytest.param(args("--in={{ .Input }}"), ["in/inputs.pb"], id="in any case, within a text"),
        pytest.param(args("{{.inputs.x}}"), [], id="a single value comes on the command line"),
        pytest.param(args("plain"), [], id="no reference"),
        pytest.param(args("{{.taskTemplatePath}}"), ["task.pb"], id="the template"),
        pytest.param(
            {"container": {"image": "i", "dataConfig": {"enabled": True}}}, ["in/inputs.pb"], id="co-pilot downloads it"
        ),
        pytest.param(
            {"k8sPod": {"podSpec": {"containers": [{"name": "a", "args": ["{{.input}}"]}]}}},
            ["in/inputs.pb"],
            id="within a pod spec",
        ),
    ],
)
def test_files_are_written_where_something_refers_to_them(template: Any, written: list[str]) -> None:
    task = execution(template=template, inputs=INPUTS, inputPath="in/inputs.pb", taskTemplatePath="task.pb")
    cluster = Cluster(task)
    Controller(world(PodLike()), cluster).run()
    assert list(cluster.files) == written
    assert cluster.created == ["task-0"]
    if data := cluster.files.get("in/inputs.pb"):
        assert literals_pb2.LiteralMap.FromString(data).literals["x"].scalar.primitive.integer == 5
    if data := cluster.files.get("task.pb"):
        assert tasks_pb2.TaskTemplate.FromString(data).type == "container"


def test_inputs_that_are_in_the_store_are_read_when_the_command_names_them() -> None:
    stored = json_format.ParseDict(INPUTS, literals_pb2.LiteralMap()).SerializeToString()
    cluster = Cluster(execution(template=args("{{.inputs.x}}"), inputPath="in.pb"), files={"in.pb": stored})
    plugin = Scripted([phases.waiting_for_resources("quota"), phases.queued("submitted")])
    controller = Controller(world(plugin), cluster)
    controller.run()
    Controller(world(plugin), cluster).run()  # another process, which has to read them anew
    controller.run()
    assert [context.inputs.literals["x"].scalar.primitive.integer for context in plugin.contexts[:2]] == [5, 5]


@pytest.mark.parametrize(
    ("stored", "code"), [(None, "InputsNotFound"), (b"\xff\xff", "InputsMalformed")], ids=["missing", "truncated"]
)
def test_inputs_that_can_not_be_used_fail_before_anything_is_created(stored: bytes | None, code: str) -> None:
    files = {} if stored is None else {"in.pb": stored}
    cluster = Cluster(execution(template=args("{{.inputs.x}}"), inputPath="in.pb"), files=files)
    Controller(world(PodLike()), cluster).run()
    assert cluster.status["error"]["code"] == code
    assert cluster.created == []


def test_inputs_that_nobody_names_are_not_read() -> None:
    cluster = Cluster(execution(template=args("{{.input}}"), inputPath="in.pb"))
    cluster.refuse = lambda action: Refused("StoreUnavailable", "503") if isinstance(action, ReadFiles) else None
    Controller(world(PodLike()), cluster).run()
    assert cluster.created == ["task-0"]


def test_every_attempt_finds_the_inputs_even_if_the_one_before_failed_for_want_of_them() -> None:
    task = execution(template=args("{{.input}}"), inputs=INPUTS, inputPath="in.pb")
    cluster = Cluster(task)
    cluster.refuse = lambda action: Refused("StoreUnavailable", "503") if isinstance(action, WriteInputs) else None
    controller = Controller(world(PodLike()), cluster)
    while not cluster.status.get("failures"):
        controller.run()
        assert controller.wake_at is not None
        cluster.now = controller.wake_at
    cluster.refuse = lambda action: None
    controller.run()
    assert list(cluster.files) == ["in.pb"]
    assert cluster.created == ["task-1"]


@pytest.mark.parametrize(
    ("task", "code"),
    [
        pytest.param(
            execution(inputs={"literals": {"x": {"scalar": {"primitive": {"stringValue": "x" * 300_000}}}}}),
            "InputsTooLarge",
            id="more than 256 KiB inline",
        ),
        pytest.param(execution(template=args("{{.inputs.x}}")), "InputsNotFound", id="a single value without inputs"),
        pytest.param(execution(template=DECLARED), "BadTaskExecution", id="outputs declared and nowhere to put them"),
        pytest.param(execution(inputs={"literals": 7}), "BadTaskExecution", id="inputs that are none"),
    ],
)
def test_bad_data_is_refused_before_anything_is_created(task: dict[str, Any], code: str) -> None:
    cluster = Cluster(task)
    Controller(world(PodLike()), cluster).run()
    assert cluster.status["error"]["code"] == code
    assert cluster.created == []


@pytest.mark.parametrize(
    ("template", "left", "phase", "error"),
    [
        pytest.param({}, Outputs(), "Succeeded", None, id="nothing declared, nothing left"),
        pytest.param(DECLARED, Outputs(OUTPUTS), "Succeeded", None, id="outputs"),
        pytest.param({}, Outputs(OUTPUTS), "Succeeded", None, id="outputs that were not declared"),
        pytest.param(DECLARED, Outputs(), "Failed", ("OutputsNotFound", "UNKNOWN", 2), id="declared and not there"),
        pytest.param(
            DECLARED,
            Outputs(OUTPUTS, OutputError("USER:Value", "bad value", "USER", recoverable=True)),
            "Failed",
            ("USER:Value", "USER", 2),
            id="a recoverable error beats outputs",
        ),
        pytest.param(
            {},
            Outputs(None, OutputError("USER:Value", "bad value", "USER", recoverable=False)),
            "Failed",
            ("USER:Value", "USER", 1),
            id="an error that is not recoverable is final",
        ),
        pytest.param(
            {},
            Outputs(None, OutputError("SYSTEM:Oom", "memory", "SYSTEM", recoverable=True)),
            "Failed",
            ("SYSTEM:Oom", "SYSTEM", 4),
            id="an error of the system spends system retries",
        ),
        pytest.param(
            {},
            Outputs(None, OutputError("", "", "odd", recoverable=False)),
            "Failed",
            ("Unknown", "UNKNOWN", 1),
            id="an error without code or kind",
        ),
        pytest.param(
            {},
            Refused("OutputSizeExceeded", "outputs.pb has 3 MiB"),
            "Failed",
            ("OutputSizeExceeded", "UNKNOWN", 1),
            id="too large",
        ),
    ],
)
def test_what_a_task_left_decides(template: Any, left: Any, phase: str, error: tuple[str, str, int] | None) -> None:
    task = execution(template=template | {"metadata": {"retries": {"retries": 1}}}, outputPrefix="out")
    cluster = Cluster(task, outputs={f"out{suffix}": left for suffix in ("", "/1", "/2", "/3")})
    Controller(world(Scripted([phases.success()])), cluster).run()
    assert cluster.status["phase"] == phase
    if error is None:
        assert "error" not in cluster.status
    else:
        found = cluster.status["error"]
        assert (found["code"], found["kind"], len(cluster.status["attempts"])) == error


def test_outputs_stand_in_the_status_with_their_place() -> None:
    cluster = Cluster(execution(template=DECLARED, outputPrefix="out"), outputs={"out": Outputs(OUTPUTS)})
    Controller(world(Scripted([phases.success()])), cluster).run()
    assert cluster.status["outputs"] == {"prefix": "out", "literals": OUTPUTS["literals"]}


@pytest.mark.parametrize(
    ("says", "left", "running", "ended"),
    [
        ({}, True, None, "out/deck.html"),
        ({}, False, None, None),
        ({"generatesDeck": True}, True, "out/deck.html", "out/deck.html"),
        ({"generatesDeck": True}, False, "out/deck.html", None),
        ({"generatesDeck": False}, False, None, None),
    ],
    ids=["a deck", "no deck", "one as it goes", "one that never came", "none is made"],
)
def test_where_the_deck_is(says: dict[str, bool], left: bool, running: str | None, ended: str | None) -> None:
    template = DECLARED | {"metadata": says}
    cluster = Cluster(execution(template=template, outputPrefix="out"), outputs={"out": Outputs(OUTPUTS, deck=left)})
    controller = Controller(world(Scripted([phases.running(), phases.success()])), cluster)
    controller.run()
    assert cluster.status.get("deck") == running
    controller.run()
    assert cluster.status.get("deck") == ended


def test_large_outputs_are_left_where_they_are() -> None:
    large = {"literals": {"o0": {"scalar": {"primitive": {"stringValue": "x" * 100_000}}}}}
    cluster = Cluster(execution(template=DECLARED, outputPrefix="out"), outputs={"out": Outputs(large)})
    Controller(world(Scripted([phases.success()])), cluster).run()
    assert cluster.status["outputs"] == {"prefix": "out", "omitted": True}


def test_a_later_attempt_does_not_read_the_error_of_an_earlier_one() -> None:
    wrong = Outputs(None, OutputError("USER:Value", "bad", "USER", recoverable=True))
    retries = {"metadata": {"retries": {"retries": 1}}}
    task = execution(template=DECLARED | retries, outputPrefix="out")
    cluster = Cluster(task, outputs={"out": wrong, "out/1": Outputs(OUTPUTS)})
    Controller(world(Scripted([phases.success()])), cluster).run()
    assert cluster.status["phase"] == "Succeeded"
    assert cluster.status["outputs"]["prefix"] == "out/1"


@pytest.mark.parametrize(
    ("spec", "attempt", "expected"),
    [
        pytest.param({}, 0, {}, id="nothing given, nothing made"),
        pytest.param({"outputPrefix": "o"}, 0, {"outputPrefix": "o"}, id="the first attempt takes it as it is"),
        pytest.param(
            {"outputPrefix": "o/", "rawOutputPrefix": "r", "checkpointPrefix": "c"},
            1,
            {
                "outputPrefix": "o/1",
                "rawOutputPrefix": "r/1",
                "checkpointPrefix": "c/1",
                "previousCheckpointPrefix": "c",
            },
            id="the second has its own folders, and the first one's checkpoints",
        ),
        pytest.param(
            {"outputPrefix": "o", "checkpointPrefix": "c", "template": {"type": "container_array"}},
            2,
            {"outputPrefix": "o/r2", "checkpointPrefix": "c/r2", "previousCheckpointPrefix": "c/r1"},
            id="folders of a map task that are called by a number belong to its sub-tasks",
        ),
        pytest.param(
            {"checkpointPrefix": "c", "previousCheckpointPrefix": "p"},
            3,
            {"checkpointPrefix": "c/3", "previousCheckpointPrefix": "c/2"},
            id="later ones those of the one before",
        ),
        pytest.param(
            {"previousCheckpointPrefix": "p"},
            0,
            {"previousCheckpointPrefix": "p"},
            id="checkpoints of another execution",
        ),
        pytest.param(
            {"inputPrefix": "in"}, 0, {"inputPrefix": "in", "inputPath": "in/inputs.pb"}, id="the file from the folder"
        ),
        pytest.param(
            {"inputPath": "s3://b/in/x.pb"},
            0,
            {"inputPrefix": "s3://b/in", "inputPath": "s3://b/in/x.pb"},
            id="the folder from the file",
        ),
    ],
)
def test_paths_of_an_attempt(spec: dict[str, Any], attempt: int, expected: dict[str, str]) -> None:
    assert paths.of_attempt(execution(**spec), attempt) == expected


def test_an_execution_without_paths_gets_some_where_there_is_a_place_for_them() -> None:
    made = paths.of_attempt(execution("train"), 1, data_prefix="s3://bucket/data/")
    assert made == {
        "inputPrefix": "s3://bucket/data/ns/train-uid-train",
        "inputPath": "s3://bucket/data/ns/train-uid-train/inputs.pb",
        "taskTemplatePath": "s3://bucket/data/ns/train-uid-train/task.pb",
        "outputPrefix": "s3://bucket/data/ns/train-uid-train/outputs/1",
        "rawOutputPrefix": "s3://bucket/data/ns/train-uid-train/raw/1",
        "checkpointPrefix": "s3://bucket/data/ns/train-uid-train/checkpoints/1",
        "previousCheckpointPrefix": "s3://bucket/data/ns/train-uid-train/checkpoints",
    }
    own = paths.of_attempt(execution(outputPrefix="s3://mine"), 0, data_prefix="s3://bucket/data")
    assert own["outputPrefix"] == "s3://mine"
