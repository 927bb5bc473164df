"""Data folders, and those that dead owners left."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tools.controlplane import folders


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_a_folder_is_held_until_it_is_removed() -> None:
    folder = folders.DataFolder()
    folders.remove_abandoned()
    assert folder.path.is_dir()
    folder.remove()
    assert not folder.path.exists()


def test_the_folder_of_a_killed_owner_is_removed(tmp_path: Path) -> None:
    code = "import os; from tools.controlplane.folders import DataFolder; f = DataFolder(); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code], check=False)
    (left,) = tmp_path.glob(f"{folders.PREFIX}*")
    folders.remove_abandoned()
    assert not left.exists()


def test_other_folders_are_not_touched(tmp_path: Path) -> None:
    (tmp_path / f"{folders.PREFIX}without-a-lock").mkdir()
    folders.remove_abandoned()
    assert (tmp_path / f"{folders.PREFIX}without-a-lock").is_dir()
