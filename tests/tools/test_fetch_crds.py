"""Fetching CRDs, from a server on this machine: what is right is kept, what is wrong is told and not kept."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tools import fetch_crds
from tools.fetch_crds import CRDS, Crds, crd_folder, fetch

CONTENT = b"kind: CustomResourceDefinition\n"
OPERATOR = Crds("op", "owner/repository", "v1", "crds", {"a.yaml": hashlib.sha256(CONTENT).hexdigest()})
PATH = "/owner/repository/v1/crds/a.yaml"


class Server(ThreadingHTTPServer):
    """Serves ``files`` and remembers what was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {PATH: CONTENT}
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        content = self.server.files.get(self.path)
        self.send_response(200 if content is not None else 404)
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_what_is_missing_is_fetched_and_what_is_there_is_left_alone(server: Server, tmp_path: Path) -> None:
    assert list(fetch(tmp_path, (OPERATOR,), mirror=server.address)) == []
    assert (tmp_path / "op" / "a.yaml").read_bytes() == CONTENT
    assert list(fetch(tmp_path, (OPERATOR,), mirror=f"{server.address}/")) == []
    assert server.asked == [PATH]


def test_what_is_damaged_is_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "op").mkdir()
    (tmp_path / "op" / "a.yaml").write_text("half of i")
    assert list(fetch(tmp_path, (OPERATOR,), mirror=server.address)) == []
    assert (tmp_path / "op" / "a.yaml").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("served", "told"),
    [
        pytest.param({PATH: b"something else"}, "it is not kept", id="other content"),
        pytest.param({}, "404", id="not there"),
    ],
)
def test_what_is_wrong_is_told_and_not_kept(
    served: dict[str, bytes], told: str, server: Server, tmp_path: Path
) -> None:
    server.files = served
    (problem,) = fetch(tmp_path, (OPERATOR,), mirror=server.address)
    assert PATH in problem
    assert told in problem
    assert list(tmp_path.rglob("*.yaml")) == []


def test_the_command_tells_what_it_has_and_fails_where_something_is_missing(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Crds("op", "owner/repository", "v1", "crds", {"b.yaml": "0" * 64})
    monkeypatch.setattr(fetch_crds, "CRDS", (OPERATOR, other))
    monkeypatch.setattr(fetch, "__defaults__", ((OPERATOR, other),))
    arguments = ["--folder", str(tmp_path), "--mirror", server.address]
    assert fetch_crds.main(arguments) == 1
    told = capsys.readouterr()
    assert told.out == f"1 of 2 CRDs are in {tmp_path}\n"
    assert "b.yaml" in told.err


def test_every_address_is_pinned() -> None:
    for operator in CRDS:
        for file, digest in operator.files.items():
            assert operator.address(file).endswith(f"/{operator.tag}/{operator.folder}/{file}")
            assert len(digest) == 64


def test_it_is_the_users_cache(tmp_path: Path) -> None:
    assert crd_folder({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "flyte-plugin-manager" / "operator-crds"
