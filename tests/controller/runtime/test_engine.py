"""The rules of the runtime, with a life cycle of a few lines and a server that counts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from controller.runtime.engine import STRETCH
from pluginmachinery.core.actions import Create
from pluginmachinery.lifecycle.advance import Decision, advance
from tests.controller.runtime.conftest import Controller, execution, life_of_one_pod
from tests.controller.stub_apiserver import Request, StubApiServer, status
from tests.pluginmachinery.lifecycle.simulation import PodLike, world

Make = Callable[..., Controller]
WRITES = ("create", "update", "patch", "delete")


def phase(server: StubApiServer, name: str) -> str:
    body = server.objects.get(("taskexecutions", "ns", name), {})
    return (body.get("status") or {}).get("phase", "")


async def play(server: StubApiServer, name: str, *phases: str) -> None:
    """Be the kubelet: let a pod go through these phases, each seen before the next comes."""
    for each in phases:
        body = server.objects[("pods", "ns", name)]
        await server.put("pods", {**body, "status": {"phase": each}})


def writes(server: StubApiServer) -> list[tuple[str, str]]:
    return [(seen.verb, seen.plural) for seen in server.requests if seen.verb in WRITES]


async def test_a_task_from_its_creation_to_its_end(server: StubApiServer, controllers: Make) -> None:
    controller = controllers()
    await controller.start()
    await server.put("taskexecutions", execution("t"))
    await server.until(lambda: phase(server, "t") == "Queued")
    await play(server, "t", "Running")
    await server.until(lambda: phase(server, "t") == "Running")
    await play(server, "t", "Succeeded")
    await server.until(lambda: phase(server, "t") == "Succeeded")
    assert writes(server) == [("create", "pods")] + [("update", "taskexecutions")] * 3
    assert (server.count("get"), server.count("list")) == (0, 2)
    assert all(seen.code < 400 for seen in server.requests)


async def test_phases_that_pass_quickly_are_not_written(server: StubApiServer, controllers: Make) -> None:
    controller = controllers(window=3600)
    await controller.start()
    await server.put("taskexecutions", execution("t"))
    await server.until(lambda: server.of("pods"))
    await play(server, "t", "Running", "Succeeded")
    await server.until(lambda: phase(server, "t") == "Succeeded")
    assert writes(server) == [("create", "pods"), ("update", "taskexecutions")]


async def test_a_phase_that_lasts_is_written_when_the_window_has_passed(
    server: StubApiServer, controllers: Make
) -> None:
    controller = controllers(window=100)
    await controller.start()
    await server.put("taskexecutions", execution("t"))
    await server.until(lambda: server.of("pods"))
    await play(server, "t", "Running")
    await controller_is_quiet(controller)
    assert phase(server, "t") == ""
    await controller.advance(101)
    await server.until(lambda: phase(server, "t") == "Running")
    assert writes(server) == [("create", "pods"), ("update", "taskexecutions")]


async def soon(condition: Callable[[], bool]) -> None:
    """Wait for what the controller does without asking the server for anything."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def controller_is_quiet(controller: Controller) -> None:
    """Until nobody is busy and what was sent has been heard."""
    async with asyncio.timeout(5):
        for _ in range(3):
            await asyncio.sleep(0.02)
            while controller.engine.depth or any(slot.busy for slot in controller.engine.cache.slots.values()):
                await asyncio.sleep(0.001)


async def test_nothing_is_done_before_every_list_is_in(server: StubApiServer, controllers: Make) -> None:
    """The pod is there already; who acts before having seen it would create it again."""
    listed = asyncio.Event()

    async def hold(request: Request) -> None:
        if request.verb == "list" and request.plural == "pods":
            await listed.wait()

    first = controllers()
    await first.start()
    await server.put("taskexecutions", execution("t"))
    await server.until(lambda: phase(server, "t") == "Queued")
    first.kill()
    server.requests.clear()
    server.faults.append(hold)
    second = controllers()
    start = asyncio.create_task(second.start())
    await server.until(lambda: server.count("list") == 2)
    await server.put("taskexecutions", execution("other"))
    await server.until(lambda: server.count("watch", "taskexecutions") == 1)
    assert writes(server) == []
    listed.set()
    await start
    await server.until(lambda: phase(server, "other") == "Queued")
    assert writes(server) == [("create", "pods"), ("update", "taskexecutions")]


