from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from controller.kube.client import ApiServer
from controller.kube.credentials import Credentials
from tests.controller.stub_apiserver import StubApiServer


@pytest.fixture
async def server() -> AsyncIterator[StubApiServer]:
    async with StubApiServer() as server:
        yield server


@pytest.fixture
async def api(server: StubApiServer) -> AsyncIterator[ApiServer]:
    api = ApiServer(Credentials(server=server.url), timeout=5)
    yield api
    await api.close()
