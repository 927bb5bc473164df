"""Inputs: files that must be there before a task's object is created, and values that its command names.

Inline inputs, and the template itself, are written to the store only when something refers to them: most tasks get
their inputs on the command line, and a file costs two requests to the store. The other way round, inputs that are in
the store are read only when the command names single ones (``{{.inputs.x}}``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from pluginmachinery.api.execution_phases import MAX_INLINE_INPUTS
from pluginmachinery.core.actions import Files
from pluginmachinery.core.errors import PluginError
from pluginmachinery.core.tasks import TaskContext

if TYPE_CHECKING:
    from flyteidl.core.literals_pb2 import LiteralMap

INPUTS_TOO_LARGE = "InputsTooLarge"
INPUTS_NOT_FOUND = "InputsNotFound"
INPUTS_MALFORMED = "InputsMalformed"
INPUTS_NOT_READABLE = "InputsNotReadable"

_INPUTS = re.compile(rb"\{\{\s*[.$]input(prefix)?\s*\}\}", re.IGNORECASE)
_SINGLE_INPUT = re.compile(rb"\{\{\s*[.$]inputs\.", re.IGNORECASE)
_TEMPLATE = re.compile(rb"\{\{\s*[.$]taskTemplatePath\s*\}\}", re.IGNORECASE)


def check(spec: Mapping[str, Any]) -> None:
    """Refuse inputs that do not belong into an object, and commands that name inputs which are nowhere.

    Raises PluginError ``InputsTooLarge`` or ``InputsNotFound``.
    """
    inputs = spec.get("inputs")
    if inputs is None:
        if not (spec.get("inputPath") or spec.get("inputPrefix")) and are_named(spec):
            message = "the command refers to {{.inputs.…}}, and there are neither inputs nor an inputPath"
            raise PluginError(INPUTS_NOT_FOUND, message, field="spec.inputs")
        return
    size = len(orjson.dumps(inputs))
    if size > MAX_INLINE_INPUTS:
        message = f"{size} bytes of inline inputs, at most {MAX_INLINE_INPUTS} are allowed: put them into the store"
        raise PluginError(INPUTS_TOO_LARGE, f"{message} and give spec.inputPath", field="spec.inputs")


def are_named(spec: Mapping[str, Any]) -> bool:
    """Does the command name single inputs?"""
    return _SINGLE_INPUT.search(orjson.dumps(spec["template"])) is not None


def parse(read: Files, path: str) -> LiteralMap:
    """The inputs in this file. Raises PluginError ``InputsNotFound`` or ``InputsMalformed``."""
    from flyteidl.core.literals_pb2 import LiteralMap
    from google.protobuf.message import DecodeError

    if path not in read.contents:
        raise PluginError(INPUTS_NOT_FOUND, f"there are no inputs at {path}", field="spec.inputPath")
    try:
        return LiteralMap.FromString(read.contents[path])
    except DecodeError as error:
        raise PluginError(INPUTS_MALFORMED, f"{path} is truncated or no LiteralMap: {error}") from error


def files(spec: Mapping[str, Any], task: TaskContext) -> dict[str, bytes]:
    """The files to write, by path."""
    paths, template, answer = task.paths, task.template, {}
    if not (paths.input_path or paths.task_template_path):
        return {}
    text = orjson.dumps(spec["template"])
    copilot = template.container.data_config.enabled or template.k8s_pod.data_config.enabled
    if paths.input_path and task.inputs is not None and (copilot or _INPUTS.search(text)):
        answer[paths.input_path] = task.inputs.SerializeToString(deterministic=True)
    if paths.task_template_path and _TEMPLATE.search(text):
        answer[paths.task_template_path] = template.SerializeToString(deterministic=True)
    return answer
