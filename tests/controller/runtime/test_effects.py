"""What comes of each action, against a server that does not always do as it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from aiohttp import web

from controller.kube.client import ApiServer
from controller.kube.credentials import Credentials
from controller.runtime.effects import Effects, NotLeading
from controller.runtime.paces import Pace
from controller.runtime.slots import Slot
from controller.services.tokens import InMemoryTokens
from pluginmachinery.api import names
from pluginmachinery.core.actions import (
    AllocateToken,
    CallService,
    Create,
    Delete,
    Done,
    Files,
    Found,
    Missing,
    ObjectRef,
    Observe,
    Outputs,
    Patch,
    ReadFiles,
    ReadOutputs,
    Refused,
    ReleaseToken,
    ResourceKind,
    WakeAt,
    WriteInputs,
)
from pluginmachinery.core.tasks import EPOCH
from tests.controller.stub_apiserver import Request, StubApiServer, status

PODS = ResourceKind("v1", "Pod", "pods")
POD = ObjectRef(PODS, "ns", "p")


class Store:
    """Where files go; ``full`` refuses them."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.full = False

    async def read_outputs(self, prefix: str, *, deck: bool = False) -> Outputs | Refused:
        return Outputs({"prefix": prefix})

    async def read_files(self, paths: tuple[str, ...], *, content: bool) -> Files | Refused:
        return Files({path: self.files[path] if content else b"" for path in paths if path in self.files})

    async def write_files(self, files: Mapping[str, bytes]) -> Done | Refused:
        if self.full:
            return Refused("NoSpace")
        self.files |= files
        return Done()


class World:
    """One task's slot, the effects, and how long they have waited."""

    def __init__(self, api: ApiServer) -> None:
        self.leading = True
        self.waits: list[float] = []
        self.quiets: list[tuple[float, Callable[[], None]]] = []
        self.store = Store()
        self.slot = Slot("ns", "t", "u1")
        self.slot.absorb({"metadata": {"name": "t", "namespace": "ns", "resourceVersion": "1"}, "spec": {}})
        self.tokens = InMemoryTokens(lambda _: 1000)
        pace = Pace(most=8, later=lambda seconds, call: self.quiets.append((seconds, call)))
        self.effects = Effects(
            api, self.store, self.tokens, may_act=lambda: self.leading, sleep=self._sleep, patience=0, pace=pace
        )

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def do(self, *actions: Any) -> Any:
        results = await self.effects.carry_out(self.slot, actions)
        assert [action for action, _ in results] == list(actions[: len(results)])
        return results[0][1] if len(actions) == 1 else [result for _, result in results]


@pytest.fixture
def world(api: ApiServer) -> World:
    return World(api)


def pod(attempt: int = 0, uid: str = "u1") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "p",
            "namespace": "ns",
            "labels": {names.ATTEMPT: str(attempt)},
            "ownerReferences": [{"kind": "TaskExecution", "uid": uid, "controller": True}],
        },
    }


def failing(verb: str, *responses: web.Response | None) -> Any:
    """Answers these in place of the server, one request after the other; None breaks the connection."""
    left = list(responses)

    async def fail(request: Request) -> web.StreamResponse | None:
        if request.verb != verb or not left:
            return None
        response = left.pop(0)
        if response is None:
            assert request.http.transport
            request.http.transport.abort()
        return response or web.Response()

    return fail


async def test_what_we_made_is_known_without_asking(world: World, server: StubApiServer) -> None:
    created = await world.do(Create(POD, pod()))
    assert created.value["metadata"]["uid"]
    found = await world.do(Observe(POD))
    assert found.object["metadata"]["uid"] == created.value["metadata"]["uid"]
    assert server.count("get") == 0


async def test_what_is_unknown_is_read(world: World, server: StubApiServer) -> None:
    assert isinstance(await world.do(Observe(POD)), Missing)
    await server.put("pods", pod())
    assert isinstance(await world.do(Observe(POD)), Found)
    assert isinstance(await world.do(Observe(POD)), Found)
    assert server.count("get") == 2


