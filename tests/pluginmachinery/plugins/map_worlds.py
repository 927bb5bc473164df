"""A map task in memory: its pods, its store, its catalogue, and a kubelet that does what a test says."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from flyteidl.core.errors_pb2 import ErrorDocument
from flyteidl.core.literals_pb2 import Literal, LiteralMap
from google.protobuf.json_format import MessageToDict, ParseDict

from pluginmachinery.api.contexts import task_context
from pluginmachinery.config.documents import read_as_flyte
from pluginmachinery.conformance.cluster import Cluster
from pluginmachinery.conformance.executor import Executor, Service
from pluginmachinery.core.actions import Found, Missing, ObjectRef, WakeAt
from pluginmachinery.core.phases import PhaseInfo
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.core.transitions import PluginState, Transition
from pluginmachinery.plugins.array import ArrayPlugin
from pluginmachinery.plugins.container import POD
from pluginmachinery.plugins.map_task.states import ArrayState

NOW = datetime(2030, 1, 1, tzinfo=UTC)
OWNER = {"apiVersion": "v1", "kind": "TaskExecution", "name": "m", "uid": "owner", "controller": True}
CONTAINER = {"image": "x", "args": ["--raw", "{{.rawOutputDataPrefix}}", "--prev", "{{.prevCheckpointPrefix}}"]}


def integer(value: int) -> dict[str, Any]:
    return {"scalar": {"primitive": {"integer": str(value)}}}


def numbers(count: int) -> dict[str, Any]:
    return {"literals": {"x": {"collection": {"literals": [integer(number) for number in range(count)]}}}}


def map_task(
    size: int = 3, *, config: Mapping[str, Any] | None = None, template: Any = None, **execution: Any
) -> TaskContext:
    """A map task over so many numbers; ``execution`` and ``template`` add members or replace them."""
    interface = {"outputs": {"variables": {"o": {"type": {"collectionType": {"simple": "INTEGER"}}}}}}
    task = {
        "type": "container_array",
        "taskTypeVersion": 1,
        "container": CONTAINER,
        "custom": {"minSuccessRatio": 1.0},
        "interface": interface,
    }
    given = {
        "generatedName": "m-0",
        "namespace": "ns",
        "maxAttempts": 2,
        "inputs": numbers(size),
        "inputPath": "s3://b/in/inputs.pb",
        "inputPrefix": "s3://b/in",
        "outputPrefix": "s3://b/out",
        "rawOutputPrefix": "s3://b/raw",
        "overrides": {"resources": {}},
        "ownerReference": OWNER,
    }
    return task_context(
        {name: value for name, value in (task | (template or {})).items() if value is not None},
        {name: value for name, value in (given | execution).items() if value is not None},
        config=read_as_flyte({"plugins": dict(config or {})}),
    )


class Followed(Mapping[ObjectRef, "Found | Missing"]):
    """What a watch knows. It tells versions, as the controller's does; ``unpacked`` counts what it gave."""

    def __init__(self, objects: Mapping[ObjectRef, Mapping[str, Any]]) -> None:
        self._objects = objects
        self.unpacked = 0

    def __getitem__(self, ref: ObjectRef) -> Found | Missing:
        self.unpacked += 1
        return Found(copy.deepcopy(self._objects[ref]))

    def __iter__(self) -> Iterator[ObjectRef]:
        return iter(list(self._objects))

    def __len__(self) -> int:
        return len(self._objects)

    def __contains__(self, ref: object) -> bool:
        return ref in self._objects

    def version(self, ref: ObjectRef) -> int | None:
        pod = self._objects.get(ref)
        return None if pod is None else hash(repr(pod.get("status")) + repr(pod["metadata"].get("deletionTimestamp")))