async def test_a_restart_with_running_tasks_writes_nothing(server: StubApiServer, controllers: Make) -> None:
    first = controllers()
    await first.start()
    for number in range(20):
        await server.put("taskexecutions", execution(f"t{number}"))
    await server.until(lambda: all(phase(server, f"t{n}") == "Queued" for n in range(20)))
    for number in range(20):
        await play(server, f"t{number}", "Running")
    await server.until(lambda: all(phase(server, f"t{n}") == "Running" for n in range(20)))
    first.kill()
    server.requests.clear()
    second = controllers()
    await second.start()
    await controller_is_quiet(second)
    assert [(seen.verb, seen.plural) for seen in server.requests if seen.verb != "watch"] == [
        ("list", "taskexecutions"),
        ("list", "pods"),
    ]


async def test_one_task_is_with_one_worker(server: StubApiServer, controllers: Make) -> None:
    inside = 0

    async def watch_closely(request: Request) -> None:
        nonlocal inside
        if request.verb in WRITES:
            inside += 1
            assert inside == 1
            await asyncio.sleep(0.005)
            inside -= 1

    server.faults.append(watch_closely)
    controller = controllers()
    await controller.start()
    body = await server.put("taskexecutions", execution("t"))
    for number in range(30):
        body = server.objects[("taskexecutions", "ns", "t")]
        await server.put("taskexecutions", {**body, "metadata": {**body["metadata"], "labels": {"n": str(number)}}})
        await asyncio.sleep(0.001)
    await server.until(lambda: phase(server, "t") == "Queued")
    assert server.count("create") == 1


async def test_many_tasks_at_once(server: StubApiServer, controllers: Make) -> None:
    controller = controllers(workers=4)
    await controller.start()
    await asyncio.gather(*(server.put("taskexecutions", execution(f"t{n}")) for n in range(50)))
    await server.until(lambda: all(phase(server, f"t{n}") == "Queued" for n in range(50)))
    assert (server.count("create"), server.count("update")) == (50, 50)


async def test_many_decisions_leave_the_event_loop_its_turns(server: StubApiServer, controllers: Make) -> None:
    def slow(_world: Any, body: Any, _observation: Any) -> Decision:
        time.sleep(STRETCH / 10)
        return Decision(body.get("status") or {})

    controller = controllers(slow, workers=8)
    for number in range(240):
        await server.put("taskexecutions", execution(f"t{number}"))
    await controller.start()
    depths = []
    while controller.engine.depth:
        depths.append(controller.engine.depth)
        await asyncio.sleep(0)
    assert len(set(depths)) >= 8, "after a stretch of all workers together, not of each"


async def test_a_pod_that_runs_before_its_creation_is_answered_is_seen_to_run(
    server: StubApiServer, controllers: Make
) -> None:
    async def answer_late(request: Request) -> web.StreamResponse | None:
        if (request.verb, request.plural) != ("create", "pods"):
            return None
        answer = await server._serve(request)
        await play(server, "t-0", "Running")
        await soon(lambda: _version_known(controller, "t-0") == server.version)
        return answer

    server.faults.append(answer_late)
    controller = controllers(advance)
    controller.engine.world = world(PodLike())
    await controller.start()
    await server.put("taskexecutions", execution("t", template={"type": "container", "container": {"image": "x"}}))
    await server.until(lambda: phase(server, "t") == "Running")


def _version_known(controller: Controller, name: str) -> int:
    versions = (slot.versions() for slot in controller.engine.cache.slots.values())
    return max((version for each in versions for ref, version in each.items() if ref.name == name), default=0)


