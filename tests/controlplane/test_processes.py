"""Children that never outlive their parent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tools.controlplane.api import wait_until
from tools.controlplane.processes import Process, tail

PARENT = """
import sys, threading, time
from pathlib import Path
from tools.controlplane.processes import Process

def start():
    process = Process.start("child", ["/bin/sleep", "600"], Path(sys.argv[1]))
    print(process.pid, flush=True)

{start}
time.sleep(600)
"""


@pytest.mark.parametrize(
    "start",
    [
        pytest.param("start()", id="started by the main thread"),
        pytest.param("t = threading.Thread(target=start); t.start(); t.join()", id="started by a thread that ended"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_a_killed_parent_takes_its_children_along(tmp_path: Path, start: str) -> None:
    code = PARENT.format(start=start)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert wait_until(lambda: child.name() == "sleep", what="the tether to become the command")
        assert child.is_running()
        parent.kill()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, what="the child's end")


def test_a_child_has_a_session_of_its_own(tmp_path: Path) -> None:
    process = Process.start("child", ["/bin/sh", "-c", "cut -d' ' -f6 /proc/self/stat"], tmp_path / "log")
    assert process.wait(10) == 0
    assert tail(tmp_path / "log").strip() == str(process.pid)


def test_one_that_ignores_sigterm_is_killed_after_its_grace(tmp_path: Path) -> None:
    stubborn = "trap '' TERM; echo trapped; while :; do sleep 0.1; done"
    process = Process.start("child", ["/bin/sh", "-c", stubborn], tmp_path / "log")
    wait_until(lambda: "trapped" in tail(tmp_path / "log"))
    process.stop(grace=0.05)
    assert process.returncode == -9


def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert tail(log) == ""
    log.write_text("".join(f"line {n}\n" for n in range(10_000)))
    assert tail(log, 2) == "line 9998\nline 9999"