@pytest.mark.parametrize(
    ("existing", "owned"),
    [
        (pod(), True),
        (pod(attempt=1), False),
        (pod(uid="u2"), False),
        ({"metadata": {"name": "p", "namespace": "ns"}}, False),
    ],
    ids=["ours", "ours, of another attempt", "of another task", "of nobody"],
)
async def test_a_name_that_is_taken(world: World, server: StubApiServer, existing: dict[str, Any], owned: bool) -> None:
    await server.put("pods", existing)
    refused = await world.do(Create(POD, pod()))
    assert (refused.reason, refused.owned) == ("AlreadyExists", owned)


async def test_a_name_that_was_taken_a_moment_ago(world: World, server: StubApiServer) -> None:
    server.faults.append(failing("create", status(409, "AlreadyExists", name="p")))
    assert isinstance(await world.do(Create(POD, pod())), Done)
    assert server.count("create") == 2


async def test_a_creation_whose_answer_was_lost_is_found_again(world: World, server: StubApiServer) -> None:
    async def lose(request: Request) -> web.StreamResponse | None:
        if request.verb != "create" or server.objects:
            return None
        await server.put("pods", request.body)
        assert request.http.transport
        request.http.transport.abort()
        return web.Response()

    server.faults.append(lose)
    refused = await world.do(Create(POD, pod()))
    assert (refused.reason, refused.owned) == ("AlreadyExists", True)
    assert len(server.of("pods")) == 1


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ((status(429, "TooManyRequests"),), "TooManyRequests"),
        ((status(403, "Forbidden", "exceeded quota"),), "Forbidden"),
        ((status(422, "Invalid"),), "Invalid"),
        ((status(500, "InternalError"),), "InternalError"),
        ((status(503, "ServiceUnavailable"),) * 3, "ServiceUnavailable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_refusals_that_are_decided_about(
    world: World, server: StubApiServer, answers: tuple[web.Response, ...], reason: str
) -> None:
    server.faults.append(failing("create", *answers))
    refused = await world.do(Create(POD, pod()))
    assert refused.reason == reason


async def test_a_server_that_is_away_is_waited_for(world: World, server: StubApiServer) -> None:
    server.faults.append(failing("create", *[None] * 6))
    assert isinstance(await world.do(Create(POD, pod())), Done)
    assert len(world.waits) == 6
    assert max(world.waits) <= 5


async def test_one_429_quiets_all_writers_and_no_reader(world: World, server: StubApiServer) -> None:
    server.faults.append(failing("create", status(429, "TooManyRequests", retryAfterSeconds=7)))
    assert (await world.do(Create(POD, pod()))).status == 429
    ((seconds, end_of_quiet),) = world.quiets
    assert seconds == 7
    await world.do(Observe(POD))
    writing = asyncio.create_task(world.do(Create(POD, pod())))
    await asyncio.sleep(0.01)
    assert (server.count("create"), world.effects.waited_out) == (1, 1)
    end_of_quiet()
    assert isinstance(await writing, Done)
    assert world.waits == []


async def test_patch_and_update_bring_the_newest_object(world: World, server: StubApiServer) -> None:
    await world.do(Create(POD, pod()))
    await world.do(Patch(POD, {"metadata": {"labels": {"x": "1"}}}))
    found = await world.do(Observe(POD))
    assert found.object["metadata"]["labels"] == {names.ATTEMPT: "0", "x": "1"}
    await world.do(Patch(POD, {**found.object, "spec": {"y": 2}}, method="update"))
    assert (await world.do(Observe(POD))).object["spec"] == {"y": 2}
    assert isinstance(await world.do(Patch(ObjectRef(PODS, "ns", "none"), {})), Missing)


async def test_deletion_is_of_this_very_object(world: World, server: StubApiServer) -> None:
    await world.do(Create(POD, pod()))
    await server.remove("pods", "ns", "p")
    await server.put("pods", pod())
    refused = await world.do(Delete(POD))
    assert (refused.reason, len(server.of("pods"))) == ("Conflict", 1)


