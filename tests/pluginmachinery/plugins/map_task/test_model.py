"""A map task in a hostile world: pods fail and vanish, answers get lost, controllers die – and it comes out right.

Whatever happens, no more sub-tasks than allowed are alive, each has as many pods as it has tries, and in the end the
outputs are those of the sub-tasks that succeeded, or the task has failed because too few did.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pluginmachinery.core.actions import Refused
from pluginmachinery.core.phases import Phase
from pluginmachinery.plugins.map_task import passes
from tests.pluginmachinery.plugins.map_worlds import MapWorld, map_task

SIZE, ATTEMPTS, PARALLELISM, ENOUGH = 6, 3, 2, 4


def alive(world: MapWorld) -> list[str]:
    return [
        name
        for name in world.pods
        if world.pod(name)["status"].get("phase") in ("Pending", "Running")
        and "deletionTimestamp" not in world.pod(name)["metadata"]
    ]


def disturb(world: MapWorld, chance: random.Random) -> None:
    """Something happens to one pod, or to the controller."""
    event = chance.randrange(7)
    saved = world.state
    if event == 0:  # the controller dies before it has saved what it did
        world.call("handle")
        world.state = saved
        return
    if event == 1:  # an action fails
        refused = Refused("InternalError", "no")
        world.cluster.refuse = lambda _verb, _ref: refused if chance.random() < 0.3 else None
        world.call("handle")
        world.cluster.refuse = lambda _verb, _ref: None
        return
    pods = alive(world)
    if not pods:
        return
    name = chance.choice(pods)
    if event == 2:
        world.fails(name)
    elif event == 3:
        world.pod(name)["metadata"]["deletionTimestamp"] = "2030-01-01T00:00:00Z"
    elif event == 4:
        world.runs(name)
    else:
        world.succeeds(name)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.booleans(), st.sampled_from([1, 2, 100]))
def test_it_comes_out_right(seed: int, watched: bool, window: int) -> None:
    """``window``: sub-tasks worked on side by side; with few the passes pause between them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passes, "WINDOW", window)
        patch.setattr(passes, "LONGEST", 1)
        _comes_out_right(seed, watched)


def _comes_out_right(seed: int, watched: bool) -> None:
    chance = random.Random(seed)
    custom = {"minSuccessRatio": ENOUGH / SIZE - 0.01, "parallelism": str(PARALLELISM)}
    world = MapWorld(map_task(SIZE, template={"custom": custom}, maxAttempts=ATTEMPTS), watched=watched)
    last = world.handle()
    for _ in range(200):
        disturb(world, chance)
        last = world.handle()
        assert len(alive(world)) <= PARALLELISM
        if last.phase.is_terminal:
            break
    assert last.phase in (Phase.SUCCESS, Phase.PERMANENT_FAILURE)
    created = [call.ref.name for call in world.cluster.calls if call.verb == "create"]
    assert len({name for name in created if name.startswith("m-0-0")}) <= ATTEMPTS
    phases = world.phases()
    if last.phase is Phase.SUCCESS:
        assert phases.count("Success") >= ENOUGH
        expected = [index * 10 if phase == "Success" else None for index, phase in enumerate(phases)]
        assert world.outputs() == expected
    else:
        assert phases.count("PermanentFailure") > SIZE - ENOUGH
        assert alive(world) == []
