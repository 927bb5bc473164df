"""Writing a TaskExecution's status: plain dicts in, plain dicts out, nothing that changes without need.

Every function changes the top level of the status that it is given and never what is nested in it, because nested
values may be those of the object as the cache has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pluginmachinery.api import times
from pluginmachinery.api.execution_phases import (
    MAX_ATTEMPT_HISTORY,
    MAX_MESSAGE_LENGTH,
    MAX_REASON_LENGTH,
    MAX_REASONS,
    ExecutionPhase,
)
from pluginmachinery.core.phases import ExecutionError, Phase, PhaseInfo, Waiting
from pluginmachinery.lifecycle.budgets import Budget, Failures

Status = dict[str, Any]

STATE_VERSION = 1
"""Version of the form in which a plugin's state is kept."""

PLACE_IS_TOLD = timedelta(seconds=30)
"""A place in line that has halved or doubled is told again after this time."""

_PHASES = {
    Phase.NOT_READY: ExecutionPhase.ACCEPTED.value,
    Phase.WAITING_FOR_RESOURCES: ExecutionPhase.WAITING_FOR_RESOURCES.value,
    Phase.QUEUED: ExecutionPhase.QUEUED.value,
    Phase.INITIALIZING: ExecutionPhase.INITIALIZING.value,
    Phase.RUNNING: ExecutionPhase.RUNNING.value,
}
_TERMINAL = frozenset({ExecutionPhase.SUCCEEDED.value, ExecutionPhase.FAILED.value, ExecutionPhase.ABORTED.value})
_OF_ATTEMPT = (
    "pluginState",
    "startedAt",
    "runningAt",
    "phaseVersion",
    "waiting",
    "systemErrors",
    "pending",
    "logs",
    "customInfo",
    "reasons",
    "deck",
    "interruptible",
)
"""Members that belong to one attempt and are forgotten before the next."""


def is_terminal(status: Mapping[str, Any]) -> bool:
    return status.get("phase") in _TERMINAL


def accept(status: Status, now: datetime) -> None:
    """First sight of a task."""
    moment = times.to_text(now)
    status["phase"] = ExecutionPhase.ACCEPTED.value
    status["attempt"] = 0
    status["acceptedAt"] = moment
    status["conditions"] = [
        _condition("Finished", "False", "InProgress", "", moment),
        _condition("Succeeded", "Unknown", "InProgress", "", moment),
    ]


def suspend(status: Status, now: datetime) -> None:
    """Held before a launch: the attempt starts anew when it is resumed, its clocks too."""
    status["phase"] = ExecutionPhase.SUSPENDED.value
    status["reason"] = "suspended by spec.suspend"
    status["waiting"] = {"reason": "spec.suspend is true", "since": times.to_text(now)}
    for member in ("startedAt", "activeSince", "systemErrors"):
        status.pop(member, None)


def suspend_attempt(status: Status, why: str, now: datetime) -> None:
    """The current attempt is taken back: on record, without a failure."""
    status["phase"] = ExecutionPhase.SUSPENDED.value
    status["reason"] = clip(f"{why}; what was created is being removed", MAX_REASON_LENGTH)
    _remember(status, "Suspended", now, {})


def resume(status: Status) -> None:
    status["phase"] = ExecutionPhase.ACCEPTED.value
    status["reason"] = ""
    status.pop("waiting", None)


def start_attempt(status: Status, now: datetime, *, interruptible: bool) -> None:
    """The current attempt is handed to its plugin."""
    status["startedAt"] = times.to_text(now)
    if interruptible:
        status["interruptible"] = True


def observe(status: Status, phase: PhaseInfo, now: datetime) -> None:
    """A phase that is not final, as the plugin tells it."""
    before = status.get("waiting") or {}
    status["phase"] = _PHASES[phase.phase]
    status["phaseVersion"] = phase.version
    if phase.waiting is not None and _is_told(before, phase.waiting, now):
        return
    status["reason"] = clip(phase.reason, MAX_REASON_LENGTH)
    if phase.phase is Phase.RUNNING and "runningAt" not in status:
        status["runningAt"] = max(times.to_text(phase.info.occurred_at or now), status["startedAt"])
    _wait(status, phase, now)
    show(status, phase)


def show(status: Status, phase: PhaseInfo) -> None:
    """What the plugin wants shown; earlier links stay when a phase brings none."""
    if phase.info.logs:
        status["logs"] = [dict(log) for log in phase.info.logs]
    if phase.info.custom_info:
        status["customInfo"] = dict(phase.info.custom_info)
    if further := phase.info.further_reasons:
        told = [
            {"at": times.to_text(each.occurred_at), "reason": clip(each.reason, MAX_REASON_LENGTH)} for each in further
        ]
        status["reasons"] = [*(status.get("reasons") or ()), *told][-MAX_REASONS:]


def show_deck(status: Status, uri: str) -> None:
    """Where the page is that the task makes of its work; "": nowhere."""
    if uri:
        status["deck"] = uri
    else:
        status.pop("deck", None)


