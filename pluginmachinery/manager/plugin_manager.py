"""PluginManager: makes a :class:`KubernetesPlugin` – one task, one object – a :class:`CorePlugin`.

It creates the object, follows it, aborts and finalizes it. What the answers of the API server mean is decided in
:mod:`.launch`, :mod:`.abort` and :mod:`.finalize`; here they are put together, and what a plugin raises is caught: a
:class:`PluginError` is an answer, anything else a defect of the plugin that must not take the process down.
"""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import PurePath
from typing import Any

from pluginmachinery.api.names import QUEUE
from pluginmachinery.core.actions import (
    Action,
    Create,
    Done,
    Found,
    ObjectEvent,
    ObjectRef,
    Observation,
    Observe,
    Refused,
    ResourceKind,
    Result,
    WakeAt,
)
from pluginmachinery.core.errors import FAILED_TO_BUILD_RESOURCE, PLUGIN_PANIC, PluginError
from pluginmachinery.core.phases import (
    ErrorKind,
    ExecutionError,
    FurtherReason,
    Phase,
    PhaseInfo,
    permanent_failure,
    retryable_failure,
    taken_back,
    undefined,
)
from pluginmachinery.core.plugins import AbortOverride, KubernetesPlugin
from pluginmachinery.core.tasks import PluginContext, TaskContext
from pluginmachinery.core.transitions import PluginState, Transition
from pluginmachinery.manager import abort, finalize, kueue, launch, limit_ranges, quotas, refusals, waits
from pluginmachinery.manager.conduct import Conduct
from pluginmachinery.manager.finalize import Finalization
from pluginmachinery.manager.objects import finished_object, object_name
from pluginmachinery.manager.ownership import is_own, owner_uid
from pluginmachinery.manager.plugin_states import ManagerState, Next, Step
from pluginmachinery.manager.waiting_room import Applicant, Wait, WaitingRoom
from pluginmachinery.pods import names, secret_mounts
from pluginmachinery.pods.unique_variables import unique_variables
from pluginmachinery.policy import check as policy

RESOURCE_DELETED_EXTERNALLY = "ResourceDeletedExternally"
UNEXPECTED_OBJECT_DELETION = "UnexpectedObjectDeletion"

_POD = ResourceKind("v1", "Pod", "pods")
_CREATING = Step("handle", "create")


