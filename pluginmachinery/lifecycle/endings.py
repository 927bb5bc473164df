"""How attempts and tasks end: outputs are read, objects are cleaned up, then comes what follows.

From the moment its outcome is known until nothing of it is left, an attempt is *pending* in the status, with the step
that is next (``ReadOutputs``, ``Abort``, ``Finalize``) and the outcome that comes after (``Retry``, ``Suspended``,
``Succeeded``, ``Failed``, ``Aborted``, or ``Deleted`` when the object itself goes). A step that changes something in
the cluster is not taken before the outcome is on record: a controller that dies in between must not take its own
clean-up for a failure.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pluginmachinery.api import names, times
from pluginmachinery.core.actions import Delete, Done, Missing, ObjectRef, Outputs, ReadOutputs, Refused
from pluginmachinery.core.phases import ErrorKind, ExecutionError, Phase, PhaseInfo, retryable_failure
from pluginmachinery.lifecycle import budgets, statuses
from pluginmachinery.lifecycle.turns import Decision, Turn, has_effects
from pluginmachinery.manager import outcomes

Outcome = Literal["Retry", "Suspended", "Succeeded", "Failed", "Aborted", "Deleted"]
_TTL_RETRY = timedelta(minutes=1)


def pending(turn: Turn) -> Decision | None:
    """Go on with what is still to be done for an attempt whose outcome is known."""
    todo = turn.status.get("pending")
    if todo is None:
        return None
    if turn.is_backing_off:
        return turn.decide(wake_at=turn.next_try_at)
    if todo["step"] == "ReadOutputs":
        return _read_outputs(turn)
    if todo["step"] == "Abort":
        if (decision := _clean_up(turn, "abort")) is not None:
            return decision
        turn.drop_results()
        turn.status["pending"] = turn.status["pending"] | {"step": "Finalize"}
    if (decision := _clean_up(turn, "finalize")) is not None:
        return decision
    return _conclude(turn)


def ended_well(turn: Turn, phase: PhaseInfo) -> Decision:
    """The plugin says success: it is one when the outputs say so too."""
    statuses.show(turn.status, phase)
    if turn.context().paths.output_prefix:
        return _leave(turn, "ReadOutputs", "Succeeded")
    return _succeed(turn, Outputs())


def end_attempt(turn: Turn, failure: PhaseInfo, *, abort: bool) -> Decision:
    """The attempt failed: it spends a budget, and another one follows if the budgets allow.

    ``abort``: its objects may still be alive.
    """
    error = failure.error or ExecutionError("Unknown", failure.reason, ErrorKind.UNKNOWN)
    statuses.show(turn.status, failure)
    budget = budgets.budget_of(error, interruptible=turn.status.get("interruptible", False))
    failures = statuses.fail_attempt(turn.status, error, budget, turn.now)
    if failure.phase is Phase.RETRYABLE_FAILURE and turn.budgets().allow_another(failures, budget):
        statuses.await_retry(turn.status, error)
        return _leave(turn, "Abort" if abort else "Finalize", "Retry")
    statuses.fail(turn.status, error, turn.now)
    return _leave(turn, "Abort" if abort else "Finalize", "Failed")


def suspend_attempt(turn: Turn, why: str = "suspended by spec.suspend") -> Decision:
    """Take back what was launched. It is no failure, and another attempt follows when the task is resumed.

    The convention is Kueue's: pods are removed, no budget is spent. Names of objects and folders are an attempt's, so
    what is dying is never mistaken for what comes after.
    """
    statuses.suspend_attempt(turn.status, why, turn.now)
    return _leave(turn, "Abort", "Suspended")


def end_by_plugin(turn: Turn, phase: PhaseInfo) -> Decision:
    """The plugin itself gave the task up."""
    statuses.show(turn.status, phase)
    turn.status["reason"] = phase.reason or "aborted by its plugin"
    return _leave(turn, "Finalize", "Aborted")


def abort_attempt(turn: Turn, outcome: Literal["Aborted", "Deleted"]) -> Decision:
    """Stop the attempt, whatever it is about to do. Nothing has to be put on record: spec and metadata say it."""
    todo = turn.status.get("pending")
    if todo is not None and todo["outcome"] == outcome:
        return pending(turn) or turn.decide()
    step = "Abort" if todo is None or todo["step"] == "Abort" else "Finalize"
    return _leave(turn, step, outcome, recorded=True)


def after_error(turn: Turn, error: ExecutionError, *, abort: bool) -> Decision:
    """Nothing could be decided: try again later. Too many errors in a row are a failure of the platform."""
    if turn.count_error(error):
        return end_attempt(turn, retryable_failure(error.code, error.message, kind=ErrorKind.SYSTEM), abort=abort)
    return turn.decide(wake_at=turn.next_try_at)


def expire(turn: Turn) -> Decision:
    """A task that has ended: delete it when its time is up."""
    due = _expiry(turn)
    if due is None or turn.now < due:
        return turn.decide(wake_at=due)
    this = ObjectRef(names.TASK_EXECUTIONS, turn.metadata["namespace"], turn.metadata["name"])
    match turn.observation.result_of(Delete):
        case None:
            return turn.only(Delete(this))
        case Done() | Missing() | Refused(status=404):
            return turn.decide()
        case _:
            return turn.decide(wake_at=turn.now + _TTL_RETRY)


def release(turn: Turn) -> Decision:
    """Let a deleted TaskExecution go: nothing of it is left."""
    finalizers = turn.metadata.get("finalizers") or ()
    others = tuple(name for name in finalizers if name != names.FINALIZER)
    for member in ("pending", "systemErrors"):
        turn.status.pop(member, None)
    if others and "phase" in turn.status and not statuses.is_terminal(turn.status):
        statuses.abort(turn.status, "deleted", turn.now)  # it stays for others' sake: do not abort it again
        statuses.clean(turn.status)
    if len(others) != len(finalizers):
        turn.finalizers = others
    return turn.decide()


def _leave(turn: Turn, step: str, outcome: Outcome, *, recorded: bool = False) -> Decision:
    """Begin with what is to be done before the outcome."""
    turn.drop_results()
    turn.status.pop("systemErrors", None)
    turn.status["pending"] = {"step": step, "outcome": outcome} | ({"recorded": True} if recorded else {})
    if "plugin" not in turn.status or not turn.may_have_objects:
        return _conclude(turn)
    return pending(turn) or turn.decide()


def _read_outputs(turn: Turn) -> Decision:
    task = turn.context()
    match turn.observation.result_of(ReadOutputs):
        case None:
            deck = outcomes.may_leave_deck(task.template)
            return turn.carry_out((ReadOutputs(task.paths.output_prefix, deck),))
        case Outputs() as left:
            statuses.show_deck(turn.status, outcomes.deck_at(task.paths.output_prefix) if left.deck else "")
            failure = outcomes.failure_in(left, task.template)
            return _succeed(turn, left) if failure is None else end_attempt(turn, failure, abort=False)
        case Refused(reason=outcomes.OUTPUT_SIZE_EXCEEDED, message=message):
            return end_attempt(turn, outcomes.size_exceeded(message), abort=False)
        case refused:
            message = refused.message if isinstance(refused, Refused | Missing) else f"unexpected answer {refused}"
            error = ExecutionError(outcomes.OUTPUTS_NOT_READABLE, message, ErrorKind.SYSTEM)
            return after_error(turn, error, abort=False)


def _succeed(turn: Turn, left: Outputs) -> Decision:
    outputs = outcomes.as_status(left, turn.context().paths.output_prefix)
    statuses.succeed(turn.status, outputs, turn.now)
    return _leave(turn, "Finalize", "Succeeded")


def _clean_up(turn: Turn, verb: Literal["abort", "finalize"]) -> Decision | None:
    """One step of the clean-up; None: it is done, or has failed so often that it is given up."""
    transition = turn.ask_plugin(verb)
    if transition.error is not None:
        if turn.count_error(transition.error):
            turn.status.pop("systemErrors", None)
            return None
        return turn.decide(wake_at=turn.next_try_at)
    if transition.settled or turn.chain_is_endless:
        turn.status.pop("systemErrors", None)
        turn.remember(transition.state)
        return None
    todo = turn.status["pending"]
    if has_effects(transition.actions) and "recorded" not in todo:
        turn.status["pending"] = todo | {"recorded": True}
        return turn.decide(wake_at=turn.now, urgent=True)
    turn.remember(transition.state)
    if transition.wake_at is not None and transition.wake_at > turn.now:
        # A pause before the next try. Its actions may be done twice: when it is over the plugin asks for them again.
        return turn.decide(wake_at=transition.wake_at)
    return turn.carry_out(transition.actions)


def _conclude(turn: Turn) -> Decision:
    """Nothing is left of the attempt: now the outcome."""
    todo = turn.status["pending"]
    turn.forget_context()
    match todo["outcome"]:
        case "Deleted":
            return release(turn)
        case "Retry":
            statuses.next_attempt(turn.status)
            return turn.decide(wake_at=turn.now)
        case "Suspended":
            statuses.next_attempt(turn.status)
            statuses.suspend(turn.status, turn.now)
            return turn.decide(wake_at=turn.now)
        case "Aborted":
            statuses.abort(turn.status, _why_aborted(turn), turn.now)
            urgent = True
        case _:
            urgent = "recorded" not in todo
    statuses.clean(turn.status)
    return turn.decide(wake_at=_expiry(turn), urgent=urgent)


def _why_aborted(turn: Turn) -> str:
    if turn.spec.get("abort"):
        return "aborted by spec.abort"
    return "deleted" if turn.metadata.get("deletionTimestamp") else str(turn.status.get("reason", ""))


def _expiry(turn: Turn) -> datetime | None:
    """When a task that has ended is to be deleted; None: never."""
    ttl = turn.spec.get("ttlSecondsAfterFinished")
    if ttl is not None:
        span = timedelta(seconds=ttl)
    elif (configured := turn.world.config.plugin_manager.gc.ttl) is not None:
        span = configured.timedelta
    else:
        return None
    return times.from_text(turn.status["finishedAt"]) + span
