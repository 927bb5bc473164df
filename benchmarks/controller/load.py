"""Load on a control plane: a submitter, a kubelet that does the least a kubelet must, and a watch that takes the time.

A *life* is what every task needs whoever runs it: the TaskExecution and the pod are created, the pod's status is
patched twice, the final status is put. :meth:`Load.bare` does just these, with the same pod and the same pauses of the
kubelet, as fast as the server takes them: no controller can be faster than that.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.kube.client import ApiServer
from controller.kube.informers import Informer
from pluginmachinery.api import names
from pluginmachinery.core.actions import Done, ObjectRef, ResourceKind

PODS = ResourceKind("v1", "Pod", "pods")
NAMESPACE = "default"
CONNECTIONS = 16
TEMPLATE = {
    "id": {"resourceType": "TASK", "project": "flytesnacks", "domain": "development", "name": "work", "version": "v1"},
    "type": "python-task",
    "metadata": {"retries": {"retries": 2}, "runtime": {"type": "FLYTE_SDK", "version": "1.16"}},
    "interface": {"inputs": {"variables": {"n": {"type": {"simple": "INTEGER"}}}}},
    "container": {
        "image": "ghcr.io/flyteorg/flytekit:py3.11-1.16",
        "args": ["pyflyte-execute", "--inputs", "{{.input}}", "--output-prefix", "{{.outputPrefix}}"],
        "resources": {"requests": [{"name": "CPU", "value": "500m"}, {"name": "MEMORY", "value": "500Mi"}]},
        "env": [{"key": "LEVEL", "value": "20"}],
    },
}


@dataclass
class Times:
    """When what happened to one task, in seconds of one clock."""

    created: float = 0.0
    pod_seen: float = 0.0
    pod_done: float = 0.0
    status_seen: float = 0.0


@dataclass
class Load:
    """Submits tasks through ``api`` and, while :meth:`playing`, is kubelet and observer."""

    api: ApiServer
    runs_after: float = 0.1
    """Seconds from the pod's creation until it runs."""
    runs_for: float = 1.0
    """Seconds until it succeeds then; infinity: for ever."""
    times: dict[str, Times] = field(default_factory=dict)
    there: int = 0
    """Tasks that have come to their goal."""
    pattern: dict[str, Any] | None = None
    """A pod as the controller makes them, for :meth:`bare`."""
    sent: int = 0
    """Writes so far."""
    _pods: set[asyncio.Task[None]] = field(default_factory=set)
    _played: set[str] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def burst(self, tasks: Iterable[str]) -> None:
        """Submit all, as fast as the server takes them."""
        await _all(tasks, self._submit)

    async def paced(self, tasks: Iterable[str], rate: float) -> None:
        """Submit so many per second."""
        started, running = time.perf_counter(), []
        for number, name in enumerate(tasks):
            await asyncio.sleep(max(0.0, started + number / rate - time.perf_counter()))
            running.append(asyncio.create_task(self._submit(name)))
        await asyncio.gather(*running)

    async def bare(self, tasks: Iterable[str]) -> None:
        """Whole lives, without a controller."""
        await _all(tasks, self._live)
        await asyncio.gather(*self._pods)

    @property
    def goal(self) -> str:
        """The phase that every task comes to."""
        return "Running" if self.runs_for == float("inf") else "Succeeded"

    async def all_there(self, count: int) -> None:
        """So many tasks are told to be in the phase that is their goal."""
        async with asyncio.timeout(600):
            while self.there < count:
                self._changed.clear()
                await self._changed.wait()

    @contextlib.asynccontextmanager
    async def playing(self) -> Any:
        # No more than has to be known: what the server does for an observer is not to count.
        informers = [
            Informer(self.api, kind, Seen(tell), namespace=NAMESPACE, fields=f"status.phase={phase}")
            for kind, phase, tell in (
                (PODS, "Pending", self._pod_waits),
                (names.TASK_EXECUTIONS, self.goal, self._task_is_there),
            )
        ]
        watches = [asyncio.create_task(informer.run()) for informer in informers]
        try:
            for informer in informers:
                await informer.synced.wait()
            yield self
        finally:
            for task in (*watches, *self._pods):
                task.cancel()
            await asyncio.gather(*watches, *self._pods, return_exceptions=True)

    async def _submit(self, name: str) -> None:
        self.times[name] = Times()
        await self._create(ObjectRef(names.TASK_EXECUTIONS, NAMESPACE, name), task(name))
        self.times[name].created = time.perf_counter()

    async def _live(self, name: str) -> None:
        created = await self._create(ObjectRef(names.TASK_EXECUTIONS, NAMESPACE, name), task(name))
        await self._create(ObjectRef(PODS, NAMESPACE, f"{name}-0"), self._pod(name, created))
        self._follow(self._end(name, created))

    def _pod(self, name: str, owner: dict[str, Any]) -> dict[str, Any]:
        assert self.pattern is not None, "the generator needs a pod to copy"
        given = self.pattern["metadata"]
        metadata = {
            "name": f"{name}-0",
            "labels": {**given["labels"], **names.object_labels(name, 0)},
            "annotations": given["annotations"],
            "ownerReferences": [names.owner_reference(owner)],
        }
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": self.pattern["spec"]}

    async def _end(self, name: str, created: dict[str, Any]) -> None:
        await self._play(f"{name}-0", None)
        metadata = {key: created["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion")}
        body = {**created, "metadata": metadata, "status": {"phase": "Succeeded", "attempt": 0}}
        await self._done(self.api.put_status(ObjectRef(names.TASK_EXECUTIONS, NAMESPACE, name), body))

    def _follow(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._pods.add(task)
        task.add_done_callback(self._pods.discard)

    async def _create(self, ref: ObjectRef, body: dict[str, Any]) -> dict[str, Any]:
        return await self._done(self.api.create(ref, body))

    async def _patch_pod(self, name: str, phase: str) -> None:
        await self._done(self.api.patch(ObjectRef(PODS, NAMESPACE, name), {"status": {"phase": phase}}, "status"))

    async def _done(self, request: Awaitable[Any]) -> dict[str, Any]:
        self.sent += 1
        answer = await request
        if not isinstance(answer, Done):
            raise RuntimeError(f"the load generator was refused: {answer}")
        body: dict[str, Any] = answer.value
        return body

    def _pod_waits(self, name: str) -> None:
        if name not in self._played:
            self._played.add(name)
            times = self.times.get(name.rpartition("-")[0])
            if times:
                times.pod_seen = time.perf_counter()
            self._follow(self._play(name, times))

    async def _play(self, name: str, times: Times | None) -> None:
        await asyncio.sleep(self.runs_after)
        await self._patch_pod(name, "Running")
        if self.runs_for == float("inf"):
            return
        await asyncio.sleep(self.runs_for)
        await self._patch_pod(name, "Succeeded")
        if times:
            times.pod_done = time.perf_counter()

    def _task_is_there(self, name: str) -> None:
        times = self.times.get(name)
        if times and not times.status_seen:
            times.status_seen = time.perf_counter()
            self.there += 1
            self._changed.set()


@dataclass(frozen=True)
class Seen:
    """A sink that tells the name of each object that it is told of."""

    tell: Callable[[str], None]

    def changed(self, object: dict[str, Any]) -> None:  # noqa: A002
        self.tell(object["metadata"]["name"])

    def deleted(self, object: dict[str, Any]) -> None:  # noqa: A002
        """It has gone on to another phase."""

    def vanished(self, lost: Mapping[tuple[str, str], str]) -> None: ...


def task(name: str) -> dict[str, Any]:
    spec = {
        "template": TEMPLATE,
        "inputs": {"literals": {"n": {"scalar": {"primitive": {"integer": "3"}}}}},
        "labels": {"project": "flytesnacks", "domain": "development"},
        "maxAttempts": 3,
    }
    return {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": {"name": name}, "spec": spec}


async def _all(tasks: Iterable[str], do: Callable[[str], Awaitable[None]]) -> None:
    waiting = iter(tasks)

    async def take() -> None:
        for name in waiting:
            await do(name)

    await asyncio.gather(*(take() for _ in range(CONNECTIONS)))
