"""Files that must be there before a task's object is created.

Inline inputs, and the template itself, are written to the store only when something refers to them: most tasks get
their inputs on the command line, and a file costs two requests to the store.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from pluginmachinery.api.execution import MAX_INLINE_INPUTS
from pluginmachinery.core.errors import PluginError
from pluginmachinery.core.tasks import TaskContext

INPUTS_TOO_LARGE = "InputsTooLarge"
INPUTS_NOT_INLINE = "InputsNotInline"

_INPUTS = re.compile(rb"\{\{\s*[.$]input(prefix)?\s*\}\}", re.IGNORECASE)
_SINGLE_INPUT = re.compile(rb"\{\{\s*[.$]inputs\.", re.IGNORECASE)
_TEMPLATE = re.compile(rb"\{\{\s*[.$]taskTemplatePath\s*\}\}", re.IGNORECASE)


def check(spec: Mapping[str, Any]) -> None:
    """Refuse inputs that do not belong into an object, and commands whose inputs are not at hand.

    Raises PluginError ``InputsTooLarge`` or ``InputsNotInline``.
    """
    inputs = spec.get("inputs")
    if inputs is None:
        if _SINGLE_INPUT.search(orjson.dumps(spec["template"])):
            raise PluginError(
                INPUTS_NOT_INLINE, "the command refers to {{.inputs.…}}, which needs spec.inputs", field="spec.inputs"
            )
        return
    size = len(orjson.dumps(inputs))
    if size > MAX_INLINE_INPUTS:
        message = f"{size} bytes of inline inputs, at most {MAX_INLINE_INPUTS} are allowed: put them into the store"
        raise PluginError(INPUTS_TOO_LARGE, f"{message} and give spec.inputPath", field="spec.inputs")


def files(spec: Mapping[str, Any], task: TaskContext) -> dict[str, bytes]:
    """The files to write, by path."""
    text = orjson.dumps(spec["template"])
    copilot = task.template.container.data_config.enabled or task.template.k8s_pod.data_config.enabled
    answer = {}
    if task.inputs is not None and task.paths.input_path and (copilot or _INPUTS.search(text)):
        answer[task.paths.input_path] = task.inputs.SerializeToString(deterministic=True)
    if task.paths.task_template_path and _TEMPLATE.search(text):
        answer[task.paths.task_template_path] = task.template.SerializeToString(deterministic=True)
    return answer
