"""The life of a TaskExecution: from accepted, through attempts, to succeeded, failed or aborted.

:func:`advance` looks at the object as it stands and at what is known of the world, and answers what the status should
be and what is to be done. It is pure and idempotent: whoever runs it carries the actions out and calls it again with
their results and the answered status, until nothing is left to do; only then the status is written, once.

A turn goes through :data:`STAGES` in their order; the first that has something to decide ends it. What makes the life
cycle hold through crashes at any point:

* Names are deterministic, so what was done and not recorded is found again instead of done twice.
* An attempt that ends spends one budget and is on record before anything of it is deleted (:mod:`.endings`).
* Every wait has an end: errors in a row are counted, chains of actions too, deadlines wake the task.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pluginmachinery.api import names
from pluginmachinery.api.contexts import BAD_TASK_EXECUTION
from pluginmachinery.core.actions import Files, Observation, ReadFiles, Refused, WakeAt, WriteInputs
from pluginmachinery.core.errors import PLUGIN_PANIC, PluginError, PluginMachineryError
from pluginmachinery.core.phases import (
    ErrorKind,
    ExecutionError,
    Phase,
    PhaseInfo,
    permanent_failure,
    retryable_failure,
)
from pluginmachinery.core.transitions import Transition
from pluginmachinery.manager import deadlines, endings, inputs, outcomes, statuses
from pluginmachinery.manager.budgets import Failures
from pluginmachinery.manager.deadlines import Deadline
from pluginmachinery.manager.turns import PLUGIN_DOES_NOT_SETTLE, PLUGIN_NOT_AVAILABLE, Decision, Turn
from pluginmachinery.manager.worlds import World
from pluginmachinery.plugins.enabling import cleaned

__all__ = ["Decision", "World", "advance"]

UNDEFINED_PHASE = "UndefinedPhase"
INPUTS_NOT_WRITTEN = "InputsNotWritten"
TOO_MANY_VERSIONS = "TooManyPluginPhaseVersions"


def advance(world: World, execution: Mapping[str, Any], observation: Observation) -> Decision:
    """Decide what comes next for this TaskExecution, the whole object as the API server has it.

    Never raises for what an object or a plugin brings: that becomes a status.
    """
    turn = Turn(world, execution, observation)
    for stage in STAGES:
        decision = stage(turn)
        if decision is not None:
            return decision
    return _handled(turn)


def _deleted(turn: Turn) -> Decision | None:
    """Somebody deleted it: abort, clean up, let it go."""
    if not turn.metadata.get("deletionTimestamp"):
        return None
    finalizers = turn.metadata.get("finalizers") or ()
    ended = statuses.is_terminal(turn.status) and "pending" not in turn.status
    if ended or not turn.may_have_objects:
        return endings.release(turn)
    _accept_for_clean_up(turn)
    if names.FINALIZER in finalizers:
        return endings.abort_attempt(turn, "Deleted")
    # Nobody waits for us. While others do, its objects shall not run on; the garbage collector takes what is owned.
    return endings.abort_attempt(turn, "Aborted") if finalizers else turn.decide()


def _finished(turn: Turn) -> Decision | None:
    """It has ended and nothing is left to do but to expire."""
    if statuses.is_terminal(turn.status) and "pending" not in turn.status:
        return endings.expire(turn)
    return None


def _aborted(turn: Turn) -> Decision | None:
    """Somebody set spec.abort."""
    if not turn.spec.get("abort") or statuses.is_terminal(turn.status):
        return None
    _accept_for_clean_up(turn)
    statuses.begin_abort(turn.status)
    return endings.abort_attempt(turn, "Aborted")


def _accepted(turn: Turn) -> Decision | None:
    """First sight: find the plugin, refuse what can not be run."""
    if "phase" in turn.status:
        return None
    statuses.accept(turn.status, turn.now)
    try:
        _check(turn)
    except PluginError as error:
        return _refuse(turn, error.code, error.message)
    except PluginMachineryError as error:
        return _refuse(turn, getattr(error, "code", PLUGIN_NOT_AVAILABLE), str(error))
    return None


def _accept_for_clean_up(turn: Turn) -> None:
    """First sight of a task that is to end: only its plugin matters, and that only if it has left something."""
    if "phase" not in turn.status:
        statuses.accept(turn.status, turn.now)
    if "plugin" not in turn.status:
        with contextlib.suppress(PluginMachineryError):
            turn.status["plugin"] = _plugin_id(turn)


def _held(turn: Turn) -> Decision | None:
    """spec.suspend holds what has not been launched."""
    suspended = turn.status["phase"] == "Suspended"
    if not turn.spec.get("suspend"):
        if suspended:
            statuses.resume(turn.status)
        return None
    launched = turn.attempt_started and turn.status["phase"] != "WaitingForResources"
    if launched or turn.observation.results:
        return None
    if not suspended:
        statuses.suspend(turn.status, turn.now)
    return turn.decide()


def _backing_off(turn: Turn) -> Decision | None:
    """An error was met: not yet again, unless the attempt's time is up."""
    if not turn.is_backing_off:
        return None
    deadline = _deadline(turn)
    if deadline is not None and deadline.at <= turn.now:
        return endings.end_attempt(turn, deadline.failure, abort=True)
    return turn.decide(wake_at=_earliest(turn.next_try_at, deadline))


