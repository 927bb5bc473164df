"""A world in memory for the life cycle: a cluster, a controller that carries decisions out, and a plugin to follow.

The controller does what the runtime does, no more: finalizers, actions, status, in this order; it can be killed before
and after each effect and be replaced by one that knows only what the cluster has.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pluginmachinery.api import names
from pluginmachinery.api.execution import TaskExecutionStatus
from pluginmachinery.config import Configuration
from pluginmachinery.core import phases
from pluginmachinery.core.actions import (
    Action,
    Create,
    Delete,
    Done,
    Files,
    Found,
    Missing,
    ObjectRef,
    Observation,
    Observe,
    Outputs,
    Patch,
    ReadFiles,
    ReadOutputs,
    Refused,
    ResourceKind,
    Result,
    WriteInputs,
)
from pluginmachinery.core.errors import PluginMachineryError
from pluginmachinery.core.phases import ErrorKind, ExecutionError, Phase
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.core.transitions import PluginState, Transition
from pluginmachinery.lifecycle.advance import Decision, World, advance

POD = ResourceKind("v1", "Pod", "pods")
START = datetime(2026, 1, 1, tzinfo=UTC)
NAMESPACE = "ns"


class NoSuchPlugin(PluginMachineryError):
    code = "PluginNotEnabled"


@dataclass(frozen=True)
class Declaration:
    id: str


class Registry:
    """One plugin for every task type but ``unknown``."""

    declarations = ()

    def __init__(self, plugin: object) -> None:
        self.plugin = plugin

    def resolve(self, task_type: str, override: str | None = None) -> Declaration:
        if task_type == "unknown":
            raise NoSuchPlugin(f"no plugin for {task_type}")
        return Declaration("scripted")

    def load(self, plugin_id: str) -> object:
        return self.plugin


@dataclass
class PodLike:
    """A core plugin that makes one pod per attempt and reads its phase from ``status.phase``.

    ``Failed`` pods say in ``status.error`` (code, kind, permanent, cleanup) how.
    """

    id: str = "scripted"
    delete_on_finalize: bool = False

    def _ref(self, task: TaskContext) -> ObjectRef:
        return ObjectRef(POD, task.metadata.namespace, task.metadata.generated_name)

    def handle(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition:
        return self._check(task, state, observation) if state else self._launch(task, observation)

    def _launch(self, task: TaskContext, observation: Observation) -> Transition:
        ref = self._ref(task)
        match observation.result_of(Create):
            case None:
                pod = {"metadata": {"name": ref.name, "ownerReferences": [task.metadata.owner_reference]}}
                return Transition(phases.undefined(), None, (Create(ref, pod),))
            case Refused(reason="AlreadyExists", owned=False):
                return Transition(phases.retryable_failure("NameTaken", "foreign", kind=ErrorKind.SYSTEM))
            case Refused(reason="Forbidden", message=message):
                return Transition(phases.waiting_for_resources(message))
            case Refused(reason=reason, message=message) if reason != "AlreadyExists":
                error = ExecutionError(reason, message, ErrorKind.SYSTEM)
                return Transition(phases.undefined(), None, error=error)
        return Transition(phases.queued("task submitted to K8s"), {"started": True})

    def _check(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition:
        ref = self._ref(task)
        match observation.object(ref):
            case None:
                return Transition(phases.undefined(), state, (Observe(ref),))
            case Missing():
                gone = phases.retryable_failure("ResourceDeletedExternally", "gone", kind=ErrorKind.SYSTEM)
                return Transition(gone, state)
            case Found(object=pod) if task.metadata.owner_reference in pod["metadata"].get("ownerReferences", ()):
                return Transition(self._phase(pod), state)
            case Found():
                taken = phases.retryable_failure("ResourceDeletedExternally", "another's", kind=ErrorKind.SYSTEM)
                return Transition(taken, state)
            case refused:
                return Transition(
                    phases.undefined(), state, error=ExecutionError("Get", str(refused), ErrorKind.SYSTEM)
                )

    def _phase(self, pod: Mapping[str, Any]) -> phases.PhaseInfo:
        status = pod.get("status") or {}
        match status.get("phase", "Pending"):
            case "Pending":
                return phases.queued(status.get("reason", ""))
            case "Running":
                return phases.running()
            case "Succeeded":
                return phases.success()
            case _:
                error = status.get("error") or {}
                return phases.failed(
                    Phase.PERMANENT_FAILURE if error.get("permanent") else Phase.RETRYABLE_FAILURE,
                    error.get("code", "Error"),
                    error.get("message", "failed"),
                    kind=ErrorKind(error.get("kind", "USER")),
                    cleanup_on_failure=error.get("cleanup", False),
                )

    def abort(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition:
        return self._delete(task, state, observation)

    def finalize(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition:
        if self.delete_on_finalize:
            return self._delete(task, state, observation)
        return Transition(phases.undefined(), state)

    def _delete(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition:
        match observation.result_of(Delete):
            case None:
                return Transition(phases.undefined(), state, (Delete(self._ref(task)),))
            case Refused(reason=reason, message=message):
                return Transition(phases.undefined(), state, error=ExecutionError(reason, message, ErrorKind.SYSTEM))
        return Transition(phases.undefined(), state)


@dataclass
class Scripted:
    """A core plugin whose ``handle`` answers what the script says, one entry a call; the last one stays."""

    script: list[Any]
    cleanup: list[Any] = field(default_factory=list)
    id: str = "scripted"
    calls: list[str] = field(default_factory=list)
    contexts: list[TaskContext] = field(default_factory=list)

    def handle(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition:
        self.contexts.append(task)
        return self._next("handle", self.script, state)

    def abort(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition:
        return self._next("abort", self.cleanup, state)

    def finalize(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition:
        return self._next("finalize", self.cleanup, state)

    def _next(self, verb: str, script: list[Any], state: PluginState) -> Transition:
        self.calls.append(verb)
        if not script:
            return Transition(phases.undefined(), state)
        entry = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(entry, Exception):
            raise entry
        return entry if not isinstance(entry, phases.PhaseInfo) else Transition(entry, state)


def execution(name: str = "task", **spec: Any) -> dict[str, Any]:
    """A TaskExecution of type ``container``; members of template and metadata go by these names."""
    own = spec.pop("template", {})
    template = {"type": "container"} | ({} if "k8sPod" in own else {"container": {"image": "busybox"}}) | own
    metadata = {"name": name, "namespace": NAMESPACE, "uid": f"uid-{name}", "generation": 1} | spec.pop("metadata", {})
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": metadata,
        "spec": {"template": template} | spec,
    }


def world(plugin: object, config: Configuration | None = None, **more: Any) -> World:
    return World(config=config or Configuration(), registry=Registry(plugin), **more)  # type: ignore[arg-type]


class Killed(Exception):
    """The controller died here."""


@dataclass
class Cluster:
    """The API server and the store, with what the tests need to know of them."""

    execution: dict[str, Any] | None
    pods: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    outputs: dict[str, Outputs | Refused] = field(default_factory=dict)
    refuse: Callable[[Action], Refused | None] = lambda action: None
    now: datetime = START
    created: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)

    @property
    def status(self) -> dict[str, Any]:
        assert self.execution is not None
        return self.execution.get("status") or {}

    def carry_out(self, action: Action) -> Result:
        refused = self.refuse(action)
        if refused is not None:
            return refused
        match action:
            case Create(ref=ref, object=body):
                if ref.name in self.pods:
                    return Refused("AlreadyExists", status=409, owned=self.owns(self.pods[ref.name]))
                self.pods[ref.name] = copy.deepcopy(dict(body))
                self.created.append(ref.name)
                self.writes.append(f"create {ref.name}")
                return Done(self.pods[ref.name])
            case Delete(ref=ref):
                self.writes.append(f"delete {ref.name}")
                if ref.kind == names.TASK_EXECUTIONS:
                    self.delete_execution()
                    return Done()
                return self._delete_pod(ref.name)
            case Observe(ref=ref):
                return Found(self.pods[ref.name]) if ref.name in self.pods else Missing()
            case WriteInputs(files=files):
                self.files |= files
                return Done()
            case ReadFiles(paths=paths):
                return Files({path: self.files[path] for path in paths if path in self.files})
            case ReadOutputs(prefix=prefix):
                return self.outputs.get(prefix, Outputs())
            case Patch(ref=ref, body=body):
                self.writes.append(f"patch {ref.name}")
                return self._patch_pod(ref.name, body)
        raise AssertionError(action)

    def _delete_pod(self, name: str) -> Result:
        pod = self.pods.get(name)
        if pod is None:
            return Missing()
        if pod["metadata"].get("finalizers"):
            pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        else:
            del self.pods[name]
        return Done()

    def _patch_pod(self, name: str, body: Mapping[str, Any]) -> Result:
        pod = self.pods.get(name)
        if pod is None:
            return Missing()
        pod["metadata"]["finalizers"] = body["metadata"]["finalizers"]
        if not pod["metadata"]["finalizers"] and "deletionTimestamp" in pod["metadata"]:
            del self.pods[name]
        return Done()

    def owns(self, pod: Mapping[str, Any]) -> bool:
        assert self.execution is not None
        owners = pod["metadata"].get("ownerReferences") or ()
        return any(owner["uid"] == self.execution["metadata"]["uid"] for owner in owners)

    def delete_execution(self) -> None:
        assert self.execution is not None
        if self.execution["metadata"].get("finalizers"):
            self.execution["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        else:
            self.gone()

    def gone(self) -> None:
        """The last finalizer went: owner references take the pods along."""
        self.pods = {name: pod for name, pod in self.pods.items() if not self.owns(pod)}
        self.execution = None

    def set_finalizers(self, finalizers: tuple[str, ...]) -> None:
        assert self.execution is not None
        self.execution["metadata"]["finalizers"] = list(finalizers)
        self.writes.append("finalizers")
        if not finalizers and "deletionTimestamp" in self.execution["metadata"]:
            self.gone()

    def put_status(self, status: Mapping[str, Any]) -> None:
        assert self.execution is not None
        assert "chain" not in status
        TaskExecutionStatus.model_validate(dict(status))
        self.execution["status"] = copy.deepcopy(dict(status))
        self.writes.append(f"status {status['phase']}")

    def set_pod(self, name: str, phase: str, **error: Any) -> None:
        self.pods[name]["status"] = {"phase": phase} | ({"error": error} if error else {})


class Controller:
    """Carries out what ``advance`` decides, as the runtime does; ``die_at`` kills it before its n-th effect."""

    def __init__(self, world: World, cluster: Cluster, die_at: int | None = None) -> None:
        self.world = world
        self.cluster = cluster
        self.memory: Mapping[str, Any] = cluster.status if cluster.execution else {}
        self.wake_at: datetime | None = None
        self.effects_left = die_at
        self.unwritten = False

    def turn(self, results: tuple[tuple[Action, Result], ...] = ()) -> Decision | None:
        """One call of advance, carried out. None: the execution is gone."""
        cluster = self.cluster
        if cluster.execution is None:
            return None
        objects = {ObjectRef(POD, NAMESPACE, name): Found(pod) for name, pod in cluster.pods.items()}
        seen = dict(cluster.execution) | {"status": self.memory}
        frozen = copy.deepcopy(seen)
        decision = advance(self.world, seen, Observation(cluster.now, objects, results))
        assert seen == frozen, "advance changed what it was given"
        self.memory = decision.status
        self.wake_at = decision.wake_at
        if decision.finalizers is not None:
            self._effect(lambda: cluster.set_finalizers(decision.finalizers or ()))
        return decision

    def run(self, limit: int = 50) -> None:
        """Go on until nothing is left to do at this moment. Coalesced statuses are written at the end."""
        for _ in range(limit):
            decision = self.turn()
            chained = 0
            while decision is not None and decision.actions:
                chained += 1
                assert chained < 200, "an endless chain of actions"
                results = tuple((action, self._carry_out(action)) for action in decision.actions)
                decision = self.turn(results)
            if decision is None:
                return
            if decision.urgent:
                self.write()
            if decision.wake_at is None or decision.wake_at > self.cluster.now:
                self.write()
                return
        raise AssertionError(f"no end: {self.memory}")

    def write(self) -> None:
        if self.cluster.execution is not None and self.memory and self.memory != self.cluster.status:
            self._effect(lambda: self.cluster.put_status(self.memory))

    def _carry_out(self, action: Action) -> Result:
        if isinstance(action, Observe | ReadOutputs | ReadFiles):
            return self.cluster.carry_out(action)
        return self._effect(lambda: self.cluster.carry_out(action))

    def _effect(self, effect: Callable[[], Any]) -> Any:
        if self.effects_left is not None:
            if self.effects_left == 0:
                raise Killed
            self.effects_left -= 1
        return effect()


def later(cluster: Cluster, seconds: float) -> None:
    cluster.now += timedelta(seconds=seconds)
