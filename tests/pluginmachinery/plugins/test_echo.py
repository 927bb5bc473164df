"""echo: waits, then hands its input back, wherever the input is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flyteidl.core.literals_pb2 import Literal, LiteralMap
from google.protobuf.json_format import ParseDict

from pluginmachinery.api.contexts import task_context
from pluginmachinery.config.documents import read_as_flyte
from pluginmachinery.conformance.cluster import Cluster
from pluginmachinery.conformance.executor import Executor
from pluginmachinery.core.actions import Observation, ReadFiles, Refused, WakeAt, WriteInputs
from pluginmachinery.core.phases import Phase
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.plugins.echo import EchoPlugin

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SEVEN = {"scalar": {"primitive": {"integer": "7"}}}
ECHO = EchoPlugin()


def task(
    takes: tuple[str, ...] = ("a",), gives: tuple[str, ...] = ("b",), sleep: str = "0s", **execution: Any
) -> TaskContext:
    def variables(names: tuple[str, ...]) -> Mapping[str, Any]:
        return {"variables": {name: {"type": {"simple": "INTEGER"}} for name in names}}

    return task_context(
        {"type": "echo", "interface": {"inputs": variables(takes), "outputs": variables(gives)}},
        {"generatedName": "e", "namespace": "ns", "outputPrefix": "s3://b/out", **execution},
        config=read_as_flyte({"plugins": {"echo": {"sleep-duration": sleep}}}),
    )


def literals(**values: Any) -> LiteralMap:
    return LiteralMap(literals={name: ParseDict(value, Literal()) for name, value in values.items()})


def run(context: TaskContext, files: dict[str, bytes] | None = None) -> tuple[Phase, dict[str, bytes]]:
    executor = Executor(Cluster(), now=NOW, files=files)
    return executor.run(ECHO.handle, context, None).phase.phase, executor.files


def test_the_input_becomes_the_output() -> None:
    phase, files = run(task(inputs={"literals": {"a": SEVEN}}))
    assert phase is Phase.SUCCESS
    assert LiteralMap.FromString(files["s3://b/out/outputs.pb"]) == literals(b=SEVEN)


def test_inputs_that_are_not_inline_are_read() -> None:
    files = {"s3://b/in.pb": literals(a=SEVEN).SerializeToString()}
    phase, files = run(task(inputPath="s3://b/in.pb"), files)
    assert phase is Phase.SUCCESS
    assert LiteralMap.FromString(files["s3://b/out/outputs.pb"]) == literals(b=SEVEN)


def test_a_task_without_inputs_and_outputs_just_succeeds() -> None:
    assert run(task((), ())) == (Phase.SUCCESS, {})


def test_it_waits_first_and_is_woken() -> None:
    context = task((), (), sleep="90s")
    first = ECHO.handle(context, None, Observation(NOW))
    assert first.phase.phase is Phase.RUNNING
    assert first.actions == (WakeAt(NOW + timedelta(seconds=90)),)
    early = ECHO.handle(context, first.state, Observation(NOW + timedelta(seconds=89)))
    assert early.actions == first.actions
    assert ECHO.handle(context, first.state, Observation(NOW + timedelta(seconds=90))).phase.phase is Phase.SUCCESS


@pytest.mark.parametrize(
    "context",
    [
        pytest.param(task(("a",), ()), id="an input, no output"),
        pytest.param(task(("a", "b"), ("c", "d")), id="two of each"),
        pytest.param(task(inputs={"literals": {"other": SEVEN}}), id="the input is not given"),
        pytest.param(task(), id="neither inputs nor a path"),
        pytest.param(task(inputPath="s3://b/nothing.pb"), id="no file"),
    ],
)
def test_what_can_not_be_echoed_fails_for_good(context: TaskContext) -> None:
    phase = Executor(Cluster(), now=NOW).run(ECHO.handle, context, None).phase
    assert phase.phase is Phase.PERMANENT_FAILURE
    assert phase.error is not None
    assert phase.error.code == "BadTaskSpecification"


def test_inputs_that_are_no_inputs_fail_for_good() -> None:
    assert run(task(inputPath="s3://b/in.pb"), {"s3://b/in.pb": b"\xff"})[0] is Phase.PERMANENT_FAILURE


def test_a_store_that_does_not_answer_is_tried_again() -> None:
    given = task(inputs={"literals": {"a": SEVEN}})
    for context, action in ((given, WriteInputs({})), (task(inputPath="s3://b/in.pb"), ReadFiles(()))):
        asked = Observation(NOW, results=((action, Refused("StoreUnavailable", "away")),))
        transition = ECHO.handle(context, {"since": NOW.isoformat()}, asked)
        assert transition.error is not None
        assert transition.error.message == "away"


def test_a_state_of_somebody_else_is_told_as_such() -> None:
    phase = ECHO.handle(task(), {"odd": 1}, Observation(NOW)).phase
    assert phase.error is not None
    assert phase.error.code == "CorruptedPluginState"


def test_nothing_is_left_to_abort_or_to_finalize() -> None:
    for verb in (ECHO.abort, ECHO.finalize):
        assert verb(task(), {"since": NOW.isoformat()}, Observation(NOW)).actions == ()