class PluginManager:
    """Drives one plugin.

    ``room`` is shared by all managers of a process, because quotas are shared; without one the manager has its own.
    ``conduct`` says where to do better than Flyte.
    """

    def __init__(
        self, plugin: KubernetesPlugin, room: WaitingRoom | None = None, *, conduct: Conduct | None = None
    ) -> None:
        self._plugin = plugin
        self._abort_override = plugin if isinstance(plugin, AbortOverride) else None
        self._room = WaitingRoom() if room is None else room
        self._conduct = Conduct() if conduct is None else conduct

    @property
    def id(self) -> str:
        return self._plugin.id

    @property
    def plugin(self) -> KubernetesPlugin:
        """The plugin that is driven."""
        return self._plugin

    @property
    def overrides_abort(self) -> bool:
        """Whether its object is not simply deleted on abort."""
        return self._abort_override is not None

    # --- The three verbs ---------------------------------------------------------------------------------------------

    def handle(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition:
        """Create the object if it was not, else see how it stands.

        Success means that the object says so; whether the task left outputs is for the caller to find out.
        """
        try:
            known = ManagerState.read(state)
        except PluginError as error:
            return Transition(retryable_failure(error.code, error.message), state)
        step = self._check if known.started else self._launch
        return self._guarded(state, lambda: step(_at(self._fitted(task), observation.now), known, observation))

    def abort(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition:
        """Stop the object. It is over with the first transition that has no actions."""
        task, override = self._fitted(task), self._abort_override
        on_abort = None if override is None else lambda manifest: override.on_abort(task, manifest)

        def go_on(step: Step | None) -> Next:
            return abort.next_step(
                self._ref(task), step, observation, on_abort=on_abort, is_own=lambda found: self._is_own(task, found)
            )

        return self._cleaning(state, go_on)

    def finalize(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition:
        """Let go of the object. It is over with the first transition that has no actions."""
        task = self._fitted(task)
        config, properties = task.config.plugins.k8s, self._plugin.properties
        finalization = Finalization(
            ref=self._ref(task),
            config=config,
            conduct=self._conduct,
            delete=config.delete_resource_on_finalize and not properties.disable_delete_resource_on_finalize,
            finalizer_expected=config.inject_finalizer and not properties.disable_inject_finalizer,
            is_own=lambda found: self._is_own(task, found),
            seed=task.random_seed,
        )
        return self._cleaning(state, lambda step: finalize.next_step(finalization, step, observation))

    # --- Launch ------------------------------------------------------------------------------------------------------

    def _launch(self, task: TaskContext, known: ManagerState, observation: Observation) -> Transition:
        if known.step == _CREATING:
            for action, result in observation.results:
                if isinstance(action, Create):
                    return self._launched(task, known, action, result)
        if self._is_there_already(task, observation):
            return self._check(task, known, observation)
        applicant = self._applicant(task)
        if self._lines_up(task) and (wait := self._room.ask_again(applicant, task.now)) is not None:
            return _waits(known, wait, waits.waiting(wait, applicant))
        try:
            manifest = self._delivered(finished_object(task, self._plugin, self._plugin.build_resource(task)), task)
        except PluginError as error:
            failure = permanent_failure(FAILED_TO_BUILD_RESOURCE, f"the object could not be built: {error}")
            return _settled(known, failure, started=False)
        judged = self._judged(manifest, task)
        if judged.denied:
            return _settled(known, permanent_failure(policy.POLICY_DENIED, judged.message), started=False)
        if self._lines_up(task):
            settings = task.config.tasks.backoff
            if (wait := self._room.ask(applicant, manifest, settings, task.now)) is not None:
                return _waits(known, wait, waits.waiting(wait, applicant))
        return Transition(undefined(), known.at(_CREATING).write(), (Create(applicant.ref, manifest),))

    def _delivered(self, manifest: dict[str, Any], task: TaskContext) -> dict[str, Any]:
        """The object with what stands in for webhooks, and without what operators' CRDs refuse."""
        if self._conduct.inject_secrets:
            manifest = secret_mounts.delivered(manifest, task)
        if self._conduct.unique_variables and self._plugin.resource != _POD:
            manifest = unique_variables(manifest)
        return manifest

    def _judged(self, manifest: Mapping[str, Any], task: TaskContext) -> policy.Verdict:
        return policy.verdict(manifest, task) if self._conduct.check_policy else policy.Verdict()

    def _is_there_already(self, task: TaskContext, observation: Observation) -> bool:
        """Did we create it, and died before that was saved? Then creating it again would only be refused."""
        if not self._conduct.check_owner or not owner_uid(task, self._plugin):
            return False
        there = observation.objects.get(self._ref(task))
        return isinstance(there, Found) and self._is_own(task, there.object)

    def _launched(self, task: TaskContext, known: ManagerState, create: Create, result: Result) -> Transition:
        decided = launch.verdict(result, may_wait=self._may_wait(task), conduct=self._conduct)
        if isinstance(decided, ExecutionError):
            return _failed(known.at(None), decided)
        applicant = self._applicant(task)
        if decided.phase is Phase.QUEUED:
            self._room.succeeded(applicant, task.now, _version(result.value) if isinstance(result, Done) else 0)
        if isinstance(result, Refused):
            if decided.phase is Phase.WAITING_FOR_RESOURCES:
                return self._has_to_wait(task, known, create, result)
            decided = self._explained(decided, create, result)
        if decided.phase is Phase.QUEUED and task.config.plugin_manager.policy.warns_beyond_denial:
            decided = _with_warnings(decided, self._judged(create.object, task))
        return _settled(known, decided, started=decided.phase is Phase.QUEUED)

    def _has_to_wait(self, task: TaskContext, known: ManagerState, create: Create, refused: Refused) -> Transition:
        applicant = self._applicant(task)
        quota = quotas.parse_refusal(refused.message) if refusals.is_quota_exceeded(refused) else None
        amounts = quota.requested if quota else {}
        wait = self._room.refused(applicant, create.object, amounts, task.config.tasks.backoff, task.now)
        return _waits(known, wait, waits.refused(wait, applicant, refused, quota))

    def _explained(self, info: PhaseInfo, create: Create, refused: Refused) -> PhaseInfo:
        """A refusal by a LimitRange says which one it was, and what to do."""
        if not self._conduct.wait_in_line or info.error is None or not limit_ranges.is_refusal(refused.message):
            return info
        namespace = self._room.namespaces.find(create.ref.namespace)
        found = namespace.violations(create.ref.kind, create.object) if namespace else ()
        return dataclasses.replace(info, error=waits.outside_limits(info.error, create.ref.namespace, found))

    def _may_wait(self, task: TaskContext) -> bool:
        """Flyte lets wait only what its back-off guards: pods, unless back-off is switched off."""
        guarded = self._plugin.resource == _POD and task.config.tasks.backoff.base_second != 0
        return self._conduct.wait_for_every_kind or guarded

    def _lines_up(self, task: TaskContext) -> bool:
        return self._conduct.wait_in_line and self._may_wait(task)

    def _applicant(self, task: TaskContext) -> Applicant:
        ref, metadata = self._ref(task), task.metadata
        owner = metadata.owner_reference or {}
        return Applicant(
            uid=owner.get("uid") or f"{ref.namespace}/{ref.name}",
            ref=ref,
            queue=metadata.labels.get(QUEUE, ""),
            priority=metadata.priority,
            created=metadata.created_at,
        )

    # --- Check -------------------------------------------------------------------------------------------------------

    def _check(self, task: TaskContext, known: ManagerState, observation: Observation) -> Transition:
        ref = self._ref(task)
        match observation.object(ref):
            case None:
                return Transition(undefined(), known.write(), (Observe(ref),))
            case Found(manifest) if self._is_own(task, manifest):
                return self._found(task, known, ref, manifest, observation.events.get(ref, ()))
            case Found():
                return _settled(known, _gone(ref, "an object of its name belongs to something else"), started=True)
            case result if refusals.is_not_there(result):
                return _settled(known, _gone(ref, result.message), started=True)
            case refused:
                return _failed(known, refusals.as_error(refused, "the object could not be looked up"))

    def _found(
        self,
        task: TaskContext,
        known: ManagerState,
        ref: ObjectRef,
        manifest: Mapping[str, Any],
        events: Sequence[ObjectEvent],
    ) -> Transition:
        try:
            info = self._plugin.get_task_phase(PluginContext(task, known.saved), manifest)
        except PluginError as error:
            return _failed(known, ExecutionError(error.code, error.message, ErrorKind.SYSTEM))
        if self._conduct.heed_kueue and info.phase is not Phase.SUCCESS and (why := kueue.taken_back(manifest)):
            return _settled(known, taken_back(why), started=True)
        if not info.phase.is_terminal and (manifest.get("metadata") or {}).get("deletionTimestamp"):
            # Somebody deleted it, or its node went away and nobody is left to end it.
            info = retryable_failure(
                UNEXPECTED_OBJECT_DELETION,
                f"{ref.kind.kind} {ref.namespace}/{ref.name} was deleted before it ended",
                kind=ErrorKind.SYSTEM,
            )
        if events and task.config.plugins.k8s.send_object_events:
            known, info = _with_events(known, info, events)
        return _settled(known, info, started=True)

    # --- What they share ---------------------------------------------------------------------------------------------

    def _fitted(self, task: TaskContext) -> TaskContext:
        """The task with a name that the plugin's operator can take."""
        limit = self._plugin.properties.generated_name_max_length
        if limit is None or not self._conduct.fit_names:
            return task
        name = object_name(task.metadata)
        if len(name) <= limit:
            return task
        metadata = dataclasses.replace(task.metadata, generated_name=names.shortened(name, limit))
        return dataclasses.replace(task, metadata=metadata)

    def _ref(self, task: TaskContext) -> ObjectRef:
        return ObjectRef(self._plugin.resource, task.metadata.namespace, object_name(task.metadata))

    def _is_own(self, task: TaskContext, manifest: Mapping[str, Any]) -> bool:
        return not self._conduct.check_owner or is_own(task, self._plugin, manifest)

    def _cleaning(self, state: PluginState, go_on: Callable[[Step | None], Next]) -> Transition:
        """One step of an abort or a finalization."""
        try:
            known = ManagerState.read(state)
        except PluginError:
            # The object may be there all the same.
            known = ManagerState()

        def transition() -> Transition:
            following = go_on(known.step)
            changed = known.step is not None or following.step is not None
            written = known.at(following.step).write() if changed else state
            return Transition(undefined(), written, following.actions, following.error)

        return self._guarded(state, transition)

    def _guarded(self, state: PluginState, decide: Callable[[], Transition]) -> Transition:
        try:
            return decide()
        except PluginError as error:
            return Transition(undefined(), state, error=ExecutionError(error.code, error.message, ErrorKind.SYSTEM))
        except MemoryError:  # that is the process's failure, whichever plugin it strikes
            raise
        except Exception as error:  # whatever else a plugin raises is its defect, not ours
            return Transition(undefined(), state, error=_panic(self.id, error))


def _with_warnings(info: PhaseInfo, judged: policy.Verdict) -> PhaseInfo:
    """What the policy only warns of is told in the reason."""
    if not judged.warned:
        return info
    return dataclasses.replace(info, reason=f"{info.reason}; the policy warns of {', '.join(map(str, judged.warned))}")


def _with_events(known: ManagerState, info: PhaseInfo, events: Sequence[ObjectEvent]) -> tuple[ManagerState, PhaseInfo]:
    """What Kubernetes said about the object since the last look becomes further reasons, at a version of their own."""
    new = [event for event in events if event.order > known.last_event]
    if not new:
        return known, info
    reasons = tuple(FurtherReason(event.note, event.at) for event in new)
    version = max(info.version, known.saved.version if known.saved.phase == info.phase else 0) + 1
    told = dataclasses.replace(info, version=version, info=dataclasses.replace(info.info, further_reasons=reasons))
    return dataclasses.replace(known, last_event=new[-1].order), told


def _at(task: TaskContext, now: datetime) -> TaskContext:
    return task if task.now == now else dataclasses.replace(task, now=now)


def _settled(known: ManagerState, info: PhaseInfo, *, started: bool, actions: tuple[Action, ...] = ()) -> Transition:
    return Transition(info, known.seen(info, started=started).write(), actions)


def _waits(known: ManagerState, wait: Wait, info: PhaseInfo) -> Transition:
    """The reason is not remembered: it tells numbers that change all the time, and each change would be a write."""
    info = dataclasses.replace(info, version=known.saved.version)
    return Transition(
        info, known.seen(dataclasses.replace(info, reason=""), started=False).write(), (WakeAt(wait.wake_at),)
    )


def _version(created: Any) -> int:
    """Of an object as the API server answers it; 0: it has none."""
    metadata = (created.get("metadata") or {}) if isinstance(created, Mapping) else {}
    return int(metadata.get("resourceVersion") or 0)


def _failed(known: ManagerState, error: ExecutionError) -> Transition:
    """Nothing is known: what is remembered stays."""
    return Transition(undefined(), known.write(), error=error)


def _gone(ref: ObjectRef, message: str) -> PhaseInfo:
    return retryable_failure(
        RESOURCE_DELETED_EXTERNALLY,
        f"{ref.kind.kind} {ref.namespace}/{ref.name} is gone: {message}" if message else f"{ref.name} is gone",
        kind=ErrorKind.SYSTEM,
    )


def _panic(plugin: str, error: Exception) -> ExecutionError:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({PurePath(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return ExecutionError(
        PLUGIN_PANIC, f"plugin {plugin} raised {type(error).__name__}: {error}{place}", ErrorKind.SYSTEM
    )
