"""Values, and the inputs of a task that are read late."""

import copy
import dataclasses
from collections.abc import Mapping

import pytest
from flyteidl.core.literals_pb2 import LiteralMap

from pluginmachinery.core.tasks import Inputs
from pluginmachinery.core.values import value_class


@value_class
class Place:
    name: str
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)


@value_class
class Room(Place):
    size: int = 0


@value_class
class Point:
    x: int = 0
    y: int = 0


def test_values_are_compared_and_hashed_by_their_fields() -> None:
    assert Point(1, 2) == Point(1, 2) != Point(2, 1)
    assert len({Point(1, 2), Point(1, 2), Point(2, 1)}) == 2
    assert repr(Point(1)) == "Point(x=1, y=0)"


def test_values_are_changed_by_making_another_one() -> None:
    room = Room("hall", size=3)
    assert dataclasses.replace(room, size=4) == Room("hall", {}, 4)
    assert room == Room("hall", {}, 3) != Place("hall")


def test_values_have_no_further_members() -> None:
    with pytest.raises(AttributeError):
        Point().z = 1  # type: ignore[attr-defined]


def literals() -> LiteralMap:
    answer = LiteralMap()
    answer.literals["n"].scalar.primitive.integer = 3
    return answer


def test_inputs_are_read_once_and_late() -> None:
    reads: list[int] = []

    def read() -> LiteralMap:
        reads.append(1)
        return literals()

    inputs = Inputs(read=read)
    assert not reads
    assert inputs.get() is inputs.get()
    assert len(reads) == 1


def test_inputs_that_can_not_be_read_are_so_each_time() -> None:
    def read() -> LiteralMap:
        raise ValueError("no literals")

    inputs = Inputs(read=read)
    for _ in range(2):
        with pytest.raises(ValueError, match="no literals"):
            inputs.get()


def test_inputs_are_equal_when_what_they_hold_is() -> None:
    assert Inputs(read=literals) == Inputs(literals()) != Inputs()
    inputs = Inputs(literals())
    changed = copy.deepcopy(inputs)
    assert changed == inputs
    held = changed.get()
    assert held is not None
    held.literals["n"].scalar.primitive.integer = 4
    assert changed != inputs
