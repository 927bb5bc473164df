"""Work on one sub-task: launch it, follow it, end it, finalize it – one action after the other.

The steps, each named after the action whose answer it waits for::

    launch:    token ──▶ create ──▶ (Queued)          follow:  look ──▶ (Running …)
                           │ refused                             │ ended
                           ▼                                     ▼
    end:       files ──▶ write ──▶ release ──▶ finalize:  get ──▶ patch ──▶ delete ──▶ (done)

Steps that there is no need for are left out. Many sub-tasks are worked on side by side (:mod:`.passes`). Source:
``LaunchAndCheckSubTasksState``, ``launchSubtask``, ``getSubtaskPhaseInfo`` and ``finalizeSubtask``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flyteidl.core.errors_pb2 import ContainerError, ErrorDocument
from flyteidl.core.execution_pb2 import ExecutionError as ErrorKinds

from pluginmachinery.core.actions import (
    AllocateToken,
    Create,
    Delete,
    Done,
    Files,
    Found,
    NotGranted,
    ObjectRef,
    Observe,
    Patch,
    ReadFiles,
    Refused,
    ReleaseToken,
    Result,
    WriteInputs,
)
from pluginmachinery.core.errors import FAILED_TO_BUILD_RESOURCE, PluginError
from pluginmachinery.core.phases import ErrorKind, ExecutionError, Phase, PhaseInfo, retryable_failure
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.manager import launch, refusals
from pluginmachinery.manager.conduct import AS_FLYTE, Conduct
from pluginmachinery.manager.plugin_manager import RESOURCE_DELETED_EXTERNALLY
from pluginmachinery.plugins.map_task.answers import Answers, Orders
from pluginmachinery.plugins.map_task.conduct import ArrayConduct
from pluginmachinery.plugins.map_task.states import ArrayState
from pluginmachinery.plugins.map_task.subtasks import FINALIZER, SubTask, SubTasks
from pluginmachinery.pods import secret_mounts
from pluginmachinery.policy import check as policy

OUTPUTS_FILE = "outputs.pb"
ERROR_FILE = "error.pb"
MOST_LINKS = 20
"""Log links that are shown; a map task of thousands has no room for all."""
FILES_NOT_READABLE = "FilesNotReadable"
FILES_NOT_WRITTEN = "FilesNotWritten"


class Stop(Exception):
    """Nothing more can be decided in this call: the platform does not answer as it should."""

    def __init__(self, error: ExecutionError) -> None:
        super().__init__(error.message)
        self.error = error


class Unbuildable(Exception):
    """The pod of a sub-task can not be built, or must not be created: that goes for all of them."""

    def __init__(self, error: ExecutionError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(slots=True)
class Work:
    """``phase``: what the sub-task is in when the work is done (``step`` is ""). ``error``: of a sub-task that failed.
    ``trouble``: what went wrong on the way and is told at the end."""

    index: int
    step: str = ""
    phase: Phase = Phase.UNDEFINED
    error: ExecutionError | None = None
    clean_up: bool = False
    trouble: ExecutionError | None = None

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> Work:
        """Raises KeyError, TypeError or ValueError for what :meth:`write` has not written."""
        return cls(
            index=int(written["index"]),
            step=str(written["step"]),
            phase=Phase(written["phase"]),
            error=_read_error(written.get("error")),
            clean_up=bool(written.get("cleanUp")),
            trouble=_read_error(written.get("trouble")),
        )

    def write(self) -> dict[str, Any]:
        written: dict[str, Any] = {"index": self.index, "step": self.step, "phase": self.phase.value}
        if self.error is not None:
            written["error"] = _write_error(self.error)
        if self.trouble is not None:
            written["trouble"] = _write_error(self.trouble)
        if self.clean_up:
            written["cleanUp"] = True
        return written


Seen = dict[ObjectRef, int]
"""Pods that were seen to run, with their resource version then. It only saves looking again."""


class Worker:
    """Does the work of one call.

    ``orders`` holds what it asks for, ``links`` the first log links that it has seen.
    """

    def __init__(
        self,
        task: TaskContext,
        subs: SubTasks,
        state: ArrayState,
        answers: Answers,
        conduct: ArrayConduct,
        seen: Seen | None = None,
    ) -> None:
        self.orders = Orders()
        self.links: list[Mapping[str, Any]] = []
        self.state = state
        self._task = task
        self._subs = subs
        self._answers = answers
        self._conduct = conduct
        self._seen: Seen = {} if seen is None else seen
        quota = task.config.plugins.k8s_array.resource_config
        self._quota = quota.primary_label if quota.primary_label or quota.limit else None
        self._steps: Mapping[str, Callable[[Work], None]] = {
            "token": self._allocated,
            "create": self._created,
            "look": self._look,
            "giveback": self._given_back,
            "files": self._looked_for_files,
            "write": self._written,
            "release": self._released,
            "get": self._get,
            "patch": self._patched,
            "delete": self._deleted,
            "abort": self._aborted,
        }

    def advance(self, work: Work) -> None:
        """Take the next steps, as far as answers go. Raises Interrupted, Stop or Unbuildable."""
        self._steps[work.step](work)

    # --- Beginnings --------------------------------------------------------------------------------------------------

    def launch(self, index: int) -> Work:
        """Begin to launch a sub-task that was not launched, or has to be launched again."""
        state = self.state
        if state.phases[index] is Phase.RETRYABLE_FAILURE:
            state.retries[index] += 1
            state.phases[index] = Phase.UNDEFINED
        work = Work(index)
        if self._quota is not None:
            work.step = "token"
            self.orders.add(AllocateToken(self._quota, self._name(work)))
        else:
            self._create(work)
        return work

    def follow(self, index: int) -> Work:
        """Begin to look how a sub-task stands."""
        work = Work(index, "look")
        self._look(work)
        return work

    def runs_on(self, index: int) -> bool:
        """Is this pod as it was when it was seen to run?"""
        state = self.state
        if state.phases[index] is not Phase.RUNNING:
            return False
        ref = self._subs.ref(SubTask(index, state.runs[index], state.retries[index]))
        version = self._answers.version(ref)
        return version is not None and self._seen.get(ref) == version

    def finalize(self, index: int) -> Work:
        """Begin to let go of a sub-task's pod, in whatever phase it is."""
        work = Work(index, phase=self.state.phases[index])
        self._finalize(work)
        return work

    def abort(self, index: int) -> Work:
        """Begin to stop a sub-task."""
        work = Work(index, "abort", self.state.phases[index])
        self.orders.add(Delete(self._ref(work)))
        return work

    def may_be_alive(self, index: int) -> bool:
        """Has this sub-task a pod that was not seen to end? Its creator may have died before saying so."""
        phase = self.state.phases[index]
        if phase in (Phase.SUCCESS, Phase.PERMANENT_FAILURE, Phase.ABORTED):
            return False
        if phase not in (Phase.UNDEFINED, Phase.RETRYABLE_FAILURE):
            return True
        if not self._conduct.check_owner:
            return False
        retry = self.state.retries[index] + (phase is Phase.RETRYABLE_FAILURE)
        return self._answers.exists(self._subs.ref(SubTask(index, self.state.runs[index], retry))) is not None

    # --- Launch ------------------------------------------------------------------------------------------------------

    def _allocated(self, work: Work) -> None:
        match self._answers.of(AllocateToken, self._name(work)):
            case Done(True):
                self._create(work)
            case Done() as answer:
                self.state.held = answer.reason if isinstance(answer, NotGranted) else ""
                _finish(work, Phase.WAITING_FOR_RESOURCES)
            case result:
                raise Stop(refusals.as_error(result, "no token could be taken"))

    def _create(self, work: Work) -> None:
        ref = self._ref(work)
        if self._conduct.check_owner and (there := self._answers.exists(ref)) and self._is_own(there.object):
            # Made by a process that died before saying so. It may have ended meanwhile, and then no event will tell.
            work.step = "look"
            self._look(work)
            return
        try:
            manifest = self._subs.pod(self._sub(work))
            if self._conduct.inject_secrets:
                manifest = secret_mounts.delivered(manifest, self._task)
        except PluginError as error:
            message = f"the pod of sub-task {self.state.runs[work.index]} could not be built: {error}"
            raise Unbuildable(ExecutionError(FAILED_TO_BUILD_RESOURCE, message)) from error
        if self._conduct.check_policy and (judged := policy.verdict(manifest, self._task)).denied:
            raise Unbuildable(ExecutionError(policy.POLICY_DENIED, judged.message))
        work.step = "create"
        self.orders.add(Create(ref, manifest))

    def _created(self, work: Work) -> None:
        result = self._answers.of(Create, self._ref(work))
        decided = self._verdict(result)
        if isinstance(decided, ExecutionError):
            work.trouble = decided
            if self._quota is None:
                self._given_back(work)
                return
            work.step = "giveback"
            self.orders.add(ReleaseToken(self._quota, self._name(work)))
        elif decided.phase.is_failure:
            self._end(work, decided)
        else:
            _finish(work, decided.phase)

    def _verdict(self, result: Result) -> PhaseInfo | ExecutionError:
        if self._conduct.careful_launch:
            return launch.verdict(result, may_wait=True, conduct=Conduct())
        if isinstance(result, Refused) and refusals.is_quota_exceeded(result):
            return PhaseInfo(Phase.WAITING_FOR_RESOURCES)
        return launch.verdict(result, may_wait=False, conduct=AS_FLYTE)

    def _given_back(self, work: Work) -> None:
        """The sub-task could not be launched, nobody knows why."""
        if work.step == "giveback":
            released = self._answers.of(ReleaseToken, self._name(work))
            if not isinstance(released, Done):
                raise Stop(refusals.as_error(released, "a token could not be given back"))
        if self._conduct.careful_launch and work.trouble is not None:
            raise Stop(work.trouble)
        work.trouble = None
        _finish(work, Phase.UNDEFINED)

    # --- Follow ------------------------------------------------------------------------------------------------------

    def _look(self, work: Work) -> None:
        ref = self._ref(work)
        match self._answers.object(ref):
            case None:
                self.orders.add(Observe(ref))
            case Found(pod) if not self._conduct.check_owner or self._is_own(pod):
                self._found(work, pod)
            case Found():
                self._end(work, _gone(ref, "a pod of its name belongs to something else"))
            case result if refusals.is_not_there(result):
                self._end(work, _gone(ref, getattr(result, "message", "")))
            case refused:
                raise Stop(refusals.as_error(refused, "a pod could not be looked up"))

    def _found(self, work: Work, pod: Mapping[str, Any]) -> None:
        try:
            info = self._subs.phase(self._sub(work), pod, links=len(self.links) < MOST_LINKS)
        except PluginError as error:
            raise Stop(ExecutionError(error.code, error.message, ErrorKind.SYSTEM)) from error
        self.links += info.info.logs
        ref = self._ref(work)
        if info.phase.is_terminal:
            self._seen.pop(ref, None)
            self._end(work, info)
            return
        version = self._answers.version(ref)
        if info.phase is Phase.RUNNING and version is not None:
            self._seen[ref] = version
        _finish(work, info.phase)

    # --- The end of a sub-task ---------------------------------------------------------------------------------------

    def _end(self, work: Work, info: PhaseInfo) -> None:
        """It has succeeded or failed as far as Kubernetes knows; now what it has left."""
        work.phase, work.error, work.clean_up = info.phase, info.error, info.cleanup_on_failure
        if not self._subs.output_prefix:
            self._settle(work)
            return
        work.step = "files"
        self.orders.look_for(self._files(work))

    def _files(self, work: Work) -> tuple[str, ...]:
        original = self.state.runs[work.index]
        return self._subs.file(original, OUTPUTS_FILE), self._subs.file(original, ERROR_FILE)

    def _looked_for_files(self, work: Work) -> None:
        read = self._answers.of(ReadFiles)
        if not isinstance(read, Files):
            raise Stop(_store_error(FILES_NOT_READABLE, read))
        outputs, error = (path in read.contents for path in self._files(work))
        if work.error is None:
            if error and not outputs:
                work.phase = Phase.RETRYABLE_FAILURE
            self._settle(work)
        elif error:
            self._settle(work)
        else:
            work.step = "write"
            self.orders.write(self._files(work)[1], self._error_document(work.error, work.phase))

    def _error_document(self, error: ExecutionError, phase: Phase) -> bytes:
        permanent = phase is Phase.PERMANENT_FAILURE
        document = ContainerError(
            code=error.code,
            message=error.message,
            kind=ContainerError.NON_RECOVERABLE if permanent else ContainerError.RECOVERABLE,
        )
        if self._conduct.tell_the_cause:
            document.origin = ErrorKinds.ErrorKind.Value(error.kind.value)
        return bytes(ErrorDocument(error=document).SerializeToString(deterministic=True))

    def _written(self, work: Work) -> None:
        written = self._answers.of(WriteInputs)
        if not isinstance(written, Done):
            raise Stop(_store_error(FILES_NOT_WRITTEN, written))
        self._settle(work)

    def _settle(self, work: Work) -> None:
        """Its outcome is known; let go of token and pod."""
        last = self.state.retries[work.index] + 1 >= self._task.metadata.max_attempts
        if work.phase is Phase.RETRYABLE_FAILURE and last:
            work.phase = Phase.PERMANENT_FAILURE
        if self._quota is None:
            self._finalize(work)
            return
        work.step = "release"
        self.orders.add(ReleaseToken(self._quota, self._name(work)))

    def _released(self, work: Work) -> None:
        released = self._answers.of(ReleaseToken, self._name(work))
        if not isinstance(released, Done):
            raise Stop(refusals.as_error(released, "a token could not be given back"))
        self._finalize(work)

    # --- Finalize and abort ------------------------------------------------------------------------------------------

    def _finalize(self, work: Work) -> None:
        if self._task.config.plugins.k8s.inject_finalizer:
            work.step = "get"
            self._get(work)
        else:
            self._delete(work)

    def _get(self, work: Work) -> None:
        ref = self._ref(work)
        match self._answers.object(ref):
            case None:
                self.orders.add(Observe(ref))
            case Found(pod) if not self._conduct.check_owner or self._is_own(pod):
                self._remove_finalizer(work, pod)
            case Found():
                _finish(work, work.phase)
            case result if refusals.is_not_there(result):
                _finish(work, work.phase)
            case refused:
                work.trouble = refusals.as_error(refused, "a pod could not be looked up")
                _finish(work, work.phase)

    def _remove_finalizer(self, work: Work, pod: Mapping[str, Any]) -> None:
        metadata = pod.get("metadata") or {}
        finalizers = metadata.get("finalizers") or ()
        if FINALIZER not in finalizers:
            self._delete(work)
            return
        work.step = "patch"
        others = [name for name in finalizers if name != FINALIZER]
        # With its UID the patch is refused if another pod has taken the name.
        patch = {"metadata": {"uid": metadata.get("uid"), "finalizers": others or None}}
        self.orders.add(Patch(self._ref(work), patch))

    def _patched(self, work: Work) -> None:
        result = self._answers.of(Patch, self._ref(work))
        if not _is_done(result):
            work.trouble = refusals.as_error(result, "a finalizer could not be removed")
        self._delete(work)

    def _delete(self, work: Work) -> None:
        asked = self._task.config.plugins.k8s.delete_resource_on_finalize
        if asked or (work.clean_up and self._conduct.clean_up_on_failure):
            work.step = "delete"
            self.orders.add(Delete(self._ref(work)))
        else:
            _finish(work, work.phase)

    def _deleted(self, work: Work) -> None:
        result = self._answers.of(Delete, self._ref(work))
        if not _is_done(result) and work.trouble is None:
            work.trouble = refusals.as_error(result, "a pod could not be deleted")
        _finish(work, work.phase)

    def _aborted(self, work: Work) -> None:
        result = self._answers.of(Delete, self._ref(work))
        if _is_done(result):
            _finish(work, Phase.ABORTED)
            return
        work.trouble = refusals.as_error(result, "a pod could not be deleted")
        _finish(work, work.phase)

    # --- Who it is about ---------------------------------------------------------------------------------------------

    def _sub(self, work: Work) -> SubTask:
        state, index = self.state, work.index
        return SubTask(index, state.runs[index], state.retries[index], state.system_failures[index])

    def _ref(self, work: Work) -> ObjectRef:
        return self._subs.ref(self._sub(work))

    def _name(self, work: Work) -> str:
        return self._subs.name(self._sub(work))

    def _is_own(self, pod: Mapping[str, Any]) -> bool:
        return self._subs.is_own(pod)


def _finish(work: Work, phase: Phase) -> None:
    work.phase, work.step = phase, ""


def _is_done(result: Result) -> bool:
    return isinstance(result, Done) or refusals.is_not_there(result)


def _gone(ref: ObjectRef, message: str) -> PhaseInfo:
    told = f"Pod {ref.namespace}/{ref.name} is gone" + (f": {message}" if message else "")
    return retryable_failure(RESOURCE_DELETED_EXTERNALLY, told, kind=ErrorKind.SYSTEM)


def _store_error(code: str, result: Result) -> ExecutionError:
    message = result.message if isinstance(result, Refused) else f"unexpected answer {type(result).__name__}"
    return ExecutionError(code, message, ErrorKind.SYSTEM)


def _read_error(written: Mapping[str, Any] | None) -> ExecutionError | None:
    if written is None:
        return None
    return ExecutionError(written["code"], written["message"], ErrorKind(written["kind"]))


def _write_error(error: ExecutionError) -> dict[str, str]:
    return {"code": error.code, "message": error.message, "kind": error.kind.value}
