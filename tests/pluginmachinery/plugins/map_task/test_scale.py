"""Thousands of sub-tasks: little to remember, and nothing is looked at twice without need."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest

from pluginmachinery.core.actions import Create, Done, Files, Observation, ReadFiles, Result, WakeAt, WriteInputs
from pluginmachinery.core.phases import Phase
from pluginmachinery.core.transitions import Transition
from pluginmachinery.plugins.array import ArrayPlugin
from pluginmachinery.plugins.map_task.states import ArrayState
from tests.pluginmachinery.plugins.map_worlds import NOW, Followed, MapWorld, every_name, map_task

SIZE = 5000
LIMIT = 64 * 1024


def test_the_worst_state_of_five_thousand_fits() -> None:
    state = ArrayState()
    state.define(SIZE, SIZE, frozenset(range(0, SIZE, 7)))
    state.phases = [tuple(Phase)[index % len(Phase)] for index in range(len(state.runs))]
    state.retries = [index % 300 for index in range(len(state.runs))]
    state.system_failures = [index % 299 for index in range(len(state.runs))]
    written = state.write()
    assert len(orjson.dumps(written)) < LIMIT
    again = ArrayState.read(orjson.loads(orjson.dumps(written)))
    assert again == state


class Thousands:
    """Five thousand sub-tasks; counts calls and remembers the longest state, of those in between too."""

    def __init__(self) -> None:
        self.plugin = ArrayPlugin()
        self.task = map_task(SIZE)
        self.state: Any = None
        self.longest = 0
        self.pods: dict[Any, dict[str, Any]] = {}
        self.unpacked = 0

    def settle(self) -> Transition:
        results: tuple[Any, ...] = ()
        while True:
            followed = Followed(self.pods)
            transition = self.plugin.handle(self.task, self.state, Observation(NOW, followed, results))
            assert transition.error is None
            self.unpacked += followed.unpacked
            self.state = transition.state
            self.longest = max(self.longest, len(orjson.dumps(self.state)))
            if transition.settled and not transition.actions:
                return transition
            results = () if transition.settled else tuple((one, self._carry_out(one)) for one in transition.actions)

    def _carry_out(self, action: Any) -> Result:
        match action:
            case Create(ref, manifest):
                self.pods[ref] = {**manifest, "status": {"phase": "Pending"}}
                return Done()
            case ReadFiles(paths, content):
                found = paths if content else [path for path in paths if path.endswith("outputs.pb")]
                return Files(dict.fromkeys(found, b""))
            case WriteInputs():
                return Done()
        raise AssertionError(action)

    def all_are(self, phase: str) -> None:
        for pod in self.pods.values():
            pod["status"] = {"phase": phase}


@pytest.fixture(scope="module")
def thousands() -> Thousands:
    world = Thousands()
    world.settle()
    return world


def test_five_thousand_run_and_end_with_a_state_that_always_fits(thousands: Thousands) -> None:
    assert len(thousands.pods) == SIZE
    thousands.all_are("Running")
    assert thousands.settle().phase.reason == "5000 sub-tasks: 5000 running"
    thousands.unpacked = 0
    thousands.settle()
    assert thousands.unpacked == 0, "pods that have not changed are not looked at again"
    first = next(iter(thousands.pods.values()))
    first["status"] = {"phase": "Succeeded"}
    assert thousands.settle().phase.reason == "5000 sub-tasks: 1 succeeded, 4999 running"
    assert thousands.unpacked <= 3
    thousands.all_are("Succeeded")
    assert thousands.settle().phase.phase is Phase.SUCCESS
    assert thousands.longest < LIMIT


def test_a_small_parallelism_looks_at_few() -> None:
    world = MapWorld(map_task(1000, template={"custom": {"minSuccessRatio": 1.0, "parallelism": "3"}}))
    world.handle()
    assert world.pods == list(every_name(3))


def test_pods_are_made_in_portions_so_that_an_abort_gets_through() -> None:
    world = MapWorld(map_task(1000))
    first = world.call("handle")
    assert len(world.pods) == 200
    assert first.actions == (WakeAt(NOW + timedelta(milliseconds=50)),)
    assert first.phase.reason == "1000 sub-tasks: 200 queued, 800 pending"
    world.call("abort")
    assert world.pods == []
