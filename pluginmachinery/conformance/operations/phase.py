"""``phase``: what a plugin says about its object as the API server has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pluginmachinery.conformance.cases import kubernetes_plugin_of, phase_answer, task_of
from pluginmachinery.core.errors import PluginError
from pluginmachinery.core.tasks import PluginContext, SavedPhase

PHASE_ERROR = "PhaseError"


def answer(case: Mapping[str, Any]) -> dict[str, Any]:
    plugin, context = kubernetes_plugin_of(case), PluginContext(task_of(case), saved_phase(case))
    try:
        return {"phase": phase_answer(plugin.get_task_phase(context, case["resource"]))}
    except PluginError as error:
        return {"error": {"code": PHASE_ERROR, "cause": error.code, "message": error.message}}


def saved_phase(case: Mapping[str, Any]) -> SavedPhase:
    saved = case.get("pluginState") or {}
    return SavedPhase(saved.get("phase", "Undefined"), saved.get("phaseVersion", 0), saved.get("reason", ""))
