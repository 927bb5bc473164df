"""``controller webhook`` as a person meets it: what stops the start, and what it serves and logs."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.controlplane.api import wait_until
from tools.controlplane.ports import free_ports

KUBECONFIG = {
    "current-context": "here",
    "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "flyte"}}],
    "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [{"name": "u", "user": {"token": "s3cr3t"}}],
}
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def ports() -> tuple[int, ...]:
    return tuple(free_ports(2))


@pytest.fixture
def start(tmp_path: Path, ports: tuple[int, ...]) -> Iterator[Start]:
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(KUBECONFIG))
    (tmp_path / "config").mkdir()
    with ExitStack() as processes:

        def start(webhook: Any = None, **arguments: str) -> subprocess.Popen[str]:
            tree = {"tasks": {"task-plugins": {"enabled-plugins": ["container"]}}, "webhook": webhook or {}}
            (tmp_path / "config/all.yaml").write_text(yaml.safe_dump(tree))
            given = {
                "config": str(tmp_path / "config"),
                "kubeconfig": str(tmp_path / "kubeconfig"),
                "serve": f"127.0.0.1:{ports[0]}",
                "listen": f"127.0.0.1:{ports[1]}",
            } | arguments
            command = [sys.executable, "-m", "controller", "webhook", *(f"--{k}={v}" for k, v in given.items())]
            process = processes.enter_context(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
            processes.callback(process.kill)  # before it is waited for
            return process

        yield start


REFUSALS: dict[str, tuple[Any, dict[str, str], str]] = {
    "secrets of AWS": (
        {"secretManagerType": "AWS"},
        {},
        "webhook.secretManagerType: secrets of AWS are not served here: set K8s or Global, or run Flyte's own webhook",
    ),
    "one of several that is not served": ({"secretManagerTypes": ["K8s", "Vault"]}, {}, "secrets of Vault are not"),
    "a manager that does not exist": ({"secretManagerType": "K9s"}, {}, "webhook.secretManagerType"),
    "no folder": (None, {"config": "/nowhere"}, "/nowhere is not a folder"),
    "no kubeconfig": (None, {"kubeconfig": "/nowhere"}, "/nowhere can not be read"),
    "no port for reviews": (None, {"serve": "here"}, "can not listen on here"),
    "no port for probes": (None, {"listen": "there"}, "can not listen on there"),
}


@pytest.mark.parametrize(("webhook", "arguments", "message"), REFUSALS.values(), ids=REFUSALS)
def test_what_stops_the_start_is_one_line(start: Start, webhook: Any, arguments: dict[str, str], message: str) -> None:
    process = start(webhook, **arguments)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 2
    (line,) = told.splitlines()
    assert line.startswith("controller webhook: ")
    assert message in line


def test_a_port_in_use(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        process = start(serve=f"127.0.0.1:{other.getsockname()[1]}")
        _, told = process.communicate(timeout=30)
    assert (process.returncode, "in use" in told) == (2, True)


@pytest.fixture
def serving(start: Start, ports: tuple[int, ...], tmp_path: Path) -> subprocess.Popen[str]:
    """One with certificates in a folder, which needs no API server to answer."""
    local = {"localCert": True, "certDir": str(tmp_path / "certs"), "disableCreateMutatingWebhookConfig": True}
    process = start(local, hostname="127.0.0.1")
    wait_until(lambda: get(ports[1], "/readyz")[0] == 200, timeout=30, what="readiness")
    return process


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def post(port: int, folder: Path, body: bytes) -> tuple[int, str]:
    context = ssl.create_default_context(cafile=str(folder / "certs/ca.crt"))
    request = urllib.request.Request(f"https://127.0.0.1:{port}/mutate--v1-pod", body, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=5, context=context) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_it_answers_who_trusts_its_authority(
    serving: subprocess.Popen[str], ports: tuple[int, ...], tmp_path: Path
) -> None:
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}]}}
    review = {"apiVersion": "admission.k8s.io/v1", "request": {"uid": "u", "object": pod}}
    code, answer = post(ports[0], tmp_path, json.dumps(review).encode())
    assert (code, json.loads(answer)["response"]) == (200, {"uid": "u", "allowed": True})
    metrics = get(ports[1], "/metrics")[1]
    assert 'webhook_reviews_total{outcome="unchanged"} 1.0' in metrics
    assert "webhook_certificate_expires_timestamp_seconds 1." in metrics
    assert get(ports[1], "/healthz")[0] == 200


def test_what_is_no_review_is_refused(serving: subprocess.Popen[str], ports: tuple[int, ...], tmp_path: Path) -> None:
    code, answer = post(ports[0], tmp_path, b"{}")
    assert (code, "no AdmissionReview" in answer) == (400, True)


def test_a_signal_ends_it_in_order(serving: subprocess.Popen[str]) -> None:
    serving.terminate()
    _, told = serving.communicate(timeout=20)
    assert serving.returncode == 0
    assert "s3cr3t" not in told
    assert "KEY" not in told


def test_while_there_is_no_certificate_it_is_not_ready_and_says_why(start: Start, ports: tuple[int, ...]) -> None:
    start()
    wait_until(lambda: "can not read the secret flyte/" in get(ports[1], "/readyz")[1], timeout=30, what="the reason")
    code, told = get(ports[1], "/readyz")
    assert code == 503
    assert "[-] serving no certificate to serve with yet: can not read the secret flyte/flyte-pod-webhook" in told