async def test_an_echo_of_our_own_writes_is_no_reason_to_decide(server: StubApiServer, controllers: Make) -> None:
    controller = controllers()
    await controller.start()
    await server.put("taskexecutions", execution("t"))
    await server.until(lambda: phase(server, "t") == "Queued")
    await controller_is_quiet(controller)
    assert controller.told.decisions == 2, "one that creates, one that has created"


async def test_a_change_of_metadata_in_between_costs_one_conflict(server: StubApiServer, controllers: Make) -> None:
    async def label(request: Request) -> None:
        if request.verb == "update" and server.count("update") == 1:
            body = server.objects[("taskexecutions", "ns", "t")]
            await server.put("taskexecutions", {**body, "metadata": {**body["metadata"], "labels": {"a": "b"}}})

    server.faults.append(label)
    controller = controllers()
    await controller.start()
    await server.put("taskexecutions", execution("t"))
    await server.until(lambda: phase(server, "t") == "Queued")
    updates = [seen.code for seen in server.requests if seen.verb == "update"]
    assert updates in ([409, 200], [200]), "whether the event or our write is first is not ours to say"
    assert server.objects[("taskexecutions", "ns", "t")]["metadata"]["labels"] == {"a": "b"}
    assert server.count("create") == 1


async def test_a_status_that_somebody_else_wrote_is_where_we_go_on_from(
    server: StubApiServer, controllers: Make
) -> None:
    controller = controllers()
    await controller.start()
    await server.put("taskexecutions", execution("t"))
    await server.until(lambda: phase(server, "t") == "Queued")
    body = server.objects[("taskexecutions", "ns", "t")]
    await server.put("taskexecutions", {**body, "status": {"phase": "Failed"}})
    await play(server, "t", "Running")
    await controller_is_quiet(controller)
    assert phase(server, "t") == "Failed"
    updates = [seen.code for seen in server.requests if seen.verb == "update"]
    assert updates in ([200], [200, 409]), "the pod may be heard of before the status; the server then refuses ours"


async def test_a_pod_that_is_not_in_the_list_is_looked_at_before_it_is_mourned(
    server: StubApiServer, controllers: Make
) -> None:
    """A list that is behind (a proxy, a second server) does not have the pod; a live read does."""
    controller = controllers()
    await controller.start()
    await server.put("taskexecutions", execution("t"))
    await server.until(lambda: phase(server, "t") == "Queued" and len(server._watches) == 2)
    pod = server.objects[("pods", "ns", "t")]

    async def behind(request: Request) -> web.StreamResponse | None:
        if request.verb == "list" and request.plural == "pods":
            return web.json_response({"metadata": {"resourceVersion": str(server.version)}, "items": []})
        return None

    server.faults.append(behind)
    server.compact()
    server.version += 1
    await server.close_watches()
    await server.until(lambda: server.count("get") == 1)
    await play(server, "t", "Running")
    await server.until(lambda: phase(server, "t") == "Running")
    assert server.objects[("pods", "ns", "t")]["metadata"]["uid"] == pod["metadata"]["uid"]
    assert server.count("create") == 1


async def test_a_pod_that_was_deleted_meanwhile_is_missed(server: StubApiServer, controllers: Make) -> None:
    controller = controllers()
    await controller.start()
    await server.put("taskexecutions", execution("t"))
    await server.until(lambda: phase(server, "t") == "Queued" and len(server._watches) == 2)
    await controller_is_quiet(controller)
    server.forget("pods", "ns", "t")
    server.compact()
    await server.close_watches()
    await server.until(lambda: phase(server, "t") == "Failed")
    assert server.count("get") == 1


async def test_a_foreign_pod_of_the_name_is_not_taken_for_ours(server: StubApiServer, controllers: Make) -> None:
    await server.put("pods", {"metadata": {"name": "t", "namespace": "ns"}})
    controller = controllers()
    await controller.start()
    await server.put("taskexecutions", execution("t"))
    await server.until(lambda: phase(server, "t") == "Failed")


