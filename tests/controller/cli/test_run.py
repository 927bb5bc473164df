"""``controller run`` as a person meets it: what stops the start, what a signal does, what is not imported."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web

from tests.controller.stub_apiserver import Request, StubApiServer, status
from tools.controlplane.ports import free_ports

CONFIG = {"tasks": {"task-plugins": {"enabled-plugins": ["container"]}}}


class Run:
    """One process; everything that it said once it has ended."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port

    async def ended(self) -> tuple[int, list[str]]:
        _, said = await asyncio.wait_for(self.process.communicate(), 30)
        assert self.process.returncode is not None
        return self.process.returncode, said.decode().splitlines()


Start = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config = tmp_path / "config"
    config.mkdir()
    (config / "plugins.yaml").write_text(yaml.safe_dump(CONFIG))
    return config


@pytest.fixture
async def start(server: StubApiServer, tmp_path: Path, folder: Path) -> AsyncIterator[Start]:
    kubeconfig = tmp_path / "kubeconfig"
    context = {"name": "here", "context": {"cluster": "c", "user": "u"}}
    cluster = {"name": "c", "cluster": {"server": server.url}}
    user = {"name": "u", "user": {"token": "s3cr3t-t0ken"}}
    tree = {"current-context": "here", "contexts": [context], "clusters": [cluster], "users": [user]}
    kubeconfig.write_text(yaml.safe_dump(tree))
    runs: list[Run] = []

    async def start(*arguments: str, python: tuple[str, ...] = ()) -> Run:
        (port,) = free_ports(1)
        given = {"--config": str(folder), "--kubeconfig": str(kubeconfig), "--listen": f"127.0.0.1:{port}"}
        given |= dict(zip(arguments[::2], arguments[1::2], strict=True))
        command = [
            sys.executable,
            *python,
            "-m",
            "controller",
            "run",
            *(text for pair in given.items() for text in pair),
        ]
        process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        runs.append(Run(process, port))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.returncode is None:
            run.process.kill()
            await run.process.communicate()


async def working(server: StubApiServer) -> None:
    """Until it follows what it has to."""
    async with asyncio.timeout(30):
        while server.count("watch") < 3:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--config", "/nowhere"), "/nowhere is not a folder"),
        (("--kubeconfig", "/nowhere"), "/nowhere can not be read (No such file or directory)"),
        (("--context", "there"), "no context 'there': it has here"),
        (("--listen", "8080"), "can not listen on 8080"),
    ],
    ids=["no folder", "no kubeconfig", "no such context", "no port"],
)
async def test_what_stops_the_start_is_one_line(start: Start, arguments: tuple[str, ...], complaint: str) -> None:
    code, (line,) = await (await start(*arguments)).ended()
    assert code == 2
    assert line.startswith("controller run: ")
    assert complaint in line


async def test_an_empty_folder(start: Start, folder: Path) -> None:
    (folder / "plugins.yaml").unlink()
    code, (line,) = await (await start()).ended()
    assert (code, "has no *.yaml files" in line) == (2, True)


async def test_every_problem_of_the_configuration_has_its_line(start: Start, folder: Path) -> None:
    (folder / "plugins.yaml").write_text("plugins:\n  k8s:\n    default-cpuz: 1\n    gpu-resource-nam: x\n")
    code, lines = await (await start()).ended()
    assert (code, len(lines)) == (2, 2)
    assert f"{folder}/plugins.yaml:3:" in lines[0]
    assert "plugins.k8s.default-cpuz" in lines[0]
    assert "default-cpus" in lines[0]


async def test_what_only_shows_when_services_are_opened_is_one_line_too(start: Start, folder: Path) -> None:
    redis = {"propeller": {"resourcemanager": {"type": "redis", "redis": {"hostPath": "redis:6379"}}}}
    store = {"plugin-manager": {"token-store": {"host-key-file": "/nowhere"}}}
    (folder / "plugins.yaml").write_text(yaml.safe_dump({**CONFIG, **redis, **store}))
    code, lines = await (await start("--log-level", "error")).ended()
    assert (code, lines) == (
        2,
        [
            "controller run: plugin-manager.token-store.host-key-file /nowhere can not be read: "
            "No such file or directory"
        ],
    )


