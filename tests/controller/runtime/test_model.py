"""The engine through all that can happen around it, in any order, against a server that can be made to lie.

Tasks are created, deleted and created again under their names; pods move, are evicted, deleted by hand, and vanish
unseen; somebody else changes TaskExecutions, and has pods of the names that ours would have; events come twice, and
late, with what has long been passed; watches are cut off while the world goes on; the controller is killed and started
anew, and time passes by its own clock.

Whatever the order: no livelock, one budget for each failure, at most one live object for each attempt, nothing done for
old news, nobody else's success taken for a task's own; and in peace everything ends, with nothing left over.
"""

from __future__ import annotations

import asyncio
import copy
from collections import Counter
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from pluginmachinery.api import names
from pluginmachinery.core.actions import Found
from pluginmachinery.lifecycle.advance import advance
from tests.controller.runtime.conftest import Controller
from tests.controller.runtime.conftest import execution as named
from tests.controller.stub_apiserver import Event, Key, Object, Request, StubApiServer, status
from tests.pluginmachinery.lifecycle.simulation import PodLike, world

NAMES = ("a", "b")
TEMPLATE = {"type": "container", "container": {"image": "x"}, "metadata": {"retries": {"retries": 1}}}
TERMINAL = {"Succeeded", "Failed", "Aborted"}
MOST_WRITES = 150
"""In one step, for two tasks; a livelock makes more."""


def owner_of(pod: Object) -> str:
    """UID of the TaskExecution; "": it is somebody else's."""
    owners = pod["metadata"].get("ownerReferences") or [{"uid": ""}]
    return str(owners[0]["uid"])