async def test_an_execution_that_goes_while_we_work_is_forgotten(server: StubApiServer, controllers: Make) -> None:
    async def delete(request: Request) -> None:
        if request.verb == "update" and server.of("taskexecutions"):
            await server.remove("taskexecutions", "ns", "t")

    server.faults.append(delete)
    controller = controllers()
    await controller.start()
    await server.put("taskexecutions", execution("t"))
    await server.until(lambda: server.count("update"))
    await controller_is_quiet(controller)
    assert controller.engine.cache.slots == {}
    assert controller.told.failures == 0


@pytest.mark.parametrize(
    "refusal",
    [
        status(422, "Invalid"),
        status(403, "Forbidden"),
        status(500, "InternalError"),
        web.Response(status=413, text="big"),
    ],
    ids=lambda response: str(response.status),
)
async def test_a_status_that_is_refused_is_tried_again(
    server: StubApiServer, controllers: Make, refusal: web.Response
) -> None:
    async def refuse(request: Request) -> web.StreamResponse | None:
        if request.verb == "update" and server.count("update") <= 2:
            return web.Response(status=refusal.status, body=refusal.body, content_type=refusal.content_type)
        return None

    server.faults.append(refuse)
    controller = controllers()
    await controller.start()
    await server.put("taskexecutions", execution("t"))
    for count in (1, 2):
        await server.until(lambda: server.count("update") == count)  # noqa: B023
        await controller_is_quiet(controller)
        await controller.advance(10)
    await server.until(lambda: phase(server, "t") == "Queued")
    assert server.count("create") == 1


async def test_a_defect_of_one_task_is_the_trouble_of_that_task(
    server: StubApiServer, controllers: Make, caplog: pytest.LogCaptureFixture
) -> None:
    broken = True

    def decide(world: Any, body: Any, observation: Any) -> Decision:
        if body["metadata"]["name"] == "bad" and broken:
            raise RuntimeError("boom")
        return life_of_one_pod(world, body, observation)

    controller = controllers(decide)
    await controller.start()
    await server.put("taskexecutions", execution("bad"))
    await server.put("taskexecutions", execution("good"))
    await server.until(lambda: phase(server, "good") == "Queued")
    assert controller.told.failures == 1
    assert caplog.records[0].task["name"] == "bad"  # type: ignore[attr-defined]
    broken = False
    await controller.advance(1)
    await server.until(lambda: phase(server, "bad") == "Queued")


async def test_decisions_without_end_are_ended(server: StubApiServer, controllers: Make) -> None:
    def decide(world: Any, body: Any, observation: Any) -> Decision:
        return Decision({}, wake_at=observation.now)

    controller = controllers(decide)
    await controller.start()
    await server.put("taskexecutions", execution("t"))
    await server.until(lambda: server.count("watch") == 2)
    await controller_is_quiet(controller)
    assert controller.told.failures == 1


async def test_an_outcome_is_on_record_before_what_comes_after_it(server: StubApiServer, controllers: Make) -> None:
    def decide(world: Any, body: Any, observation: Any) -> Decision:
        state = body.get("status") or {}
        if not state:
            return Decision({"phase": "Retrying"}, urgent=True, wake_at=observation.now)
        if observation.result_of(Create) is None:
            return Decision(state, life_of_one_pod(world, {**body, "status": {}}, observation).actions)
        return Decision({"phase": "Queued"}, urgent=True)

    controller = controllers(decide, window=3600)
    await controller.start()
    await server.put("taskexecutions", execution("t"))
    await server.until(lambda: phase(server, "t") == "Queued")
    assert writes(server) == [("update", "taskexecutions"), ("create", "pods"), ("update", "taskexecutions")]


