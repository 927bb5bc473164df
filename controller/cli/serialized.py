"""Tasks as flytekit serializes them: protobuf files, folders of them, and packages (``pyflyte package``).

A file is a ``flyteidl.admin.TaskSpec`` (what flytekit writes: ``0_module.train_1.pb``; 1 stands for tasks, 2 and 3 for
workflows and launch plans, which are passed over) or a bare ``flyteidl.core.TaskTemplate``.
"""

from __future__ import annotations

import difflib
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controller.cli.exits import InputError

if TYPE_CHECKING:
    from flyteidl.core.tasks_pb2 import TaskTemplate

PACKAGES = (".tgz", ".tar.gz", ".tar")
_MEMBER = re.compile(r"\d+_(?P<name>.+)_(?P<kind>\d)\.pb")
_TASK = "1"
_LARGEST = 32 * 1024 * 1024
"""Bytes of one file; Flyte's own limit for a message is far below."""


@dataclass(frozen=True, slots=True)
class SerializedTask:
    """``name``: the task's own, ``module.function``. ``file``: where it stands. ``template``: protobuf JSON."""

    name: str
    file: str
    template: dict[str, Any]

    @property
    def short_name(self) -> str:
        return self.name.rpartition(".")[2]


def is_serialized(path: Path) -> bool:
    return path.is_dir() or path.name.endswith((".pb", *PACKAGES))


def read(path: Path) -> list[SerializedTask]:
    """The tasks of a file, a package or a folder. Raises InputError where there is none."""
    try:
        tasks = [task for name, content in _files(path) if (task := _task(name, content)) is not None]
    except (OSError, tarfile.TarError, EOFError, zlib.error) as error:
        raise InputError(f"{path} can not be read: {getattr(error, 'strerror', None) or error}") from error
    if not tasks:
        raise InputError(f"{path} holds no task: give what `pyflyte package` or `pyflyte serialize` wrote")
    return tasks


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for file in sorted(path.rglob("*.pb")):
            yield str(file), file.read_bytes()
    elif path.name.endswith(PACKAGES):
        with tarfile.open(path) as archive:
            members = [member for member in archive if member.isfile() and member.name.endswith(".pb")]
            for member in sorted(members, key=lambda member: member.name):
                content = archive.extractfile(member)
                if content is not None and member.size <= _LARGEST:
                    yield f"{path}:{member.name}", content.read()
    else:
        yield str(path), path.read_bytes()


def _task(file: str, content: bytes) -> SerializedTask | None:
    """None for a workflow or a launch plan."""
    from google.protobuf import json_format

    named = _MEMBER.search(file)
    if named and named["kind"] != _TASK:
        return None
    template = _template(content)
    if template is None:
        raise InputError(f"{file} is neither a serialized task (TaskSpec) nor a TaskTemplate")
    return SerializedTask(template.id.name, file, json_format.MessageToDict(template))


def _template(content: bytes) -> TaskTemplate | None:
    from flyteidl.admin.task_pb2 import TaskSpec
    from flyteidl.core.tasks_pb2 import TaskTemplate
    from google.protobuf.message import DecodeError

    # Wire formats carry no type: what has a task type where one is expected is what we took it for.
    for message in (TaskSpec(), TaskTemplate()):
        try:
            message.ParseFromString(content)
        except DecodeError:
            continue
        template: TaskTemplate = getattr(message, "template", message)
        if template.type and template.type.isprintable():
            return template
    return None


def chosen(tasks: list[SerializedTask], wanted: str | None, *, where: str) -> SerializedTask:
    """The task of this name, or the only one where none is named. Raises InputError."""
    names = ", ".join(task.name for task in tasks)
    if wanted is None:
        if len(tasks) > 1:
            raise InputError(f"{where} holds several tasks: choose one with --task: {names}")
        return tasks[0]
    found = [task for task in tasks if wanted in (task.name, task.short_name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"--task {wanted}: there are several: {', '.join(task.name for task in found)}")
    near = difflib.get_close_matches(wanted, [task.short_name for task in tasks], n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {names}"
    raise InputError(f"--task {wanted}: {where} has no such task; {hint}")
