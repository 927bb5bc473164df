"""``python -m tests.cluster.faults.entry run …``: the controller with what a test sets by the environment.

- ``RECORD_WRITES=<file>``: the kind of every write is noted there.
- ``CRASH_AT=<file>``: one process after the other is started, for each line ``<before|after> <kind of write>`` of the
  file; it kills itself with SIGKILL there, at the first such write. Each death is a line of ``<file>.deaths``.
- ``SILENCE=<seconds>``: how long a watch may be silent.

Production code knows nothing of these: the classes that it uses are given here.
"""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import orjson

from controller.cli import main
from controller.kube.client import ApiServer
from controller.kube.informers import Informer
from controller.runtime import application
from controller.services import outputs
from controller.services.outputs import OutputStore
from pluginmachinery.core.actions import ObjectRef

T = TypeVar("T")


def boundary(verb: str, ref: ObjectRef, body: Mapping[str, Any]) -> str:
    """What kind of write it is: the verb, the kind, and for a status the phase that is told."""
    if verb != "put_status":
        return f"{verb} {ref.kind.plural}"
    status = orjson.loads(orjson.dumps(body))["status"]
    pending = ":pending" if "pending" in status else ""
    return f"{verb} {ref.kind.plural}:{status.get('phase')}{pending}"


class Strikes:
    """What is noted of writes, and at which one to die."""

    record: Path | None = None
    when = ""
    where = ""

    @classmethod
    async def at(cls, here: str, write: Awaitable[T]) -> T:
        if cls.record is not None:
            with cls.record.open("a") as file:
                file.write(f"{here}\n")
        if here == cls.where and cls.when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = await write
        if here == cls.where and cls.when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return answer


class StrickenApiServer(ApiServer):
    """Notes its writes, or dies at one."""

    async def create(self, ref: ObjectRef, body: Mapping[str, Any]) -> Any:
        return await Strikes.at(boundary("create", ref, body), super().create(ref, body))

    async def put_status(self, ref: ObjectRef, body: Mapping[str, Any]) -> Any:
        return await Strikes.at(boundary("put_status", ref, body), super().put_status(ref, body))

    async def patch(self, ref: ObjectRef, body: Mapping[str, Any], subresource: str = "") -> Any:
        return await Strikes.at(boundary("patch", ref, body), super().patch(ref, body, subresource))

    async def update(self, ref: ObjectRef, body: Mapping[str, Any]) -> Any:
        return await Strikes.at(boundary("update", ref, body), super().update(ref, body))

    async def delete(self, ref: ObjectRef, *, uid: str = "") -> Any:
        return await Strikes.at(boundary("delete", ref, {}), super().delete(ref, uid=uid))


class StrickenStore(OutputStore):
    """The same for what is written to the object store."""

    async def write_files(self, files: Mapping[str, bytes]) -> Any:
        return await Strikes.at("write files", super().write_files(files))


def die_at_each(points: Path) -> None:
    """Forked, not started: what Python has imported is there already."""
    deaths = points.with_suffix(".deaths")
    for line in points.read_text().splitlines():
        child = os.fork()
        if not child:
            Strikes.when, _, Strikes.where = line.partition(" ")
            main()
        _, status = os.waitpid(child, 0)
        with deaths.open("a") as file:
            file.write(f"{os.waitstatus_to_exitcode(status)} {line}\n")


if __name__ == "__main__":
    application.ApiServer = StrickenApiServer  # type: ignore[misc]
    outputs.OutputStore = StrickenStore  # type: ignore[misc]
    if "SILENCE" in os.environ:
        silence = float(os.environ["SILENCE"])
        application.Informer = functools.partial(Informer, silence=silence)  # type: ignore[misc,assignment]
    if "RECORD_WRITES" in os.environ:
        Strikes.record = Path(os.environ["RECORD_WRITES"])
    if "CRASH_AT" in os.environ:
        die_at_each(Path(os.environ["CRASH_AT"]))
    main()
