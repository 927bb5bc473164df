"""The decisions of a life: what ``advance`` is asked about one container task that succeeds, to be asked again.

Four times: the task is there, its pod was created, the pod runs, the pod has succeeded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.controller.load import NAMESPACE, PODS, task
from pluginmachinery.config import Configuration
from pluginmachinery.conformance.cases import NOW
from pluginmachinery.core.actions import Create, Done, Found, ObjectRef, Observation
from pluginmachinery.lifecycle.advance import World, advance
from pluginmachinery.plugins.registry import PluginRegistry

_UID = "3f7c1c7e-5a53-4f0e-9d0b-1f2d3c4b5a69"
_IDENTITY = {"namespace": NAMESPACE, "uid": _UID, "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z"}
_TIMES = {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:01Z"}
_STATES = (("Running", {"running": _TIMES}), ("Succeeded", {"terminated": {"exitCode": 0} | _TIMES}))


class Life:
    """A task, decided from its beginning to its end; each question is remembered."""

    def __init__(self) -> None:
        enabled = {"tasks": {"task-plugins": {"enabled-plugins": ["container"]}}}
        config = Configuration.model_validate(enabled)
        self.world = World(config, PluginRegistry.from_config(config))
        self.execution: Mapping[str, Any] = {**task("life"), "metadata": {"name": "life", **_IDENTITY}}
        self.asked: list[tuple[Mapping[str, Any], Observation]] = []
        (create,) = self._ask(Observation(NOW))
        assert isinstance(create, Create)
        self._ask(Observation(NOW, results=((create, Done(create.object)),)))
        for phase, state in _STATES:
            status = {"phase": phase, "containerStatuses": [{"name": "life-0", "state": state}]}
            pod = Found({**create.object, "status": status})
            self._ask(Observation(NOW, {ObjectRef(PODS, NAMESPACE, "life-0"): pod}))
        assert self.execution["status"]["phase"] == "Succeeded"

    def _ask(self, observation: Observation) -> tuple[Any, ...]:
        self.asked.append((self.execution, observation))
        decision = advance(self.world, self.execution, observation)
        self.execution = {**self.execution, "status": decision.status}
        return decision.actions


def whole() -> Callable[[], None]:
    """All decisions of a life, one after the other."""
    life = Life()

    def again() -> None:
        for execution, observation in life.asked:
            advance(life.world, execution, observation)

    return again


def after_restart() -> Callable[[], None]:
    """The decision about a task that runs, by a controller that has just started and finds nothing new."""
    life = Life()
    execution, observation = life.asked[-1][0], life.asked[-2][1]
    assert execution["status"]["phase"] == "Running"

    def again() -> None:
        life.world.contexts.forget((_UID, 0))
        advance(life.world, execution, observation)

    return again
