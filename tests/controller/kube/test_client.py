"""What the API server answers, and what it is called."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from controller.kube import answers, paths
from controller.kube.client import ApiServer, RequestRefused
from controller.kube.credentials import Credentials
from pluginmachinery.core.actions import Done, Found, Missing, ObjectRef, Refused, ResourceKind
from tests.controller.kube.http_servers import saying, served
from tests.controller.stub_apiserver import Request, StubApiServer, status

PODS = ResourceKind("v1", "Pod", "pods")
TASKS = ResourceKind("plugins.flyte.org/v1alpha1", "TaskExecution", "taskexecutions")
POD = ObjectRef(PODS, "ns", "a")


def pod(name: str = "a", **metadata: object) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "ns", **metadata}}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (paths.collection(PODS), "/api/v1/pods"),
        (paths.collection(TASKS, "ns"), "/apis/plugins.flyte.org/v1alpha1/namespaces/ns/taskexecutions"),
        (paths.item(POD), "/api/v1/namespaces/ns/pods/a"),
        (paths.item(POD, "status"), "/api/v1/namespaces/ns/pods/a/status"),
        (paths.item(ObjectRef(PODS, "n/s", "../a")), "/api/v1/namespaces/n%2Fs/pods/..%2Fa"),
    ],
    ids=[
        "core, all namespaces",
        "group, one namespace",
        "one object",
        "subresource",
        "names can not leave their place",
    ],
)
def test_paths(path: str, expected: str) -> None:
    assert path == expected


async def test_an_object_lives_and_dies(api: ApiServer, server: StubApiServer) -> None:
    created = await api.create(POD, pod())
    assert isinstance(created, Done)
    found = await api.get(POD)
    assert isinstance(found, Found)
    assert found.object["metadata"]["uid"] == created.value["metadata"]["uid"]
    patched = await api.patch(POD, {"metadata": {"labels": {"x": "1"}}})
    assert isinstance(patched, Done)
    assert patched.value["metadata"]["labels"] == {"x": "1"}
    written = await api.put_status(POD, {"metadata": {"name": "a"}, "status": {"phase": "Running"}})
    assert isinstance(written, Done)
    assert (written.value["status"], written.value["metadata"]["labels"]) == ({"phase": "Running"}, {"x": "1"})
    assert isinstance(await api.delete(POD), Done)
    assert isinstance(await api.get(POD), Missing)
    assert isinstance(await api.delete(POD), Missing)


async def test_refusals_of_the_server_itself(api: ApiServer) -> None:
    await api.create(POD, pod())
    again = await api.create(POD, pod())
    assert (again.reason, again.status) == ("AlreadyExists", 409)  # type: ignore[union-attr]
    stale = await api.put_status(POD, {"metadata": {"name": "a", "resourceVersion": "1"}, "status": {}})
    assert (stale.reason, stale.status) == ("Conflict", 409)  # type: ignore[union-attr]
    other = await api.delete(POD, uid="another")
    assert (other.reason, other.status) == ("Conflict", 409)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("code", "body", "retry_after", "expected"),
    [
        (403, b'{"kind":"Status","reason":"Forbidden","message":"exceeded quota"}', None, ("Forbidden", 403)),
        (401, b"Unauthorized", None, ("Unauthorized", 401)),
        (410, b'{"kind":"Status","reason":"Expired","message":"too old"}', None, ("Expired", 410)),
        (413, b"<html>too big</html>", None, ("RequestEntityTooLarge", 413)),
        (422, b'{"kind":"Status","reason":"Invalid"}', None, ("Invalid", 422)),
        (500, b'{"kind":"Status","reason":"ServerTimeout"}', None, ("ServerTimeout", 500)),
        (503, b"", None, ("ServiceUnavailable", 503)),
        (418, b"teapot", None, ("HTTP418", 418)),
        (200, b"<html>", None, (answers.INVALID_ANSWER, 200)),
        (404, b"404 page not found", None, ("NotFound", 404)),
    ],
    ids=[
        "the Status' reason",
        "no Status",
        "expired",
        "a proxy's page",
        "invalid",
        "reason beats code",
        "empty",
        "unknown code",
        "success that is no JSON",
        "a kind that is not served is not a missing object",
    ],
)
def test_reasons(code: int, body: bytes, retry_after: str | None, expected: tuple[str, int]) -> None:
    refused = answers.parse(code, body, retry_after)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.status) == expected


@pytest.mark.parametrize(
    ("body", "header", "seconds"),
    [(b"", "7", 7.0), (b'{"kind":"Status","details":{"retryAfterSeconds":3}}', None, 3.0), (b"", None, 1.0)],
    ids=["header", "details", "neither"],
)
def test_throttling_says_how_long(body: bytes, header: str | None, seconds: float) -> None:
    refused = answers.parse(429, body, header)
    assert isinstance(refused, answers.Throttled)
    assert (refused.retry_after, answers.is_passing(refused)) == (seconds, True)


async def test_no_server_is_no_answer(server: StubApiServer) -> None:
    api = ApiServer(Credentials(server="http://127.0.0.1:1"))
    refused = await api.get(POD)
    await api.close()
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.status, answers.is_passing(refused)) == (answers.UNREACHABLE, 0, True)


async def test_a_connection_that_breaks_is_no_answer(api: ApiServer, server: StubApiServer) -> None:
    async def reset(request: Request) -> web.Response:
        assert request.http.transport
        request.http.transport.abort()
        return web.Response()

    server.faults.append(reset)
    assert (await api.create(POD, pod())).reason == answers.UNREACHABLE  # type: ignore[union-attr]


async def test_what_is_no_http_is_no_answer() -> None:
    async with served(saying(b"SSH-2.0-OpenSSH_9\r\n")) as (_, server):
        api = ApiServer(Credentials(server=server._url))
        refused = await api.get(POD)
        with pytest.raises(RequestRefused) as caught:
            await anext(api.watch(PODS, resource_version="1"))
        await api.close()
    for each in (refused, caught.value.refused):
        assert isinstance(each, Refused)
        assert (each.reason, answers.is_passing(each)) == (answers.UNREACHABLE, True)


async def test_a_slow_answer_is_no_answer(server: StubApiServer) -> None:
    release = asyncio.Event()

    async def hang(request: Request) -> None:
        await release.wait()

    server.faults.append(hang)
    api = ApiServer(Credentials(server=server.url), timeout=0.05)
    refused = await api.get(POD)
    release.set()
    await api.close()
    assert refused.reason == answers.TIMEOUT  # type: ignore[union-attr]


async def test_a_namespace_that_is_missing_refuses_the_creation(api: ApiServer, server: StubApiServer) -> None:
    async def no_namespace(request: Request) -> web.Response:
        return status(404, "NotFound", 'namespaces "ns" not found', name="ns", kind="namespaces")

    server.faults.append(no_namespace)
    refused = await api.create(POD, pod())
    assert isinstance(refused, Refused)
    assert refused.status == 404


async def test_lists_are_read_page_by_page(
    api: ApiServer, server: StubApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.kube.client.PAGE_SIZE", 2)
    for number in range(5):
        await server.put("pods", pod(f"p{number}", labels={"even": str(number % 2 == 0)}))
    assert [names async for names in _names(api)] == [["p0", "p1"], ["p2", "p3"], ["p4"]]
    assert server.count("list") == 3
    assert [names async for names in _names(api, "ns", selector="even=True")] == [["p0", "p2"], ["p4"]]


async def _names(api: ApiServer, *scope: str, **options: str) -> AsyncIterator[list[str]]:
    async for page in api.pages(PODS, *scope, **options):
        yield [item["metadata"]["name"] for item in page.items]


async def test_a_list_that_is_refused(api: ApiServer, server: StubApiServer) -> None:
    server.unserved.add("taskexecutions")
    with pytest.raises(RequestRefused) as caught:
        await anext(api.pages(TASKS))
    assert caught.value.refused.status == 404


async def test_a_watch_goes_on_from_its_version(api: ApiServer, server: StubApiServer) -> None:
    await server.put("pods", pod("before"))
    page = await anext(api.pages(PODS))
    await server.put("pods", pod("after"))
    async with contextlib.aclosing(api.watch(PODS, resource_version=page.resource_version)) as stream:
        lines = [line async for lines in _first(stream, 2) for line in lines]
    assert b"after" in lines[0]
    assert len(lines) == 1


async def test_lines_of_a_watch_have_no_limit(api: ApiServer, server: StubApiServer) -> None:
    """They come in as many pieces as the network likes; half a line at the end is none."""
    long = b"x" * 3_000_000

    async def watched(request: Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request.http)
        for said in (b"a\nb", b"\n", long, long + b"\nc\n", b"half"):
            await response.write(said)
        return response

    server.faults.append(watched)
    stream = api.watch(PODS, resource_version="1")
    assert await anext(stream) == []
    assert [line async for lines in stream for line in lines] == [b"a", b"b", long + long, b"c"]


async def _first(stream, count):  # type: ignore[no-untyped-def]
    for _ in range(count):
        yield await anext(stream)


async def test_a_token_file_is_read_again_when_it_expires(server: StubApiServer, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old\n")
    good = "Bearer old"

    async def check(request: Request) -> web.Response | None:
        return None if request.http.headers["Authorization"] == good else status(401, "Unauthorized")

    server.faults.append(check)
    api = ApiServer(Credentials(server=server.url, token_file=token))
    assert isinstance(await api.get(POD), Missing)
    good = "Bearer new"
    assert (await api.get(POD)).status == 401  # type: ignore[union-attr]
    token.write_text("new")
    assert isinstance(await api.get(POD), Missing)
    await api.close()


@pytest.mark.parametrize("junk", [b"two\r\nlines", b"\xff\xfe", b""], ids=["lines", "no text", "empty"])
async def test_a_token_file_that_holds_no_token_changes_nothing(
    server: StubApiServer, tmp_path: Path, junk: bytes
) -> None:
    """It is in the middle of a renewal, and must not become a header of its own."""
    token = tmp_path / "token"
    token.write_text("good")

    async def refuse(request: Request) -> web.Response:
        assert request.http.headers["Authorization"] == "Bearer good"
        token.write_bytes(junk)
        return status(401, "Unauthorized")

    server.faults.append(refuse)
    api = ApiServer(Credentials(server=server.url, token_file=token))
    assert (await api.get(POD)).status == 401  # type: ignore[union-attr]
    assert len(server.requests) == 2
    await api.close()


async def test_every_request_is_told(server: StubApiServer) -> None:
    told: list[tuple[str, str, int]] = []
    api = ApiServer(
        Credentials(server=server.url), listener=lambda verb, plural, code, _: told.append((verb, plural, code))
    )
    await api.create(POD, pod())
    await api.create(POD, pod())
    await api.get(ObjectRef(PODS, "ns", "b"))
    await api.close()
    assert told == [("create", "pods", 201), ("create", "pods", 409), ("get", "pods", 404)]
