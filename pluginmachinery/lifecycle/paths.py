"""Where an attempt's data lives.

The first attempt uses the paths as the spec gives them. Later ones write into a folder of their own beneath, so that an
``error.pb`` of an earlier attempt is never read as theirs, and find the earlier attempt's checkpoints as the previous
ones. Where the controller has a place for data, an execution that names no paths gets some there, by its UID.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

INPUTS_FILE = "inputs.pb"
_MAP_TASK = "container_array"
_BY_ATTEMPT = ("outputPrefix", "rawOutputPrefix", "checkpointPrefix")
_FOLDERS = {"outputPrefix": "outputs", "rawOutputPrefix": "raw", "checkpointPrefix": "checkpoints"}


def of_attempt(execution: Mapping[str, Any], attempt: int, *, data_prefix: str = "") -> dict[str, str]:
    """The paths of this attempt, by their name in spec; what is neither given nor made is absent."""
    spec = execution["spec"]
    answer = {
        name: spec[name] for name in (*_BY_ATTEMPT, "previousCheckpointPrefix", "taskTemplatePath") if spec.get(name)
    }
    if data_prefix:
        answer = _made(execution, data_prefix) | answer
    if attempt > 0:
        earlier = answer.get("checkpointPrefix")
        if earlier is not None:
            answer["previousCheckpointPrefix"] = earlier if attempt == 1 else _beneath(earlier, mark(spec, attempt - 1))
        answer |= {name: _beneath(answer[name], mark(spec, attempt)) for name in _BY_ATTEMPT if name in answer}
    return answer | _inputs(execution, data_prefix)


def _inputs(execution: Mapping[str, Any], data_prefix: str) -> dict[str, str]:
    """Folder and file of the inputs, each made from the other where only one is given."""
    spec = execution["spec"]
    path, prefix = spec.get("inputPath"), spec.get("inputPrefix")
    if not path and not prefix:
        if not data_prefix:
            return {}
        prefix = _folder(execution, data_prefix)
    return {
        "inputPath": path or f"{prefix.rstrip('/')}/{INPUTS_FILE}",
        "inputPrefix": prefix or path.rpartition("/")[0],
    }


def _made(execution: Mapping[str, Any], data_prefix: str) -> dict[str, str]:
    folder = _folder(execution, data_prefix)
    return {name: f"{folder}/{leaf}" for name, leaf in _FOLDERS.items()} | {"taskTemplatePath": f"{folder}/task.pb"}


def _folder(execution: Mapping[str, Any], data_prefix: str) -> str:
    metadata = execution["metadata"]
    return f"{data_prefix.rstrip('/')}/{metadata['namespace']}/{metadata['name']}-{metadata['uid']}"


def mark(spec: Mapping[str, Any], attempt: int) -> str:
    """What a later attempt's names and folders end in: its number; for map tasks, whose sub-tasks are called by
    numbers, with a letter before it."""
    return f"r{attempt}" if spec["template"].get("type") == _MAP_TASK else str(attempt)


def _beneath(prefix: str, folder: str) -> str:
    return f"{prefix.rstrip('/')}/{folder}"
