"""Starting and ending: what fails says why, and whatever happens nothing stays behind."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tools.controlplane import ControlPlane, controlplanes
from tools.controlplane.api import ApiClient, wait_until
from tools.controlplane.errors import ApiError, ControlPlaneError, PortTaken, StartFailed
from tools.controlplane.folders import PREFIX
from tools.controlplane.ports import free_ports

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Data folders lie here, so that a test can see what is left of them."""
    # Elsewhere than in tmp_path: etcd's data is not worth keeping with the last runs.
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def left_in(folder: Path) -> list[Path]:
    return list(folder.glob(f"{PREFIX}*"))


def small(**options: object) -> ControlPlane:
    """etcd and the API server alone."""
    return ControlPlane(nodes=(), controllers=False, audit=None, **options)  # type: ignore[arg-type]


def test_a_component_that_fails_shows_the_end_of_its_log_and_leaves_nothing(temporary: Path) -> None:
    with pytest.raises(StartFailed, match=r"kube-apiserver ended with code 1 .*\n.*unknown flag: --no-such-flag"):
        small(apiserver_flags=["--no-such-flag"]).start()
    assert left_in(temporary) == []


def test_one_that_is_not_ready_in_time_is_told_too(temporary: Path) -> None:
    with pytest.raises(StartFailed, match=r"etcd was not ready within 0 s; the end of its log"):
        small(ready_timeout=0).start()
    assert left_in(temporary) == []


@contextmanager
def taken_port(*, listening: bool) -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if listening:
            listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize("which", [pytest.param(0, id="etcd"), pytest.param(2, id="kube-apiserver")])
def test_a_port_that_was_taken_meanwhile_is_replaced(monkeypatch: pytest.MonkeyPatch, which: int) -> None:
    """Also when who took it accepts connections and never says a word."""
    with taken_port(listening=True) as taken:
        choices = [free_ports(5), free_ports(5)]
        choices[0][which] = taken
        monkeypatch.setattr(controlplanes, "free_ports", lambda count: choices.pop(0))
        with small() as plane:
            assert plane.api.is_ready()
        assert choices == []


def test_it_gives_up_when_every_port_is_taken(monkeypatch: pytest.MonkeyPatch, temporary: Path) -> None:
    with taken_port(listening=False) as taken:
        monkeypatch.setattr(controlplanes, "free_ports", lambda count: [taken, *free_ports(count - 1)])
        with pytest.raises(PortTaken, match="address already in use"):
            small().start()
    assert left_in(temporary) == []


def test_two_do_not_meet_and_one_that_loses_a_component_ends_its_wait(
    own_control_plane: ControlPlane, namespace: str
) -> None:
    with small() as other:
        assert other.api.find(f"/api/v1/namespaces/{namespace}") is None
        stranger = ApiClient(other.server, ca_file=other.ca_file, token=own_control_plane.admin_token)
        with pytest.raises(ApiError, match="401 Unauthorized"):
            stranger.get("/api/v1/namespaces")
        other.kill("etcd")
        with pytest.raises(StartFailed, match="etcd ended with code -9"):
            other.wait()


def test_what_was_written_survives_a_crash_of_the_api_server(own_control_plane: ControlPlane, namespace: str) -> None:
    before = own_control_plane.pids["kube-apiserver"]
    own_control_plane.kill("kube-apiserver")
    assert not own_control_plane.api.is_ready()
    own_control_plane.restart("kube-apiserver")
    assert own_control_plane.pids["kube-apiserver"] != before
    assert own_control_plane.api.find(f"/api/v1/namespaces/{namespace}")


def test_one_that_does_not_run_says_so() -> None:
    plane = small()
    with pytest.raises(ControlPlaneError, match="is not running"):
        plane.restart("etcd")
    plane.stop()


@contextmanager
def running_up(*options: str) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """`up` in a process of its own, and the processes that it started."""
    command = [sys.executable, "-m", "tools.controlplane", "up", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY) as up:
        try:
            assert up.stdout is not None
            line = up.stdout.readline()
            assert line.startswith("export KUBECONFIG="), up.stderr.read() if up.stderr else ""
            assert Path(line.strip().partition("=")[2]).is_file()
            yield up, psutil.Process(up.pid).children()
        finally:
            up.kill()


def are_gone(processes: list[psutil.Process]) -> bool:
    return all(not each.is_running() or each.status() == psutil.STATUS_ZOMBIE for each in processes)


@pytest.mark.parametrize(
    ("number", "code"),
    [pytest.param(signal.SIGINT, 0, id="Ctrl-C"), pytest.param(signal.SIGTERM, 143, id="SIGTERM")],
)
def test_a_signal_ends_everything_in_order(temporary: Path, number: signal.Signals, code: int) -> None:
    with running_up("--no-controllers", "--no-nodes") as (up, children):
        assert len(children) == 2
        up.send_signal(number)
        assert up.wait(30) == code
        assert are_gone(children)
    assert left_in(temporary) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_a_killed_owner_takes_all_components_along_and_the_next_start_sweeps_up(temporary: Path) -> None:
    with running_up() as (up, children):
        assert {child.name().partition(" ")[0][:15] for child in children} >= {
            "etcd",
            "kube-apiserver",
            "kube-scheduler",
        }
        assert len(children) == 5
        up.kill()
        up.wait(30)
        wait_until(lambda: are_gone(children), what="the components' end")
    assert len(left_in(temporary)) == 1
    with small():
        assert len(left_in(temporary)) == 1
    assert left_in(temporary) == []
