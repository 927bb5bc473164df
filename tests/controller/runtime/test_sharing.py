"""Replicas with several shards: each task is in exactly one, and goes on where another replica left it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from controller.runtime.application import Options
from pluginmachinery.api import names, shards
from tests.controller.runtime.conftest import execution
from tests.controller.runtime.test_application import CONFIG, TEMPLATE, Process, phases
from tests.controller.stub_apiserver import StubApiServer

SHARDED = {**CONFIG, "plugin-manager": {**CONFIG["plugin-manager"], "sharding": {"count": 4}}}
Start = Callable[[str], Awaitable[Process]]


@pytest.fixture
async def start(server: StubApiServer) -> AsyncIterator[Start]:
    started: list[Process] = []

    async def start(name: str) -> Process:
        process = Process(server, (), Options(lease_namespace="flyte", identity=name), SHARDED)
        started.append(process)
        await process.application.start()
        return process

    yield start
    for process in started:
        await process.application.stop()


async def submit(server: StubApiServer, name: str, bucket: str | None) -> None:
    body = execution(name, template=TEMPLATE)
    body["metadata"]["labels"] = {} if bucket is None else {names.SHARD: bucket}
    await server.put("taskexecutions", body)


async def test_every_task_is_handled_whatever_its_label_says(server: StubApiServer, start: Start) -> None:
    process = await start("a")
    buckets = {f"t{bucket}": str(bucket) for bucket in range(8)} | {"none": None, "far": "4711", "odd": "x"}
    for name, bucket in buckets.items():
        await submit(server, name, bucket)
    await server.until(lambda: len(server.of("pods")) == len(buckets))
    labels = {pod["metadata"]["name"]: pod["metadata"]["labels"].get(names.SHARD) for pod in server.of("pods")}
    assert labels == {f"{name}-0": bucket for name, bucket in buckets.items()}
    text = await process.ready()
    assert "[+] membership shards 0, 1, 2, 3 of 4, 1 replicas" in text
    assert "shard 3: pods of all namespaces" in text
    assert 'watch_synced{kind="pods",namespace=""} 1.0' in (await process.get("/metrics"))[1]


async def test_who_joins_gets_its_share_and_who_goes_leaves_it(server: StubApiServer, start: Start) -> None:
    first = await start("a")
    for number in range(12):
        await submit(server, f"t{number}", str(shards.bucket("ns", f"t{number}")))
    await server.until(lambda: len(server.of("pods")) == 12)
    second = await start("b")
    await _until(lambda: [len(one.application.shards) for one in (first, second)] == [2, 2])
    for pod in server.of("pods")[:6]:
        await server.put("pods", {**pod, "status": {"phase": "Succeeded"}})
    await server.until(lambda: list(phases(server).values()).count("Succeeded") == 6)
    await first.application.stop()
    await _until(lambda: len(second.application.shards) == 4)
    for pod in server.of("pods"):
        await server.put("pods", {**pod, "status": {"phase": "Succeeded"}})
    await server.until(lambda: set(phases(server).values()) == {"Succeeded"})
    created = Counter(
        seen.body["metadata"]["name"] for seen in server.requests if seen.verb == "create" and seen.plural == "pods"
    )
    assert set(created.values()) == {1}
    assert len(created) == 12


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)
