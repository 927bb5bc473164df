"""pytest: a cluster for the session, a namespace for each test, and the marker `needs`.

    def test_it(control_plane: Cluster, namespace: str) -> None:
        control_plane.api.create(f"/api/v1/namespaces/{namespace}/configmaps", {...})

Tests that use the cluster get the marker `cluster` by themselves (`pytest -m "not cluster"` leaves them out). Every
pytest process, and every worker of pytest-xdist, has a cluster of its own: parallel runs do not meet.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tools.controlplane.clusters import Cluster
    from tools.controlplane.controlplanes import ControlPlane

CLUSTER_FIXTURE = "control_plane"


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster of this session: real API server, controllers and scheduler, simulated nodes (DEFAULT_NODES).

    Simulated pods may write files below `control_plane.output_root`. With FPM_USE_KUBECONFIG=1 it is the user's own.
    """
    # Here and not above: most test runs need none of it.
    from tools.controlplane.errors import BinaryMissing
    from tools.controlplane.opening import open_cluster

    _let_sigterm_end_the_session()
    cluster = open_cluster(output_root=tmp_path_factory.mktemp("outputs"))
    try:
        cluster.start()
    except BinaryMissing as error:
        pytest.fail(str(error), pytrace=False)
    try:
        yield cluster
    finally:
        cluster.stop()


def _let_sigterm_end_the_session() -> None:
    """Fixtures are finished then, as after Ctrl-C; by default the process would be gone without a word."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda *_: pytest.exit("SIGTERM", returncode=143))


@pytest.fixture
def own_control_plane(control_plane: Cluster) -> ControlPlane:
    """The session's cluster, for tests that need to own it: count requests, kill components, simulate pods."""
    from tools.controlplane.controlplanes import ControlPlane

    if not isinstance(control_plane, ControlPlane):
        pytest.skip("needs a control plane of our own, this is an existing cluster (FPM_USE_KUBECONFIG)")
    return control_plane


@pytest.fixture
def namespace(control_plane: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a new namespace in which pods can be created; deleted after the test (without waiting for it)."""
    from tools.controlplane.api import wait_until

    readable = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:40].strip("-")
    name = f"{readable}-{secrets.token_hex(3)}"
    control_plane.api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    try:
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        wait_until(lambda: control_plane.api.find(account), what=f"the default service account of {name}")
        yield name
    finally:
        control_plane.api.delete(f"/api/v1/namespaces/{name}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if CLUSTER_FIXTURE in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.cluster)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        for package in marker.args:
            if not is_installed(package):
                _missing(package)


def is_installed(package: str) -> bool:
    """Whether the Debian package is installed, or a command of its name is there (on other systems)."""
    if shutil.which(package):
        return True
    if not shutil.which("dpkg-query"):
        return False
    query = ["dpkg-query", "--show", "--showformat=${Status}", package]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout == "install ok installed"


def _missing(package: str) -> None:
    """A skip for a developer; in CI a failure, or a test would stay away unnoticed."""
    text = f"needs the Debian package {package} (tools/system-packages.txt)"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(text, pytrace=False)
    pytest.skip(text)
