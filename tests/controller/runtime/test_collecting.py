"""What is deleted because its time is over, because there are too many, or because its task is gone; and how fast."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from controller.runtime.collecting import Collector
from controller.runtime.effects import Effects, NotLeading
from controller.services.tokens import InMemoryTokens
from pluginmachinery.api import names
from pluginmachinery.config.durations import Duration
from pluginmachinery.config.plugin_manager import GarbageCollectionConfig
from pluginmachinery.manager.objects import FINALIZER
from tests.controller.runtime.conftest import Controller, NoStore, execution
from tests.controller.stub_apiserver import Request, StubApiServer, status

Make = Callable[..., Controller]


class Collecting:
    """A controller of ended tasks, and the collector beside it with its pauses."""

    def __init__(self, server: StubApiServer, controller: Controller, **settings: Any) -> None:
        self.server, self.controller = server, controller
        self.pauses: list[float] = []
        effects = Effects(controller.api, NoStore(), InMemoryTokens(lambda _: 1000), may_act=lambda: controller.leading)
        self.collector = Collector(
            controller.api,
            effects,
            controller.engine.cache,
            GarbageCollectionConfig(**settings),
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def ended(self, *tasks: str, namespace: str = "ns") -> None:
        """These tasks end, one after the other."""
        for name in tasks:
            body = execution(name)
            body["metadata"]["namespace"] = namespace
            await self.server.put("taskexecutions", {**body, "status": {"phase": "Succeeded"}})
            cache = self.controller.engine.cache
            await self.server.until(lambda: True)
            while not any(slot.name == name and slot.shed and slot.phase for slot in cache.slots.values()):
                await asyncio.sleep(0)

    async def collect(self) -> None:
        await self.collector.look()
        await self.collector.work_off()

    def left(self, plural: str = "taskexecutions") -> list[str]:
        return sorted(item["metadata"]["name"] for item in self.server.of(plural))


@pytest.fixture
def collecting(server: StubApiServer, controllers: Make) -> Callable[..., Any]:
    async def start(**settings: Any) -> Collecting:
        controller = controllers()
        await controller.start()
        return Collecting(server, controller, **settings)

    return start


async def test_the_newest_of_each_namespace_are_kept(collecting: Callable[..., Any]) -> None:
    it = await collecting(max_ended_per_namespace=2)
    await it.ended("c", "a", "d", "b")
    await it.ended("x", "y", namespace="other")
    await it.collect()
    assert it.left() == ["b", "d", "x", "y"]
    await it.collect()
    assert it.server.count("delete", "taskexecutions") == 2


async def test_tasks_that_have_not_ended_do_not_count(collecting: Callable[..., Any]) -> None:
    it = await collecting(max_ended_per_namespace=1)
    await it.ended("a")
    await it.server.put("taskexecutions", execution("runs"))
    await it.server.until(lambda: it.server.of("pods"))
    await it.collect()
    assert it.left() == ["a", "runs"]


async def test_none_may_be_kept(collecting: Callable[..., Any]) -> None:
    it = await collecting(max_ended_per_namespace=0)
    await it.ended("a", "b")
    await it.collect()
    assert it.left() == []


async def test_without_a_number_all_are_kept(collecting: Callable[..., Any]) -> None:
    it = await collecting()
    await it.ended("a", "b")
    await it.collect()
    assert it.left() == ["a", "b"]


async def test_many_are_deleted_one_after_the_other(collecting: Callable[..., Any]) -> None:
    it = await collecting(max_ended_per_namespace=0, deletions_per_second=20)
    await it.ended(*(f"t{number}" for number in range(8)))
    await it.collect()
    assert it.pauses == [0.05] * 8


async def test_one_that_was_touched_in_the_meantime_stays(collecting: Callable[..., Any]) -> None:
    it = await collecting(max_ended_per_namespace=0)
    await it.ended("a", "b")
    await it.collector.look()
    body = it.server.objects[("taskexecutions", "ns", "a")]
    touched = await it.server.put(
        "taskexecutions", {**body, "metadata": {**body["metadata"], "labels": {"keep": "me"}}}
    )
    slot = it.controller.engine.cache.slots[touched["metadata"]["uid"]]
    while slot.version < int(touched["metadata"]["resourceVersion"]):
        await asyncio.sleep(0)
    await it.collector.work_off()
    assert it.left() == ["a"]
    assert len(it.collector) == 0


async def test_one_that_can_not_be_deleted_stays_in_line(collecting: Callable[..., Any]) -> None:
    it = await collecting(max_ended_per_namespace=0)
    await it.ended("a", "b")

    async def refuse(request: Request) -> Any:
        return status(403, "Forbidden") if (request.verb, request.name) == ("delete", "a") else None

    it.server.faults.append(refuse)
    await it.collect()
    assert (it.left(), len(it.collector)) == (["a"], 1)
    it.server.faults.clear()
    await it.collect()
    assert (it.left(), len(it.collector)) == ([], 0)


async def test_who_does_not_lead_deletes_nothing(collecting: Callable[..., Any]) -> None:
    it = await collecting(max_ended_per_namespace=0)
    await it.ended("a")
    it.controller.leading = False
    with pytest.raises(NotLeading):
        await it.collect()
    assert it.left() == ["a"]


async def test_it_runs_by_itself_until_another_replica_acts(collecting: Callable[..., Any]) -> None:
    it = await collecting(max_ended_per_namespace=0, interval=Duration.of(milliseconds=10))
    running = asyncio.create_task(it.collector.run())
    await it.ended("a")
    await it.server.until(lambda: not it.server.of("taskexecutions"))
    it.controller.leading = False
    await it.ended("b")
    await asyncio.wait_for(running, 10)
    assert it.left() == ["b"]


# Orphans


def orphan(name: str, owner: str = "gone", uid: str = "u-gone", **metadata: Any) -> dict[str, Any]:
    reference = names.owner_reference({"metadata": {"name": owner, "uid": uid}})
    head = {"name": name, "namespace": "ns", "labels": names.object_labels(owner, 0), "ownerReferences": [reference]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**head, **metadata}}


async def known(it: Collecting, *pods: str) -> None:
    cache = it.controller.engine.cache
    while {ref.name for _, ref, _ in cache.strays()} != set(pods):
        await asyncio.sleep(0)


async def test_an_orphan_goes_at_the_second_look(collecting: Callable[..., Any]) -> None:
    it = await collecting()
    await it.server.put("pods", orphan("p"))
    await known(it, "p")
    await it.collector.look()
    assert it.left("pods") == ["p"]
    await it.collector.look()
    assert it.left("pods") == []


async def test_an_orphan_of_a_task_that_was_made_anew_goes_and_the_task_keeps_its_own(
    collecting: Callable[..., Any],
) -> None:
    it = await collecting()
    await it.server.put("pods", orphan("p", owner="t"))
    await known(it, "p")
    await it.server.put("taskexecutions", execution("t"))
    await it.server.until(lambda: len(it.server.of("pods")) == 2)
    await it.collector.look()
    await it.collector.look()
    assert it.left("pods") == ["t"]


async def test_an_object_whose_task_is_only_not_followed_here_stays(collecting: Callable[..., Any]) -> None:
    it = await collecting()
    await it.server.put("pods", orphan("p", owner="t", uid="u-t"))
    await known(it, "p")
    hidden = {**execution("t"), "metadata": {"name": "t", "namespace": "ns", "uid": "u-t", "resourceVersion": "1"}}
    it.server.objects[("taskexecutions", "ns", "t")] = hidden
    for _ in range(3):
        await it.collector.look()
    assert it.left("pods") == ["p"]


async def test_an_object_without_owner_proves_nothing_and_stays(collecting: Callable[..., Any]) -> None:
    it = await collecting()
    await it.server.put("pods", orphan("p", ownerReferences=[]))
    for _ in range(3):
        await it.collector.look()
    assert it.left("pods") == ["p"]


async def test_while_the_server_can_not_say_orphans_stay(collecting: Callable[..., Any]) -> None:
    it = await collecting()
    await it.server.put("pods", orphan("p"))
    await known(it, "p")
    it.server.unserved.add("taskexecutions")
    for _ in range(3):
        await it.collector.look()
    assert it.left("pods") == ["p"]


async def test_our_finalizer_does_not_keep_an_orphan_and_others_do(collecting: Callable[..., Any]) -> None:
    it = await collecting()
    await it.server.put("pods", orphan("ours", finalizers=[FINALIZER]))
    await it.server.put("pods", orphan("theirs", finalizers=[FINALIZER, "theirs"]))
    await known(it, "ours", "theirs")
    await it.collector.look()
    await it.collector.look()
    assert it.left("pods") == ["theirs"]
    assert it.server.of("pods")[0]["metadata"]["finalizers"] == ["theirs"]