async def test_what_is_not_ours_is_not_deleted(world: World, server: StubApiServer) -> None:
    await server.put("pods", pod(uid="u2"))
    assert isinstance(await world.do(Delete(POD)), Missing)
    assert len(server.of("pods")) == 1
    assert server.count("delete") == 0


async def test_a_deletion_is_remembered(world: World, server: StubApiServer) -> None:
    await world.do(Create(POD, pod()))
    assert isinstance(await world.do(Delete(POD)), Done)
    assert isinstance(await world.do(Observe(POD)), Missing)
    assert isinstance(await world.do(Delete(POD)), Missing)
    assert (server.count("delete"), server.count("get")) == (1, 0)


async def test_a_deletion_that_a_finalizer_holds_is_seen_going_on(world: World, server: StubApiServer) -> None:
    body = pod()
    body["metadata"]["finalizers"] = ["wait"]
    await world.do(Create(POD, body))
    await world.do(Delete(POD))
    assert "deletionTimestamp" in (await world.do(Observe(POD))).object["metadata"]


async def test_nothing_is_changed_by_who_does_not_lead(world: World, server: StubApiServer) -> None:
    world.leading = False
    for action in (Create(POD, pod()), Patch(POD, {}), Delete(POD), WriteInputs({"a": b""})):
        world.slot.observe(POD, {"metadata": {"uid": "x", "resourceVersion": "1"}})
        with pytest.raises(NotLeading):
            await world.do(action)
    assert server.requests == []


async def test_who_stops_leading_while_waiting_does_not_write(world: World, server: StubApiServer) -> None:
    async def depose(request: Request) -> None:
        world.leading = False

    server.faults += [depose, failing("create", None)]
    with pytest.raises(NotLeading):
        await world.do(Create(POD, pod()))
    assert server.count("create") == 1


async def test_without_inputs_nothing_is_started(world: World, server: StubApiServer) -> None:
    world.store.full = True
    results = await world.do(WriteInputs({"a": b"x"}), Create(POD, pod()))
    assert [type(result) for result in results] == [Refused]
    world.store.full = False
    results = await world.do(WriteInputs({"a": b"x"}), Create(POD, pod()))
    assert [type(result) for result in results] == [Done, Done]
    assert world.store.files == {"a": b"x"}


async def test_the_other_services(world: World) -> None:
    assert await world.do(ReadOutputs("s3://b/p")) == Outputs({"prefix": "s3://b/p"})
    world.store.files["a"] = b"x"
    assert await world.do(ReadFiles(("a", "b"))) == Files({"a": b"x"})
    assert await world.do(ReadFiles(("a", "b"), content=False)) == Files({"a": b""})
    assert await world.do(AllocateToken("q", "t")) == Done(True)
    assert await world.do(ReleaseToken("q", "t")) == Done(True)
    assert (await world.do(CallService("athena", "start"))).reason == "NotImplemented"
    assert await world.do(WakeAt(EPOCH)) == Done()


async def test_what_a_task_has_is_free_when_it_ends(world: World) -> None:
    await world.do(AllocateToken("q", "t"))
    assert [pool.taken for pool in world.tokens.pools()] == [1]
    world.effects.ended(world.slot)
    assert [pool.taken for pool in world.tokens.pools()] == [0]


async def test_a_server_that_never_was(world: World) -> None:
    api = ApiServer(Credentials(server="http://127.0.0.1:1"))
    waits = 0

    async def sleep(_: float) -> None:
        nonlocal waits
        waits += 1
        world.leading = waits < 20

    effects = Effects(api, world.store, InMemoryTokens(lambda _: 1000), may_act=lambda: world.leading, sleep=sleep)
    with pytest.raises(NotLeading):
        await effects.carry_out(world.slot, (Create(POD, pod()),))
    await api.close()
    assert waits == 20
