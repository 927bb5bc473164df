"""The fixtures and markers, seen from outside: each case is a pytest run of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.controlplane import Cluster
from tools.controlplane.api import wait_until

REPOSITORY = Path(__file__).parents[2]


def run(folder: Path, test: str, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs `test` with the plugin and none of this project's own settings."""
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  needs(package)\n  cluster\n")
    inner = folder / "test_inner.py"
    inner.write_text(test)
    command = [sys.executable, "-m", "pytest", "-p", "tools.controlplane.pytest_plugin", "-p", "no:cacheprovider"]
    settings = ["-ra", "--strict-markers", f"--rootdir={folder}", "-c", str(folder / "pytest.ini")]
    return subprocess.run(
        [*command, *settings, *options, str(inner)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env={name: value for name, value in os.environ.items() if name != "CI"} | environ,
        check=False,
    )


NEEDS = """
import pytest

@pytest.mark.needs("{package}")
def test_it():
    pass
"""


def test_a_missing_package_is_a_skip_that_names_it(tmp_path: Path) -> None:
    done = run(tmp_path, NEEDS.format(package="no-such-package"))
    assert done.returncode == 0
    assert "1 skipped" in done.stdout
    assert "needs the Debian package no-such-package" in done.stdout


def test_in_ci_a_missing_package_is_a_failure(tmp_path: Path) -> None:
    done = run(tmp_path, NEEDS.format(package="no-such-package"), CI="true")
    assert done.returncode == 1
    assert "needs the Debian package no-such-package" in done.stdout


def test_with_the_package_or_its_command_the_test_runs(tmp_path: Path) -> None:
    assert "1 passed" in run(tmp_path, NEEDS.format(package="sh"), CI="true").stdout


CLUSTER = """
def test_pure():
    pass

def test_inner(namespace):
    print("the namespace is", namespace)
"""


def test_tests_that_use_the_cluster_are_marked(tmp_path: Path) -> None:
    done = run(tmp_path, CLUSTER, "-m", "not cluster")
    assert "1 passed, 1 deselected" in done.stdout


def test_without_binaries_the_test_fails_with_the_mend_and_builds_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, CLUSTER, XDG_CACHE_HOME=str(tmp_path / "cache"), KUBEBUILDER_ASSETS="")
    assert done.returncode == 1
    assert "run `make binaries`" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (tmp_path / "cache").exists()


def test_each_test_has_a_namespace_that_goes_afterwards(control_plane: Cluster, tmp_path: Path) -> None:
    done = run(tmp_path, CLUSTER, "-s", FPM_USE_KUBECONFIG="1", KUBECONFIG=str(control_plane.kubeconfig))
    assert done.returncode == 0, done.stdout
    (name,) = [line.split()[-1] for line in done.stdout.splitlines() if "the namespace is" in line]
    assert name.startswith("test-inner-")
    gone_or_going = f"/api/v1/namespaces/{name}"
    wait_until(
        lambda: (control_plane.api.find(gone_or_going) or {"metadata": {"deletionTimestamp": 1}})["metadata"].get(
            "deletionTimestamp"
        ),
        what=f"the deletion of {name}",
    )


@pytest.mark.parametrize("package", ["coreutils"])
def test_an_installed_package_without_a_command_of_its_name(tmp_path: Path, package: str) -> None:
    if not Path("/usr/bin/dpkg-query").exists():
        pytest.skip("not a Debian system")
    assert "1 passed" in run(tmp_path, NEEDS.format(package=package), CI="true").stdout
