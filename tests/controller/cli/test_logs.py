"""``controller logs``, on a server that plays API server and kubelet."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result

from controller.cli import main

TASK = {"metadata": {"name": "train", "namespace": "default", "uid": "u"}, "spec": {}, "status": {"attempt": 1}}
CONTAINERS = [{"name": "side"}, {"name": "main"}]


class Server(ThreadingHTTPServer):
    """Answers for one task with one pod; remembers what was asked of its log."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: dict[str, list[str]] = {}
        self.annotations = {"primary_container_name": "main"}
        self.cut = False


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path.endswith("/taskexecutions/train"):
            self.answer(json.dumps(TASK).encode(), "application/json")
        elif url.path.endswith("/pods"):
            (selector,) = parse_qs(url.query)["labelSelector"]
            pod = {
                "metadata": {"name": "train-1", "annotations": self.server.annotations},
                "spec": {"containers": CONTAINERS},
            }
            items = [pod] if selector.endswith("attempt=1") else []
            self.answer(json.dumps({"kind": "PodList", "items": items}).encode(), "application/json")
        else:
            self.server.asked = parse_qs(url.query)
            self.answer("line 1\nzeile 2 ü\n".encode() * 1000, "text/plain")

    def answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.server.cut and kind == "text/plain" else body)
        self.close_connection = True

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def logs(server: Server, folder: Path, *arguments: str) -> Result:
    path = folder / "kubeconfig"
    cluster = {"server": f"http://127.0.0.1:{server.server_port}"}
    content = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {}}],
    }
    path.write_text(json.dumps(content))
    return CliRunner().invoke(main, ["logs", "train", "--kubeconfig", str(path), *arguments])


def test_the_log_of_the_tasks_own_container(server: Server, tmp_path: Path) -> None:
    done = logs(server, tmp_path, "--tail", "3", "--follow")
    assert done.exit_code == 0, done.output
    assert done.output == "line 1\nzeile 2 ü\n" * 1000
    assert server.asked["container"] == ["main"]
    assert server.asked["tailLines"] == ["3"]
    assert server.asked["follow"] == ["true"]


def test_the_first_container_where_none_is_named(server: Server, tmp_path: Path) -> None:
    server.annotations = {}
    logs(server, tmp_path)
    assert server.asked["container"] == ["side"]


def test_an_attempt_without_a_pod(server: Server, tmp_path: Path) -> None:
    done = logs(server, tmp_path, "--attempt", "0")
    assert done.exit_code == 4
    assert "attempt 0 has no pod" in done.output


def test_a_log_that_breaks_off(server: Server, tmp_path: Path) -> None:
    server.cut = True
    done = logs(server, tmp_path)
    assert done.exit_code == 4
    assert "can not be reached" in done.output
