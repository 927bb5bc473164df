"""The application as a whole: it comes up in order, tells the truth about itself, and goes in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from controller.kube.credentials import Credentials
from controller.runtime.application import FAILED, LEASE, Application, Options
from controller.runtime.health import STUCK
from controller.services.metrics import Metrics
from controller.services.probes import bind
from controller.services.tokens import InMemoryTokens, Limits
from pluginmachinery.config.documents import read_as_flyte
from pluginmachinery.core.actions import ResourceKind
from pluginmachinery.lifecycle.advance import World
from pluginmachinery.plugins.map_task import run as map_tasks
from pluginmachinery.plugins.registry import PluginRegistry
from tests.controller.runtime.conftest import NoStore, execution
from tests.controller.stub_apiserver import Request, StubApiServer, status

CONFIG = {"tasks": {"task-plugins": {"enabled-plugins": ["container"]}}, "plugin-manager": {"coalesce": "0s"}}
TEMPLATE = {"type": "container", "container": {"image": "busybox", "command": ["true"]}}
JOBS = ResourceKind("example.com/v1", "Job", "jobs")


class Process:
    """An application, and what it says over HTTP."""

    def __init__(
        self,
        server: StubApiServer,
        kinds: tuple[ResourceKind, ...],
        options: Options,
        settings: Mapping[str, Any] = CONFIG,
    ) -> None:
        config = read_as_flyte(settings)
        registry = PluginRegistry.from_config(config)
        bound = bind("127.0.0.1:0")
        self.url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        self.application = Application(
            world=World(config=config, registry=registry),
            kinds=[kind for one in registry.declarations for kind in one.resources] + list(kinds),
            credentials=Credentials(server=server.url),
            outputs=NoStore(),
            tokens=InMemoryTokens(Limits(config, registry)),
            metrics=Metrics("1.2.3", "abc"),
            options=options,
            listen=bound,
        )

    async def get(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(self.url + path) as response:
            return response.status, await response.text()

    async def ready(self) -> str:
        async with asyncio.timeout(10):
            while (answer := await self.get("/readyz"))[0] != 200:
                await asyncio.sleep(0.005)
        return answer[1]

    async def says(self, path: str, text: str) -> int:
        """The status of the answer once it says this: the server has done something before its answer is heard."""
        async with asyncio.timeout(10):
            while text not in (answer := await self.get(path))[1]:
                await asyncio.sleep(0.005)
        return answer[0]


Start = Callable[..., Awaitable[Process]]


@pytest.fixture
async def start(server: StubApiServer) -> AsyncIterator[Start]:
    started: list[Process] = []

    async def start(*kinds: ResourceKind, config: Mapping[str, Any] = CONFIG, **options: Any) -> Process:
        process = Process(server, kinds, Options(**options), config)
        started.append(process)
        await process.application.start()
        return process

    yield start
    for process in started:
        await process.application.stop()


async def submit(server: StubApiServer, name: str = "t", namespace: str = "ns") -> None:
    body = execution(name, template=TEMPLATE)
    body["metadata"]["namespace"] = namespace
    await server.put("taskexecutions", body)


def phases(server: StubApiServer) -> dict[str, str]:
    return {
        body["metadata"]["name"]: (body.get("status") or {}).get("phase", "") for body in server.of("taskexecutions")
    }


async def test_a_task_from_submission_to_success_with_the_real_plugin(server: StubApiServer, start: Start) -> None:
    process = await start()
    await submit(server)
    await server.until(lambda: server.of("pods"))
    pod = server.of("pods")[0]
    assert pod["metadata"]["labels"]["plugins.flyte.org/managed"] == "true"
    for each, told in (("Running", "Running"), ("Succeeded", "Succeeded")):
        await server.put("pods", {**server.of("pods")[0], "status": {"phase": each}})
        await server.until(lambda: phases(server) == {"t": told})  # noqa: B023
    await process.says("/metrics", 'flyte_plugin_manager_api_requests_total{code="201",kind="pods",verb="create"} 1.0')
    await process.says("/metrics", 'flyte_plugin_manager_tasks_ended_total{phase="Succeeded"} 1.0')


async def test_metrics_say_how_it_stands(server: StubApiServer, start: Start) -> None:
    process = await start()
    await submit(server, "a")
    await submit(server, "b")
    await server.until(lambda: set(phases(server).values()) == {"Queued"})
    code, text = await process.get("/metrics")
    assert code == 200
    for line in (
        'flyte_plugin_manager_tasks{phase="Queued"} 2.0',
        "flyte_plugin_manager_queue_depth 0.0",
        "flyte_plugin_manager_leading 1.0",
        'flyte_plugin_manager_watch_synced{kind="pods",namespace=""} 1.0',
        'flyte_plugin_manager_watch_events_total{kind="taskexecutions",namespace=""}',
        "flyte_plugin_manager_decision_seconds_count",
        'config_hash="abc"',
        'version="1.2.3"',
    ):
        assert line in text


async def test_executions_are_listed_before_their_objects(server: StubApiServer, start: Start) -> None:
    await (await start()).ready()
    lists = [seen.plural for seen in server.requests if seen.verb == "list"]
    assert lists.index("taskexecutions") < lists.index("pods")


async def test_it_is_not_ready_before_its_lists_are_in_and_says_which(server: StubApiServer, start: Start) -> None:
    allowed = False

    async def forbid(request: Request) -> web.Response | None:
        return status(403, "Forbidden", "pods is forbidden") if request.plural == "pods" and not allowed else None

    server.faults.append(forbid)
    process = await start()
    await submit(server)
    await server.until(lambda: server.count("list", "pods"))
    code, text = await process.get("/readyz")
    assert code == 503
    assert "[+] configuration loaded" in text
    assert "[+] taskexecutions of all namespaces ok" in text
    assert "[-] pods of all namespaces Forbidden: pods is forbidden" in text
    assert (await process.get("/healthz"))[0] == 200, "a restart would not mend it"
    assert server.count("create") == 0
    allowed = True
    await server.until(lambda: server.count("create") == 1)


async def test_a_missing_definition_is_named(server: StubApiServer, start: Start) -> None:
    server.unserved.add("taskexecutions")
    process = await start()
    await server.until(lambda: server.count("list", "podtemplates"))
    assert await process.says("/readyz", "install the CustomResourceDefinition") == 503


async def test_an_operator_that_is_not_installed_stops_no_other_plugin(server: StubApiServer, start: Start) -> None:
    server.unserved.add("jobs")
    process = await start(JOBS)
    assert "[+] jobs of all namespaces not served by this cluster" in await process.ready()
    await submit(server)
    await server.until(lambda: server.of("pods"))


async def test_only_its_namespaces(server: StubApiServer, start: Start) -> None:
    process = await start(namespaces=("one", "two"))
    await process.ready()
    for namespace in ("one", "two", "three"):
        await submit(server, namespace, namespace)
    await server.until(lambda: len(server.of("pods")) == 2)
    await server.until(lambda: phases(server) == {"one": "Queued", "two": "Queued", "three": ""})
    assert all(seen.namespace for seen in server.requests)


async def test_who_stands_by_follows_and_does_nothing(server: StubApiServer, start: Start) -> None:
    leader = await start(lease_namespace="flyte", identity="a")
    assert "leadership leading" in await leader.ready()
    second = await start(lease_namespace="flyte", identity="b")
    await submit(server)
    await server.until(lambda: phases(server) == {"t": "Queued"})
    text = await second.ready()
    assert "leadership standing by, a leads" in text
    _, metrics = await second.get("/metrics")
    assert "flyte_plugin_manager_leading 0.0" in metrics
    assert server.count("create", "pods") == 1


async def test_who_goes_hands_over(server: StubApiServer, start: Start) -> None:
    leader = await start(lease_namespace="flyte", identity="a")
    await leader.ready()
    await leader.application.stop()
    assert server.of("leases")[0]["spec"]["holderIdentity"] == ""


async def test_who_loses_its_lease_ends(server: StubApiServer, start: Start) -> None:
    process = await start(lease_namespace="flyte", identity="a")
    await process.ready()
    lease = server.objects[("leases", "flyte", LEASE)]
    await server.put("leases", {**lease, "spec": {**lease["spec"], "holderIdentity": "b"}})
    await asyncio.wait_for(process.application.ended.wait(), 10)
    assert process.application.exit_code == FAILED
    await submit(server)
    await server.until(lambda: server.events)
    assert server.count("create", "pods") == 0


async def test_pod_templates_are_those_of_the_cluster(server: StubApiServer, start: Start) -> None:
    await server.put("podtemplates", {"metadata": {"name": "old", "namespace": "ns"}, "template": {}})
    process = await start()
    await process.ready()
    world = lambda: [each["metadata"]["name"] for each in process.application._world.pod_templates]  # noqa: E731
    async with asyncio.timeout(10):
        while world() != ["old"]:
            await asyncio.sleep(0.005)
        await server.put("podtemplates", {"metadata": {"name": "new", "namespace": "ns"}, "template": {}})
        await server.remove("podtemplates", "ns", "old")
        while world() != ["new"]:
            await asyncio.sleep(0.005)


async def test_a_watch_that_breaks_shows(server: StubApiServer, start: Start) -> None:
    process = await start()
    await process.ready()

    async def down(request: Request) -> web.Response:
        assert request.http.transport
        request.http.transport.abort()
        return web.Response()

    server.faults.append(down)
    await server.close_watches()
    async with asyncio.timeout(10):
        while "Unreachable" not in (answer := await process.get("/readyz"))[1]:
            await asyncio.sleep(0.005)
    assert answer[0] == 503
    server.faults.clear()
    await process.ready()


async def test_what_fails_becomes_an_event_and_what_succeeds_does_not(server: StubApiServer, start: Start) -> None:
    process = await start()
    await submit(server, "good")
    await server.until(lambda: server.of("pods"))
    await server.put("pods", {**server.of("pods")[0], "status": {"phase": "Succeeded"}})
    await server.until(lambda: phases(server)["good"] == "Succeeded")
    await submit(server, "bad")
    await server.until(lambda: len(server.of("pods")) == 2)
    await server.put("pods", {**server.of("pods")[1], "status": {"phase": "Failed"}})
    await server.until(lambda: server.of("events"))
    (event,) = server.of("events")
    assert (event["regarding"]["name"], event["reason"], event["type"]) == ("bad", "AttemptFailed", "Warning")
    await process.says("/metrics", 'flyte_plugin_manager_events_total{outcome="created",reason="AttemptFailed"} 1.0')
    await process.says(
        "/metrics", 'flyte_plugin_manager_api_requests_total{code="201",kind="events",verb="create"} 1.0'
    )


async def test_a_line_that_does_not_move_is_unhealthy(server: StubApiServer, start: Start) -> None:
    process = await start()
    await process.ready()
    engine = process.application.shards[None].engine
    for task in engine._tasks:  # nobody is left to take what stands in line
        task.cancel()
    await submit(server)
    async with asyncio.timeout(10):
        while not engine.depth:
            await asyncio.sleep(0.005)
    assert (await process.get("/healthz"))[0] == 200
    engine._progress_at -= STUCK + 1
    code, text = await process.get("/healthz")
    assert code == 503
    assert "[-] queue 1 tasks wait, none was taken for 121 s" in text
    assert (await process.get("/readyz"))[0] == 503
    engine._effects._waiting = 1
    assert (await process.get("/healthz"))[0] == 200, "who waits for the API server is not mended by a restart"


async def test_events_of_pods_become_reasons_where_the_switch_is_on(server: StubApiServer, start: Start) -> None:
    process = await start(config={**CONFIG, "plugins": {"k8s": {"send-object-events": True}}})
    await process.ready()
    await submit(server)
    await server.until(lambda: phases(server) == {"t": "Queued"})
    pod = server.of("pods")[0]["metadata"]["name"]
    for number, note in enumerate(("Pulling image", "Pulled image")):
        metadata = {"name": f"e{number}", "namespace": "ns", "creationTimestamp": f"2026-01-01T00:00:0{number}Z"}
        await server.put("events", {"metadata": metadata, "regarding": {"kind": "Pod", "name": pod}, "note": note})
        await server.until(lambda: len(_reasons(server)) == number + 1)  # noqa: B023
    assert [each["reason"] for each in _reasons(server)] == ["Pulling image", "Pulled image"]
    assert server.of("taskexecutions")[0]["status"]["phaseVersion"] == 2
    lists = [seen.http.query.get("fieldSelector") for seen in server.requests if seen.plural == "events"]
    assert "regarding.kind=Pod" in lists


async def test_without_the_switch_nobody_asks_for_events(server: StubApiServer, start: Start) -> None:
    await (await start()).ready()
    assert server.count("list", "events") == 0


def _reasons(server: StubApiServer) -> list[Any]:
    status = server.of("taskexecutions")[0].get("status") or {}
    return list(status.get("reasons") or ())


async def test_a_pod_that_ended_before_its_creation_was_known(server: StubApiServer, start: Start) -> None:
    """The answer to the creation is lost, the pod ends at once: when it is found, no event of it is still to come."""
    lost = False

    async def lose(request: Request) -> web.Response | None:
        nonlocal lost
        if lost or (request.verb, request.plural) != ("create", "pods"):
            return None
        lost = True
        await server._serve(request)
        await server.put("pods", {**server.of("pods")[0], "status": {"phase": "Succeeded"}})
        assert request.http.transport
        request.http.transport.abort()
        return web.Response()

    server.faults.append(lose)
    await start()
    await submit(server)
    await server.until(lambda: phases(server) == {"t": "Succeeded"})
    assert len(server.of("pods")) == 1


ONE_AT_A_TIME = {
    "tasks": {"task-plugins": {"enabled-plugins": ["container", "k8s-array"]}},
    "plugins": {"k8s-array": {"resourceConfig": {"primaryLabel": "licence", "limit": 1}}},
    "plugin-manager": {"coalesce": "0s"},
}


async def test_a_token_that_is_given_back_wakes_the_task_that_waits_for_it(
    server: StubApiServer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_tasks, "_LOOK_AGAIN", timedelta(hours=1))
    await start(config=ONE_AT_A_TIME)
    template = {**TEMPLATE, "type": "container_array", "custom": {"size": 1}}
    await server.put("taskexecutions", execution("first", template=template))
    await server.until(lambda: [pod["metadata"]["name"] for pod in server.of("pods")] == ["first-0-0"])
    await server.put("taskexecutions", execution("second", template=template))
    await server.until(lambda: phases(server)["second"] == "WaitingForResources")
    await server.put("pods", {**server.of("pods")[0], "status": {"phase": "Succeeded"}})
    await server.until(lambda: len(server.of("pods")) == 2)
    await server.until(lambda: phases(server) == {"first": "Succeeded", "second": "Queued"})
