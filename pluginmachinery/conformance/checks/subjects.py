"""What a check looks at: one plugin with one example, and the life of that example on a cluster in memory."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson

from pluginmachinery.conformance.cluster import Cluster
from pluginmachinery.conformance.examples import NOW, Example
from pluginmachinery.conformance.executor import Executor
from pluginmachinery.core.actions import Found, Missing, ObjectRef, WakeAt
from pluginmachinery.core.errors import PluginError
from pluginmachinery.core.phases import ErrorKind, ExecutionError
from pluginmachinery.core.plugins import CorePlugin, KubernetesPlugin
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.core.transitions import PluginState, Transition
from pluginmachinery.manager.plugin_manager import PluginManager

FINALIZER = "conformance.example.org/hold"
"""Keeps objects that are being deleted, as a node that takes its time does."""

JUNK: tuple[Any, ...] = (None, True, -1, 1.5, "junk", "", [], [None], {}, {"junk": ["junk"]}, "9" * 30)
"""What may stand where something else is expected."""
MAX_PLACES = 80
"""Places of a value that are tried with junk."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong, and how to mend it."""

    message: str
    mend: str


@dataclass(frozen=True)
class Subject:
    """A plugin and an example of its tasks."""

    plugin: Any
    """A KubernetesPlugin or a CorePlugin; that it is one of the two is what the first check finds out."""
    example: Example

    @property
    def kubernetes(self) -> KubernetesPlugin | None:
        return self.plugin if isinstance(self.plugin, KubernetesPlugin) else None

    @property
    def task(self) -> TaskContext:
        return self.example.task

    def build(self, task: TaskContext | None = None) -> dict[str, Any] | None:
        """The object of the example, or of another task; None if the plugin says that it can not be built."""
        if self.kubernetes is None:
            return None
        try:
            return self.kubernetes.build_resource(task or self.task)
        except PluginError:
            return None

    def driven(self) -> CorePlugin:
        """The plugin as the runtime drives it, with a memory of its own."""
        if self.kubernetes is not None:
            return PluginManager(self.kubernetes)
        plugin: CorePlugin = self.plugin
        return plugin

    def life(self, task: TaskContext | None = None) -> Life:
        return Life(self, task)


class Life:
    """One example, live: its objects on a cluster in memory, its state, its clock."""

    def __init__(self, subject: Subject, task: TaskContext | None = None) -> None:
        self.plugin = subject.driven()
        self.task = task or subject.task
        self.cluster = Cluster(now=lambda: NOW)
        self.executor = Executor(self.cluster, now=NOW, known=self._known)
        self.state: PluginState = None

    def handle(self) -> Transition:
        """One look at the task; the clock goes on to when the plugin wants to be woken, at least a second."""
        transition = self._run(self.plugin.handle)
        wakes = [action.at for action in transition.actions if isinstance(action, WakeAt)]
        self.executor.now = max(self.executor.now + timedelta(seconds=1), min(wakes, default=self.executor.now))
        return transition

    def launch(self) -> Transition:
        """Until it has objects, or has ended, or gives up."""
        transition = self.handle()
        for _ in range(10):
            if self.cluster.objects or transition.error is not None or transition.phase.phase.is_terminal:
                break
            transition = self.handle()
        return transition

    def launched(self) -> bool:
        """Launch it: does it have objects now?"""
        self.launch()
        return bool(self.cluster.objects)

    def write_status(self, status: Mapping[str, Any]) -> None:
        """The operator writes this into every object."""
        for manifest in self.cluster.objects.values():
            manifest["status"] = copy.deepcopy(dict(status))

    def begin_deletion(self) -> None:
        """Somebody deletes every object, and it takes its time."""
        for manifest in self.cluster.objects.values():
            manifest["metadata"]["deletionTimestamp"] = "2030-01-01T00:00:00Z"
            manifest["metadata"].setdefault("finalizers", []).append(FINALIZER)

    def abort(self) -> Transition:
        return self._run(self.plugin.abort)

    def finalize(self) -> Transition:
        return self._run(self.plugin.finalize)

    def _run(self, verb: Callable[..., Transition]) -> Transition:
        transition = self.executor.run(verb, self.task, self.state)
        if transition.error is None:
            # States are saved as JSON; what does not survive that is no state.
            self.state = None if transition.state is None else orjson.loads(orjson.dumps(transition.state))
        return transition

    def _known(self) -> dict[ObjectRef, Found | Missing]:
        """What a watch tells: every object as it is."""
        return {ref: Found(copy.deepcopy(manifest)) for ref, manifest in self.cluster.objects.items()}


def is_defect(error: ExecutionError | None) -> bool:
    """Did the plugin raise something that is not a PluginError?"""
    return error is not None and error.kind is ErrorKind.SYSTEM and error.code == "PluginPanic"


def spoilt(value: Any, junk: tuple[Any, ...] = JUNK) -> Iterator[tuple[str, Any]]:
    """The value with junk in one place, for every place and every kind of junk; with the place's path."""
    for path in _places(value)[:MAX_PLACES]:
        for one in junk:
            yield f"{'.'.join(map(str, path))}={one!r}", _with(value, path, one)


def _places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: list[tuple[str | int, ...]] = [(*path, key) for key, _ in items]
    return found + [place for key in found for place in _places(_at(value, key[len(path) :]), key)]


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def _with(value: Any, path: tuple[str | int, ...], junk: Any) -> Any:
    spoiled = copy.deepcopy(value)
    _at(spoiled, path[:-1])[path[-1]] = copy.deepcopy(junk)
    return spoiled


def as_bytes(value: Any) -> bytes:
    """The JSON that would be sent. Raises TypeError for what has none."""
    return orjson.dumps(value)
