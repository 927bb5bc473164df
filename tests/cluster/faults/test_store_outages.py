"""The object store does not answer for a while: what needs it waits and says so, what does not goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core import literals_pb2

from controller.services.outputs import OutputStore
from pluginmachinery.core.actions import Done
from tests.cluster.controllers import CONFIG, Controller, Tasks
from tests.cluster.ledgers import Ledger
from tests.controller.services.moto_server import MotoServer
from tools.controlplane.api import wait_until
from tools.controlplane.controlplanes import ControlPlane

WORKERS = 4
SUCCEEDS = [{"after": 0.1, "phase": "Running"}, {"after": 0.3, "phase": "Succeeded"}]
SUCCEEDS_LATER = [{"after": 0.1, "phase": "Running"}, {"after": 6, "phase": "Succeeded"}]
OUTPUTS = {"interface": {"outputs": {"variables": {"o0": {"type": {"simple": "STRING"}}}}}}
READS_INPUTS = {"container": {"image": "x", "args": ["run", "--inputs", "{{.input}}"]}}
VALUE = {"scalar": {"primitive": {"stringValue": "x"}}}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MotoServer]:
    with MotoServer(tmp_path) as server:
        server.reset("bucket")
        yield server


def _section(store: MotoServer) -> dict[str, Any]:
    keys = {"auth-type": "accesskey", "access-key": "key", "secret-key": "secret"}
    return {"type": "s3", "connection": {"endpoint": store.url, **keys}}


def test_the_store_is_away(
    run: Callable[..., Controller], tasks: Tasks, own_control_plane: ControlPlane, store: MotoServer
) -> None:
    section = _section(store)
    config = {**CONFIG, "storage": section, "plugin-manager": {"workers": WORKERS}}
    controller = run(config=config).ready()
    readers = [f"reads{number}" for number in range(4 * WORKERS)]
    for name in readers:
        tasks.submit(name, SUCCEEDS_LATER, template=OUTPUTS, outputPrefix=f"s3://bucket/{name}")
    _write(section, [f"s3://bucket/{name}/outputs.pb" for name in readers])
    tasks.until(readers[-1], "Running")

    store.freeze()
    literals = {"literals": {"text": VALUE}}
    tasks.submit("writes", SUCCEEDS, template=READS_INPUTS, inputs=literals, inputPath="s3://bucket/writes/inputs.pb")
    problems = {readers[0]: "OutputsNotReadable", readers[-1]: "OutputsNotReadable", "writes": "InputsNotWritten"}
    for name, problem in problems.items():
        what = wait_until(lambda: tasks.status(name).get("systemErrors"), timeout=90, what=f"why {name} waits")  # noqa: B023
        assert what["code"] == problem
    without = [f"needs-none{number}" for number in range(3)]
    for name in without:
        tasks.submit(name, SUCCEEDS)
    assert set(tasks.ended(*without, timeout=20).values()) == {"Succeeded"}, "one probe holds one worker, not all"
    assert controller.get("/readyz")[0] == 200
    store.wake()

    phases = dict.fromkeys((*readers, "writes", *without), "Succeeded")
    assert tasks.ended(timeout=120) == phases
    assert [name for name in phases if tasks.status(name).get("failures")] == []
    Ledger(own_control_plane, tasks).balance(phases)


def _write(section: dict[str, Any], paths: list[str]) -> None:
    """As the tasks do."""
    outputs = literals_pb2.LiteralMap(literals={"o0": literals_pb2.Literal()}).SerializeToString()
    assert asyncio.run(OutputStore(section).write_files(dict.fromkeys(paths, outputs))) == Done()
