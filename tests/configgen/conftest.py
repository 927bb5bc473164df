"""Sources on disk, and configgen as a person calls it."""

from __future__ import annotations

import os
import resource
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from configgen.cli import main

EXAMPLE = Path(__file__).parents[2] / "examples/configuration"
Configgen = Callable[..., Result]

PLUGINS = "tasks: {task-plugins: {enabled-plugins: [container]}}\n"


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """Files of more bytes can not be written, as on a full disk. To be held just around the call: what pytest itself
    writes, to a log for example, is limited too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def configgen() -> Configgen:
    """Run a command line; an exception that is not an exit fails the test, because people would see a traceback."""

    def run(*arguments: str | Path) -> Result:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        return result

    return run


@pytest.fixture
def make_source(tmp_path: Path) -> Callable[..., Path]:
    """A source from layers (name → files, path → text) and environments (name → layers)."""

    def make(layers: Mapping[str, Mapping[str, str]], **environments: list[str]) -> Path:
        folder = tmp_path / "source"
        for layer, files in layers.items():
            for name, text in files.items():
                path = folder / layer / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        named = environments or {"test": list(layers)}
        content = {name: {"layers": members, "namespace": f"flyte-{name}"} for name, members in named.items()}
        folder.mkdir(exist_ok=True)
        (folder / "configgen.yaml").write_text(yaml.safe_dump({"environments": content}))
        return folder

    return make


@pytest.fixture
def nobodys_folder() -> Iterator[Path]:
    """An empty folder; while a test has it, an unprivileged user runs the process, for whom file modes count."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if os.geteuid() != 0:
            yield folder
            return
        # What is imported later would have to be readable for everybody.
        import configgen.cli.render
        import configgen.render.targets  # noqa: F401

        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(0)


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder: relative path → text."""
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def compare_golden(found: Mapping[str, str], folder: Path) -> None:
    """Compare with the files of a folder; ``UPDATE_GOLDEN=1`` writes them anew."""
    if os.environ.get("UPDATE_GOLDEN"):
        for name, text in found.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, "utf-8")
    assert dict(found) == tree(folder)
