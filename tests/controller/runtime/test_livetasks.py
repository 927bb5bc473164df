"""Whether a task lives: told from the slots that we act on; about others the API server is asked."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from controller.kube.client import ApiServer
from controller.runtime.livetasks import LiveTasks
from controller.services.tokens import Holder
from tests.controller.runtime.conftest import execution
from tests.controller.stub_apiserver import Request, StubApiServer, status

HOLDER = Holder("ns", "t", "the-uid", 0, "owner")


async def over(server: StubApiServer, api: ApiServer, holder: Holder = HOLDER) -> bool:
    return await LiveTasks(api, {}).is_over(holder)


@pytest.mark.parametrize(
    ("found", "is_over"),
    [
        ({"phase": "Running"}, False),
        ({"phase": "Failed", "pending": {"step": "Finalize", "outcome": "Failed"}}, False),
        ({"phase": "Failed"}, True),
        ({}, False),
        (None, True),
    ],
    ids=["it runs", "something is left to do", "it has ended", "it is new", "it is gone"],
)
async def test_what_the_api_server_says(
    server: StubApiServer, api: ApiServer, found: Mapping[str, Any] | None, is_over: bool
) -> None:
    if found is not None:
        body = execution("t")
        body["metadata"] |= {"namespace": "ns", "uid": "the-uid"}
        await server.put("taskexecutions", {**body, "status": dict(found)})
    assert await over(server, api) is is_over


async def test_another_task_of_the_same_name_is_another_task(server: StubApiServer, api: ApiServer) -> None:
    body = execution("t")
    body["metadata"] |= {"namespace": "ns", "uid": "of-another"}
    await server.put("taskexecutions", body)
    assert await over(server, api)


@pytest.mark.parametrize(
    ("is_open", "shed", "lives"),
    [(True, False, True), (True, True, False), (False, False, False)],
    ids=["it runs here", "it has ended", "this replica only stands by"],
)
async def test_what_we_act_on_is_not_asked_for(api: ApiServer, is_open: bool, shed: bool, lives: bool) -> None:
    slot = SimpleNamespace(shed=shed)
    engine = SimpleNamespace(is_open=is_open, cache=SimpleNamespace(slots={"the-uid": slot}))
    shards: Any = {0: SimpleNamespace(engine=engine)}
    assert LiveTasks(api, shards).lives("the-uid") is lives
    assert not LiveTasks(api, shards).lives("of-another")


async def test_in_doubt_it_lives(server: StubApiServer, api: ApiServer) -> None:
    async def forbid(request: Request) -> Any:
        return status(403, "Forbidden")

    server.faults.append(forbid)
    assert not await over(server, api)
