"""``array``: a map task in a scripted world – pods that come and go, a store, tokens, a catalogue.

Each round changes the world and makes one call, of which everything it does and says is written down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flyteidl.core.errors_pb2 import ErrorDocument
from flyteidl.core.literals_pb2 import LiteralCollection, LiteralMap
from google.protobuf import json_format
from google.protobuf.message import Message

from pluginmachinery.config.map_tasks import ArrayConfig
from pluginmachinery.conformance import cluster
from pluginmachinery.conformance.cases import NOW, phase_answer, task_of
from pluginmachinery.conformance.cluster import Cluster
from pluginmachinery.conformance.executor import Executor
from pluginmachinery.conformance.replay import configuration
from pluginmachinery.core.actions import (
    Action,
    AllocateToken,
    CallService,
    Create,
    Done,
    ObjectRef,
    Refused,
    ReleaseToken,
    Result,
    WriteInputs,
)
from pluginmachinery.core.phases import Phase
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.core.transitions import PluginState, Transition
from pluginmachinery.manager.refusals import status_of
from pluginmachinery.plugins.array import ArrayPlugin
from pluginmachinery.plugins.container import POD
from pluginmachinery.plugins.map_task.conduct import AS_FLYTE
from pluginmachinery.plugins.map_task.states import ArrayState
from pluginmachinery.plugins.map_task.subtasks import SubTask, SubTasks

SYSTEM_ERROR = "SystemError"
SETUP_ERROR = "SetupError"

_MESSAGES: Mapping[str, type[Message]] = {"error.pb": ErrorDocument, "indexlookup.pb": LiteralCollection}
_VERB_OF_FAULT: Mapping[cluster.Verb, str] = {"patch": "update"}


def answer(case: Mapping[str, Any]) -> dict[str, Any]:
    config = configuration(case).plugins.k8s_array
    if not _can_be_set_up(config):
        return {"error": {"code": SETUP_ERROR}}
    task, plugin = task_of(case), ArrayPlugin(conduct=AS_FLYTE)
    world = ScriptedWorld(task)
    world.put(case.get("files") or ())
    verbs = {"handle": plugin.handle, "abort": plugin.abort, "finalize": plugin.finalize}
    state: PluginState = None
    rounds = []
    for script in case.get("rounds") or ():
        world.change(script)
        verb = script.get("verb") or "handle"
        transition = world.run(verbs[verb], task, state)
        if transition.error is None:
            state = transition.state
        rounds.append({**world.told(), **_said(verb, task, transition)})
    return {"setup": list(_quotas(config)), "rounds": rounds}


def _can_be_set_up(config: ArrayConfig) -> bool:
    """Flyte does not start with queues without room, or without the credentials of another cluster."""
    remote = config.remote_cluster_config
    if remote.enabled and not all(Path(path).is_file() for path in (remote.auth.token_path, remote.auth.cert_path)):
        return False
    return config.output_assembler.max_items > 0 and config.error_assembler.max_items > 0


def _quotas(config: ArrayConfig) -> Iterator[dict[str, Any]]:
    quota = config.resource_config
    if quota.primary_label or quota.limit:
        yield {"verb": "register", "namespace": quota.primary_label, "quota": quota.limit}


def _said(verb: str, task: TaskContext, transition: Transition) -> dict[str, Any]:
    if transition.error is not None:
        return {"error": {"code": SYSTEM_ERROR, "cause": transition.error.code, "message": transition.error.message}}
    if verb != "handle":
        return {}
    state = ArrayState.read(transition.state)
    return {
        "phase": {**phase_answer(transition.phase), "externalResources": list(_sub_tasks(task, state))},
        "state": {
            "phase": state.stage.value,
            "version": state.version,
            "arraySize": len(state.runs),
            "originalArraySize": state.size,
            "minSuccesses": state.min_successes,
            "subtasks": [str(phase) for phase in state.phases],
            "retryAttempts": state.retries,
            "systemFailures": state.system_failures,
            "indexesToCache": state.runs,
        },
    }


def _sub_tasks(task: TaskContext, state: ArrayState) -> Iterator[dict[str, Any]]:
    """All sub-tasks with their phases; those that are cached have succeeded."""
    subs = SubTasks(task)
    runs = set(state.runs)
    for index, original in enumerate(state.runs):
        retry = state.retries[index]
        name = subs.name(SubTask(index, original, retry))
        yield {
            "externalId": name,
            "index": original,
            "phase": str(state.phases[index]),
            "retryAttempt": retry,
        }
    for original in sorted(set(range(state.size)) - runs):
        yield {"index": original, "phase": str(Phase.SUCCESS), "cacheStatus": "CACHE_HIT"}


class ScriptedWorld(Executor):
    """An executor whose cluster, store, tokens and catalogue do what a script says, and that writes down what is done
    to them."""

    def __init__(self, task: TaskContext) -> None:
        super().__init__(Cluster(refuse=self._fault), now=NOW)
        self._script: Mapping[str, Any] = {}
        self._told: dict[str, list[Any]] = {}
        self._extra: dict[str, Any] = {}
        self._outputs = f"{task.paths.output_prefix.rstrip('/')}/outputs.pb"
        self._error = f"{task.paths.output_prefix.rstrip('/')}/error.pb"
        self._namespace = SubTasks(task).namespace

    def put(self, files: Any) -> None:
        for file in files:
            message = _MESSAGES.get(file["path"].rpartition("/")[2], LiteralMap)()
            json_format.ParseDict(file["value"], message)
            self.files[file["path"]] = message.SerializeToString(deterministic=True)

    def change(self, script: Mapping[str, Any]) -> None:
        """What happens before a call. What the outside answers holds for this call only."""
        self._script, self._told, self._extra = script, {}, {}
        self.put(script.get("files") or ())
        for name, change in (script.get("pods") or {}).items():
            self._change_pod(name, change)

    def told(self) -> dict[str, Any]:
        """What was done since, in the order in which it was."""
        for call in self.cluster.calls:
            written = {"verb": _VERB_OF_FAULT.get(call.verb, call.verb), "name": call.ref.name}
            self._tell("calls", {**written, "namespace": call.ref.namespace})
        self.cluster.calls.clear()
        return {**self._told, **self._extra}

    def carry_out(self, action: Action) -> Result:
        match action:
            case Create(ref, manifest):
                result = super().carry_out(action)
                if isinstance(result, Done):
                    self._tell("created", manifest)
                    self.cluster.objects[ref].setdefault("status", {})
                return result
            case AllocateToken(quota, owner):
                self._tell("resourceManager", {"verb": "allocate", "namespace": quota, "token": owner})
                allocation = self._script.get("allocation") or "granted"
                if allocation == "error":
                    return Refused("InternalError", "the resource manager does not answer")
                return Done(allocation == "granted")
            case ReleaseToken(quota, owner):
                self._tell("resourceManager", {"verb": "release", "namespace": quota, "token": owner})
                if self._script.get("release") == "error":
                    return Refused("InternalError", "the resource manager does not answer")
                return Done()
            case CallService(method=method):
                return self._ask_catalog(method)
            case WriteInputs(files):
                for path, data in files.items():
                    self._tell_written(path, data)
        return super().carry_out(action)

    def _tell(self, what: str, entry: Any) -> None:
        self._told.setdefault(what, []).append(entry)

    def _tell_written(self, path: str, data: bytes) -> None:
        message = _MESSAGES.get(path.rpartition("/")[2], LiteralMap).FromString(data)
        value = json_format.MessageToDict(message)
        self._tell("written", {"path": path, "value": value})
        if path == self._outputs:
            self._extra["outputs"] = value
        elif path == self._error:
            error = {"code": value.get("error", {}).get("code", ""), "message": value["error"].get("message", "")}
            self._extra["outputError"] = {"error": error, "recoverable": False}

    def _ask_catalog(self, method: str) -> Result:
        catalog = self._script.get("catalog") or {}
        if method == "store":
            if "uploadError" in catalog:
                return Refused("Unavailable", catalog["uploadError"])
            return Done({"ready": catalog.get("uploadReady", True)})
        if not catalog.get("ready", True):
            return Done({"ready": False})
        if "error" in catalog:
            return Refused("Unavailable", catalog["error"])
        return Done({"cached": catalog.get("cached") or []})

    def _change_pod(self, name: str, change: Mapping[str, Any]) -> None:
        found = next((ref for ref in self.cluster.objects if ref.name == name), None)
        if found is None:
            if not change.get("create"):
                return
            found = ObjectRef(POD, self._namespace, name)
            self.cluster.objects[found] = {"metadata": {"name": name, "namespace": self._namespace}}
        if change.get("absent"):
            del self.cluster.objects[found]
            return
        pod = self.cluster.objects[found]
        if "status" in change:
            pod["status"] = change["status"]
        if "deletionTimestamp" in change:
            pod["metadata"]["deletionTimestamp"] = change["deletionTimestamp"]

    def _fault(self, verb: cluster.Verb, ref: ObjectRef) -> Refused | None:
        faults = (self._script.get("errors") or {}).get(_VERB_OF_FAULT.get(verb, verb)) or {}
        fault = faults.get(ref.name) or faults.get("*")
        if fault is None:
            return None
        reason, message = fault["reason"], fault.get("message", "")
        if reason == "Forbidden":
            message = f'pods "n" is forbidden: {message}'
        return Refused(reason, message, status_of(reason))
