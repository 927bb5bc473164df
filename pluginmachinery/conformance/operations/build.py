"""``build``: the object that a plugin makes of a task, with its identity, as the API server would be asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pluginmachinery.conformance.cases import kubernetes_plugin_of, task_of
from pluginmachinery.core.errors import FAILED_TO_BUILD_RESOURCE, PluginError
from pluginmachinery.core.phases import ErrorKind, Phase
from pluginmachinery.manager.objects import finished_object


def answer(case: Mapping[str, Any]) -> dict[str, Any]:
    """The object, or the permanent failure that the manager makes of any PluginError; its code is the cause."""
    plugin = kubernetes_plugin_of(case)
    try:
        task = task_of(case)
        return {"object": finished_object(task, plugin, plugin.build_resource(task))}
    except PluginError as error:
        return {
            "error": {
                "code": FAILED_TO_BUILD_RESOURCE,
                "kind": ErrorKind.USER.value,
                "phase": Phase.PERMANENT_FAILURE.value,
                "cause": error.code,
                "message": str(error),
            }
        }
