"""kill -9 of the controller before and after every kind of write that it makes.

The kinds are not listed here: they are what a run of these tasks was seen to write.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.cluster.controllers import CONFIG, Controller, Tasks
from tests.cluster.ledgers import Ledger
from tools.controlplane.api import wait_until
from tools.controlplane.controlplanes import ControlPlane

Run = Callable[..., Controller]

SUCCEEDS = [{"after": 0.05, "phase": "Running"}, {"after": 0.3, "phase": "Succeeded"}]
FAILS = [{"after": 0.05, "phase": "Running"}, {"after": 0.05, "phase": "Failed", "containers": {"*": {"exitCode": 3}}}]
RUNS_ON = [{"after": 0.05, "phase": "Running"}, {"hang": True}]
EVERY_WRITE = {
    **CONFIG,
    "plugins": {"k8s": {"delete-resource-on-finalize": True, "inject-finalizer": True}},
    "plugin-manager": {"coalesce": "0s", "retries": {"system": 1}},
}
WITH_INPUTS = {
    "template": {"container": {"image": "busybox", "command": ["true"], "args": ["{{.input}}"]}},
    "inputs": {"literals": {"question": {"scalar": {"primitive": {"integer": "42"}}}}},
}
STORY = {
    "good": (SUCCEEDS, "Succeeded", ["Succeeded"]),
    "again": ([FAILS, SUCCEEDS], "Succeeded", ["Failed", "Succeeded"]),
    "bad": (FAILS, "Failed", ["Failed", "Failed"]),
    "stopped": (RUNS_ON, "Aborted", ["Aborted"]),
}


class Stories:
    """The same four tasks, told again and again under other names."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self.phases: dict[str, str] = {}
        self.attempts: dict[str, list[str]] = {}
        self._told = 0

    def tell(self) -> None:
        self._told += 1
        for name, (script, phase, attempts) in STORY.items():
            task = f"{name}{self._told}"
            self._tasks.submit(task, script, **(WITH_INPUTS if name == "good" else {}))
            self.phases[task] = phase
            self.attempts[task] = attempts

    def abort_what_runs(self) -> None:
        for name, phase in self._tasks.phases().items():
            if name.startswith("stopped") and phase == "Running":
                self._tasks.api.patch(f"{self._tasks.path}/{name}", {"spec": {"abort": True}})

    def have_ended(self) -> bool:
        self.abort_what_runs()
        return self._tasks.phases() == self.phases


def test_kill_9_before_and_after_every_kind_of_write(
    run: Run, tasks: Tasks, own_control_plane: ControlPlane, tmp_path: Path
) -> None:
    stories = Stories(tasks)
    record, points = tmp_path / "writes", tmp_path / "points"

    root = own_control_plane.output_root
    assert root is not None

    def start(**environment: str) -> Controller:
        return run(
            "--data-root", str(root), config=EVERY_WRITE, module="tests.cluster.faults.entry", environment=environment
        )

    recorder = start(RECORD_WRITES=str(record)).ready()
    stories.tell()
    wait_until(stories.have_ended, timeout=60, what="the end of the recorded stories")
    assert recorder.terminate() == 0
    boundaries = sorted(set(record.read_text().splitlines()))
    print(f"{len(boundaries)} kinds of writes:", *boundaries, sep="\n  ")
    assert {"create pods", "patch pods", "delete pods", "patch taskexecutions", "write files"} <= set(boundaries)
    strikes = [f"{when} {boundary}" for boundary in boundaries for when in ("before", "after")]
    points.write_text("\n".join(strikes))
    deaths = points.with_suffix(".deaths")
    deaths.touch()
    last = start(CRASH_AT=str(points))
    for number, strike in enumerate(strikes):
        stories.tell()

        def struck(number: int = number) -> bool:
            stories.abort_what_runs()
            return len(deaths.read_text().splitlines()) > number

        wait_until(struck, timeout=60, what=f"death {strike}")
    assert deaths.read_text().splitlines() == [f"-9 {strike}" for strike in strikes]
    last.ready()
    wait_until(stories.have_ended, timeout=90, what="the end of all stories")
    Ledger(own_control_plane, tasks).balance(stories.phases, stories.attempts)