def fail_attempt(status: Status, error: ExecutionError, budget: Budget, now: datetime) -> Failures:
    """The current attempt failed: on record with its error and the budget that it spent. Returns all failures."""
    failures = Failures.of(status).and_one(budget)
    status["failures"] = failures.as_status()
    status["error"] = error_record(error)
    _remember(status, "Failed", now, {"error": status["error"], "budget": budget.value})
    return failures


def await_retry(status: Status, error: ExecutionError) -> None:
    status["phase"] = ExecutionPhase.RETRYING.value
    status["reason"] = clip(f"attempt {status['attempt']} failed: {_in_a_line(error)}", MAX_REASON_LENGTH)


def next_attempt(status: Status) -> None:
    status["attempt"] += 1
    if "startedAt" in status:
        status.setdefault("activeSince", status["startedAt"])
    for member in _OF_ATTEMPT:
        status.pop(member, None)


def succeed(status: Status, outputs: Mapping[str, Any], now: datetime) -> None:
    status.pop("error", None)  # of an attempt before; the history keeps it
    if outputs:
        status["outputs"] = dict(outputs)
    _remember(status, "Succeeded", now, {})
    _finish(status, ExecutionPhase.SUCCEEDED, "", now)


def fail(status: Status, error: ExecutionError, now: datetime) -> None:
    status["error"] = error_record(error)
    _finish(status, ExecutionPhase.FAILED, _in_a_line(error), now)


def abort(status: Status, reason: str, now: datetime) -> None:
    ended = status.get("attempts") or ()
    if "startedAt" in status and not (ended and ended[-1]["attempt"] == status["attempt"]):
        _remember(status, "Aborted", now, {})
    _finish(status, ExecutionPhase.ABORTED, reason, now)


def begin_abort(status: Status) -> None:
    status["phase"] = ExecutionPhase.ABORTING.value
    status["reason"] = "aborted by spec.abort; what was created is being removed"


def clean(status: Status) -> None:
    """Nothing is left to be done: what the plugin needed for it is forgotten."""
    for member in ("pending", "pluginState", "systemErrors"):
        status.pop(member, None)


def see_generation(status: Status, generation: int) -> None:
    """This status is about that generation of spec; conditions keep the one in which they were set."""
    status["observedGeneration"] = generation
    if conditions := status.get("conditions"):
        status["conditions"] = [{"observedGeneration": generation} | condition for condition in conditions]


def clip(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def error_record(error: ExecutionError) -> dict[str, str]:
    return {"kind": error.kind.value, "code": error.code, "message": clip(error.message, MAX_MESSAGE_LENGTH)}


def _in_a_line(error: ExecutionError) -> str:
    return " ".join(f"{error.code}: {error.message}".split())


def _wait(status: Status, phase: PhaseInfo, now: datetime) -> None:
    if phase.phase is not Phase.WAITING_FOR_RESOURCES:
        status.pop("waiting", None)
        return
    since = (status.get("waiting") or {}).get("since") or times.to_text(now)
    status["waiting"] = {"reason": clip(phase.reason, MAX_MESSAGE_LENGTH), "since": since}
    if phase.waiting is None:
        return
    told = {"position": phase.waiting.position, "queue": phase.waiting.queue, "resources": [*phase.waiting.resources]}
    status["waiting"] |= {name: value for name, value in told.items() if value} | {"asOf": times.to_text(now)}


def _is_told(before: Mapping[str, Any], waiting: Waiting, now: datetime) -> bool:
    """Does the status say so already? What is free and a place in line change all the time: they are told anew with
    what is waited for, and a place that is another one altogether once it has been told for a while."""
    if "asOf" not in before or before.get("queue", "") != waiting.queue:
        return False
    if before.get("resources", []) != [*waiting.resources]:
        return False
    told, place = before.get("position", 0), waiting.position
    moved = 2 * place <= told or place >= 2 * told
    return not (moved and place != told and now - times.from_text(before["asOf"]) >= PLACE_IS_TOLD)


def _remember(status: Status, phase: str, now: datetime, more: dict[str, Any]) -> None:
    record: dict[str, Any] = {"attempt": status["attempt"], "phase": phase, "endedAt": times.to_text(now)}
    record |= {name: status[name] for name in ("startedAt", "runningAt", "interruptible") if name in status}
    status["attempts"] = [*(status.get("attempts") or ()), record | more][-MAX_ATTEMPT_HISTORY:]


def _finish(status: Status, phase: ExecutionPhase, reason: str, now: datetime) -> None:
    moment, name = times.to_text(now), phase.value
    status["phase"] = name
    status["reason"] = clip(reason, MAX_REASON_LENGTH)
    status["finishedAt"] = moment
    for member in ("waiting", "phaseVersion"):
        status.pop(member, None)
    succeeded = "True" if phase is ExecutionPhase.SUCCEEDED else "False"
    status["conditions"] = [
        _condition("Finished", "True", name, status["reason"], moment),
        _condition("Succeeded", succeeded, name, status["reason"], moment),
    ]


def _condition(kind: str, value: str, reason: str, message: str, moment: str) -> dict[str, Any]:
    return {"type": kind, "status": value, "reason": reason, "message": message, "lastTransitionTime": moment}