def recorder(server: StubApiServer, decided: list[str]) -> Any:
    """An outcome, and what must not begin before the API server has it."""

    def decide(world: Any, body: Any, observation: Any) -> Decision:
        state = body.get("status") or {}
        decided.append(state.get("phase", ""))
        if not state:
            return Decision({"phase": "Retrying"}, urgent=True, wake_at=observation.now)
        assert phase(server, "t") in ("Retrying", "Queued"), "decided about what is on no record"
        return Decision({"phase": "Queued"}, urgent=True)

    return decide


async def test_an_outcome_that_meets_a_conflict_is_written_before_anything_else(
    server: StubApiServer, controllers: Make
) -> None:
    async def label(request: Request) -> None:
        if request.verb == "update" and server.count("update") <= 2:
            body = server.objects[("taskexecutions", "ns", "t")]
            count = str(server.count("update"))
            await server.put("taskexecutions", {**body, "metadata": {**body["metadata"], "labels": {"n": count}}})

    decided: list[str] = []
    server.faults.append(label)
    controller = controllers(recorder(server, decided), window=3600)
    await controller.start()
    await server.put("taskexecutions", execution("t"))
    await server.until(lambda: phase(server, "t") == "Queued")
    assert controller.told.failures == 0
    assert decided[:2] == ["", "Retrying"]


async def test_an_outcome_that_is_refused_is_written_before_anything_else(
    server: StubApiServer, controllers: Make
) -> None:
    async def refuse(request: Request) -> web.StreamResponse | None:
        return status(500, "InternalError") if request.verb == "update" and server.count("update") == 1 else None

    decided: list[str] = []
    server.faults.append(refuse)
    controller = controllers(recorder(server, decided), window=3600)
    await controller.start()
    await server.put("taskexecutions", execution("t"))
    await server.until(lambda: server.count("update") == 1)
    await controller_is_quiet(controller)
    body = server.objects[("taskexecutions", "ns", "t")]
    await server.put("taskexecutions", {**body, "spec": {"priority": 1}})
    await controller.advance(1)
    await server.until(lambda: phase(server, "t") == "Queued")
    assert controller.told.failures == 0
    assert decided[:2] == ["", "Retrying"]


async def test_finalizers_that_meet_a_conflict_are_decided_about_again(
    server: StubApiServer, controllers: Make
) -> None:
    async def add_theirs(request: Request) -> None:
        if request.verb == "patch" and server.count("patch") == 1:
            body = server.objects[("taskexecutions", "ns", "t")]
            await server.put("taskexecutions", {**body, "metadata": {**body["metadata"], "finalizers": ["theirs"]}})

    def decide(world: Any, body: Any, observation: Any) -> Decision:
        finalizers = tuple(body["metadata"].get("finalizers") or ())
        wanted = None if "ours" in finalizers else (*finalizers, "ours")
        return Decision({"phase": "Queued"}, finalizers=wanted)

    server.faults.append(add_theirs)
    controller = controllers(decide)
    await controller.start()
    await server.put("taskexecutions", execution("t"))
    await server.until(lambda: phase(server, "t") == "Queued")
    assert server.objects[("taskexecutions", "ns", "t")]["metadata"]["finalizers"] == ["theirs", "ours"]


async def test_finalizers_come_before_actions_and_go_with_the_object(server: StubApiServer, controllers: Make) -> None:
    def decide(world: Any, body: Any, observation: Any) -> Decision:
        finalizers = tuple(body["metadata"].get("finalizers") or ())
        if body["metadata"].get("deletionTimestamp"):
            return Decision(body["status"], finalizers=())
        decision = life_of_one_pod(world, body, observation)
        wanted = None if "ours" in finalizers else (*finalizers, "ours")
        return Decision(decision.status, decision.actions, wanted, urgent=decision.urgent)

    controller = controllers(decide)
    await controller.start()
    await server.put("taskexecutions", execution("t"))
    await server.until(lambda: phase(server, "t") == "Queued")
    assert writes(server) == [("patch", "taskexecutions"), ("create", "pods"), ("update", "taskexecutions")]
    slot = next(iter(controller.engine.cache.slots.values()))
    await controller.api.delete(slot.ref)
    await server.until(lambda: not server.of("taskexecutions"))
    await controller_is_quiet(controller)
    assert controller.engine.cache.slots == {}
    assert writes(server)[3:] == [("delete", "taskexecutions"), ("patch", "taskexecutions")]