def _prepared(turn: Turn) -> Decision | None:
    """A new attempt: our finalizer where it needs one, its input files, its clock."""
    if turn.attempt_started:
        return None
    try:
        _want_finalizer(turn)
    except PluginMachineryError as error:
        return _not_prepared(turn, PLUGIN_NOT_AVAILABLE, str(error))
    if files := inputs.files(turn.spec, turn.context()):
        match turn.observation.result_of(WriteInputs):
            case None:
                return turn.carry_out((WriteInputs(files),))
            case Refused(message=message):
                return _not_prepared(turn, INPUTS_NOT_WRITTEN, message)
    turn.drop_results()
    turn.status.pop("systemErrors", None)
    may_be_interrupted = turn.wants_interruption and turn.budgets().allow_interruption(Failures.of(turn.status))
    statuses.start_attempt(turn.status, turn.now, interruptible=may_be_interrupted)
    return None


def _supplied(turn: Turn) -> Decision | None:
    """Inputs that the command names one by one and that are in the store: read before the object is built."""
    launching = turn.status["phase"] in ("Accepted", "Retrying", "WaitingForResources")
    if not launching or turn.spec.get("inputs") is not None or not inputs.are_named(turn.spec):
        return None
    task = turn.context()
    if task.inputs is not None:
        return None
    match turn.observation.result_of(ReadFiles):
        case None:
            # Results of something else belong to a launch that has its inputs already.
            return None if turn.observation.results else turn.carry_out((ReadFiles((task.paths.input_path,)),))
        case Files() as read:
            try:
                turn.supply(inputs.parse(read, task.paths.input_path))
            except PluginError as error:
                return _refuse(turn, error.code, error.message)
            turn.drop_results()
            return None
        case Refused(reason=outcomes.OUTPUT_SIZE_EXCEEDED, message=message):
            return _refuse(turn, inputs.INPUTS_TOO_LARGE, message)
        case refused:
            message = refused.message if isinstance(refused, Refused) else f"unexpected answer {refused}"
            return _not_prepared(turn, inputs.INPUTS_NOT_READABLE, message)


STAGES: tuple[Callable[[Turn], Decision | None], ...] = (
    _deleted,
    _finished,
    _aborted,
    endings.pending,
    _accepted,
    _held,
    _backing_off,
    _prepared,
    _supplied,
)
"""What is asked, in this order, before the plugin handles the attempt."""


def _handled(turn: Turn) -> Decision:
    """The plugin looks at its attempt."""
    transition = turn.ask_plugin("handle")
    if transition.error is not None:
        return _erred(turn, transition.error)
    turn.remember(transition.state)
    if not transition.settled:
        if turn.chain_is_endless:
            return _system_failure(turn, PLUGIN_DOES_NOT_SETTLE, "the plugin asks for ever more actions")
        return turn.carry_out(transition.actions)
    phase = transition.phase
    if phase.phase is Phase.UNDEFINED:
        return _erred(turn, ExecutionError(UNDEFINED_PHASE, phase.reason or "not known", ErrorKind.SYSTEM))
    turn.status.pop("systemErrors", None)
    if phase.phase is Phase.SUCCESS:
        return endings.ended_well(turn, phase)
    if phase.phase.is_failure:
        return endings.end_attempt(turn, phase, abort=phase.cleanup_on_failure)
    if phase.phase is Phase.ABORTED:
        return endings.abort_attempt(turn, "Aborted")
    return _goes_on(turn, transition)