class Everything(RuleBasedStateMachine):
    @initialize(running=st.booleans())
    def begin(self, running: bool) -> None:
        """``running``: both tasks are there, and their pods run."""
        self.runner = asyncio.Runner()
        self.server = StubApiServer()
        self.later = timedelta()
        self.deaf = self.quick = False
        self.by_hand: Counter[str] = Counter()
        self.succeeded: set[str] = set()
        """UIDs of TaskExecutions of which a pod has succeeded."""
        self.do(self._begin())
        for name in NAMES if running else ():
            self.create(name)
            self.step(
                self._put("pods", {**self.server.objects["pods", "ns", f"{name}-0"], "status": {"phase": "Running"}})
            )

    async def _begin(self) -> None:
        await self.server.__aenter__()
        self.server.faults += [self._refuse_to_tell, self._answer_late]
        await self._start()

    async def _start(self) -> None:
        self.controller = Controller(self.server, advance)
        self.controller.engine.world = world(PodLike())
        self.controller.later = self.later
        await self.controller.start()

    async def _refuse_to_tell(self, request: Request) -> Any:
        return status(500, "InternalError") if self.deaf and request.verb in ("watch", "list") else None

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        self.runner.run(work)

    def step(self, work: Coroutine[Any, Any, None]) -> None:
        async def through() -> None:
            before = self._writes()
            await work
            for follows in (asyncio.sleep(0), self._collect_garbage()):
                await follows
                await self._settle()
                self._check()
            assert self._writes() - before < MOST_WRITES, "it never stops writing"

        self.do(through())

    def _writes(self) -> int:
        return sum(1 for seen in self.server.requests if seen.verb in ("create", "update", "patch", "delete"))

    async def _settle(self) -> None:
        """Until nobody does anything any more."""
        quiet, seen = 0, None
        async with asyncio.timeout(20):
            while quiet < 3:
                await asyncio.sleep(0.001)
                engine = self.controller.engine
                busy = engine.depth or any(slot.busy for slot in engine.cache.slots.values())
                now = (self._writes(), self.controller.told.decisions, self.server.version)
                quiet = quiet + 1 if not busy and now == seen else 0
                seen = now

    async def _collect_garbage(self) -> None:
        """As Kubernetes: what is owned by who is gone goes."""
        uids = {item["metadata"]["uid"] for item in self.server.of("taskexecutions")}
        for pod in self.server.of("pods"):
            if owner_of(pod) and owner_of(pod) not in uids:
                await self.server.remove("pods", "ns", pod["metadata"]["name"])

    # what happens

    @rule(name=st.sampled_from(NAMES), quick=st.booleans())
    def create(self, name: str, quick: bool = False) -> None:
        """``quick``: its pods run before we are told that they were created."""
        self.quick = quick
        self.step(self._create(name))
        self.quick = False

    async def _answer_late(self, request: Request) -> Any:
        if not self.quick or (request.verb, request.plural) != ("create", "pods"):
            return None
        answer = await self.server._serve(request)
        pod = self.server.objects["pods", "ns", request.body["metadata"]["name"]]
        await self._put("pods", {**pod, "status": {"phase": "Running"}})
        await asyncio.sleep(0.01)
        return answer

    async def _create(self, name: str) -> None:
        if ("taskexecutions", "ns", name) not in self.server.objects:
            await self._put("taskexecutions", named(name, template=TEMPLATE))

    @rule(name=st.sampled_from(NAMES), again=st.booleans())
    def delete(self, name: str, again: bool) -> None:
        """``again``: and one of the same name is created before the garbage is collected."""

        async def delete() -> None:
            key: Key = ("taskexecutions", "ns", name)
            if (body := self.server.objects.get(key)) is None:
                return
            if body["metadata"].get("finalizers"):
                metadata = {**body["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
                await self._put("taskexecutions", {**body, "metadata": metadata})
            else:
                await self.server.remove(*key)
            if again:
                await self._settle()
                await self._create(name)

        self.step(delete())

    @rule(name=st.sampled_from(NAMES))
    def abort(self, name: str) -> None:
        self.step(self._change(name, lambda body: body["spec"].update(abort=True)))

    @rule(name=st.sampled_from(NAMES), what=st.sampled_from("xyz"))
    def somebody_else_changes_it(self, name: str, what: str) -> None:
        """What is being written meanwhile meets a conflict."""
        self.step(
            self._change(name, lambda body: body["metadata"].update(annotations={"who": what}), while_it_moves=True)
        )

    async def _change(self, name: str, change: Any, *, while_it_moves: bool = False) -> None:
        body = self.server.objects.get(("taskexecutions", "ns", name))
        if body is None:
            return
        pod = next((pod for pod in self.server.of("pods") if pod["metadata"]["name"].startswith(name)), None)
        if while_it_moves and pod is not None and not (pod.get("status") or {}).get("phase"):
            await self._put("pods", {**pod, "status": {"phase": "Running"}})
        body = copy.deepcopy(body)
        change(body)
        await self._put("taskexecutions", body)

    @precondition(lambda self: self.server.of("pods"))
    @rule(data=st.data(), phase=st.sampled_from(["Running", "Succeeded", "Failed", "Evicted"]))
    def a_pod_moves(self, data: st.DataObject, phase: str) -> None:
        pod = data.draw(st.sampled_from(self.server.of("pods")))
        if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            return
        evicted = {"phase": "Failed", "error": {"kind": "SYSTEM", "code": "Interrupted"}}
        self.step(self._put("pods", {**pod, "status": evicted if phase == "Evicted" else {"phase": phase}}))

    @precondition(lambda self: self.server.of("pods"))
    @rule(data=st.data(), unseen=st.booleans())
    def somebody_deletes_a_pod(self, data: st.DataObject, unseen: bool) -> None:
        """``unseen``: no event tells of it; the watch breaks, and the history is forgotten."""
        pod = data.draw(st.sampled_from(self.server.of("pods")))
        name = pod["metadata"]["name"]
        self.by_hand[f"{owner_of(pod)}/{name}"] += 1

        async def vanish() -> None:
            self.server.forget("pods", "ns", name)
            self.server.compact()
            await self.server.close_watches()

        self.step(vanish() if unseen else self.server.remove("pods", "ns", name))

    @rule(name=st.sampled_from(NAMES), attempt=st.sampled_from([0, 1]), marked=st.booleans())
    def somebody_has_a_pod_of_that_name(self, name: str, attempt: int, marked: bool) -> None:
        """It has succeeded, and it is none of ours. ``marked``: it has our label, so that the watch shows it."""
        if ("pods", "ns", f"{name}-{attempt}") in self.server.objects:
            return
        labels = {names.MANAGED: "true"} if marked else {}
        metadata = {"name": f"{name}-{attempt}", "namespace": "ns", "labels": labels}
        foreign = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": {"phase": "Succeeded"}}
        self.step(self._put("pods", foreign))

    @precondition(lambda self: not self.deaf)
    @rule()
    def events_come_again(self) -> None:
        """Those of the past about what is still there, as if they were new; the oldest comes last."""

        async def tell() -> None:
            for plural, body in reversed(self._lately()):
                self.server.version += 1
                self.server.events.append(Event(self.server.version, "MODIFIED", plural, body))
            async with self.server._changed:
                self.server._changed.notify_all()

        before = self._writes()
        self.step(tell())
        assert self._writes() == before, "old news made it write"

    def _lately(self) -> list[tuple[str, Object]]:
        there = {body["metadata"]["uid"] for body in self.server.objects.values()}
        told = [event for event in self.server.events[-20:] if event.word != "DELETED"]
        return [(event.plural, event.object) for event in told if event.object["metadata"]["uid"] in there]

    @rule()
    def the_server_stops_telling(self) -> None:
        self.deaf = True
        self.step(self.server.close_watches())

    @rule(expired=st.booleans())
    def the_server_tells_again(self, expired: bool) -> None:
        self.deaf = False
        if expired:
            self.server.compact()
        self.step(asyncio.sleep(0.03))

    @precondition(lambda self: not self.deaf)
    @rule(orderly=st.booleans())
    def restart(self, orderly: bool) -> None:
        async def restart() -> None:
            if not orderly:
                self.controller.kill()
            await self.controller.stop()
            await self._start()

        self.step(restart())

    @rule(seconds=st.sampled_from([1, 61, 601]))
    def time_passes(self, seconds: int) -> None:
        self.later += timedelta(seconds=seconds)
        self.step(self.controller.advance(seconds))

    async def _put(self, plural: str, body: Object) -> None:
        if plural == "pods" and body["status"]["phase"] == "Succeeded":
            self.succeeded.add(owner_of(body))
        await self.server.put(plural, body)

    # what holds

    def _check(self) -> None:
        made: Counter[str] = Counter()
        for seen in self.server.requests:
            if (seen.verb, seen.plural, seen.code) == ("create", "pods", 201):
                made[f"{owner_of(seen.body)}/{seen.body['metadata']['name']}"] += 1
        twice = {name: count for name, count in made.items() if count > 1 + self.by_hand[name]}
        assert not twice, "made twice"
        for item in self.server.of("taskexecutions"):
            told = item.get("status") or {}
            failed = [each for each in told.get("attempts", []) if each["phase"] == "Failed"]
            assert sum((told.get("failures") or {}).values()) == len(failed), told
            assert told.get("phase") != "Succeeded" or item["metadata"]["uid"] in self.succeeded, "none of its pods did"

            pod = self.server.objects.get(("pods", "ns", f"{item['metadata']['name']}-{told.get('attempt')}"))
            if pod and not self.deaf and told.get("phase") in ("Queued", "Initializing"):
                runs = (pod.get("status") or {}).get("phase") == "Running" and owner_of(pod) == item["metadata"]["uid"]
                assert not runs, "it was told that the pod runs, and does not tell"

        for slot in self.controller.engine.cache.slots.values():
            for known in slot.objects.values():
                if isinstance(seen := known.as_result(), Found):
                    assert owner_of(seen.object) == slot.uid, "took what is not its own"

    def teardown(self) -> None:
        if hasattr(self, "server"):
            try:
                self.do(self._in_peace())
            finally:
                self.do(self._end())
                self.runner.close()

    async def _in_peace(self) -> None:
        self.deaf = False
        for _ in range(40):
            await asyncio.sleep(0.01)
            await self._collect_garbage()
            await self._settle()
            if self._is_over():
                break
            for pod in self.server.of("pods"):
                if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
                    await self._put("pods", {**pod, "status": {"phase": "Succeeded"}})
            await self.controller.advance(120)
        assert self._is_over(), [item.get("status") for item in self.server.of("taskexecutions")]
        self._check()
        writes = self._writes()
        await self.controller.advance(3600)
        await self._settle()
        assert self._writes() == writes, "it goes on writing after the end"
        assert self.controller.told.failures == 0, "handling broke off"

    def _is_over(self) -> bool:
        tasks = {item["metadata"]["uid"]: item.get("status") or {} for item in self.server.of("taskexecutions")}
        leaving = [item for item in self.server.of("taskexecutions") if item["metadata"].get("deletionTimestamp")]
        alive = [
            pod
            for pod in self.server.of("pods")
            if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
        ]
        ended = all(told.get("phase") in TERMINAL and "pending" not in told for told in tasks.values())
        return ended and not leaving and not alive

    async def _end(self) -> None:
        await self.controller.stop()
        await self.server.__aexit__()


TestEverything = Everything.TestCase
TestEverything.settings = settings(
    max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
