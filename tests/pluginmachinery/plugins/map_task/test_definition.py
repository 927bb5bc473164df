"""How many sub-tasks, how many have to succeed."""

from __future__ import annotations

from typing import Any

import pytest
from flyteidl.core.literals_pb2 import LiteralMap
from google.protobuf.json_format import ParseDict

from pluginmachinery.core.errors import PluginError
from pluginmachinery.plugins.map_task.definition import Definition, define
from tests.pluginmachinery.plugins.map_worlds import integer, map_task, numbers


def defined(version: int, custom: Any, inputs: Any) -> Definition:
    task = map_task(template={"taskTypeVersion": version, "custom": custom})
    return define(task.template, None if inputs is None else ParseDict(inputs, LiteralMap()))


def lists(**lengths: int) -> dict[str, Any]:
    return {"literals": {name: numbers(length)["literals"]["x"] for name, length in lengths.items()}}


@pytest.mark.parametrize(
    ("version", "custom", "inputs", "expected"),
    [
        pytest.param(1, {"minSuccessRatio": 1.0}, numbers(7), Definition(7, 7, 0), id="all have to succeed"),
        pytest.param(1, {"minSuccessRatio": 0.5}, numbers(7), Definition(7, 4, 0), id="a ratio is rounded up"),
        pytest.param(1, {"minSuccessRatio": 0.2}, numbers(5), Definition(5, 2, 0), id="of the 32 bits that it has"),
        pytest.param(1, None, numbers(4), Definition(4, 4, 0), id="no custom: all"),
        pytest.param(1, {"minSuccesses": "2", "size": "9"}, numbers(4), Definition(4, 0, 0), id="numbers do not count"),
        pytest.param(1, {"minSuccessRatio": 1.0}, numbers(0), Definition(0, 0, 0), id="nothing to do"),
        pytest.param(1, {"minSuccessRatio": 1.0}, lists(a=3, b=3), Definition(3, 3, 0), id="two lists"),
        pytest.param(
            2, {"parallelism": "5", "minSuccessRatio": 1.0}, numbers(4), Definition(4, 4, 5), id="parallelism"
        ),
        pytest.param(0, {"size": "6", "minSuccesses": "4"}, None, Definition(6, 4, 0), id="version 0 says it itself"),
        pytest.param(0, {"size": "6", "minSuccessRatio": 1.0}, None, Definition(6, 0, 0), id="version 0 has no ratio"),
        pytest.param(0, None, None, Definition(1, 1, 0), id="version 0 without a custom is one sub-task"),
    ],
)
def test_definitions(version: int, custom: Any, inputs: Any, expected: Definition) -> None:
    assert defined(version, custom, inputs) == expected


@pytest.mark.parametrize(
    ("version", "custom", "inputs", "code"),
    [
        pytest.param(1, {}, {"literals": {"c": integer(1)}}, "BadTaskSpecification", id="no list"),
        pytest.param(1, {}, None, "BadTaskSpecification", id="no inputs"),
        pytest.param(1, {}, lists(a=2, b=3), "UnevenInputs", id="lists of different lengths"),
        pytest.param(1, {"size": "no"}, numbers(1), "BadTaskSpecification", id="no number"),
        pytest.param(0, {"size": "-1"}, None, "BadTaskSpecification", id="fewer than none"),
        pytest.param(1, {"parallelism": "-1"}, numbers(1), "BadTaskSpecification", id="fewer than none at a time"),
    ],
)
def test_what_is_no_definition(version: int, custom: Any, inputs: Any, code: str) -> None:
    with pytest.raises(PluginError) as raised:
        defined(version, custom, inputs)
    assert raised.value.code == code