def _goes_on(turn: Turn, transition: Transition) -> Decision:
    phase = transition.phase
    if _has_too_many_versions(turn, phase):
        message = f"phase {phase.phase} has reached version {phase.version}"
        failure = permanent_failure(TOO_MANY_VERSIONS, message, kind=ErrorKind.UNKNOWN)
        return endings.end_attempt(turn, failure, abort=True)
    statuses.observe(turn.status, phase, turn.now)
    deadline = _deadline(turn)
    if deadline is not None and deadline.at <= turn.now:
        return endings.end_attempt(turn, deadline.failure, abort=True)
    wakes = [action.at for action in transition.actions if isinstance(action, WakeAt)]
    return turn.decide(wake_at=_earliest(min(wakes, default=None), deadline))


def _erred(turn: Turn, error: ExecutionError) -> Decision:
    if error.code == PLUGIN_PANIC:  # a defect does not go away by waiting
        return _system_failure(turn, error.code, error.message)
    return endings.after_error(turn, error, abort=True)


def _system_failure(turn: Turn, code: str, message: str) -> Decision:
    return endings.end_attempt(turn, retryable_failure(code, message, kind=ErrorKind.SYSTEM), abort=True)


def _not_prepared(turn: Turn, code: str, message: str) -> Decision:
    return endings.after_error(turn, ExecutionError(code, message, ErrorKind.SYSTEM), abort=False)


def _check(turn: Turn) -> None:
    spec = turn.spec
    turn.status["plugin"] = plugin = _plugin_id(turn)
    turn.world.plugin(plugin)
    inputs.check(spec)
    task = turn.context()
    try:
        deadlines.next_deadline(spec, {"startedAt": turn.status["acceptedAt"]}, task.template)
    except ValueError as error:
        raise PluginError(BAD_TASK_EXECUTION, str(error), field="spec.timeouts") from error
    if outcomes.outputs_declared(task.template) and not task.paths.output_prefix:
        raise PluginError(BAD_TASK_EXECUTION, "the template declares outputs: spec.outputPrefix must say where to")


def _plugin_id(turn: Turn) -> str:
    """The plugin for this task. An override that can not be followed is an error, never silently another plugin."""
    wanted = turn.spec.get("plugin")
    found: str = turn.world.registry.resolve(turn.spec["template"]["type"], wanted).id
    if wanted is not None and cleaned(found) != cleaned(wanted):
        task_type = turn.spec["template"]["type"]
        message = f"the plugin {wanted} is not enabled or does not run tasks of type {task_type}"
        raise PluginError(PLUGIN_NOT_AVAILABLE, message, field="spec.plugin")
    return found


def _refuse(turn: Turn, code: str, message: str) -> Decision:
    return endings.end_attempt(turn, permanent_failure(code, message), abort=False)


def _want_finalizer(turn: Turn) -> None:
    finalizers = tuple(turn.metadata.get("finalizers") or ())
    if names.FINALIZER not in finalizers and turn.world.needs_finalizer(turn.status["plugin"]):
        turn.finalizers = (*finalizers, names.FINALIZER)


def _has_too_many_versions(turn: Turn, phase: PhaseInfo) -> bool:
    status = turn.status
    return (
        status["phase"] == phase.phase.value
        and status.get("phaseVersion") != phase.version
        and phase.version > turn.world.config.tasks.max_plugin_phase_versions
    )


def _deadline(turn: Turn) -> Deadline | None:
    if not turn.attempt_started:
        return None
    return deadlines.next_deadline(turn.spec, turn.status, turn.context().template)


def _earliest(moment: datetime | None, deadline: Deadline | None) -> datetime | None:
    if deadline is None:
        return moment
    return deadline.at if moment is None else min(moment, deadline.at)
