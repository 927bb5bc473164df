"""What flytekit serializes: packages, folders and files of protobuf. The package was made by flytekit itself."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from flyteidl.admin.task_pb2 import TaskSpec

from controller.cli.exits import InputError
from controller.cli.serialized import chosen, is_serialized, read

PACKAGE = Path(__file__).parent / "flytekit/package.tgz"
TRAIN = "0_wf.flow.train_1.pb"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with tarfile.open(PACKAGE) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    return tmp_path / "unpacked"


def test_the_tasks_of_a_package() -> None:
    tasks = read(PACKAGE)
    assert [task.name for task in tasks] == ["wf.flow.train", "wf.flow.report"]
    train = tasks[0].template
    assert train["type"] == "python-task"
    assert train["metadata"]["retries"] == {"retries": 2}
    assert set(train["interface"]["inputs"]["variables"]) == {"rows", "rate", "name", "tags", "options", "dry"}


def test_a_folder_and_a_file_hold_the_same(folder: Path) -> None:
    assert [task.template for task in read(folder)] == [task.template for task in read(PACKAGE)]
    assert read(folder / TRAIN)[0].template == read(PACKAGE)[0].template


def test_a_bare_task_template(folder: Path) -> None:
    template = TaskSpec.FromString((folder / TRAIN).read_bytes()).template
    (folder / "bare.pb").write_bytes(template.SerializeToString())
    assert read(folder / "bare.pb")[0].template == read(PACKAGE)[0].template


@pytest.mark.parametrize(("wanted", "name"), [("train", "wf.flow.train"), ("wf.flow.report", "wf.flow.report")])
def test_one_is_chosen_by_name(wanted: str, name: str) -> None:
    assert chosen(read(PACKAGE), wanted, where="p").name == name


def test_the_only_one_has_not_to_be_named(folder: Path) -> None:
    assert chosen(read(folder / TRAIN), None, where="p").name == "wf.flow.train"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (None, "p holds several tasks: choose one with --task: wf.flow.train, wf.flow.report"),
        ("trian", "did you mean train?"),
        ("zzz", "there are wf.flow.train, wf.flow.report"),
    ],
)
def test_a_choice_that_can_not_be_made(wanted: str | None, message: str) -> None:
    with pytest.raises(InputError) as raised:
        chosen(read(PACKAGE), wanted, where="p")
    assert message in raised.value.message


def test_two_of_one_short_name() -> None:
    tasks = read(PACKAGE)
    with pytest.raises(InputError, match=r"there are several: wf\.flow\.train, wf\.flow\.train"):
        chosen([tasks[0], tasks[0]], "train", where="p")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.pb", b"\x00\xff rubbish", "is neither a serialized task"),
        ("x.pb", b"", "is neither a serialized task"),
        ("x.tgz", b"rubbish", "can not be read"),
        ("x.tgz", PACKAGE.read_bytes()[:200], "can not be read"),
        ("3_wf.flow.pipeline_3.pb", b"", "holds no task"),
    ],
    ids=["rubbish", "empty", "no archive", "half an archive", "a launch plan"],
)
def test_what_is_no_task(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as raised:
        read(tmp_path / name)
    assert message in raised.value.message


def test_an_empty_folder_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no task"):
        read(tmp_path)
    with pytest.raises(InputError, match="No such file"):
        read(tmp_path / "absent.pb")


@pytest.mark.parametrize(("name", "serialized"), [("a.pb", True), ("a.tar.gz", True), ("a.yaml", False), ("-", False)])
def test_what_looks_serialized(name: str, serialized: bool) -> None:
    assert is_serialized(Path(name)) is serialized