class MapWorld:
    """``watched``: whether the pods are followed without asking, as in the controller."""

    def __init__(
        self,
        task: TaskContext,
        *,
        watched: bool = True,
        quotas: Mapping[str, int] | None = None,
        services: Mapping[str, Service] | None = None,
        plugin: ArrayPlugin | None = None,
    ) -> None:
        self.task = task
        self.plugin = plugin or ArrayPlugin()
        self.cluster = Cluster()
        self.state: PluginState = None
        self.last: Transition | None = None
        self.executor = Executor(
            self.cluster, now=NOW, quotas=quotas, services=services, known=self._known if watched else dict
        )

    def _known(self) -> Mapping[ObjectRef, Found | Missing]:
        return Followed(self.cluster.objects)

    def handle(self) -> PhaseInfo:
        """Let it settle, and go on as long as it wants to be called again soon. An error is raised."""
        for _ in range(50):
            transition = self.call("handle")
            assert transition.error is None, transition.error
            soon = self.executor.now + timedelta(seconds=1)
            wakes = [wake.at for wake in transition.actions if isinstance(wake, WakeAt) and wake.at <= soon]
            if not wakes:
                return transition.phase
            self.executor.now = min(wakes)
        raise AssertionError("it wants to be called again and again")

    def call(self, verb: str) -> Transition:
        transition = self.executor.run(getattr(self.plugin, verb), self.task, self.state)
        for pod in self.cluster.objects.values():
            pod.setdefault("status", {"phase": "Pending"})
        if transition.error is None:
            self.state = transition.state
        self.last = transition
        return transition

    def wait(self, seconds: float) -> None:
        self.executor.now += timedelta(seconds=seconds)

    # The pods

    @property
    def pods(self) -> list[str]:
        return sorted(ref.name for ref in self.cluster.objects)

    def pod(self, name: str) -> dict[str, Any]:
        return self.cluster.objects[self.ref(name)]

    def ref(self, name: str) -> ObjectRef:
        return ObjectRef(POD, "ns", name)

    def runs(self, *names: str) -> None:
        for name in names:
            self.pod(name)["status"] = {"phase": "Running", "containerStatuses": [_container(self.pod(name), RUNNING)]}

    def succeeds(self, *names: str, outputs: bool = True) -> None:
        for name in names:
            pod = self.pod(name)
            pod["status"] = {"phase": "Succeeded", "containerStatuses": [_container(pod, _ended(0))]}
            if outputs:
                index = self.index(name)
                self.leave(index, integer(index * 10))

    def fails(self, *names: str, exit_code: int = 1) -> None:
        for name in names:
            pod = self.pod(name)
            pod["status"] = {"phase": "Failed", "containerStatuses": [_container(pod, _ended(exit_code))]}

    def index(self, name: str) -> int:
        variables = self.pod(name)["spec"]["containers"][0]["env"]
        return next(int(one["value"]) for one in variables if one["name"] == "FLYTE_K8S_ARRAY_INDEX")

    # The store

    def leave(self, index: int, literal: dict[str, Any]) -> None:
        left = LiteralMap(literals={"o": ParseDict(literal, Literal())})
        self.executor.files[f"s3://b/out/{index}/outputs.pb"] = left.SerializeToString()

    def outputs(self) -> list[Any]:
        """The task's output, with None where a sub-task has none."""
        together = LiteralMap.FromString(self.executor.files["s3://b/out/outputs.pb"])
        return [_value(literal) for literal in together.literals["o"].collection.literals]

    def error(self, folder: str = "") -> Any:
        return ErrorDocument.FromString(self.executor.files[f"s3://b/out/{folder}error.pb"]).error

    # What it remembers

    @property
    def known(self) -> ArrayState:
        return ArrayState.read(self.state)

    def phases(self) -> list[str]:
        return [str(phase) for phase in self.known.phases]


RUNNING = {"running": {"startedAt": "2030-01-01T00:00:00Z"}}


def _ended(exit_code: int) -> dict[str, Any]:
    reason = "Error" if exit_code else "Completed"
    return {"terminated": {"exitCode": exit_code, "reason": reason, "finishedAt": "2030-01-01T00:01:00Z"}}


def _container(pod: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": pod["spec"]["containers"][0]["name"], "state": state}


def _value(literal: Literal) -> int | None:
    written = MessageToDict(literal)
    return None if "noneType" in written["scalar"] else int(written["scalar"]["primitive"]["integer"])


def every_name(size: int) -> Iterator[str]:
    return (f"m-0-{index}" for index in range(size))
