"""``enabled``: which of the nine Kubernetes plugins run, for which task types, and who gets a task of each type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pluginmachinery.conformance.replay import configuration
from pluginmachinery.plugins import enabling
from pluginmachinery.plugins.enabling import ENABLED_PLUGINS_ERROR, EnablingError
from pluginmachinery.plugins.registry import PluginDeclaration, declaration_of

PLUGINS = ("container", "sidecar", "pod", "spark", "ray", "dask", "pytorch", "tensorflow", "mpi")
"""The plugins that were registered when the cases were recorded."""
UNKNOWN_TYPE = "unheard-of"


def answer(case: Mapping[str, Any]) -> dict[str, Any]:
    known = [declaration_of(name) for name in PLUGINS]
    try:
        enabled = enabling.enabled_plugins(configuration(case).tasks.task_plugins)
    except EnablingError as error:
        return {"error": {"code": ENABLED_PLUGINS_ERROR, "message": str(error)}}
    running = [declaration for declaration in known if enabled.includes(declaration.id)]
    plugins: dict[str, Any] = {
        "enabled": sorted(declaration.id for declaration in running),
        "defaults": {plugin: sorted(types) for plugin, types in enabled.defaults.items()},
    }
    try:
        handlers = enabling.handlers(running, enabled.defaults)
    except EnablingError:
        return {"plugins": {**plugins, "setupError": True}}
    task_types = sorted({task_type for declaration in known for task_type in declaration.task_types})
    lookup = {task_type: _lookup(task_type, running, handlers) for task_type in (*task_types, "pod", UNKNOWN_TYPE)}
    return {"plugins": {**plugins, "handlers": handlers, "lookup": lookup}}


def _lookup(task_type: str, running: Sequence[PluginDeclaration], handlers: Mapping[str, str]) -> str:
    try:
        return enabling.resolve(task_type, running, handlers)
    except EnablingError:
        return ""
