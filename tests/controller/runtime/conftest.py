"""A controller with a life cycle of a few lines, so that what is tested is the runtime and nothing else."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.kube.client import ApiServer
from controller.kube.credentials import Credentials
from controller.kube.delays import Delays
from controller.kube.informers import Informer
from controller.runtime.effects import Effects
from controller.runtime.engine import Engine
from controller.runtime.statuses import Statuses
from controller.services.moves import Move
from controller.services.tokens import InMemoryTokens
from pluginmachinery.api import names
from pluginmachinery.api.execution_phases import TERMINAL_PHASES
from pluginmachinery.core.actions import (
    Create,
    Done,
    Files,
    Found,
    Missing,
    ObjectRef,
    Observation,
    Observe,
    Outputs,
    Refused,
    ResourceKind,
)
from pluginmachinery.lifecycle.advance import Decision
from tests.controller.stub_apiserver import StubApiServer

PODS = ResourceKind("v1", "Pod", "pods")
PHASES = {"Pending": "Queued", "Running": "Running", "Succeeded": "Succeeded", "Failed": "Failed"}


def life_of_one_pod(world: Any, execution: Mapping[str, Any], observation: Observation) -> Decision:
    """A task is a pod; its phase is the pod's. What is unknown is asked for; what is missing has failed."""
    status = dict(execution.get("status") or {})
    if status.get("phase") in ("Succeeded", "Failed"):
        return Decision(status)
    name = execution["metadata"]["name"]
    ref = ObjectRef(PODS, execution["metadata"]["namespace"], name)
    if not status:
        created = observation.result_of(Create)
        if created is None:
            return Decision({}, (Create(ref, pod_of(execution)),))
        if isinstance(created, Refused) and not created.owned:
            return Decision({"phase": "Failed", "reason": created.reason}, urgent=True)
        assert isinstance(created, Done | Refused)
        status = {"phase": "Queued"}
    match observation.object(ref):
        case None:
            return Decision(status, (Observe(ref),))
        case Found(body):
            phase = PHASES[(body.get("status") or {}).get("phase") or "Pending"]
        case Missing():
            phase = "Failed"
        case Refused():
            return Decision(status, wake_at=observation.now + timedelta(seconds=1))
    return Decision({**status, "phase": phase}, urgent=phase in ("Succeeded", "Failed"))


def pod_of(execution: Mapping[str, Any]) -> dict[str, Any]:
    metadata = execution["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "labels": names.object_labels(metadata["name"], 0),
            "ownerReferences": [names.owner_reference(execution)],
        },
    }


class Told:
    """What metrics would be told."""

    def __init__(self) -> None:
        self.decisions = 0
        self.failures = 0
        self.endings: Counter[str] = Counter()
        self.moves: list[tuple[str, str]] = []

    def decided(self, seconds: float) -> None:
        self.decisions += 1

    def failed(self) -> None:
        self.failures += 1

    def handled(self, seconds: float) -> None:
        assert seconds >= 0

    def moved(self, move: Move) -> None:
        self.moves.append((move.before.get("phase") or "", move.phase))
        if move.phase in TERMINAL_PHASES:
            self.endings[move.phase] += 1


class NoStore:
    async def read_outputs(self, prefix: str, *, deck: bool = False) -> Outputs | Refused:
        return Outputs()

    async def read_files(self, paths: tuple[str, ...], *, content: bool) -> Files | Refused:
        return Files()

    async def write_files(self, files: Mapping[str, bytes]) -> Done | Refused:
        return Done()


class Controller:
    """Informers and an engine, as the application puts them together. ``later``: how far its clock is ahead."""

    def __init__(
        self,
        server: StubApiServer,
        decide: Callable[..., Decision] = life_of_one_pod,
        *,
        window: float = 0,
        workers: int = 8,
    ) -> None:
        self.told = Told()
        self.later = timedelta()
        self.leading = True
        self.api = ApiServer(Credentials(server=server.url), timeout=5)
        effects = Effects(self.api, NoStore(), InMemoryTokens(lambda _: 1000), may_act=lambda: self.leading)
        self.engine = Engine(
            None,  # type: ignore[arg-type]
            effects,
            Statuses(self.api, effects, timedelta(seconds=window)),
            workers=workers,
            watcher=self.told,
            clock=lambda: datetime.now(UTC) + self.later,
            decide=decide,
        )
        cache = self.engine.cache
        self.informers = [
            Informer(self.api, names.TASK_EXECUTIONS, cache, delays=Delays(0.001, 0.01)),
            Informer(self.api, PODS, cache.sink(PODS), selector=f"{names.MANAGED}=true", delays=Delays(0.001, 0.01)),
        ]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        for informer in self.informers:
            self._tasks.append(asyncio.create_task(informer.run()))
            await asyncio.wait_for(informer.synced.wait(), 10)
        self.engine.open()

    def kill(self) -> None:
        """As kill -9 would: nothing more is done, at whatever point it is."""
        for task in (*self._tasks, *self.engine._tasks):
            task.cancel()

    async def stop(self) -> None:
        await self.engine.close(grace=5)
        self.kill()
        await asyncio.gather(*self._tasks, *self.engine._tasks, return_exceptions=True)
        await self.api.close()

    async def advance(self, seconds: float) -> None:
        """Let time pass for the engine."""
        self.later += timedelta(seconds=seconds)
        self.engine.timers.fire()
        await asyncio.sleep(0)


@pytest.fixture
async def controllers(server: StubApiServer) -> AsyncIterator[Callable[..., Controller]]:
    made: list[Controller] = []

    def make(*args: Any, **options: Any) -> Controller:
        made.append(Controller(server, *args, **options))
        return made[-1]

    yield make
    for controller in made:
        await controller.stop()


def execution(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": name, "namespace": "ns"},
        "spec": spec,
    }