async def test_what_runs_otherwise_than_configured_is_told(start: Start, server: StubApiServer, folder: Path) -> None:
    own = {"sharding": {"count": 3}, "optional-plugins": ["snowflake"]}
    tasks = {"task-plugins": {"enabled-plugins": ["container", "snowflake"]}}
    (folder / "plugins.yaml").write_text(yaml.safe_dump({"tasks": tasks, "plugin-manager": own}))
    run = await start("--log-format", "json")
    await working(server)
    run.process.send_signal(signal.SIGTERM)
    code, lines = await run.ended()
    told = [line["message"] for line in map(json.loads, lines) if line["level"] == "warning"]
    assert code == 0
    assert told[0].startswith("the optional plugin snowflake does not run: ")
    assert told[1:] == [
        "plugin-manager.sharding.count is 3, but without --leader-elect this replica acts on everything"
    ]


async def test_a_port_in_use(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        code, (line,) = await (await start("--listen", f"127.0.0.1:{other.getsockname()[1]}")).ended()
    assert (code, "in use" in line) == (2, True)


async def test_a_signal_ends_it_in_order(start: Start, server: StubApiServer) -> None:
    run = await start("--log-format", "json")
    await working(server)
    run.process.send_signal(signal.SIGTERM)
    code, lines = await run.ended()
    messages = [json.loads(line) for line in lines]
    assert code == 0
    assert messages[0]["message"].startswith("configuration ")
    assert [line["message"] for line in messages if line["level"] != "info"] == []
    assert messages[-1]["message"] == "SIGTERM: ending"


async def test_a_second_signal_ends_it_at_once(start: Start, server: StubApiServer) -> None:
    reached, release = asyncio.Event(), asyncio.Event()

    async def hang(request: Request) -> None:
        if request.verb == "create":
            reached.set()
            await release.wait()

    server.faults.append(hang)
    run = await start("--log-format", "text")
    await working(server)
    task = {"metadata": {"name": "t", "namespace": "ns"}, "spec": {"template": {"type": "container", "container": {}}}}
    await server.put("taskexecutions", task)
    await asyncio.wait_for(reached.wait(), 30)
    run.process.send_signal(signal.SIGTERM)
    assert run.process.stderr
    while b"SIGTERM: ending" not in (line := await run.process.stderr.readline()):
        assert line
    run.process.send_signal(signal.SIGTERM)
    code, lines = await run.ended()
    release.set()
    assert code == 128 + signal.SIGTERM
    assert any("ending at once" in line for line in lines)


HOSTILE = {
    **CONFIG,
    "storage": {"connection": {"auth-type": "accesskey", "access-key": "k", "secret-key": "s3cr3t-storage"}},
    "propeller": {"resourcemanager": {"type": "noop", "redis": {"hostPath": "redis:6379", "hostKey": "s3cr3t-redis"}}},
    "plugins": {"k8s": {"default-env-vars": [{"API_TOKEN": "s3cr3t-variable"}]}},
    "plugin-manager": {"coalesce": "0s"},
}


async def test_secrets_are_not_logged_and_nothing_heavy_is_imported_unless_configured(
    start: Start, server: StubApiServer, folder: Path
) -> None:
    (folder / "plugins.yaml").write_text(yaml.safe_dump(HOSTILE))

    async def refuse_pods(request: Request) -> web.Response | None:
        if request.verb != "create" or request.plural != "pods":
            return None
        return status(403, "Forbidden", "denied by the webhook")

    server.faults.append(refuse_pods)
    run = await start("--log-level", "debug", python=("-X", "importtime"))
    await working(server)
    template = {"type": "container", "container": {"image": "busybox", "command": ["true"]}}
    task = {"metadata": {"name": "t", "namespace": "ns"}, "spec": {"template": template}}
    await server.put("taskexecutions", task)
    await server.until(lambda: (server.of("taskexecutions")[0].get("status") or {}).get("phase") == "Failed")
    async with aiohttp.ClientSession() as session:
        for path in ("/metrics", "/readyz", "/healthz"):
            async with session.get(f"http://127.0.0.1:{run.port}{path}") as response:
                assert "s3cr3t" not in await response.text()
    run.process.send_signal(signal.SIGTERM)
    code, lines = await run.ended()
    assert code == 0
    assert any("task Failed" in line for line in lines)
    assert not any("s3cr3t" in line for line in lines)
    imported = {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}
    assert "kopf" in imported
    # kopf looks for kubernetes.client and does not find it; if it did, there would be its submodules.
    assert not [name for name in imported if name.startswith(("kubernetes.client.", "kubernetes_asyncio.client."))]
    unwanted = {"configgen", "redis", "opentelemetry", "grpc", "requests", "obstore", "boto3", "jsonschema", "rich"}
    assert not {name.partition(".")[0] for name in imported} & unwanted
