"""The catalogue of outputs: which sub-tasks need not run, because an earlier task has left what they would.

The catalogue is a service of the platform (``CallService("catalog", …)``). Where there is none, everything runs. Calls:

* ``lookup`` answers ``{"cached": [original indexes]}`` after it has put their outputs under ``outputPrefix``, or
  ``{"ready": false}``: ask again;
* ``store`` is told which sub-tasks (``indexes``) have left outputs that others may use; same answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flyteidl.core.literals_pb2 import Literal, LiteralCollection, Primitive, Scalar
from google.protobuf.json_format import MessageToDict

from pluginmachinery.core.actions import CallService, Done, Result
from pluginmachinery.core.tasks import TaskContext

SERVICE = "catalog"
INDEX_LOOKUP = "indexlookup.pb"


def lookup(task: TaskContext, size: int) -> CallService:
    return CallService(SERVICE, "lookup", {**_key(task), "size": size})


def store(task: TaskContext, indexes: Iterable[int]) -> CallService:
    ignored = list(task.template.metadata.cache_ignore_input_vars)
    return CallService(SERVICE, "store", {**_key(task), "indexes": list(indexes), "cacheIgnoreInputVars": ignored})


def is_ready(answer: Result) -> bool:
    """Refusals are final: a catalogue that is down must not keep tasks from running."""
    return not (isinstance(answer, Done) and isinstance(answer.value, Mapping) and answer.value.get("ready") is False)


def cached(answer: Result, size: int) -> frozenset[int] | None:
    """Original indexes that need not run; None: nobody knows."""
    if not isinstance(answer, Done) or not isinstance(answer.value, Mapping):
        return None
    return frozenset(index for index in answer.value.get("cached") or () if 0 <= index < size)


def index_lookup(runs: Iterable[int]) -> bytes:
    """A file for the task's code: the original index of each sub-task that runs."""
    literals = [Literal(scalar=Scalar(primitive=Primitive(integer=index))) for index in runs]
    return bytes(LiteralCollection(literals=literals).SerializeToString(deterministic=True))


def _key(task: TaskContext) -> dict[str, Any]:
    return {
        "identifier": MessageToDict(task.template.id),
        "cacheVersion": task.template.metadata.discovery_version,
        "inputPath": task.paths.input_path,
        "outputPrefix": task.paths.output_prefix,
    }
