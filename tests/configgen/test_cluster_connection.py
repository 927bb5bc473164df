"""What keeps a command from its cluster ends in one message, with the mend and without any token."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from configgen.cluster.tokens import without_tokens
from tests.configgen.conftest import PLUGINS, Configgen
from tools.controlplane.clusters import Cluster
from tools.controlplane.ports import free_ports

TOKEN = "very-secret-token-of-mine"


def kubeconfig(folder: Path, server: str, user: dict[str, Any], **cluster: Any) -> Path:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "u", "user": user}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def source(make_source: Callable[..., Path]) -> Path:
    return make_source({"layer": {"config/a.yaml": PLUGINS}})


@pytest.fixture
def answers() -> Iterator[tuple[str, dict[str, tuple[int, str]]]]:
    """A server that answers as it is told (path → status and body, ``*`` for all others): its address, and what."""
    told: dict[str, tuple[int, str]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = told.get(self.path, told["*"])
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_GET

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", told
        finally:
            server.shutdown()
            thread.join()


def fails(configgen: Configgen, source: Path, config: Path, *arguments: str) -> str:
    """The one line that both commands end with."""
    checked = configgen("-C", source, "check", "--env", "test", "--kubeconfig", config, *arguments)
    compared = configgen("-C", source, "diff", "cluster:/flyte", "test", "--kubeconfig", config)
    for result in (checked, compared):
        assert (result.exit_code, result.stdout) == (2, "")
        assert len(result.stderr.splitlines()) == 1, result.stderr
        assert TOKEN not in result.output
    if not arguments:
        assert checked.stderr == compared.stderr
    return checked.stderr.strip()


def test_an_unreachable_cluster(source: Path, tmp_path: Path, configgen: Configgen) -> None:
    server = f"https://127.0.0.1:{free_ports(1)[0]}"
    message = fails(configgen, source, kubeconfig(tmp_path, server, {"token": TOKEN}))
    assert message.startswith(f"error: context here: the cluster at {server} can not be reached: ")
    assert "Connection refused" in message
    assert message.endswith("is it up, and is this the right context?")


def test_credentials_that_are_not_accepted(
    source: Path, tmp_path: Path, configgen: Configgen, control_plane: Cluster
) -> None:
    config = kubeconfig(tmp_path, control_plane.server, {"token": TOKEN}, **{"insecure-skip-tls-verify": True})
    message = fails(configgen, source, config)
    assert message == (
        "error: context here: the cluster does not accept these credentials: they are wrong or expired; log in again"
    )


def test_a_certificate_that_nobody_vouches_for(
    source: Path, tmp_path: Path, configgen: Configgen, control_plane: Cluster
) -> None:
    message = fails(configgen, source, kubeconfig(tmp_path, control_plane.server, {"token": TOKEN}))
    assert "can not be reached: " in message
    assert "certificate" in message
    assert message.count("(") == message.count(")")


def test_a_credentials_command_that_fails(source: Path, tmp_path: Path, configgen: Configgen) -> None:
    script = f"import sys; sys.exit('the session has expired: Bearer {TOKEN}')"
    command = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", script],
        "interactiveMode": "Never",
    }
    message = fails(configgen, source, kubeconfig(tmp_path, "https://127.0.0.1:1", {"exec": command}))
    assert "the credentials of context here can not be had: exec: process returned 1" in message
    assert "the session has expired" in message


def test_a_credentials_command_that_works(
    source: Path, tmp_path: Path, configgen: Configgen, control_plane: Cluster
) -> None:
    admin = yaml.safe_load(control_plane.kubeconfig.read_text())["users"][0]["user"]["token"]
    version = "client.authentication.k8s.io/v1"
    credential = {"apiVersion": version, "kind": "ExecCredential", "status": {"token": admin}}
    (tmp_path / "credential").write_text(json.dumps(credential))
    script = "import sys; print(open(sys.argv[1]).read())"
    command = {
        "apiVersion": version,
        "command": sys.executable,
        "args": ["-c", script, str(tmp_path / "credential")],
        "interactiveMode": "Never",
    }
    authority = {"certificate-authority-data": b64encode(control_plane.ca or b"").decode()}
    config = kubeconfig(tmp_path, control_plane.server, {"exec": command}, **authority)
    result = configgen("-C", source, "check", "--env", "test", "--kubeconfig", config, "-o", "json")
    assert result.exit_code in (0, 1), result.output
    assert json.loads(result.stdout)["user"] == "admin"
    assert admin not in result.output


TOKENS = {
    "a bearer": ("refused: Bearer abc.def", "refused: ******"),
    "a JWT": ("got eyJhbGciOi.eyJpc3MiOi.c2ln", "got ******"),
    "something long": (f"got {'a1' * 20}", "got ******"),
    "something random": ("got Zm9vYmFyYmF6cXV4-Zm9vYmFyYmF6cXV4_Zm9vYmFy", "got ******"),
    "a long name": (f"in namespace {'a-' * 30}1", f"in namespace {'a-' * 30}1"),
    "words": ("arn:aws:iam::1234:role/x has\n  expired", "arn:aws:iam::1234:role/x has expired"),
}


@pytest.mark.parametrize(("said", "told"), TOKENS.values(), ids=TOKENS)
def test_tokens_are_not_passed_on(said: str, told: str) -> None:
    assert without_tokens(said) == told


def test_an_unknown_context(source: Path, tmp_path: Path, configgen: Configgen) -> None:
    config = kubeconfig(tmp_path, "https://127.0.0.1:1", {})
    result = configgen("-C", source, "check", "--env", "test", "--kubeconfig", config, "--context", "heer")
    assert result.exit_code == 2
    assert result.stderr == f"error: {config}: there is no context 'heer'; did you mean here?\n"


def test_something_else_than_an_api_server(
    source: Path,
    tmp_path: Path,
    configgen: Configgen,
    answers: tuple[str, dict[str, tuple[int, str]]],
) -> None:
    address, told = answers
    for status, body in ((502, "<html>bad gateway</html>"), (404, "not here"), (200, "{}"), (200, "hello")):
        told["*"] = (status, body)
        config = kubeconfig(tmp_path, address, {})
        result = configgen("-C", source, "check", "--env", "test", "--kubeconfig", config)
        assert result.exit_code == 2, body
        assert f"what answers at {address} is no Kubernetes API server (status {status})" in result.stderr


BROKEN = {
    "no file": (None, "no usable kubeconfig"),
    "an empty file": ("", "no usable kubeconfig"),
    "no YAML": ("a: [", "is no YAML"),
    "a list": ("- a", "no usable kubeconfig"),
    "no contexts": ("{apiVersion: v1, kind: Config, contexts: [], clusters: [], users: []}", "kubeconfig"),
}


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_kubeconfig(
    text: str | None, message: str, source: Path, tmp_path: Path, configgen: Configgen
) -> None:
    config = tmp_path / "kubeconfig"
    if text is not None:
        config.write_text(text)
    result = configgen("-C", source, "check", "--env", "test", "--kubeconfig", config)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {config}: ")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_package_that_is_not_installed(source: Path, configgen: Configgen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    result = configgen("-C", source, "check", "--env", "test")
    assert result.exit_code == 2
    assert result.stderr == (
        "error: configgen: to talk to a cluster, the Python package kubernetes is needed;"
        " pip install 'flyte-plugin-manager[cluster]'\n"
    )


def test_a_source_with_mistakes_is_told_before_anybody_is_asked(
    make_source: Callable[..., Path], tmp_path: Path, configgen: Configgen
) -> None:
    source = make_source({"layer": {"config/a.yaml": "plugins: {k8s: {default-cpu: 1}}"}})
    result = configgen("-C", source, "check", "--env", "test", "--kubeconfig", tmp_path / "none")
    assert result.exit_code == 2
    assert "default-cpus" in result.stderr
    assert "kubeconfig" not in result.stderr


def test_what_takes_long_is_told_on_a_terminal(source: Path, tmp_path: Path) -> None:
    told = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        """Answers nothing before the person has been told what takes so long."""

        def do_POST(self) -> None:
            told.wait(60)
            self.send_response(502)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Slow) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        config = kubeconfig(tmp_path, f"http://127.0.0.1:{server.server_port}", {})
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "configgen", "-C", str(source), "check", "--env", "test"]
        with subprocess.Popen([*command, "--kubeconfig", str(config)], stderr=theirs, stdout=theirs) as process:
            os.close(theirs)
            seen = b""
            try:
                while "checking the connection …".encode() not in seen:
                    seen += os.read(ours, 4096)
                told.set()
                while chunk := _read(ours):
                    seen += chunk
            finally:
                told.set()
                os.close(ours)
                server.shutdown()
                thread.join()
        assert process.returncode == 2
    # The line is gone before the message comes.
    assert b"\r\x1b[Kerror: context here: " in seen


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other end is closed
        return b""
