"""Packages that bring plugins: the sample of examples/, installed by pip, and small ones made on the spot."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "examples" / "third-party-plugin"


def install_sample(folder: Path) -> Path:
    """Build and install the sample as an author's users do, without a network; the folder to put on the path."""
    source, target = folder / "source", folder / "installed"
    shutil.copytree(SAMPLE, source, ignore=shutil.ignore_patterns("__pycache__", "build", "dist"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    options = ["--no-deps", "--no-build-isolation", "--target", str(target)]
    done = subprocess.run([*pip, *options, str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def make_package(folder: Path, name: str, module: str, *, plugin: str) -> Path:
    """A distribution as pip leaves it: one module, and an entry point to its ``PLUGIN``."""
    information = folder / f"{name}-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    code = name.replace("-", "_")
    (information / "entry_points.txt").write_text(f"[flyte_plugin_manager.plugins]\n{plugin} = {code}:PLUGIN\n")
    (folder / f"{code}.py").write_text(module)
    return folder
