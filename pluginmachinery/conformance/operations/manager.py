"""``manager``: one call of the plugin manager – handle, abort or finalize – against a cluster that answers as told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pluginmachinery.conformance import cluster
from pluginmachinery.conformance.cases import NOW, kubernetes_plugin_of, phase_answer, task_of
from pluginmachinery.conformance.cluster import Call, Cluster
from pluginmachinery.conformance.executor import Executor
from pluginmachinery.conformance.operations.phase import saved_phase
from pluginmachinery.core.actions import ObjectRef, Refused
from pluginmachinery.core.transitions import Transition
from pluginmachinery.manager.conduct import AS_FLYTE
from pluginmachinery.manager.objects import object_name
from pluginmachinery.manager.plugin_manager import PluginManager
from pluginmachinery.manager.plugin_states import ManagerState
from pluginmachinery.manager.refusals import status_of

SYSTEM_ERROR = "SystemError"

_FAULTS: Mapping[cluster.Verb, str] = {
    "get": "getError",
    "create": "createError",
    "patch": "patchError",
    "delete": "deleteError",
}


def answer(case: Mapping[str, Any]) -> dict[str, Any]:
    plugin, task = kubernetes_plugin_of(case), task_of(case)
    manager = PluginManager(plugin, conduct=AS_FLYTE)
    ref = ObjectRef(plugin.resource, task.metadata.namespace, object_name(task.metadata))
    resource = case.get("resource")
    api = Cluster({} if resource is None else {ref: resource}, refuse=lambda verb, _: _fault(case, verb))
    before = ManagerState(started=bool(case.get("started")), saved=saved_phase(case))
    verb = {"handle": manager.handle, "abort": manager.abort, "finalize": manager.finalize}[case["verb"]]
    after = Executor(api, now=NOW).run(verb, task, before.write())
    return {"manager": {"calls": list(_calls(case, api.calls)), **_outcome(case["verb"], before, after)}}


def _outcome(verb: str, before: ManagerState, after: Transition) -> dict[str, Any]:
    outcome: dict[str, Any] = {}
    if after.error is not None:
        outcome["error"] = {"code": SYSTEM_ERROR, "cause": after.error.code, "message": after.error.message}
    elif verb == "handle":
        outcome["phase"] = phase_answer(after.phase)
        state = ManagerState.read(after.state)
        if state != before:
            outcome["state"] = {
                "started": state.started,
                "phase": state.saved.phase,
                "phaseVersion": state.saved.version,
            }
    return outcome


def _calls(case: Mapping[str, Any], calls: Iterable[Call]) -> Iterator[dict[str, Any]]:
    """The calls as the recording client saw them: what it has read it calls by the name that stands in it."""
    name = None
    for call in calls:
        written: dict[str, Any] = {"verb": call.verb, "namespace": call.ref.namespace, "name": name or call.ref.name}
        if call.finalizers is not None:
            written["finalizers"] = list(call.finalizers)
        yield written
        if call.verb == "get" and _fault(case, "get") is None and case.get("resource") is not None:
            name = case["resource"]["metadata"]["name"]


def _fault(case: Mapping[str, Any], verb: cluster.Verb) -> Refused | None:
    fault = case.get(_FAULTS.get(verb, ""))
    if fault is None:
        return None
    reason, message = fault["reason"], fault.get("message", "")
    if reason == "Forbidden":
        message = f'object "n" is forbidden: {message}'
    return Refused(reason, message, status_of(reason))