async def test_what_has_ended_is_read_again_when_its_time_comes(server: StubApiServer, controllers: Make) -> None:
    ended: list[str] = []

    def decide(world: Any, body: Any, observation: Any) -> Decision:
        if observation.now > created + timedelta(seconds=60):
            ended.append(body["metadata"]["name"])
            return Decision(body["status"])
        return Decision({"phase": "Succeeded"}, urgent=True, wake_at=created + timedelta(seconds=61))

    controller = controllers(decide)
    created = controller.engine._clock()
    await controller.start()
    await server.put("taskexecutions", execution("t"))
    await server.until(lambda: phase(server, "t") == "Succeeded")
    await controller_is_quiet(controller)
    slot = next(iter(controller.engine.cache.slots.values()))
    assert slot.shed
    assert controller.told.endings == {"Succeeded": 1}
    await controller.advance(120)
    await server.until(lambda: server.count("get") == 1)
    await controller_is_quiet(controller)
    assert ended == ["t"]
    assert slot.shed


async def test_closing_lets_what_is_in_flight_end(server: StubApiServer, controllers: Make) -> None:
    reached, release = asyncio.Event(), asyncio.Event()

    async def hold(request: Request) -> None:
        if request.verb == "create":
            reached.set()
            await release.wait()

    server.faults.append(hold)
    controller = controllers()
    await controller.start()
    await server.put("taskexecutions", execution("t"))
    await reached.wait()
    closing = asyncio.create_task(controller.engine.close(grace=5))
    await asyncio.sleep(0)
    release.set()
    await closing
    assert len(server.of("pods")) == 1
    assert [seen.code for seen in server.requests if seen.verb == "create"] == [201]
    assert server.count("update") == 0, "nothing new was begun"


async def test_closing_does_not_wait_for_ever(server: StubApiServer, controllers: Make) -> None:
    reached, release = asyncio.Event(), asyncio.Event()

    async def hang(request: Request) -> None:
        if request.verb == "create":
            reached.set()
            await release.wait()

    server.faults.append(hang)
    controller = controllers()
    await controller.start()
    await server.put("taskexecutions", execution("t"))
    await reached.wait()
    await asyncio.wait_for(controller.engine.close(grace=0.01), 5)
    release.set()


async def test_who_does_not_lead_any_more_stops(server: StubApiServer, controllers: Make) -> None:
    controller = controllers()
    await controller.start()
    controller.leading = False
    await server.put("taskexecutions", execution("t"))
    await server.until(lambda: server.count("watch") == 2)
    await controller_is_quiet(controller)
    assert writes(server) == []


class Room:
    """Records what the engine tells of tasks that wait."""

    def __init__(self) -> None:
        self.calls = 0
        self.left: list[str] = []

    def call(self) -> None:
        self.calls += 1

    def leave(self, uid: str) -> None:
        self.left.append(uid)


async def test_who_is_called_decides_again_and_who_is_gone_leaves(server: StubApiServer, controllers: Make) -> None:
    controller = controllers()
    controller.engine._waiting = room = Room()
    await controller.start()
    await server.put("taskexecutions", execution("t"))
    await server.until(lambda: phase(server, "t") == "Queued")
    (uid,) = controller.engine.cache.slots
    decisions = controller.told.decisions
    assert room.calls == decisions
    assert controller.engine.ask(uid)
    await soon(lambda: controller.told.decisions > decisions)
    assert not controller.engine.ask("of somebody else")
    await server.remove("taskexecutions", "ns", "t")
    await soon(lambda: room.left == [uid])
