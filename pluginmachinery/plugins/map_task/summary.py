"""Counting sub-tasks: where the task as a whole stands. Source: ``core.SummaryToPhase``."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pluginmachinery.core.phases import Phase
from pluginmachinery.plugins.map_task.states import ArrayState, Stage

_WORDS = (
    ("succeeded", (Phase.SUCCESS,)),
    ("failed", (Phase.PERMANENT_FAILURE,)),
    ("aborted", (Phase.ABORTED,)),
    ("retrying", (Phase.RETRYABLE_FAILURE,)),
    ("running", (Phase.RUNNING,)),
    ("queued", (Phase.QUEUED, Phase.INITIALIZING, Phase.NOT_READY)),
    ("waiting", (Phase.WAITING_FOR_RESOURCES,)),
    ("pending", (Phase.UNDEFINED,)),
)
_STARTED = frozenset({Phase.RUNNING, Phase.SUCCESS, Phase.RETRYABLE_FAILURE, Phase.PERMANENT_FAILURE, Phase.ABORTED})


def next_stage(state: ArrayState) -> Stage:
    """What follows a look at all sub-tasks.

    It fails as soon as too few can still succeed, and succeeds when enough have and all have ended.
    """
    counts = Counter(state.phases)
    needed = state.min_successes - (state.size - len(state.runs))
    failed = counts[Phase.PERMANENT_FAILURE]
    if len(state.phases) - failed < needed:
        return Stage.ABORT
    succeeded = counts[Phase.SUCCESS]
    if succeeded >= needed and succeeded + failed == len(state.phases):
        return Stage.STORE
    return Stage.CHECK


def has_started(state: ArrayState) -> bool:
    """Has any sub-task run? Once it is so it stays so."""
    return len(state.runs) < state.size or not _STARTED.isdisjoint(state.phases) or any(state.retries)


def counted(state: ArrayState) -> dict[str, Any]:
    """For people: how many sub-tasks there are of each kind."""
    counts = Counter(state.phases)
    found = {word: sum(counts[phase] for phase in phases) for word, phases in _WORDS}
    numbers = {"total": state.size, "cached": state.size - len(state.runs), **found}
    return {word: number for word, number in numbers.items() if number or word == "total"}


def in_words(state: ArrayState) -> str:
    """``20 sub-tasks: 12 succeeded, 5 running, 3 pending``."""
    numbers = counted(state)
    total = numbers.pop("total")
    described = ", ".join(f"{number} {word}" for word, number in numbers.items())
    return f"{total} sub-task{'' if total == 1 else 's'}" + (f": {described}" if described else "")
