"""kill -9 at every write: whatever was or was not done when it struck, the next controller finishes it, once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from aiohttp import web

from tests.controller.runtime.conftest import Controller, execution
from tests.controller.stub_apiserver import Request, StubApiServer

Make = Callable[..., Controller]
TASKS = ("a", "b", "c")
WRITES_OF_A_LIFE = 4
"""Pod, and three phases."""


async def kubelet(request: Request, server: StubApiServer) -> None:
    """Moves every pod one phase on whenever its last one was told to the API server."""
    following = {"Queued": "Running", "Running": "Succeeded"}
    for body in server.of("taskexecutions"):
        name, told = body["metadata"]["name"], (body.get("status") or {}).get("phase")
        pod = server.objects.get(("pods", "ns", name))
        if pod and told in following and (pod.get("status") or {}).get("phase", "Pending") != following[told]:
            await server.put("pods", {**pod, "status": {"phase": following[told]}})


@pytest.mark.parametrize("done", [False, True], ids=["before it was done", "after it was done"])
@pytest.mark.parametrize("write", range(1, len(TASKS) * WRITES_OF_A_LIFE + 1))
async def test_a_controller_that_dies_at_a_write(
    server: StubApiServer, controllers: Make, write: int, done: bool
) -> None:
    first, struck = controllers(workers=2), False

    async def strike(request: Request) -> web.StreamResponse | None:
        nonlocal struck
        wrote = [seen for seen in server.requests if seen.verb in ("create", "update")]
        if not struck and len(wrote) == write:
            struck = True
            first.kill()
            if not done:
                assert request.http.transport
                request.http.transport.abort()
                return web.Response()
        return None

    async def move(request: Request) -> None:
        await kubelet(request, server)

    server.faults += [strike, move]
    await first.start()
    for name in TASKS:
        await server.put("taskexecutions", execution(name))
    while not struck:
        await _tick(server)
    uids = {pod["metadata"]["uid"] for pod in server.of("pods")}
    await controllers().start()
    while not all(_phase(server, name) == "Succeeded" for name in TASKS):
        await _tick(server)
    assert len(server.of("pods")) == len(TASKS)
    assert uids <= {pod["metadata"]["uid"] for pod in server.of("pods")}, "a pod was made twice"


async def _tick(server: StubApiServer) -> None:
    await asyncio.sleep(0.002)
    await kubelet(server.requests[-1], server)


def _phase(server: StubApiServer, name: str) -> str:
    return (server.objects[("taskexecutions", "ns", name)].get("status") or {}).get("phase", "")
