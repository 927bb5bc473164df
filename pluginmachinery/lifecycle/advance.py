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

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pluginmachinery.api import names
from pluginmachinery.api.execution_phases import ExecutionPhase
from pluginmachinery.core.actions import Observation
from pluginmachinery.core.errors import PLUGIN_PANIC, PluginError
from pluginmachinery.core.phases import (
    ErrorKind,
    ExecutionError,
    Phase,
    PhaseInfo,
    permanent_failure,
    retryable_failure,
)
from pluginmachinery.core.transitions import Transition
from pluginmachinery.lifecycle import beginnings, deadlines, endings, statuses
from pluginmachinery.lifecycle.deadlines import Deadline
from pluginmachinery.lifecycle.turns import PLUGIN_DOES_NOT_SETTLE, Decision, Turn
from pluginmachinery.lifecycle.worlds import World

__all__ = ["Decision", "World", "advance"]

UNDEFINED_PHASE = "UndefinedPhase"
TOO_MANY_VERSIONS = "TooManyPluginPhaseVersions"


def advance(world: World, execution: Mapping[str, Any], observation: Observation) -> Decision:
    """Decide what comes next for this TaskExecution, the whole object as the API server has it.

    What a spec or a plugin brings never raises: it becomes a status.
    """
    world = world.of(execution)
    try:
        decision = _go_through_stages(Turn(world, execution, observation))
    except PluginError as error:
        # A spec that was good when it was accepted and is not any more: this is another version of the controller.
        decision = beginnings.refuse(Turn(world, execution, observation), error.code, error.message)
    if not (decision.actions or _waits_in_line(decision.status)):
        alive = decision.status.get("phase") in _ALIVE
        world.waiting_room.leave(execution["metadata"]["uid"], observation.now, alive=alive)
    return decision


_ALIVE = frozenset({ExecutionPhase.QUEUED, ExecutionPhase.INITIALIZING, ExecutionPhase.RUNNING})


def _waits_in_line(status: Mapping[str, Any]) -> bool:
    """Who meets errors, or is held or ends, shall not keep others waiting."""
    return status.get("phase") == ExecutionPhase.WAITING_FOR_RESOURCES and "systemErrors" not in status


def _go_through_stages(turn: Turn) -> Decision:
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
    beginnings.accept_for_clean_up(turn)
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
    beginnings.accept_for_clean_up(turn)
    statuses.begin_abort(turn.status)
    return endings.abort_attempt(turn, "Aborted")


def _backing_off(turn: Turn) -> Decision | None:
    """An error was met: not yet again, unless the attempt's time is up."""
    if not turn.is_backing_off:
        return None
    deadline = _deadline(turn)
    if deadline is not None and deadline.at <= turn.now:
        return endings.end_attempt(turn, deadline.failure, abort=True)
    return turn.decide(wake_at=_earliest(turn.next_try_at, deadline))


STAGES: tuple[Callable[[Turn], Decision | None], ...] = (
    _deleted,
    _finished,
    _aborted,
    endings.pending,
    beginnings.accepted,
    beginnings.held,
    _backing_off,
    beginnings.prepared,
    beginnings.supplied,
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
    if phase.taken_back:
        return endings.suspend_attempt(turn, phase.reason)
    if phase.phase is Phase.SUCCESS:
        return endings.ended_well(turn, phase)
    if phase.phase.is_failure:
        return endings.end_attempt(turn, phase, abort=phase.cleanup_on_failure)
    if phase.phase is Phase.ABORTED:
        return endings.end_by_plugin(turn, phase)
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
    if turn.spec.get("suspend") and phase.phase is not Phase.WAITING_FOR_RESOURCES:
        return endings.suspend_attempt(turn)
    return turn.decide(wake_at=_earliest(transition.wake_at, deadline))


def _erred(turn: Turn, error: ExecutionError) -> Decision:
    if error.code == PLUGIN_PANIC:  # a defect does not go away by waiting
        return _system_failure(turn, error.code, error.message)
    return endings.after_error(turn, error, abort=True)


def _system_failure(turn: Turn, code: str, message: str) -> Decision:
    return endings.end_attempt(turn, retryable_failure(code, message, kind=ErrorKind.SYSTEM), abort=True)


def _has_too_many_versions(turn: Turn, phase: PhaseInfo) -> bool:
    status = turn.status
    return (
        status["phase"] == phase.phase
        and status.get("phaseVersion") != phase.version
        and phase.version > turn.world.config.tasks.max_plugin_phase_versions
    )


def _deadline(turn: Turn) -> Deadline | None:
    if not turn.attempt_started:
        return None
    return deadlines.next_deadline(turn.spec, turn.status, turn.context().template, turn.default_deadlines)


def _earliest(moment: datetime | None, deadline: Deadline | None) -> datetime | None:
    if deadline is None:
        return moment
    return deadline.at if moment is None else min(moment, deadline.at)
